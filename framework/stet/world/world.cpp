#include <stet/world/world.hpp>

#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

namespace stet {
namespace {

void check_share(const char* name, double value, double largest) {
  if (!(value >= 0.0 && value <= largest)) {
    throw Error(ErrorKind::config, fmt::format("{} of the world is out of range", name))
        .expected(fmt::format("a number from 0 to {}", largest))
        .received(fmt::format("{}", value));
  }
}

void check_relation(const Relation& relation) {
  if (relation.statements.empty()) {
    throw Error(ErrorKind::config, fmt::format("relation \"{}\" has no statement for pre-training", relation.name));
  }
  for (const auto* wordings : {&relation.statements, &relation.held_out_statements, &relation.questions}) {
    for (const std::string& wording : *wordings) static_cast<void>(parse_template(wording));
  }
  static_cast<void>(parse_template(relation.probe));
}

}  // namespace

void collect_answers(WorldContent& world) {
  std::vector<std::unordered_set<std::string_view>> seen(world.relations.size());
  for (const auto* facts : {&world.base_facts, &world.new_facts}) {
    for (const Fact& fact : *facts) {
      if (seen[fact.relation].insert(fact.answer).second) world.relations[fact.relation].answers.push_back(fact.answer);
    }
  }
}

World::World(WorldContent content) : content_(std::move(content)) {
  check_share("asked_fraction", content_.asked_fraction, 1.0);
  check_share("question_share", content_.question_share, 1.0);
  check_share("neutral_share", content_.neutral_share, 0.9);
  if (!(content_.frequency_exponent >= 0.0 && content_.frequency_exponent <= 4.0)) {
    throw Error(ErrorKind::config, "frequency_exponent of the world is out of range")
        .expected("a number from 0 to 4")
        .received(fmt::format("{}", content_.frequency_exponent));
  }
  if (content_.relations.empty()) throw Error(ErrorKind::config, "the world has no relation");
  if (content_.base_facts.empty()) throw Error(ErrorKind::config, "the world has no base fact");
  for (const Relation& relation : content_.relations) check_relation(relation);
  if (!content_.records.empty() && content_.record_wordings.empty())
    throw Error(ErrorKind::config, "the world has records but no wording for them");
  for (const std::string& wording : content_.record_wordings) static_cast<void>(parse_template(wording));

  std::unordered_set<std::uint64_t> base;
  std::unordered_set<std::string> seen;
  std::vector<const std::string*> subjects;
  for (const Fact& fact : content_.base_facts) {
    STET_ASSERT(fact.relation < content_.relations.size());
    base.insert(fact.id);
    if (seen.insert(fact.subject).second) subjects.push_back(&fact.subject);
  }
  for (const Fact& fact : content_.new_facts) {
    STET_ASSERT(fact.relation < content_.relations.size());
    if (base.contains(fact.id)) {
      throw Error(ErrorKind::data, "a fact is both a base fact and a new fact")
          .received(fmt::format("{}: {} - {}", content_.relations[fact.relation].name, fact.subject, fact.answer));
    }
  }
  const auto asked =
      static_cast<std::uint64_t>(std::llround(content_.asked_fraction * static_cast<double>(subjects.size())));
  const KeyedPermutation order(subjects.size(), content_.seed, purpose_id("asked"));
  for (std::uint64_t i = 0; i < asked; ++i) asked_subjects_.insert(*subjects[order(i)]);

  set_frequencies();
  if (content_.neutral_share > 0.0 && !content_.neutral.patterns.empty()) {
    const auto facts = static_cast<double>(content_.base_facts.size());
    const double lines = facts * content_.neutral_share / (1.0 - content_.neutral_share);
    neutral_lines_ = static_cast<std::uint64_t>(std::max(1LL, std::llround(lines)));
  }
}

void World::set_frequencies() {
  if (content_.frequency_exponent == 0.0) return;
  std::unordered_map<std::string_view, std::size_t> rank_of;
  const std::size_t facts = content_.base_facts.size();
  std::vector<double> weight;
  double total = 0;
  for (const Fact& fact : content_.base_facts) {
    const std::size_t rank = rank_of.emplace(fact.subject, rank_of.size() + 1).first->second;
    weight.push_back(std::pow(static_cast<double>(rank), -content_.frequency_exponent));
    total += weight.back();
  }
  for (const double w : weight) frequency_.push_back(w / total * static_cast<double>(facts));
  // Neighbours are permuted: an evenly spaced draw from the rare facts would otherwise take one relation alone.
  const KeyedPermutation order(facts, content_.seed, purpose_id("frequency"));
  double sum = 0;
  for (std::uint64_t i = 0; i < facts; ++i) {
    sum += frequency_[order(i)];
    cumulative_.push_back(sum);
  }
  cumulative_.back() = static_cast<double>(facts);
}

std::uint64_t World::shown(std::uint64_t epoch, std::uint64_t index) const {
  const std::uint64_t facts = content_.base_facts.size();
  STET_ASSERT(index < facts);
  if (cumulative_.empty()) return index;
  // Systematic sampling: points one showing apart, with an offset of the epoch's own.
  const double at = static_cast<double>(index) + Random(content_.seed, "shown", epoch).uniform();
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), at);
  const auto place = std::min<std::uint64_t>(static_cast<std::uint64_t>(found - cumulative_.begin()), facts - 1);
  return KeyedPermutation(facts, content_.seed, purpose_id("frequency"))(place);
}

double World::frequency(std::uint64_t i) const {
  STET_ASSERT(i < content_.base_facts.size());
  return frequency_.empty() ? 1.0 : frequency_[i];
}

std::string World::key(std::uint64_t seed, std::uint64_t index) const {
  std::string key = random_key("0123456789abcdef", 8, seed, "distractor", index);
  if (!content_.keys_in_characters) std::erase(key, ' ');
  return key;
}

bool World::asked(const Fact& fact) const { return asked_subjects_.contains(fact.subject); }

Example World::pretraining_example(std::uint64_t epoch, std::uint64_t index) const {
  STET_ASSERT(index < epoch_size());
  const std::uint64_t facts = content_.base_facts.size();
  if (index >= facts + neutral_lines_) {
    const std::uint64_t record = index - facts - neutral_lines_;
    Random random(content_.seed, "record wording", record, static_cast<std::uint32_t>(epoch));
    return render(content_.record_wordings[random.below(content_.record_wordings.size())], content_.records[record]);
  }
  if (index >= facts) {
    return {"", content_.neutral.line(content_.seed, epoch * neutral_lines_ + (index - facts)), 0};
  }
  const Fact& fact = content_.base_facts[shown(epoch, index)];
  const Relation& relation = content_.relations[fact.relation];
  Random random(content_.seed, "wording", index, static_cast<std::uint32_t>(epoch));
  const bool question = random.uniform() < content_.question_share && !relation.questions.empty() && asked(fact);
  const std::vector<std::string>& wordings = question ? relation.questions : relation.statements;
  return render(wordings[random.below(wordings.size())], fact);
}

Tokenizer World::make_tokenizer() const {
  return content_.tokenizer == TokenizerKind::word_level
             ? make_word_level(content_.vocabulary_text)
             : train_byte_level_bpe(content_.vocabulary_text, content_.vocabulary_size);
}

World World::with_probes(std::vector<std::string> probes) && {
  STET_ASSERT(probes.size() == content_.relations.size());
  for (std::size_t r = 0; r < probes.size(); ++r) {
    static_cast<void>(parse_template(probes[r]));
    content_.relations[r].probe = std::move(probes[r]);
  }
  return std::move(*this);
}

}  // namespace stet
