// The parts of matched comparisons, fronts, shares and regressions.
#include <stet/base/strings.hpp>
#include <stet/report/render/render_parts.hpp>

#include <fmt/format.h>

#include <cmath>

namespace stet::report {

namespace {

/// "7 of 8"; one number where all were reached.
std::string reached_of(std::size_t reached, std::size_t pairs) {
  return reached == pairs ? fmt::format("{}", pairs) : fmt::format("{} of {}", reached, pairs);
}

/// What the intervals of a regression are.
std::string bootstrap_of(const Table& table, const Regression& regression) {
  if (regression.seeds < least_seeds) return fmt::format("No intervals below {} seeds", least_seeds);
  return fmt::format("{} interval: {} bootstrap draws over seeds and facts, expanded for few seeds",
                     confidence_of(table), regression.spec.draws);
}

std::string inflation(double value) { return std::isinf(value) ? "inf" : fmt::format("{:.2f}", value); }

Record& name_record(Record& record, const Regression& regression, const std::string& name) {
  return record.set("label", regression.spec.label).set("set", regression.spec.set).set("column", name);
}

}  // namespace

Part matched_part(const Table& table) {
  Part part;
  for (const Matched& m : table.matched) {
    const MatchedSpec& spec = m.spec;
    Row row(part, "matched");
    row.record().of(table, spec).set("label", spec.label).set("pairs", m.pairs).set("text", join(spec.family, ";"));
    row.words("Matched comparison", spec.label).words("On", subject(table, spec.set, spec.measure));
    row.words("Where", condition(spec.at, spec.accuracy));
    row.estimate("Difference", m.difference, percent_of(table, spec.set, spec.measure), m.seed_list);
    row.test(m.seed_list.size(), m.test, m.p_holm, m.d_z);
    row.number("seeds reached", reached_of(m.seed_list.size(), m.pairs));
  }
  part.legend =
      "Arm minus baseline where both have the same accuracy on the named set: at the first crossing of each run, or "
      "interpolated over the ends of a sweep's arms. Seeds that do not reach it are left out.";
  if (table.comparisons.empty()) {
    part.legend += fmt::format(" p: two-sided sign-flip test over seeds; Holm over {} {}. {}", table.matched.size(),
                               table.matched.size() == 1 ? "comparison" : "comparisons", effect_legend(table));
  }
  return part;
}

Part fronts_part(const Table& table) {
  Part part;
  for (const Front& front : table.fronts) {
    const FrontSpec& spec = front.spec;
    Row row(part, "front");
    row.record().of(table, spec).set("label", spec.label).set("at", spec.at).set("measure", "area");
    row.record().set("text", join(spec.arms, ";"));
    row.words("Front", spec.label).words("Axes", fmt::format("{} x {}", spec.at, spec.set));
    row.estimate("Area", front.area, true, front.seed_list).number("seeds", front.seed_list.size());
  }
  part.legend = "Area of the accuracies that the arms of a method attain together, against (0, 0), in % of the square.";
  return part;
}

Part shares_part(const Table& table) {
  Part part;
  for (const Share& share : table.shares) {
    const ShareSpec& spec = share.spec;
    Row row(part, "share");
    row.record().of(table, spec).set("label", spec.label).set("pairs", share.pairs).set("text", spec.reference);
    row.words("Share of a gain", spec.label).words("Of", contrast(table, spec.reference, spec.baseline));
    row.words("On", subject(table, spec.set, spec.measure)).words("Where", condition(spec.at, spec.accuracy));
    row.estimate("Share", share.result.share, true, share.seed_list);
    Record& whole = part.record("share_whole_gain").of(table, spec).set("label", spec.label).set("pairs", share.pairs);
    whole.estimate(share.result.gain, share.seed_list);
    whole.set("arm", spec.reference).set("arm_label", label_of(table, spec.reference));
    row.number("Whole gain", format_estimate(share.result.gain, percent_of(table, spec.set, spec.measure)));
    row.number("seeds reached", reached_of(share.seed_list.size(), share.pairs));
  }
  part.legend =
      "Share in %: (arm - baseline) / (reference - baseline), ratio of the means over seeds; bootstrap interval, "
      "Fieller's below 6 seeds.";
  return part;
}

Part regression_part(const Table& table, const Regression& regression) {
  Part part;
  const bool claims = !regression.spec.raises.empty() || !regression.spec.lowers.empty();
  for (const Coefficient& c : regression.coefficients) {
    const std::string name = c.block == "arm" ? label_of(table, c.name) : c.name;
    const std::optional<CoefficientClaim> claim = claim_about(regression.spec, c, regression.seeds);
    Row row(part, "coefficient");
    name_record(row.record(), regression, name).set("block", c.block).set("vif", c.inflation);
    row.words(regression.spec.label, name).words("Block", c.block);
    if (claim) {
      row.record().set("direction", name_of(claim->direction)).set("verdict", name_of(claim->verdict));
      const char* side = claim->direction == Direction::less ? "< 0" : "> 0";
      row.words("Claimed", fmt::format("{}: {}", side, name_of(claim->verdict)));
    } else if (claims) {
      row.words("Claimed", "");
    }
    row.interval("Log-odds per SD", c.estimate, false).number("VIF", inflation(c.inflation));
  }
  const auto value = [&](const std::string& name, double number) {
    name_record(part.record("regression"), regression, name)
        .set("mean", number)
        .set("seeds", regression.seeds)
        .set("facts", regression.facts);
  };
  value("rows", static_cast<double>(regression.rows));
  value("forgotten", static_cast<double>(regression.forgotten));
  if (regression.coefficients.empty()) return part;  // a note says why
  value("r2_before", regression.r2_before);
  value("r2_after", regression.r2_after);
  value("auc_before", regression.auc_before);
  value("auc_after", regression.auc_after);
  part.legend = fmt::format(
      "Logistic regression of {} forgotten of {} right facts ({} seeds, {} facts), ridge {:g}, intercept for each "
      "seed. "
      "[{}.] Interference after the rest: McFadden R2 {:.4f} -> {:.4f} (delta {:.4f})",
      regression.forgotten, regression.rows, regression.seeds, regression.facts, regression.spec.ridge,
      bootstrap_of(table, regression), regression.r2_before, regression.r2_after,
      regression.r2_after - regression.r2_before);
  part.legend += std::isnan(regression.auc_after)
                     ? "."
                     : fmt::format("; out-of-sample AUC (a seed left out) {:.3f} -> {:.3f}.", regression.auc_before,
                                   regression.auc_after);
  return part;
}

Part mediation_part(const Table& table, const Regression& regression) {
  Part part;
  if (regression.coefficients.empty()) return part;
  for (const MediatedExposure& m : regression.mediated) {
    Row row(part);
    row.words(fmt::format("Through {}", regression.spec.mediator), m.name);
    const auto path = [&](std::string_view name, std::string_view heading, const Estimate& estimate) {
      Record& record = name_record(part.record("mediation"), regression, m.name);
      record.set("block", name).set("text", regression.spec.mediator).interval(estimate);
      row.number(heading, format_estimate(estimate, false));
    };
    path("a", "a", m.paths.a);
    path("b", "b", m.paths.b);
    path("indirect", "indirect a b", m.paths.indirect);
    path("direct", "direct", m.paths.direct);
  }
  part.legend =
      fmt::format("Mediation: a, exposure to mediator (linear); b, mediator to forgetting (logistic); per SD. [{}.]",
                  bootstrap_of(table, regression));
  return part;
}

}  // namespace stet::report
