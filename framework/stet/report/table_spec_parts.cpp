#include <stet/base/strings.hpp>
#include <stet/report/table_spec_parts.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace stet::report {

namespace {

constexpr std::array along_a_run = {Measure::forgetting, Measure::final_accuracy, Measure::drop};

/// "accuracy": a share, or "baseline" (nothing).
std::optional<double> read_accuracy(const config::Value& entry) {
  constexpr const char* meaning = "a number in (0, 1], or \"baseline\": the baseline's own final accuracy";
  const config::Value* value = entry.find("accuracy");
  if (value == nullptr) return std::nullopt;
  if (value->is(config::Value::Kind::string)) {
    if (value->as_string() == "baseline") return std::nullopt;
    throw config::error_at(*value, fmt::format("table: accuracy = \"{}\"", value->as_string())).expected(meaning);
  }
  if (!value->is(config::Value::Kind::integer) && !value->is(config::Value::Kind::real)) {
    throw config::error_at(*value, "table: accuracy is no number").expected(meaning);
  }
  const double accuracy = value->as_real();
  if (accuracy > 0 && accuracy <= 1) return accuracy;
  throw config::error_at(*value, "table: an accuracy outside (0, 1]")
      .expected("a fraction; 0.9 is 90 %")
      .received(fmt::format("{}", accuracy));
}

void check_name(const config::Value& value, std::string_view what, const std::vector<std::string>& known) {
  const std::string& name = value.as_string();
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  throw config::error_at(value, fmt::format("table: there is no {} '{}'", what, name)).hint(suggestion(name, known));
}

void check_different(const config::Value& entry, std::string_view key, const std::string& name,
                     std::string_view other_key, const std::string& other) {
  if (name != other) return;
  throw config::error_at(*entry.find(key), fmt::format("table: '{}' is both {} and {}", name, key, other_key));
}

void check_at(const config::Value& entry, const std::string& at, const std::string& set) {
  if (at != set) return;
  throw config::error_at(*entry.find("at"), fmt::format("table: '{}' cannot be matched at itself", set))
      .hint("'at' is the set that was learnt (\"unknown\"), 'set' the one that was to be kept (\"held\")");
}

}  // namespace

std::vector<std::pair<std::string, Measure>> named_measures(std::span<const Measure> measures) {
  std::vector<std::pair<std::string, Measure>> names;
  for (const Measure measure : measures) names.emplace_back(std::string(name_of(measure)), measure);
  return names;
}

TableNames::TableNames(std::span<const std::pair<std::string, std::string>> arms, std::span<const std::string> sets)
    : sets_(sets.begin(), sets.end()) {
  for (const auto& [name, label] : arms) arms_.push_back(name);
}

void TableNames::check(const config::Value& entry) const {
  const auto check_at = [&entry](const char* key, std::string_view what, const std::vector<std::string>& known) {
    if (const config::Value* value = entry.find(key)) check_name(*value, what, known);
  };
  for (const char* key : {"arm", "reference", "baseline"}) check_at(key, "arm", arms_);
  for (const char* key : {"set", "at"}) check_at(key, "fact set", sets_);
}

std::vector<std::string> TableNames::arms_at(const config::Value& entry, std::string_view key) const {
  std::vector<std::string> result;
  const config::Value* list = entry.find(key);
  if (list == nullptr) return result;
  const auto add = [&](const std::string& arm) {
    if (std::find(result.begin(), result.end(), arm) == result.end()) result.push_back(arm);
  };
  for (const config::Value& value : list->items()) {
    const std::string& pattern = value.as_string();
    const bool literal = std::find(arms_.begin(), arms_.end(), pattern) != arms_.end();
    bool any = literal;
    if (literal) add(pattern);
    for (const std::string& arm : arms_) {
      if (literal || !matches_pattern(pattern, arm)) continue;
      add(arm);
      any = true;
    }
    if (!any) check_name(value, "arm", arms_);
  }
  return result;
}

config::Schema<MatchedSpec> matched_schema() {
  return config::Schema<MatchedSpec>("table.matched")
      .field("label", &MatchedSpec::label, "name of the row", required())
      .field("arm", &MatchedSpec::arm, "arm", required())
      .field("baseline", &MatchedSpec::baseline, "arm that is subtracted", required())
      .field("set", &MatchedSpec::set, "fact set of the measure", required())
      .choice("measure", &MatchedSpec::measure, named_measures(along_a_run), "what is compared")
      .field("at", &MatchedSpec::at, "fact set whose accuracy is matched", required())
      .leave("accuracy")
      .field("family", &MatchedSpec::family,
             "arms of one sweep, or patterns; the value is interpolated over their ends");
}

config::Schema<FrontSpec> front_schema() {
  return config::Schema<FrontSpec>("table.front")
      .field("label", &FrontSpec::label, "name of the row", required())
      .field("arms", &FrontSpec::arms, "arms of one method, or patterns", required())
      .field("set", &FrontSpec::set, "fact set that was to be kept", required())
      .field("at", &FrontSpec::at, "fact set that was learnt", required())
      .field("whole", &FrontSpec::whole, "all evaluations count, not only the last of each arm");
}

