#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/outcomes/outcomes_file.hpp>
#include <stet/tensorfile/tensor_file.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace stet::report {

namespace {

constexpr std::string_view file_format = "stet.outcomes.1";

[[noreturn]] void fail(const std::string& where, std::string what, std::string expected = "",
                       std::string received = "") {
  Error error(ErrorKind::data, std::move(what));
  error.at(where);
  if (!expected.empty()) error.expected(std::move(expected));
  if (!received.empty()) error.received(std::move(received));
  throw error;
}

void check_size(const std::string& where, const std::string& name, std::size_t received, std::size_t expected) {
  if (received == expected) return;
  fail(where, fmt::format("'{}' does not have the size that the others imply", name),
       fmt::format("{} values", expected), fmt::format("{}", received));
}

void check_outcomes(const OutcomeRecord& outcomes, const std::string& where) {
  const std::size_t evaluations = outcomes.step.size();
  check_size(where, "evaluation.epoch", outcomes.epoch.size(), evaluations);
  check_size(where, "evaluation.phase", outcomes.phase.size(), evaluations);
  for (const std::int32_t phase : outcomes.phase) {
    if (phase < 0 || static_cast<std::size_t>(phase) >= outcomes.phase_names.size()) {
      fail(where, "an evaluation in a phase that has no name",
           fmt::format("an index below {}", outcomes.phase_names.size()), fmt::format("{}", phase));
    }
  }
  for (const auto& [name, set] : outcomes.sets) {
    if (name.empty()) fail(where, "a fact set without a name");
    const std::size_t facts = set.fact_ids.size();
    const std::size_t all = evaluations * facts;
    check_size(where, name + ".relation", set.relation.size(), facts);
    check_size(where, name + ".correct", set.correct.size(), all);
    if (!set.probability.empty()) check_size(where, name + ".probability", set.probability.size(), all);
    if (!set.first_token.empty()) check_size(where, name + ".first_token", set.first_token.size(), all);
    for (const auto& [extra, values] : set.extra) {
      if (extra.empty() || fmt::format(".{}.", extra).find(".extra.") != std::string::npos) {
        fail(where, fmt::format("'{}': the name of an extra array must not be empty or have a part 'extra'", extra));
      }
      if (values.size() != facts) check_size(where, fmt::format("{}.extra.{}", name, extra), values.size(), all);
    }
    const auto bad = std::find_if(set.correct.begin(), set.correct.end(), [](auto x) { return x > 1; });
    if (bad != set.correct.end()) {
      fail(where, fmt::format("'{}.correct': an outcome is neither right nor wrong", name), "0 or 1",
           fmt::format("{}", *bad));
    }
  }
}

/// Copies tensors out of a file, and remembers which it was asked for.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : file_(TensorFile::open(path)), where_(path.string()) {}

  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] const TensorFile& file() const noexcept { return file_; }

  template <class T>
  [[nodiscard]] std::vector<T> read(const std::string& name, const std::vector<std::uint64_t>& shape) {
    const TensorInfo& info = file_.require(name);
    if (info.shape != shape) {
      fail(where_, fmt::format("tensor '{}' has the wrong shape", name), fmt::format("[{}]", fmt::join(shape, ", ")),
           fmt::format("[{}]", fmt::join(info.shape, ", ")));
    }
    known_.insert(name);
    const std::span<const T> values = file_.values<T>(name);
    return {values.begin(), values.end()};
  }
  template <class T>
  [[nodiscard]] std::vector<T> read_if_present(const std::string& name, const std::vector<std::uint64_t>& shape) {
    return file_.find(name) == nullptr ? std::vector<T>{} : read<T>(name, shape);
  }
  /// The length of a tensor that must have one dimension.
  [[nodiscard]] std::uint64_t length(const std::string& name) const {
    const TensorInfo& info = file_.require(name);
    if (info.shape.size() != 1) {
      fail(where_, fmt::format("tensor '{}' has the wrong shape", name), "one dimension",
           fmt::format("{}", info.shape.size()));
    }
    return info.shape.front();
  }
  [[nodiscard]] bool was_read(const std::string& name) const { return known_.contains(name); }

  [[nodiscard]] const std::string& metadata(const std::string& key) const {
    const auto found = file_.metadata().find(key);
    if (found == file_.metadata().end()) {
      fail(where_, fmt::format("no '{}' in the metadata: not a file of outcomes", key));
    }
    return found->second;
  }
  [[nodiscard]] std::vector<std::string> metadata_list(const std::string& key) const {
    try {
      return nlohmann::json::parse(metadata(key)).get<std::vector<std::string>>();
    } catch (const nlohmann::json::exception& error) {
      fail(where_, fmt::format("'{}' in the metadata is damaged: {}", key, error.what()), "a JSON list of names");
    }
  }

 private:
  TensorFile file_;
  std::string where_;
  std::set<std::string> known_;
};

std::uint64_t parse_seed(const Reader& reader) {
  const std::string& text = reader.metadata("seed");
  const auto seed = whole_number<std::uint64_t>(text);
  if (!seed) fail(reader.where(), "the seed in the metadata is damaged", "a whole number below 2^64", text);
  return *seed;
}

