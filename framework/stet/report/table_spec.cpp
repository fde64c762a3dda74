#include <stet/config/schema.hpp>
#include <stet/report/table_spec.hpp>
#include <stet/report/table_spec_parts.hpp>

#include <fmt/format.h>

#include <array>
#include <set>
#include <tuple>

namespace stet::report {

namespace {

/// What is shown, tested or claimed: a measure on a set.
template <class Spec>
config::Schema<Spec> with_measure(config::Schema<Spec> schema) {
  return schema.field("set", &Spec::set, "fact set", required())
      .choice("measure", &Spec::measure, named_measures(every_measure),
              "what is computed from the accuracies of a run's evaluations")
      .leave("array");
}

config::Schema<ColumnSpec> column_schema() {
  return with_measure(config::Schema<ColumnSpec>("table.column")
                          .field("label", &ColumnSpec::label, "heading of the column", required())
                          .field("percent", &ColumnSpec::percent, "show times 100"));
}

config::Schema<ComparisonSpec> compare_schema() {
  return with_measure(config::Schema<ComparisonSpec>("table.compare")
                          .field("arm", &ComparisonSpec::arm, "arm", required())
                          .field("baseline", &ComparisonSpec::baseline, "arm that is subtracted", required())
                          .leave("than"));
}

config::Schema<ClaimSpec> claim_schema() {
  std::vector<std::pair<std::string, Direction>> directions;
  for (const Direction direction : {Direction::less, Direction::greater, Direction::equivalent}) {
    directions.emplace_back(std::string(name_of(direction)), direction);
  }
  return with_measure(
      config::Schema<ClaimSpec>("table.claim")
          .field("text", &ClaimSpec::text, "the claim in words", required())
          .field("arm", &ClaimSpec::arm, "arm", required())
          .field("baseline", &ClaimSpec::baseline, "arm that is subtracted; none: the value itself is judged")
          .leave("than")
          .choice("direction", &ClaimSpec::direction, directions, "what the difference, or the value, is said to be")
          .field("margin", &ClaimSpec::margin, "fraction by which; without a baseline: the threshold",
                 {.min = 0, .max = 1}));
}

constexpr std::array bootstrap_keys = {"bootstrap_draws", "bootstrap_seed", "confidence"};

config::Schema<TableSpec> schema() {
  config::Schema<TableSpec> schema("table", "what the experiment's table shows, tests and claims");
  for (const char* key : bootstrap_keys) schema.leave(key);
  return schema.field("title", &TableSpec::title, "title", required())
      .field("certification", &TableSpec::certification, "a results file ends with what the base models recall")
      .table("column", &TableSpec::columns, column_schema(), "columns, in their order")
      .table("compare", &TableSpec::comparisons, compare_schema(), "tested contrasts, corrected together")
      .table("claim", &TableSpec::claims, claim_schema(), "claims stated in advance")
      .table("matched", &TableSpec::matched, matched_schema(), "contrasts where both arms have learnt equally much")
      .table("front", &TableSpec::fronts, front_schema(), "areas under the fronts of methods")
      .table("share", &TableSpec::shares, share_schema(), "how much of an arm's gain another arm has")
      .table("regression", &TableSpec::regressions, regression_schema(), "which facts are forgotten");
}

BootstrapOptions read_bootstrap(const config::Value& table) {
  config::Value own = config::Value::table();
  for (const char* key : bootstrap_keys) {
    if (const config::Value* value = table.find(key)) own.set(key, *value);
  }
  return config::Schema<BootstrapOptions>("table")
      .field(bootstrap_keys[0], &BootstrapOptions::draws, "draws of the hierarchical bootstrap",
             {.min = 100, .max = 10000000})
      .field(bootstrap_keys[1], &BootstrapOptions::seed, "seed of the hierarchical bootstrap")
      .field(bootstrap_keys[2], &BootstrapOptions::confidence, "confidence of the intervals",
             {.min = 0, .max = 1, .open_min = true, .open_max = true})
      .read(own);
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
  Contrast than = config::Schema<Contrast>("than")
                      .field("arm", &Contrast::arm, "arm", required())
                      .field("baseline", &Contrast::baseline, "arm that is subtracted", required())
                      .field("set", &Contrast::set, "fact set; default: that of the comparison or claim")
                      .read(*value);
  names.check(*value);
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

void complete(ColumnSpec& spec, const config::Value& entry, const TableNames& /*names*/) { name_recorded(spec, entry); }

void complete(ComparisonSpec& spec, const config::Value& entry, const TableNames& names) {
  name_recorded(spec, entry);
  check_baseline(entry, spec.arm, spec.baseline);
  spec.than = read_than(entry, names, spec);
}

void complete(ClaimSpec& spec, const config::Value& entry, const TableNames& names) {
  name_recorded(spec, entry);
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

}  // namespace

TableSpec read_table_spec(const config::Value& table, std::span<const std::pair<std::string, std::string>> arms,
                          std::span<const std::string> sets) {
  TableSpec spec = schema().read(table);
  spec.bootstrap = read_bootstrap(table);
  spec.arms.assign(arms.begin(), arms.end());
  const TableNames names(arms, sets);
  std::size_t entries = 0;
  const auto complete_all = [&](auto& specs, std::string_view key) {
    for (std::size_t i = 0; i < specs.size(); ++i, ++entries) {
      const config::Value& entry = table.find(key)->items()[i];
      names.check(entry);
      complete(specs[i], entry, names);
    }
  };
  complete_all(spec.columns, "column");
  complete_all(spec.comparisons, "compare");
  complete_all(spec.claims, "claim");
  complete_all(spec.matched, "matched");
  complete_all(spec.fronts, "front");
  complete_all(spec.shares, "share");
  complete_all(spec.regressions, "regression");
  if (entries == 0) throw config::error_at(table, "table: nothing to show").expected("at least one [[table.column]]");

  std::set<std::tuple<std::string, std::string, std::string, Measure, Contrast>> seen;
  for (std::size_t i = 0; i < spec.comparisons.size(); ++i) {
    const ComparisonSpec& c = spec.comparisons[i];
    if (seen.emplace(c.arm, c.baseline, c.set, c.measure, c.than).second) continue;
    throw config::error_at(table.find("compare")->items()[i], "table: this comparison is declared twice")
        .hint("Holm's correction would count it twice; remove one");
  }
  return spec;
}

}  // namespace stet::report
