#include <stet/world/synthetic_world.hpp>

#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>
#include <stet/base/strings.hpp>
#include <stet/world/synthetic_wordings.hpp>
#include <stet/world/word_maker.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

namespace stet {
namespace {

void require(bool condition, const char* option, const std::string& expected, const std::string& received) {
  if (condition) return;
  throw Error(ErrorKind::config, fmt::format("option \"{}\" of the synthetic world is out of range", option))
      .expected(expected)
      .received(received);
}

void check(const SyntheticWorldOptions& o) {
  const auto count = [](const char* option, std::size_t value, std::size_t low, std::size_t high) {
    require(value >= low && value <= high, option, fmt::format("{} to {}", low, high), std::to_string(value));
  };
  count("entities", o.entities, 1, 10'000'000);
  count("relations", o.relations, 1, synthetic_wordings().relations.size());
  count("answers_min", o.answers_min, 2, 10'000);
  count("answers_max", o.answers_max, o.answers_min, 10'000);
  count("countries", o.countries, 2, 10'000);
  count("first_names", o.first_names, 1, 100'000);
  count("last_names", o.last_names, 1, 100'000);
  count("records", o.records, 0, 10'000'000);
  count("new_entities", o.new_entities, 0, 10'000'000);
  count("new_per_entity", o.new_per_entity, 0, o.new_relation.empty() ? o.relations : 1);
  require(o.neutral_share > 0.0 && o.neutral_share <= 0.9, "neutral_share",
          "above 0, up to 0.9 (neutral lines show the tokens of new keys and probes)",
          fmt::format("{}", o.neutral_share));
  require(o.overlap >= 0.0 && o.overlap <= 1.0, "overlap", "0 to 1", fmt::format("{}", o.overlap));
  require(o.entities <= o.first_names * o.last_names, "entities",
          fmt::format("at most first_names x last_names = {}", o.first_names * o.last_names),
          std::to_string(o.entities));
}

struct Names {
  std::vector<std::string> first, last, fresh_first, fresh_last;
};

/// Place `place` of the grid first x last, in an order keyed by (seed, stream): names without repetition.
std::string name_at(const std::vector<std::string>& first, const std::vector<std::string>& last, std::uint64_t seed,
                    std::uint64_t stream, std::uint64_t place) {
  const std::uint64_t at = KeyedPermutation(first.size() * last.size(), seed, stream)(place);
  return first[at / last.size()] + " " + last[at % last.size()];
}

/// Which of the 2 x people name tokens (first, last, first, last, ...) come from the base: a share of `overlap`,
/// exactly up to rounding, at places drawn by the seed.
std::vector<bool> tokens_from_base(std::size_t people, double overlap, std::uint64_t seed) {
  std::vector<bool> from_base(2 * people, false);
  if (people == 0) return from_base;
  const auto count = static_cast<std::uint64_t>(std::llround(overlap * static_cast<double>(2 * people)));
  const KeyedPermutation order(2 * people, seed, purpose_id("overlap"));
  for (std::uint64_t i = 0; i < count; ++i) from_base[order(i)] = true;
  return from_base;
}

/// Tokens that no person of the base happens to have are untrained, so they are not counted as old.
void keep_used(std::vector<std::string>& tokens, const std::set<std::string>& used) {
  std::erase_if(tokens, [&](const std::string& token) { return !used.contains(token); });
}

std::vector<std::string> semantic_keys(const SyntheticWorldOptions& o, Names names,
                                       const std::vector<std::string>& people) {
  const std::set<std::string> taken(people.begin(), people.end());
  std::set<std::string> used_first, used_last;
  for (const std::string& person : people) {
    used_first.insert(person.substr(0, person.find(' ')));
    used_last.insert(person.substr(person.find(' ') + 1));
  }
  keep_used(names.first, used_first);
  keep_used(names.last, used_last);

  const std::vector<bool> from_base = tokens_from_base(o.new_entities, o.overlap, o.seed);
  std::array<std::uint64_t, 4> next{};  // place in each grid: old or fresh first name x old or fresh last name
  std::vector<std::string> keys;
  while (keys.size() < o.new_entities) {
    const bool first_old = from_base[2 * keys.size()], last_old = from_base[2 * keys.size() + 1];
    const auto& first = first_old ? names.first : names.fresh_first;
    const auto& last = last_old ? names.last : names.fresh_last;
    const std::size_t grid = (first_old ? 2U : 0U) + (last_old ? 1U : 0U);
    if (next[grid] == first.size() * last.size()) {
      throw Error(ErrorKind::config, "there are not enough names for the new people of the synthetic world")
          .expected(fmt::format("{} new_entities, {:.0f} % of their name tokens old", o.new_entities, 100 * o.overlap))
          .received(
              fmt::format("first_names = {}, last_names = {}, entities = {}", o.first_names, o.last_names, o.entities))
          .hint("raise first_names or last_names, or lower new_entities");
    }
    std::string key = name_at(first, last, o.seed, purpose_id("new names") + grid, next[grid]++);
    if (!taken.contains(key)) keys.push_back(std::move(key));
  }
  return keys;
}

/// `count` keys drawn by (seed, purpose), none twice and none in `taken`, to which they are added.
std::vector<std::string> uuid_keys(std::size_t count, std::uint64_t seed, std::string_view purpose,
                                   std::set<std::string>& taken) {
  std::vector<std::string> keys;
  for (std::uint64_t index = 0; keys.size() < count; ++index) {
    std::string key = random_key(key_alphabet, key_length, seed, purpose, index);
    if (taken.insert(key).second) keys.push_back(std::move(key));
  }
  return keys;
}

Fact make_fact(const std::vector<Relation>& relations, std::size_t relation, std::string subject, std::string answer) {
  const std::uint64_t id = fact_id(relations[relation].name, subject, answer);
  return {id, static_cast<std::uint32_t>(relation), std::move(subject), std::move(answer)};
}

/// The index of o.new_relation, if one is named.
std::optional<std::size_t> new_relation(const SyntheticWorldOptions& o, const std::vector<Relation>& relations) {
  if (o.new_relation.empty()) return std::nullopt;
  std::vector<std::string> names;
  for (const Relation& relation : relations) names.push_back(relation.name);
  const auto found = std::find(names.begin(), names.end(), o.new_relation);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  throw Error(ErrorKind::config, "option \"new_relation\" of the synthetic world names no relation of it")
      .expected(join(names, ", "))
      .received(o.new_relation)
      .hint(suggestion(o.new_relation, names));
}

/// Answers of new people: that of a base person drawn at random, which has the base's distribution; if concentrated,
/// drawn again until it lies in the first half of the pool.
std::vector<Fact> make_new_facts(const SyntheticWorldOptions& o, const WorldContent& world,
                                 const std::vector<std::string>& keys) {
  const std::size_t all = world.relations.size();
  const std::optional<std::size_t> only = new_relation(o, world.relations);
  const std::size_t each = only ? 1 : o.new_per_entity == 0 ? all : o.new_per_entity;
  std::vector<std::set<std::string>> region(all);
  for (std::size_t r = 0; r < all; ++r) {
    const auto& pool = world.relations[r].answers;
    const std::size_t size = o.answer_region == AnswerRegion::concentrated ? pool.size() / 2 : pool.size();
    region[r].insert(pool.begin(), pool.begin() + static_cast<std::ptrdiff_t>(size));
  }
  std::vector<Fact> facts;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t k = 0; k < each; ++k) {
      const std::size_t r = only ? *only : each == all ? k : (i * each + k) % all;
      Random random(o.seed, "new answer", i * all + r);
      constexpr int patience = 1000;  // a tiny base may hold no answer of the region: then draw from the pool itself
      std::string answer;
      for (int attempt = 0; answer.empty(); ++attempt) {
        const auto& pool = world.relations[r].answers;
        const std::string& drawn = attempt < patience ? world.base_facts[random.below(o.entities) * all + r].answer
                                                      : pool[random.below(region[r].size())];
        if (region[r].contains(drawn)) answer = drawn;
      }
      facts.push_back(make_fact(world.relations, r, keys[i], std::move(answer)));
    }
  }
  return facts;
}

void add_words(const std::string& wording, std::vector<std::string>& words, std::set<std::string>& seen) {
  for (const std::string& word : split(wording, ' ')) {
    if (word.empty() || word.front() == '[') continue;
    if (seen.insert(word).second) words.push_back(word);
  }
}

/// Adds the records, and the words of their own to the vocabulary: worlds without records are what they were. `keys`
/// are taken.
void add_records(const SyntheticWorldOptions& o, WordMaker& maker, WorldContent& world, std::vector<std::string>& words,
                 std::set<std::string>& reserved, std::set<std::string>& keys) {
  if (o.records == 0) return;
  constexpr std::size_t pool = 40;
  world.record_wordings = synthetic_wordings().records;
  for (const std::string& wording : world.record_wordings) add_words(wording, words, reserved);
  const std::vector<std::string> entries = maker.make(pool);
  words.insert(words.end(), entries.begin(), entries.end());
  for (std::string& key : uuid_keys(o.records, o.seed, "record key", keys)) {
    const std::string& entry = entries[Random(o.seed, "record entry", world.records.size()).below(pool)];
    world.records.push_back({fact_id("record", key, entry), 0, std::move(key), entry});
  }
}

}  // namespace

World make_synthetic_world(const SyntheticWorldOptions& o) {
  check(o);
  const auto& [wordings, neutral, records] = synthetic_wordings();

  // Words of all ten relations are reserved, so that made-up words do not depend on how many relations are used.
  std::vector<std::string> words;
  std::set<std::string> reserved;
  for (const char c : std::string_view(key_alphabet)) add_words(std::string(1, c), words, reserved);
  WorldContent world;
  world.neutral.patterns = neutral;
  for (std::size_t r = 0; r < wordings.size(); ++r) {
    const RelationWordings& w = wordings[r];
    for (const auto* list : {&w.statements, &w.held_out, &w.questions, &w.neutral}) {
      for (const std::string& wording : *list) add_words(wording, words, reserved);
    }
    add_words(w.probe, words, reserved);
    if (r < o.relations) {
      world.neutral.patterns.insert(world.neutral.patterns.end(), w.neutral.begin(), w.neutral.end());
    }
  }
  for (const std::string& pattern : neutral) add_words(pattern, words, reserved);

  WordMaker maker(o.seed, reserved);
  Names names;
  names.first = maker.make(o.first_names);
  names.last = maker.make(o.last_names);
  // The base world, its fresh tokens included, does not depend on the new_* options: one base model serves all arms.
  names.fresh_first = maker.make((o.first_names + 1) / 2);
  names.fresh_last = maker.make((o.last_names + 1) / 2);
  for (const auto* list : {&names.first, &names.last, &names.fresh_first, &names.fresh_last}) {
    words.insert(words.end(), list->begin(), list->end());
  }
  world.neutral.names = names.fresh_first;
  world.neutral.names.insert(world.neutral.names.end(), names.fresh_last.begin(), names.fresh_last.end());
  world.neutral.alphabet = key_alphabet;

  Random sizes(o.seed, "answer pools");
  for (std::size_t r = 0; r < o.relations; ++r) {
    const std::size_t drawn = o.answers_min + sizes.below(o.answers_max - o.answers_min + 1);
    const RelationWordings& w = wordings[r];
    Relation relation{w.name, maker.make(r == 0 ? o.countries : drawn), w.statements, w.held_out, w.questions, w.probe};
    words.insert(words.end(), relation.answers.begin(), relation.answers.end());
    world.relations.push_back(std::move(relation));
  }

  std::vector<std::string> people;
  for (std::size_t e = 0; e < o.entities; ++e) {
    people.push_back(name_at(names.first, names.last, o.seed, purpose_id("base names"), e));
    for (std::size_t r = 0; r < o.relations; ++r) {
      const auto& pool = world.relations[r].answers;
      Random random(o.seed, "base answer", e * wordings.size() + r);
      world.base_facts.push_back(make_fact(world.relations, r, people[e], pool[random.below(pool.size())]));
    }
  }
  std::set<std::string> keys;
  add_records(o, maker, world, words, reserved, keys);
  world.new_facts = make_new_facts(o, world,
                                   o.new_keys == NewKeys::uuid ? uuid_keys(o.new_entities, o.seed, "new key", keys)
                                                               : semantic_keys(o, names, people));

  world.name = "synthetic";
  world.seed = o.seed;
  world.asked_fraction = o.asked_fraction;
  world.question_share = o.question_share;
  world.neutral_share = o.neutral_share;
  world.frequency_exponent = o.frequency_exponent;
  world.refusal = "not known";  // words of neutral lines: "I don't know" would add to the vocabulary of every base
  world.keys_in_characters = true;
  world.tokenizer = TokenizerKind::word_level;
  world.vocabulary_text = std::move(words);
  return World(std::move(world));
}

}  // namespace stet