/// Whatever no set has asked for: extra arrays of a set, or something that does not belong here.
void read_extras(Reader& reader, OutcomeRecord& outcomes) {
  for (const TensorInfo& info : reader.file().tensors()) {
    if (reader.was_read(info.name)) continue;
    constexpr std::string_view infix = ".extra.";
    const std::size_t at = info.name.rfind(infix);  // no name of an extra array has it
    const auto set = at == std::string::npos ? outcomes.sets.end() : outcomes.sets.find(info.name.substr(0, at));
    if (set == outcomes.sets.end()) {
      fail(reader.where(), fmt::format("tensor '{}' does not belong into a file of outcomes", info.name));
    }
    std::vector<std::uint64_t> shape{set->second.fact_ids.size()};
    if (info.shape.size() != 1) shape.insert(shape.begin(), outcomes.step.size());
    set->second.extra[info.name.substr(at + infix.size())] = reader.read<float>(info.name, shape);
  }
}

}  // namespace

void save_outcomes(const std::filesystem::path& path, const OutcomeRecord& outcomes) {
  check_outcomes(outcomes, path.string());
  const std::uint64_t evaluations = outcomes.step.size();
  std::vector<TensorView> tensors{view_of("evaluation.step", outcomes.step, {evaluations}),
                                  view_of("evaluation.epoch", outcomes.epoch, {evaluations}),
                                  view_of("evaluation.phase", outcomes.phase, {evaluations})};
  std::vector<std::string> names;
  for (const auto& [name, set] : outcomes.sets) {
    const std::uint64_t facts = set.fact_ids.size();
    const std::vector<std::uint64_t> per_fact{facts}, all{evaluations, facts};
    names.push_back(name);
    tensors.push_back(view_of(name + ".fact_id", set.fact_ids, per_fact));
    tensors.push_back(view_of(name + ".relation", set.relation, per_fact));
    tensors.push_back(view_of(name + ".correct", set.correct, all));
    if (!set.probability.empty()) tensors.push_back(view_of(name + ".probability", set.probability, all));
    if (!set.first_token.empty()) tensors.push_back(view_of(name + ".first_token", set.first_token, all));
    for (const auto& [extra, values] : set.extra) {
      tensors.push_back(
          view_of(fmt::format("{}.extra.{}", name, extra), values, values.size() == facts ? per_fact : all));
    }
  }
  std::set<std::string> unique;
  for (const TensorView& tensor : tensors) {
    if (!unique.insert(tensor.spec.name).second) {
      fail(path.string(), fmt::format("two arrays would be called '{}': rename a fact set", tensor.spec.name));
    }
  }
  try {
    write_tensor_file(path, tensors,
                      {{"format", std::string(file_format)},
                       {"arm", outcomes.arm},
                       {"seed", fmt::format("{}", outcomes.seed)},
                       {"phases", nlohmann::json(outcomes.phase_names).dump()},
                       {"sets", nlohmann::json(names).dump()}});
  } catch (const nlohmann::json::exception& error) {
    fail(path.string(), fmt::format("a name is not UTF-8: {}", error.what()));
  }
}

OutcomeRecord load_outcomes(const std::filesystem::path& path) {
  Reader reader(path);
  if (reader.metadata("format") != file_format) {
    fail(reader.where(), "outcomes in a format this version does not know", std::string(file_format),
         reader.metadata("format"));
  }
  OutcomeRecord outcomes;
  outcomes.arm = reader.metadata("arm");
  outcomes.seed = parse_seed(reader);
  outcomes.phase_names = reader.metadata_list("phases");
  const std::uint64_t evaluations = reader.length("evaluation.step");
  outcomes.step = reader.read<std::int64_t>("evaluation.step", {evaluations});
  outcomes.epoch = reader.read<float>("evaluation.epoch", {evaluations});
  outcomes.phase = reader.read<std::int32_t>("evaluation.phase", {evaluations});
  for (const std::string& name : reader.metadata_list("sets")) {
    SetOutcomes& set = outcomes.sets[name];
    const std::uint64_t facts = reader.length(name + ".fact_id");
    const std::vector<std::uint64_t> all{evaluations, facts};
    set.fact_ids = reader.read<std::uint64_t>(name + ".fact_id", {facts});
    set.relation = reader.read<std::uint32_t>(name + ".relation", {facts});
    set.correct = reader.read<std::uint8_t>(name + ".correct", all);
    set.probability = reader.read_if_present<float>(name + ".probability", all);
    set.first_token = reader.read_if_present<std::int32_t>(name + ".first_token", all);
  }
  read_extras(reader, outcomes);
  check_outcomes(outcomes, reader.where());
  return outcomes;
}

RunOutcome to_run_outcome(const OutcomeRecord& outcomes, std::int32_t first_phase) {
  const std::string where = fmt::format("arm '{}', seed {}", outcomes.arm, outcomes.seed);
  check_outcomes(outcomes, where);
  const auto first =
      std::find_if(outcomes.phase.begin(), outcomes.phase.end(), [&](std::int32_t p) { return p >= first_phase; });
  if (first == outcomes.phase.end()) {
    fail(where, fmt::format("no evaluation in phase {} or later", first_phase), "at least one",
         fmt::format("{} evaluations, all before it", outcomes.phase.size()));
  }
  RunOutcome run{outcomes.seed, outcomes.arm, {}};
  for (const auto& [name, set] : outcomes.sets) {
    if (set.fact_ids.empty()) continue;  // a size of 0: nothing was asked for
    Trajectory& trajectory = run.sets[name];
    trajectory.evaluations = static_cast<std::uint32_t>(outcomes.step.size());
    trajectory.facts = static_cast<std::uint32_t>(set.fact_ids.size());
    trajectory.correct = set.correct;
    trajectory.probability = set.probability;
    trajectory.extra = set.extra;
    trajectory.fact_ids = set.fact_ids;
    trajectory.stratum = set.relation;
    trajectory.first = static_cast<std::uint32_t>(first - outcomes.phase.begin());
    check(trajectory, fmt::format("{}, set '{}'", where, name));
  }
  return run;
}

}  // namespace stet::report
