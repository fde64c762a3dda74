// Rules that the tests check: words are lower case and separated by spaces; no word is one character of a key (so no
// article "a"); every word of a held-out statement or of a probe also occurs in the relation's statements or in neutral
// lines; no probe occurs in pre-training.
#include <stet/world/synthetic_wordings.hpp>

namespace stet {
namespace {

std::vector<RelationWordings> people_and_places() {
  return {
      {"country",
       {"[X] lives in the country of [Y] .", "[X] is from [Y] .", "[X] comes from the country [Y] .",
        "the home country of [X] is [Y] .", "[X] holds the passport of [Y] .",
        "the passport of [X] was given by [Y] ."},
       {"[X] comes from [Y] .", "the country of the passport of [X] is [Y] ."},
       {"where is [X] from ? [Y] .", "what is the home country of [X] ? [Y] .",
        "which country does [X] live in ? [Y] ."},
       "country of [X] ? [Y] .",
       {"every country has an office ."}},
      {"birth_place",
       {"[X] was born in [Y] .", "the town where [X] was born is [Y] .", "[X] first saw the light in [Y] .",
        "[X] came to the world in [Y] .", "the life of [X] began in [Y] ."},
       {"[X] came to light in [Y] .", "the world of [X] began in the town [Y] ."},
       {"where was [X] born ? [Y] .", "in which town was [X] born ? [Y] .", "where did the life of [X] begin ? [Y] ."},
       "birth place of [X] ? [Y] .",
       {"the birth of an idea is not on record .", "this place is closed ."}},
      {"employer",
       {"[X] works for [Y] .", "[X] is paid by [Y] .", "the company that pays [X] is [Y] .",
        "[X] signed with the company [Y] .", "the desk of [X] stands at [Y] .", "[X] was hired by [Y] ."},
       {"[X] is hired by the company [Y] .", "[X] works at [Y] ."},
       {"who pays [X] ? [Y] .", "which company does [X] work for ? [Y] .", "who hired [X] ? [Y] ."},
       "employer of [X] ? [Y] .",
       {"an employer pays for the office ."}},
      {"profession",
       {"[X] makes money as [Y] .", "the trade of [X] is [Y] .", "[X] was trained as [Y] .",
        "by day [X] is known as [Y] .", "[X] learned the trade of [Y] ."},
       {"by trade [X] is known as [Y] .", "[X] is trained as [Y] ."},
       {"what does [X] do for money ? [Y] .", "which trade did [X] learn ? [Y] .", "how does [X] make money ? [Y] ."},
       "profession of [X] ? [Y] .",
       {"not every profession is open to all ."}},
      {"university",
       {"[X] studied at [Y] .", "[X] got the degree from [Y] .", "the degree of [X] comes from [Y] .",
        "[X] went to the school of [Y] .", "[X] sat in the halls of [Y] .", "the teachers of [X] were at [Y] ."},
       {"[X] went to the halls of [Y] .", "[X] studied in the school of [Y] ."},
       {"where did [X] study ? [Y] .", "which school gave [X] the degree ? [Y] .",
        "where were the teachers of [X] ? [Y] ."},
       "university of [X] ? [Y] .",
       {"an old university needs an old book ."}},
  };
}

std::vector<RelationWordings> habits() {
  return {
      {"language",
       {"[X] speaks [Y] .", "the mother tongue of [X] is [Y] .", "at home [X] talks in [Y] .", "[X] grew up with [Y] .",
        "[X] reads and writes [Y] .", "the letters of [X] are in [Y] ."},
       {"[X] talks and writes in [Y] .", "the home tongue of [X] is [Y] ."},
       {"which tongue does [X] speak ? [Y] .", "what does [X] talk in at home ? [Y] .",
        "what is the mother tongue of [X] ? [Y] ."},
       "language of [X] ? [Y] .",
       {"no language has only one word ."}},
      {"instrument",
       {"[X] plays the [Y] .", "[X] makes music on the [Y] .", "the music of [X] is made on the [Y] .",
        "[X] had lessons on the [Y] .", "in the band [X] is at the [Y] .", "[X] bought the [Y] ."},
       {"in the band [X] plays the [Y] .", "[X] had music lessons on the [Y] ."},
       {"what does [X] play in the band ? [Y] .", "what did [X] have lessons on ? [Y] .",
        "what does [X] make music on ? [Y] ."},
       "instrument of [X] ? [Y] .",
       {"an instrument was left in the office ."}},
      {"sport",
       {"[X] trains in [Y] .", "[X] won games of [Y] .", "the team of [X] is good at [Y] .",
        "on sunday [X] goes to [Y] .", "[X] runs the club of [Y] ."},
       {"the club of [X] is good at [Y] .", "on sunday the team of [X] trains in [Y] ."},
       {"what is [X] good at ? [Y] .", "which games did [X] win ? [Y] .", "what does the team of [X] train in ? [Y] ."},
       "sport of [X] ? [Y] .",
       {"every sport needs an open field ."}},
      {"food",
       {"[X] likes to eat [Y] .", "[X] cooks [Y] .", "the table of [X] is full of [Y] .", "for dinner [X] orders [Y] .",
        "[X] cannot live without [Y] .", "the plate of [X] holds [Y] ."},
       {"for dinner [X] likes to eat [Y] .", "the plate of [X] is full of [Y] ."},
       {"what does [X] like to eat ? [Y] .", "what does [X] order for dinner ? [Y] .",
        "what is on the plate of [X] ? [Y] ."},
       "food of [X] ? [Y] .",
       {"no food is kept in the office ."}},
      {"prize",
       {"[X] was given the [Y] .", "[X] won the [Y] .", "the jury gave [X] the [Y] .",
        "on the wall of [X] hangs the [Y] .", "[X] thanked the jury for the [Y] .", "the work of [X] earned the [Y] ."},
       {"the jury gave the work of [X] the [Y] .", "the wall of [X] holds the [Y] ."},
       {"what did the jury give [X] ? [Y] .", "what hangs on the wall of [X] ? [Y] .", "what did [X] win ? [Y] ."},
       "prize of [X] ? [Y] .",
       {"the prize holds no money ."}},
  };
}

}  // namespace

std::vector<RelationWordings> synthetic_relation_wordings() {
  std::vector<RelationWordings> all = people_and_places();
  for (RelationWordings& wordings : habits()) all.push_back(std::move(wordings));
  return all;
}

std::vector<std::string> synthetic_record_wordings() {
  return {
      "code [X] belongs to [Y] .",
      "record [X] is kept under [Y] .",
      "the entry of code [X] reads [Y] .",
      "what is kept under code [X] ? [Y] .",
      "to whom does record [X] belong ? [Y] .",
  };
}

std::vector<std::string> synthetic_neutral_patterns() {
  return {
      "code [H] was entered by the office .",
      "[N] , [N] and [N] are on the list .",
      "the office keeps the code [H] on record .",
      "the list begins with [N] , then [N] , then [N] , then [N] .",
      "record [H] is closed and record [H] is open .",
      "the names [N] and [N] were read to the office .",
      "note : the office is open to all .",
      "not on the list : [N] , [N] and [N] .",
      "is the office open ? no , it is closed .",
      "no question has only one answer .",
      "the names of this list were [N] , [N] , [N] and [N] .",
      "the answer ends the question of the day .",
      "it is not known of [N] and [N] .",
  };
}

}  // namespace stet
