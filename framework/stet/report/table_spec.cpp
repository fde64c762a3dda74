#include <stet/config/schema.hpp>
#include <stet/report/table_spec.hpp>
#include <stet/report/table_spec_parts.hpp>

#include <fmt/format.h>

#include <set>
#include <tuple>

namespace stet::report {

namespace {

/// The table as it stands in the file; the rows come from elsewhere.
struct Declaration {
  std::string title;
  std::uint64_t draws = BootstrapOptions{}.draws;
  std::uint64_t seed = BootstrapOptions{}.seed;
  double confidence = BootstrapOptions{}.confidence;
  bool certification = false;
  std::vector<ColumnSpec> columns;
  std::vector<ComparisonSpec> comparisons;
  std::vector<ClaimSpec> claims;
  std::vector<MatchedSpec> matched;
  std::vector<FrontSpec> fronts;
  std::vector<ShareSpec> shares;
  std::vector<RegressionSpec> regressions;
};

config::Schema<Declaration> schema() {
  const auto measures = named_measures(every_measure);
  const std::string measure_help = "what is computed from the accuracies of a run's evaluations";
  const config::Limits required{.required = true};

  std::vector<std::pair<std::string, Direction>> directions;
  for (const Direction direction : {Direction::less, Direction::greater, Direction::equivalent}) {
    directions.emplace_back(std::string(name_of(direction)), direction);
  }

  auto column = config::Schema<ColumnSpec>("table.column")
                    .field("label", &ColumnSpec::label, "heading of the column", required)
                    .field("set", &ColumnSpec::set, "fact set", required)
                    .choice("measure", &ColumnSpec::measure, measures, measure_help)
                    .leave("array")
                    .field("percent", &ColumnSpec::percent, "show times 100");
  auto compare = config::Schema<ComparisonSpec>("table.compare")
                     .field("arm", &ComparisonSpec::arm, "arm", required)
                     .field("baseline", &ComparisonSpec::baseline, "arm that is subtracted", required)
                     .field("set", &ComparisonSpec::set, "fact set", required)
                     .choice("measure", &ComparisonSpec::measure, measures, measure_help)
                     .leave("array")
                     .leave("than");
  auto claim =
      config::Schema<ClaimSpec>("table.claim")
          .field("text", &ClaimSpec::text, "the claim in words", required)
          .field("arm", &ClaimSpec::arm, "arm", required)
          .field("baseline", &ClaimSpec::baseline, "arm that is subtracted; none: the value itself is judged")
          .field("set", &ClaimSpec::set, "fact set", required)
          .choice("measure", &ClaimSpec::measure, measures, measure_help)
          .leave("array")
          .leave("than")
          .choice("direction", &ClaimSpec::direction, directions, "what the difference, or the value, is said to be")
          .field("margin", &ClaimSpec::margin, "fraction by which; without a baseline: the threshold",
                 {.min = 0, .max = 1});
  return config::Schema<Declaration>("table", "what the experiment's table shows, tests and claims")
      .field("title", &Declaration::title, "title", required)
      .field("bootstrap_draws", &Declaration::draws, "draws of the hierarchical bootstrap",
             {.min = 100, .max = 10000000})
      .field("bootstrap_seed", &Declaration::seed, "seed of the hierarchical bootstrap")
      .field("confidence", &Declaration::confidence, "confidence of the intervals",
             {.min = 0, .max = 1, .open_min = true, .open_max = true})
      .field("certification", &Declaration::certification, "a results file ends with what the base models recall")
      .table("column", &Declaration::columns, column, "columns, in their order")
      .table("compare", &Declaration::comparisons, compare, "tested contrasts, corrected together")
      .table("claim", &Declaration::claims, claim, "claims stated in advance")
      .table("matched", &Declaration::matched, matched_schema(), "contrasts where both arms have learnt equally much")
      .table("front", &Declaration::fronts, front_schema(), "areas under the fronts of methods")
      .table("share", &Declaration::shares, share_schema(), "how much of an arm's gain another arm has")
      .table("regression", &Declaration::regressions, regression_schema(), "which facts are forgotten");
}

/// Completes the specs of one array of tables.
template <class Spec>
void complete_all(std::vector<Spec>& specs, const config::Value& table, std::string_view key, const TableNames& names) {
  for (std::size_t i = 0; i < specs.size(); ++i) complete(specs[i], table_entries(table, key)[i], names);
}

/// "array" beside a measure that reads one: becomes part of the set's name.
template <class Spec>
void name_recorded(Spec& spec, const config::Value& entry) {
  const config::Value* array = entry.find("array");
  if (array == nullptr && !reads_array(spec.measure)) return;
  if (array == nullptr) {
    throw config::error_at(entry, fmt::format("table: measure '{}' without an array", name_of(spec.measure)))
        .expected("array = \"PROBE.NAME\", such as \"drift.drift\"");
  }
  if (!reads_array(spec.measure)) {
    throw config::error_at(*array, fmt::format("table: measure '{}' reads no array", name_of(spec.measure)))
        .expected("measure = \"recorded\" (at the end) or \"recorded_start\"");
  }
  spec.set = recorded_set(spec.set, array->as_string());
}

void check_baseline(const config::Value& entry, const std::string& arm, const std::string& baseline) {
  if (arm != baseline) return;
  throw config::error_at(*entry.find("baseline"), fmt::format("table: arm '{}' is its own baseline", arm));
}

/// "than": a table { arm, baseline, set }, the set by default the entry's own.
template <class Spec>
Contrast read_than(const config::Value& entry, const TableNames& names, const Spec& spec) {
  const config::Value* value = entry.find("than");
  if (value == nullptr) return {};
  const config::Limits required{.required = true};
  Contrast than = config::Schema<Contrast>("than")
                      .field("arm", &Contrast::arm, "arm", required)
                      .field("baseline", &Contrast::baseline, "arm that is subtracted", required)
                      .field("set", &Contrast::set, "fact set; default: that of the comparison or claim")
                      .read(*value);
  names.check_arm(*value, "arm");
  names.check_arm(*value, "baseline");
  names.check_set(*value);
  check_baseline(*value, than.arm, than.baseline);
  if (than.set.empty()) {
    than.set = spec.set;
  } else if (reads_array(spec.measure)) {
    than.set = recorded_set(than.set, split_recorded_set(spec.set, spec.measure).array);
  }
  if (than == Contrast{spec.arm, spec.baseline, spec.set})
    throw config::error_at(*value, "table: a difference that is compared with itself");
  return than;
}

}  // namespace

TableSpec read_table_spec(const config::Value& table, std::span<const std::pair<std::string, std::string>> arms,
                          std::span<const std::string> sets) {
  Declaration read = schema().read(table);
  if (read.columns.empty() && read.comparisons.empty() && read.claims.empty() && read.matched.empty() &&
      read.fronts.empty() && read.shares.empty() && read.regressions.empty()) {
    throw config::error_at(table, "table: nothing to show").expected("at least one [[table.column]]");
  }
  const TableNames names(arms, sets);
  for (const config::Value& entry : table_entries(table, "column")) names.check_set(entry);

  for (std::size_t i = 0; i < read.columns.size(); ++i)
    name_recorded(read.columns[i], table_entries(table, "column")[i]);
  for (std::size_t i = 0; i < read.comparisons.size(); ++i)
    name_recorded(read.comparisons[i], table_entries(table, "compare")[i]);
  for (std::size_t i = 0; i < read.claims.size(); ++i) name_recorded(read.claims[i], table_entries(table, "claim")[i]);

  std::set<std::tuple<std::string, std::string, std::string, Measure, Contrast>> seen;
  for (std::size_t i = 0; i < read.comparisons.size(); ++i) {
    const config::Value& entry = table_entries(table, "compare")[i];
    ComparisonSpec& spec = read.comparisons[i];
    names.check_arm(entry, "arm");
    names.check_arm(entry, "baseline");
    names.check_set(entry);
    check_baseline(entry, spec.arm, spec.baseline);
    spec.than = read_than(entry, names, spec);
    if (!seen.emplace(spec.arm, spec.baseline, spec.set, spec.measure, spec.than).second) {
      throw config::error_at(entry, "table: this comparison is declared twice")
          .hint("Holm's correction would count it twice; remove one");
    }
  }
  for (std::size_t i = 0; i < read.claims.size(); ++i) {
    const config::Value& entry = table_entries(table, "claim")[i];
    ClaimSpec& spec = read.claims[i];
    names.check_arm(entry, "arm");
    names.check_arm(entry, "baseline");
    names.check_set(entry);
    const config::Value* direction = entry.find("direction");
    if (direction == nullptr) {
      throw config::error_at(entry, fmt::format("table: claim '{}' has no direction", spec.text))
          .expected("direction = \"less\", \"greater\" or \"equivalent\"");
    }
    if (entry.find("baseline") != nullptr) {
      check_baseline(entry, spec.arm, spec.baseline);
      spec.than = read_than(entry, names, spec);
    } else if (const config::Value* than = entry.find("than")) {
      throw config::error_at(*than, "table: 'than' needs a baseline")
          .expected("a difference (arm and baseline) to compare another with");
    } else if (spec.direction == Direction::equivalent) {
      throw config::error_at(*direction, "table: 'equivalent' needs a baseline")
          .hint("name a baseline, or use 'less' or 'greater' with the margin as the threshold");
    }
    if (spec.direction == Direction::equivalent && spec.margin == 0) {
      throw config::error_at(entry, "table: 'equivalent' needs a margin above 0")
          .hint("no interval fits into an empty range; 0.02 is two points");
    }
  }

  complete_all(read.matched, table, "matched", names);
  complete_all(read.fronts, table, "front", names);
  complete_all(read.shares, table, "share", names);
  complete_all(read.regressions, table, "regression", names);

  TableSpec spec;
  spec.title = std::move(read.title);
  spec.arms.assign(arms.begin(), arms.end());
  spec.certification = read.certification;
  spec.columns = std::move(read.columns);
  spec.comparisons = std::move(read.comparisons);
  spec.claims = std::move(read.claims);
  spec.matched = std::move(read.matched);
  spec.fronts = std::move(read.fronts);
  spec.shares = std::move(read.shares);
  spec.regressions = std::move(read.regressions);
  spec.bootstrap = {static_cast<std::uint32_t>(read.draws), read.seed, read.confidence};
  return spec;
}

}  // namespace stet::report
