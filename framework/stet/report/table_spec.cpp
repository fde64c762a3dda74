#include <stet/base/strings.hpp>
#include <stet/config/schema.hpp>
#include <stet/report/table_spec.hpp>

#include <fmt/format.h>

#include <algorithm>
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
  std::vector<ColumnSpec> columns;
  std::vector<ComparisonSpec> comparisons;
  std::vector<ClaimSpec> claims;
};

template <class E>
std::vector<std::pair<std::string, E>> named(std::initializer_list<E> values) {
  std::vector<std::pair<std::string, E>> names;
  for (const E value : values) names.emplace_back(std::string(name_of(value)), value);
  return names;
}

config::Schema<Declaration> schema() {
  const auto measures = named(
      {Measure::final_accuracy, Measure::start_accuracy, Measure::peak_accuracy, Measure::forgetting, Measure::drop});
  const std::string measure_help = "what is computed from the accuracies of a run's evaluations";
  const config::Limits required{.required = true};

  auto column = config::Schema<ColumnSpec>("table.column")
                    .field("label", &ColumnSpec::label, "heading of the column", required)
                    .field("set", &ColumnSpec::set, "fact set", required)
                    .choice("measure", &ColumnSpec::measure, measures, measure_help)
                    .field("percent", &ColumnSpec::percent, "show times 100");
  auto compare = config::Schema<ComparisonSpec>("table.compare")
                     .field("arm", &ComparisonSpec::arm, "arm", required)
                     .field("baseline", &ComparisonSpec::baseline, "arm that is subtracted", required)
                     .field("set", &ComparisonSpec::set, "fact set", required)
                     .choice("measure", &ComparisonSpec::measure, measures, measure_help);
  auto claim = config::Schema<ClaimSpec>("table.claim")
                   .field("text", &ClaimSpec::text, "the claim in words", required)
                   .field("arm", &ClaimSpec::arm, "arm", required)
                   .field("baseline", &ClaimSpec::baseline, "arm that is subtracted; none: the value itself is judged")
                   .field("set", &ClaimSpec::set, "fact set", required)
                   .choice("measure", &ClaimSpec::measure, measures, measure_help)
                   .choice("direction", &ClaimSpec::direction,
                           named({Direction::less, Direction::greater, Direction::equivalent}),
                           "what the difference, or the value, is said to be")
                   .field("margin", &ClaimSpec::margin, "fraction by which; without a baseline: the threshold",
                          {.min = 0, .max = 1});
  return config::Schema<Declaration>("table", "what the experiment's table shows, tests and claims")
      .field("title", &Declaration::title, "title", required)
      .field("bootstrap_draws", &Declaration::draws, "draws of the hierarchical bootstrap",
             {.min = 100, .max = 10000000})
      .field("bootstrap_seed", &Declaration::seed, "seed of the hierarchical bootstrap")
      .field("confidence", &Declaration::confidence, "confidence of the intervals",
             {.min = 0, .max = 1, .open_min = true, .open_max = true})
      .table("column", &Declaration::columns, column, "columns, in their order")
      .table("compare", &Declaration::comparisons, compare, "tested contrasts, corrected together")
      .table("claim", &Declaration::claims, claim, "claims stated in advance");
}

/// Names in the table's entries, checked where they were written.
class Names {
 public:
  Names(std::span<const std::pair<std::string, std::string>> arms, std::span<const std::string> sets)
      : sets_(sets.begin(), sets.end()) {
    for (const auto& [name, label] : arms) arms_.push_back(name);
  }
  void check_arm(const config::Value& entry, std::string_view key) const { check(entry, key, "arm", arms_); }
  void check_set(const config::Value& entry) const { check(entry, "set", "fact set", sets_); }

 private:
  static void check(const config::Value& entry, std::string_view key, std::string_view what,
                    const std::vector<std::string>& known) {
    const config::Value* value = entry.find(key);
    if (value == nullptr) return;  // optional here; the schema has asked for what is required
    const std::string& name = value->as_string();
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    throw config::error_at(*value, fmt::format("table: there is no {} '{}'", what, name)).hint(suggestion(name, known));
  }

  std::vector<std::string> arms_, sets_;
};

const std::vector<config::Value>& entries(const config::Value& table, std::string_view key) {
  static const std::vector<config::Value> none;
  const config::Value* value = table.find(key);
  return value == nullptr ? none : value->items();
}

void check_baseline(const config::Value& entry, const std::string& arm, const std::string& baseline) {
  if (arm != baseline) return;
  throw config::error_at(*entry.find("baseline"), fmt::format("table: arm '{}' is its own baseline", arm));
}

}  // namespace

TableSpec read_table_spec(const config::Value& table, std::span<const std::pair<std::string, std::string>> arms,
                          std::span<const std::string> sets) {
  Declaration read = schema().read(table);
  if (read.columns.empty() && read.comparisons.empty() && read.claims.empty()) {
    throw config::error_at(table, "table: nothing to show").expected("at least one [[table.column]]");
  }
  const Names names(arms, sets);
  for (const config::Value& entry : entries(table, "column")) names.check_set(entry);

  std::set<std::tuple<std::string, std::string, std::string, Measure>> seen;
  for (std::size_t i = 0; i < read.comparisons.size(); ++i) {
    const config::Value& entry = entries(table, "compare")[i];
    const ComparisonSpec& spec = read.comparisons[i];
    names.check_arm(entry, "arm");
    names.check_arm(entry, "baseline");
    names.check_set(entry);
    check_baseline(entry, spec.arm, spec.baseline);
    if (!seen.emplace(spec.arm, spec.baseline, spec.set, spec.measure).second) {
      throw config::error_at(entry, "table: this comparison is declared twice")
          .hint("Holm's correction would count it twice; remove one");
    }
  }
  for (std::size_t i = 0; i < read.claims.size(); ++i) {
    const config::Value& entry = entries(table, "claim")[i];
    const ClaimSpec& spec = read.claims[i];
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
    } else if (spec.direction == Direction::equivalent) {
      throw config::error_at(*direction, "table: 'equivalent' needs a baseline")
          .hint("name a baseline, or use 'less' or 'greater' with the margin as the threshold");
    }
    if (spec.direction == Direction::equivalent && spec.margin == 0) {
      throw config::error_at(entry, "table: 'equivalent' needs a margin above 0")
          .hint("no interval fits into an empty range; 0.02 is two points");
    }
  }

  TableSpec spec;
  spec.title = std::move(read.title);
  spec.arms.assign(arms.begin(), arms.end());
  spec.columns = std::move(read.columns);
  spec.comparisons = std::move(read.comparisons);
  spec.claims = std::move(read.claims);
  spec.bootstrap = {static_cast<std::uint32_t>(read.draws), read.seed, read.confidence};
  return spec;
}

}  // namespace stet::report
