// The parts of matched comparisons, fronts, shares and regressions.
#include <stet/report/render_parts.hpp>

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

}  // namespace

Part matched_part(const Table& table) {
  Part part;
  part.grid.text_columns = 3;
  part.grid.header = {"Matched comparison", "On", "Where", "Difference", "p", "p (Holm)", "d_z", "seeds reached"};
  for (const Matched& m : table.matched) {
    const bool none = m.seed_list.empty();
    part.grid.rows.push_back({m.spec.label, subject(table, m.spec.set, m.spec.measure),
                              condition(m.spec.at, m.spec.accuracy),
                              format_estimate(m.difference, percent_of(table, m.spec.set, m.spec.measure)),
                              none ? "n/a" : format_p(m.test.p_value), none ? "n/a" : format_p(m.p_holm),
                              format_effect(m.d_z), reached_of(m.seed_list.size(), m.pairs)});
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
  part.grid.text_columns = 2;
  part.grid.header = {"Front", "Axes", "Area", "seeds"};
  for (const Front& front : table.fronts) {
    part.grid.rows.push_back({front.spec.label, fmt::format("{} x {}", front.spec.at, front.spec.set),
                              format_estimate(front.area, true), fmt::format("{}", front.seed_list.size())});
  }
  part.legend = "Area of the accuracies that the arms of a method attain together, against (0, 0), in % of the square.";
  return part;
}

Part shares_part(const Table& table) {
  Part part;
  part.grid.text_columns = 4;
  part.grid.header = {"Share of a gain", "Of", "On", "Where", "Share", "Whole gain", "seeds reached"};
  for (const Share& share : table.shares) {
    const ShareSpec& spec = share.spec;
    part.grid.rows.push_back({spec.label, contrast(table, spec.reference, spec.baseline),
                              subject(table, spec.set, spec.measure), condition(spec.at, spec.accuracy),
                              format_estimate(share.result.share, true),
                              format_estimate(share.result.gain, percent_of(table, spec.set, spec.measure)),
                              reached_of(share.seed_list.size(), share.pairs)});
  }
  part.legend =
      "Share in %: (arm - baseline) / (reference - baseline), ratio of the means over seeds; bootstrap interval, "
      "Fieller's below 6 seeds.";
  return part;
}

Part regression_part(const Table& table, const Regression& regression) {
  Part part;
  part.grid.text_columns = 2;
  part.grid.header = {regression.spec.label, "Block", "Log-odds per SD", "VIF"};
  const bool claims = !regression.spec.raises.empty() || !regression.spec.lowers.empty();
  if (claims) {
    part.grid.header.insert(part.grid.header.begin() + 2, "Claimed");
    part.grid.text_columns = 3;
  }
  for (const Coefficient& c : regression.coefficients) {
    auto& row = part.grid.rows.emplace_back(
        std::vector<std::string>{c.block == "arm" ? label_of(table, c.name) : c.name, c.block});
    const std::optional<CoefficientClaim> claim = claim_about(regression.spec, c, regression.seeds);
    const char* side = claim && claim->direction == Direction::less ? "< 0" : "> 0";
    if (claims) row.push_back(claim ? fmt::format("{}: {}", side, name_of(claim->verdict)) : "");
    row.push_back(format_estimate(c.estimate, false));
    row.push_back(inflation(c.inflation));
  }
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
  part.grid.header = {fmt::format("Through {}", regression.spec.mediator), "a", "b", "indirect a b", "direct"};
  for (const MediatedExposure& m : regression.mediated) {
    part.grid.rows.push_back({m.name, format_estimate(m.paths.a, false), format_estimate(m.paths.b, false),
                              format_estimate(m.paths.indirect, false), format_estimate(m.paths.direct, false)});
  }
  part.legend =
      fmt::format("Mediation: a, exposure to mediator (linear); b, mediator to forgetting (logistic); per SD. [{}.]",
                  bootstrap_of(table, regression));
  return part;
}

}  // namespace stet::report
