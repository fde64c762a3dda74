// CSV after RFC 4180.
#include <stet/base/strings.hpp>
#include <stet/report/render.hpp>
#include <stet/report/render_parts.hpp>

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <map>
#include <optional>

namespace stet::report {

namespace {

constexpr std::array<std::string_view, 39> csv_columns = {
    "kind",       "arm",       "arm_label", "baseline", "column",   "set",      "measure",      "mean",
    "low",        "high",      "seeds",     "facts",    "p",        "p_holm",   "d_z",          "permutations",
    "exact",      "direction", "margin",    "verdict",  "text",     "per_seed", "seed_list",    "label",
    "odds_ratio", "odds_low",  "odds_high", "p_tost",   "at",       "accuracy", "pairs",        "block",
    "vif",        "by_base",   "than",      "d_z_low",  "d_z_high", "only_arm", "only_baseline"};

/// Shortest text that reads back as the same number; nothing for NaN.
std::string exact_number(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

template <class Values>
std::string list(const Values& values) {
  std::vector<std::string> parts;
  parts.reserve(values.size());
  for (const auto value : values) parts.push_back(fmt::format("{}", value));
  return join(parts, ";");
}

void add_field(std::string& out, const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) {
    out += field;
    return;
  }
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

/// One line; the fields that are not named stay empty.
class Line {
 public:
  explicit Line(std::string kind) { fields_["kind"] = std::move(kind); }

  Line& set(std::string_view column, std::string value) {
    fields_[column] = std::move(value);
    return *this;
  }
  Line& estimate(const Estimate& estimate, const std::vector<std::uint64_t>& seeds) {
    return interval(estimate)
        .set("seeds", fmt::format("{}", seeds.size()))
        .set("per_seed", list(estimate.per_seed))
        .set("seed_list", list(seeds));
  }
  Line& interval(const Estimate& estimate) {
    return set("mean", exact_number(estimate.mean))
        .set("low", exact_number(estimate.low))
        .set("high", exact_number(estimate.high));
  }
  Line& test(const PermutationTest& test, double p_holm, const EffectSize& d_z) {
    return set("p", exact_number(test.p_value))
        .set("p_holm", exact_number(p_holm))
        .set("d_z", exact_number(d_z.value))
        .set("d_z_low", exact_number(d_z.low))
        .set("d_z_high", exact_number(d_z.high))
        .set("permutations", fmt::format("{}", test.permutations))
        .set("exact", test.exact ? "yes" : "no");
  }
  /// The difference that is subtracted: "arm;baseline;set".
  Line& than(const Contrast& contrast) {
    return contrast.named() ? set("than", fmt::format("{};{};{}", contrast.arm, contrast.baseline, contrast.set))
                            : *this;
  }
  /// Where arms are compared: the set, and the accuracy or "baseline".
  Line& where(const std::string& at, std::optional<double> accuracy) {
    if (at.empty()) return *this;
    return set("at", at).set("accuracy", accuracy ? exact_number(*accuracy) : "baseline");
  }
  void add_to(std::string& out) const {
    for (const std::string_view column : csv_columns) {
      if (column != csv_columns.front()) out += ',';
      const auto found = fields_.find(column);
      if (found != fields_.end()) add_field(out, found->second);
    }
    out += "\r\n";
  }

 private:
  std::map<std::string_view, std::string> fields_;
};

void add_matched(std::string& out, const Table& table) {
  for (const Matched& m : table.matched) {
    Line line("matched");
    line.set("label", m.spec.label).set("arm", m.spec.arm).set("arm_label", label_of(table, m.spec.arm));
    line.set("baseline", m.spec.baseline).set("set", m.spec.set).set("measure", std::string(name_of(m.spec.measure)));
    line.estimate(m.difference, m.seed_list).where(m.spec.at, m.spec.accuracy);
    line.set("pairs", fmt::format("{}", m.pairs)).set("text", join(m.spec.family, ";"));
    if (!m.seed_list.empty()) line.test(m.test, m.p_holm, m.d_z);
    line.add_to(out);
  }
  for (const Front& front : table.fronts) {
    Line line("front");
    line.set("label", front.spec.label).set("set", front.spec.set).set("at", front.spec.at);
    line.set("measure", "area").set("text", join(front.spec.arms, ";"));
    line.estimate(front.area, front.seed_list).add_to(out);
  }
  for (const Share& share : table.shares) {
    const ShareSpec& spec = share.spec;
    for (const bool whole : {false, true}) {
      Line line(whole ? "share_whole_gain" : "share");
      line.set("label", spec.label).set("baseline", spec.baseline).set("set", spec.set);
      line.set("arm", whole ? spec.reference : spec.arm)
          .set("arm_label", label_of(table, whole ? spec.reference : spec.arm));
      line.set("measure", std::string(name_of(spec.measure))).set("pairs", fmt::format("{}", share.pairs));
      if (!whole) line.set("text", spec.reference);
      line.estimate(whole ? share.result.gain : share.result.share, share.seed_list).where(spec.at, spec.accuracy);
      line.add_to(out);
    }
  }
}

void add_regression(std::string& out, const Table& table, const Regression& regression) {
  const auto line = [&](std::string kind, const std::string& name) {
    Line result(std::move(kind));
    result.set("label", regression.spec.label).set("set", regression.spec.set).set("column", name);
    return result;
  };
  for (const Coefficient& c : regression.coefficients) {
    Line row = line("coefficient", c.block == "arm" ? label_of(table, c.name) : c.name);
    row.interval(c.estimate).set("block", c.block).set("vif", exact_number(c.inflation));
    if (const auto claim = claim_about(regression.spec, c, regression.seeds)) {
      row.set("direction", std::string(name_of(claim->direction))).set("verdict", std::string(name_of(claim->verdict)));
    }
    row.add_to(out);
  }
  const auto value = [&](const std::string& name, double number) {
    Line row = line("regression", name);
    row.set("mean", exact_number(number)).set("seeds", fmt::format("{}", regression.seeds));
    row.set("facts", fmt::format("{}", regression.facts));
    return row;
  };
  value("rows", static_cast<double>(regression.rows)).add_to(out);
  value("forgotten", static_cast<double>(regression.forgotten)).add_to(out);
  if (regression.coefficients.empty()) return;
  value("r2_before", regression.r2_before).add_to(out);
  value("r2_after", regression.r2_after).add_to(out);
  value("auc_before", regression.auc_before).add_to(out);
  value("auc_after", regression.auc_after).add_to(out);
  for (const MediatedExposure& m : regression.mediated) {
    const std::pair<const char*, const Estimate*> paths[] = {
        {"a", &m.paths.a}, {"b", &m.paths.b}, {"indirect", &m.paths.indirect}, {"direct", &m.paths.direct}};
    for (const auto& [name, estimate] : paths) {
      line("mediation", m.name)
          .set("block", name)
          .set("text", regression.spec.mediator)
          .interval(*estimate)
          .add_to(out);
    }
  }
}

}  // namespace

std::string to_csv(const Table& table) {
  std::string out;
  Line header("kind");
  for (const std::string_view column : csv_columns) header.set(column, std::string(column));
  header.add_to(out);

  std::map<std::string, std::string> labels(table.spec.arms.begin(), table.spec.arms.end());
  for (std::size_t arm = 0; arm < table.cells.size(); ++arm) {
    for (std::size_t column = 0; column < table.cells[arm].size(); ++column) {
      const ColumnSpec& spec = table.spec.columns[column];
      Line line("cell");
      line.set("arm", table.spec.arms[arm].first).set("arm_label", table.spec.arms[arm].second);
      line.set("column", spec.label).set("set", spec.set).set("measure", std::string(name_of(spec.measure)));
      const auto& cell = table.cells[arm][column];
      if (cell) {
        line.estimate(cell->estimate, cell->seed_list).set("facts", fmt::format("{}", cell->facts));
      } else {
        line.set("seeds", "0");
      }
      line.add_to(out);
    }
  }
  for (const Comparison& c : table.comparisons) {
    Line line("comparison");
    line.set("arm", c.spec.arm).set("arm_label", labels[c.spec.arm]).set("baseline", c.spec.baseline).than(c.spec.than);
    line.set("set", c.spec.set).set("measure", std::string(name_of(c.spec.measure)));
    line.estimate(c.difference, c.seed_list).set("by_base", list(c.by_base));
    if (c.n > 0) line.test(c.test, c.p_holm, c.d_z);
    if (c.odds) {
      line.set("odds_ratio", exact_number(c.odds->value)).set("odds_low", exact_number(c.odds->low));
      line.set("odds_high", exact_number(c.odds->high));
      line.set("only_arm", fmt::format("{}", c.odds->only_a)).set("only_baseline", fmt::format("{}", c.odds->only_b));
    }
    line.add_to(out);
  }
  add_matched(out, table);
  for (const Regression& regression : table.regressions) add_regression(out, table, regression);
  for (const Claim& c : table.claims) {
    Line line("claim");
    line.set("arm", c.spec.arm).set("arm_label", labels[c.spec.arm]).set("baseline", c.spec.baseline).than(c.spec.than);
    line.set("set", c.spec.set).set("measure", std::string(name_of(c.spec.measure)));
    line.estimate(c.estimate, c.seed_list).set("by_base", list(c.by_base));
    line.set("direction", std::string(name_of(c.spec.direction))).set("margin", exact_number(c.spec.margin));
    line.set("verdict", std::string(name_of(c.verdict))).set("text", c.spec.text);
    line.set("p_tost", exact_number(c.p_equivalent));
    line.add_to(out);
  }
  for (const std::string& note : table.notes) Line("note").set("text", note).add_to(out);
  return out;
}

}  // namespace stet::report
