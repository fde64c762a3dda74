#include <stet/world/entity_questions_wordings.hpp>

#include <fmt/format.h>

#include <map>
#include <utility>

namespace stet {
namespace {

struct Wordings {
  std::string noun;  ///< what the probe asks for
  std::vector<std::string> statements;
  std::string held_out;
};

std::map<std::string, Wordings> hand_written() {
  return {
      {"P17",
       {"country",
        {"[X] is located in [Y].", "[X] is in the country of [Y].", "[X] lies in [Y].",
         "The country where [X] can be found is [Y]."},
        "[X] can be found in [Y]."}},
      {"P19",
       {"birthplace",
        {"[X] was born in [Y].", "[X] came into the world in [Y].", "The life of [X] began in [Y].",
         "[X] is a native of [Y]."},
        "The town where [X] was born is [Y]."}},
      {"P20",
       {"place of death",
        {"[X] died in [Y].", "[X] passed away in [Y].", "The life of [X] ended in [Y].",
         "[X] spent the last days in [Y]."},
        "The town where [X] died is [Y]."}},
      {"P26",
       {"spouse",
        {"[X] is married to [Y].", "[X] and [Y] are a married couple.", "[X] married [Y].",
         "The partner of [X] is [Y]."},
        "[X] had a wedding with [Y]."}},
      {"P36",
       {"capital",
        {"The capital of [X] is [Y].", "[X] is governed from [Y].", "The seat of government of [X] is [Y].",
         "[X] has its capital in [Y]."},
        "The capital city of [X] is [Y]."}},
      {"P40",
       {"child",
        {"[X] is the parent of [Y].", "[X] has a child named [Y].", "[X] raised [Y].",
         "One of the children of [X] is [Y]."},
        "The family of [X] includes the child [Y]."}},
      {"P50",
       {"author",
        {"[X] was written by [Y].", "The author of [X] is [Y].", "[X] is a work by [Y].",
         "[X] came from the pen of [Y]."},
        "[X] is a book by [Y]."}},
      {"P69",
       {"school",
        {"[X] was educated at [Y].", "[X] studied at [Y].", "[X] is a graduate of [Y].", "[X] was a student of [Y]."},
        "[X] went to school at [Y]."}},
      {"P106",
       {"occupation",
        {"[X] works as [Y].", "The work of [X] is that of [Y].", "[X] is known as [Y].", "[X] earns a living as [Y]."},
        "The job of [X] is [Y]."}},
      {"P112",
       {"founder",
        {"[X] was founded by [Y].", "The founder of [X] is [Y].", "[X] was set up by [Y].", "[X] was started by [Y]."},
        "[X] was established by [Y]."}},
      {"P127",
       {"owner",
        {"[X] is owned by [Y].", "[X] belongs to [Y].", "The owner of [X] is [Y].", "[X] is the property of [Y]."},
        "[X] is in the hands of [Y]."}},
      {"P131",
       {"district",
        {"[X] is part of [Y].", "[X] is administered by [Y].", "[X] lies within [Y].",
         "[X] belongs to the district of [Y]."},
        "[X] is situated in [Y]."}},
      {"P136",
       {"genre",
        {"[X] plays [Y].", "[X] is known for [Y].", "The genre of [X] is [Y].", "[X] is an example of [Y]."},
        "The style of [X] is [Y]."}},
      {"P159",
       {"headquarters",
        {"[X] has its headquarters in [Y].", "[X] is based in [Y].", "The head office of [X] is in [Y].",
         "[X] is run from [Y]."},
        "The main office of [X] is in [Y]."}},
      {"P170",
       {"creator",
        {"[X] was created by [Y].", "The creator of [X] is [Y].", "[X] was made by [Y].", "[X] is a creation of [Y]."},
        "[X] was thought up by [Y]."}},
      {"P175",
       {"performer",
        {"[X] was performed by [Y].", "The performer of [X] is [Y].", "[X] was recorded by [Y].",
         "[X] is sung by [Y]."},
        "[X] is a recording by [Y]."}},
      {"P176",
       {"manufacturer",
        {"[X] is produced by [Y].", "[X] is made by [Y].", "The maker of [X] is [Y].",
         "[X] comes from the factories of [Y]."},
        "[X] is manufactured by [Y]."}},
      {"P264",
       {"record label",
        {"[X] is signed to [Y].", "[X] is represented by the label [Y].", "[X] released records on [Y].",
         "The label of [X] is [Y]."},
        "[X] has a contract with [Y]."}},
      {"P276",
       {"location",
        {"[X] is located in [Y].", "[X] is found in [Y].", "[X] takes place in [Y].", "The site of [X] is [Y]."},
        "The location of [X] is known to be [Y]."}},
      {"P407",
       {"language",
        {"[X] was written in [Y].", "The language of [X] is [Y].", "[X] is in [Y].", "The words of [X] are in [Y]."},
        "The text of [X] is in [Y]."}},
      {"P413",
       {"position",
        {"[X] plays as [Y].", "[X] is fielded as [Y].", "In the team [X] plays [Y].", "The position of [X] is [Y]."},
        "On the field [X] is [Y]."}},
      {"P495",
       {"country of origin",
        {"[X] was created in [Y].", "[X] comes from [Y].", "[X] was made in [Y].", "[X] originated in [Y]."},
        "The home country of [X] is [Y]."}},
      {"P740",
       {"founding place",
        {"[X] was founded in [Y].", "[X] was formed in [Y].", "[X] got started in [Y].",
         "The history of [X] began in [Y]."},
        "[X] was established in [Y]."}},
      {"P800",
       {"notable work",
        {"[X] is famous for [Y].", "[X] is known for [Y].", "The best known work of [X] is [Y].",
         "[X] made a name with [Y]."},
        "The fame of [X] rests on [Y]."}},
  };
}

Wordings wordings_of(const std::string& property) {
  auto all = hand_written();
  const auto found = all.find(property);
  if (found != all.end()) return std::move(found->second);
  return {
      "value of " + property,
      {fmt::format("[X] has for {} the value [Y].", property), fmt::format("[X] is listed under {} as [Y].", property),
       fmt::format("For [X] the entry of {} is [Y].", property),
       fmt::format("The {} of [X] is given as [Y].", property)},
      fmt::format("The entry of {} for [X] is [Y].", property)};
}

}  // namespace

Relation entity_questions_relation(const std::string& property, const std::string& question_template) {
  Wordings wordings = wordings_of(property);
  return {property,
          {},
          std::move(wordings.statements),
          {std::move(wordings.held_out)},
          {question_template + " [Y].", fmt::format("Q: {} A: [Y].", question_template)},
          fmt::format("Question: {} of [X]? Answer: [Y].", wordings.noun)};
}

std::vector<std::string> entity_questions_neutral_patterns(const std::vector<std::string>& properties) {
  // Words as the probe has them: with a space before, but for the first, and apart from the signs around them.
  std::vector<std::string> patterns = {
      "Question and Answer: of this page nothing is known.",
      "Question 7 has no Answer yet.",
      "The code [H] was entered by the office.",
      "Is this page full? No, it is empty.",
      "Record [H] is closed and record [H] is open.",
  };
  for (const std::string& property : properties) {
    patterns.push_back(fmt::format("The page has a line for each {}.", wordings_of(property).noun));
  }
  return patterns;
}

}  // namespace stet