config::Schema<ShareSpec> share_schema() {
  return config::Schema<ShareSpec>("table.share")
      .field("label", &ShareSpec::label, "name of the row", required())
      .field("arm", &ShareSpec::arm, "arm", required())
      .field("reference", &ShareSpec::reference, "arm whose gain over the baseline is the whole", required())
      .field("baseline", &ShareSpec::baseline, "arm from which gains are counted", required())
      .field("set", &ShareSpec::set, "fact set of the measure", required())
      .choice("measure", &ShareSpec::measure, named_measures(along_a_run), "what is compared")
      .field("at", &ShareSpec::at, "fact set whose accuracy is matched; none: values at the end of the runs")
      .leave("accuracy");
}

config::Schema<RegressionSpec> regression_schema() {
  return config::Schema<RegressionSpec>("table.regression")
      .field("label", &RegressionSpec::label, "name")
      .choice("outcome", &RegressionSpec::outcome, {{"forgotten", FactOutcome::forgotten}},
              "what is explained: right at the first evaluation that counts, and wrong at the last")
      .field("set", &RegressionSpec::set, "fact set", required())
      .field("arms", &RegressionSpec::arms, "arms whose runs are pooled, or patterns", required())
      .field("confounds", &RegressionSpec::confounds, "arrays of the outcomes that go in first")
      .field("interference", &RegressionSpec::interference, "arrays that are tested after them")
      .field("raises", &RegressionSpec::raises, "covariates claimed to raise the odds: a coefficient above 0")
      .field("lowers", &RegressionSpec::lowers, "covariates claimed to lower them")
      .field("mediator", &RegressionSpec::mediator, "array through which interference may act, at the last evaluation")
      .field("arm_effects", &RegressionSpec::arm_effects, "an indicator for each arm but the first")
      .field("ridge", &RegressionSpec::ridge, "penalty on coefficients per standard deviation", {.min = 0})
      .field("draws", &RegressionSpec::draws, "draws of the bootstrap over seeds and facts",
             {.min = 100, .max = 1000000});
}

void complete(MatchedSpec& spec, const config::Value& entry, const TableNames& names) {
  check_different(entry, "baseline", spec.baseline, "arm", spec.arm);
  check_at(entry, spec.at, spec.set);
  spec.accuracy = read_accuracy(entry);
  spec.family = names.arms_at(entry, "family");
  if (std::find(spec.family.begin(), spec.family.end(), spec.baseline) != spec.family.end()) {
    throw config::error_at(*entry.find("family"),
                           fmt::format("table: the baseline '{}' is in the family", spec.baseline));
  }
}

void complete(FrontSpec& spec, const config::Value& entry, const TableNames& names) {
  check_at(entry, spec.at, spec.set);
  spec.arms = names.arms_at(entry, "arms");
  if (spec.arms.empty()) throw config::error_at(*entry.find("arms"), "table: a front without arms");
}

void complete(ShareSpec& spec, const config::Value& entry, const TableNames& /*names*/) {
  check_different(entry, "arm", spec.arm, "baseline", spec.baseline);
  check_different(entry, "reference", spec.reference, "baseline", spec.baseline);
  check_different(entry, "arm", spec.arm, "reference", spec.reference);
  spec.accuracy = read_accuracy(entry);
  if (entry.find("at") != nullptr) {
    check_at(entry, spec.at, spec.set);
  } else if (const config::Value* accuracy = entry.find("accuracy")) {
    throw config::error_at(*accuracy, "table: an accuracy, but no set that it is of").hint("add at = \"unknown\"");
  }
}

void complete(RegressionSpec& spec, const config::Value& entry, const TableNames& names) {
  spec.arms = names.arms_at(entry, "arms");
  if (spec.arms.empty()) throw config::error_at(*entry.find("arms"), "table: a regression without arms");
  if (spec.interference.empty()) {
    throw config::error_at(entry, "table: a regression without 'interference'")
        .expected("at least one array to test, such as interference = [\"overlap\"]");
  }
  std::set<std::string> seen;
  for (const char* key : {"confounds", "interference"}) {
    const config::Value* list = entry.find(key);
    if (list == nullptr) continue;
    for (const config::Value& name : list->items()) {
      if (!seen.insert(name.as_string()).second) {
        throw config::error_at(name, fmt::format("table: covariate '{}' is named twice", name.as_string()));
      }
    }
  }
  if (!spec.mediator.empty() && seen.contains(spec.mediator)) {
    throw config::error_at(*entry.find("mediator"),
                           fmt::format("table: '{}' is a covariate and the mediator", spec.mediator));
  }
  const std::vector<std::string> covariates(seen.begin(), seen.end());
  std::set<std::string> claimed;
  for (const char* key : {"raises", "lowers"}) {
    const config::Value* list = entry.find(key);
    if (list == nullptr) continue;
    for (const config::Value& name : list->items()) {
      if (!seen.contains(name.as_string())) {
        throw config::error_at(
            name, fmt::format("table: a claim about '{}', which is no covariate of the regression", name.as_string()))
            .hint(suggestion(name.as_string(), covariates));
      }
      if (!claimed.insert(name.as_string()).second)
        throw config::error_at(name, fmt::format("table: two claims about '{}'", name.as_string()));
    }
  }
  if (spec.label.empty()) spec.label = fmt::format("forgotten on {}", spec.set);
}

}  // namespace stet::report
