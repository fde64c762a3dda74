#include <stet/plan/check/table_check.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace stet {

namespace {

using config::Value;
using report::Measure;

class TableCheck {
 public:
  explicit TableCheck(const Plan& plan) : plan_(plan), table_(*plan.document.find("table")) {
    for (std::size_t a = 0; a < plan.arms.size() && a < plan.runs.size(); ++a) {
      for (const PluginUse& probe : plan.runs[a].config.probes) probes_.insert(probe.key);
    }
  }

  void check() const {
    const report::TableSpec& spec = plan_.table;
    for (std::size_t i = 0; i < spec.columns.size(); ++i) {
      one(entry("column", i), spec.columns[i].set, spec.columns[i].measure, {});
    }
    for (std::size_t i = 0; i < spec.comparisons.size(); ++i) {
      const report::ComparisonSpec& c = spec.comparisons[i];
      one(entry("compare", i), c.set, c.measure, {c.arm, c.baseline, c.than.arm, c.than.baseline});
    }
    for (std::size_t i = 0; i < spec.claims.size(); ++i) {
      const report::ClaimSpec& c = spec.claims[i];
      one(entry("claim", i), c.set, c.measure, {c.arm, c.baseline, c.than.arm, c.than.baseline});
    }
    for (std::size_t i = 0; i < spec.regressions.size(); ++i) {
      const report::RegressionSpec& r = spec.regressions[i];
      for (const char* key : {"confounds", "interference", "mediator"}) {
        const Value* value = entry("regression", i).find(key);
        if (value == nullptr) continue;
        if (value->is(Value::Kind::string)) array(*value, value->as_string());
        if (value->is(Value::Kind::array)) {
          for (const Value& name : value->items()) array(name, name.as_string());
        }
      }
      filled(entry("regression", i), "set", r.set, r.arms);
    }
  }

 private:
  using Names = std::vector<std::string>;

  [[nodiscard]] const Value& entry(const char* kind, std::size_t i) const { return table_.find(kind)->items().at(i); }
  [[nodiscard]] static const Value& at(const Value& entry, const char* key) {
    const Value* value = entry.find(key);
    return value != nullptr ? *value : entry;
  }

  /// `arms`: those that the entry is about, empty names aside; none: all.
  void one(const Value& entry, const std::string& set, Measure measure, const Names& arms) const {
    const report::RecordedSet read = report::split_recorded_set(set, measure);
    if (report::reads_array(measure)) array(at(entry, "array"), read.array);
    if (measure == Measure::early_stop_accuracy) {
      for_arms(arms, [&](const PlannedRun& run) {
        if (run.config.sets.validation > 0) return;
        throw error_at(at(entry, "measure"),
                       fmt::format("table: early_stop_accuracy needs a validation set, and arm '{}' has none", run.arm))
            .expected("sets.validation above 0 in every arm of the table")
            .received("sets.validation = 0");
      });
    }
    filled(entry, "set", read.set, arms);
  }

  /// Where no arm has a fact in the set, there is nothing to show.
  void filled(const Value& entry, const char* key, const std::string& set, const Names& arms) const {
    bool any = false;
    for_arms(arms, [&](const PlannedRun& run) { any = any || run.config.sets.size_of(set) > 0; });
    if (any) return;
    throw error_at(at(entry, key), fmt::format("table: the fact set '{}' is empty", set))
        .expected("sets." + set + " above 0")
        .received("0");
  }

  /// "PROBE.NAME": of a probe that some arm uses.
  void array(const Value& where, const std::string& name) const {
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos) return;  // of the engine's own
    const std::string probe = name.substr(0, dot);
    if (probes_.contains(probe)) return;
    const Names known(probes_.begin(), probes_.end());
    throw error_at(where, fmt::format("table: '{}' is recorded by no run: no arm has a probe '{}'", name, probe))
        .expected(known.empty() ? "a [probe.NAME] table in the experiment" : "probes: " + join(known, ", "))
        .hint(suggestion(probe, known));
  }

  template <class Visit>
  void for_arms(const Names& arms, const Visit& visit) const {
    const bool all = std::all_of(arms.begin(), arms.end(), [](const std::string& arm) { return arm.empty(); });
    for (std::size_t a = 0; a < plan_.arms.size() && a < plan_.runs.size(); ++a) {
      if (all || std::find(arms.begin(), arms.end(), plan_.runs[a].arm) != arms.end()) visit(plan_.runs[a]);
    }
  }

  const Plan& plan_;
  const Value& table_;
  std::set<std::string> probes_;  // keys, of any arm
};

}  // namespace

void check_table(const Plan& plan) { TableCheck(plan).check(); }

}  // namespace stet
