// Claims of a table: what they are called, and what decides them.
#include <stet/report/table.hpp>

#include <algorithm>
#include <cmath>

namespace stet::report {

std::string_view name_of(Direction direction) noexcept {
  switch (direction) {
    case Direction::less: return "less";
    case Direction::greater: return "greater";
    case Direction::equivalent: return "equivalent";
  }
  return "unknown";
}

std::string_view name_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::holds: return "holds";
    case Verdict::fails: return "fails";
    case Verdict::undecided: return "undecided";
    case Verdict::too_few_seeds: return "undecided: too few seeds";
  }
  return "unknown";
}

bool claims_anything(const TableSpec& spec) {
  return !spec.claims.empty() ||
         std::any_of(spec.regressions.begin(), spec.regressions.end(),
                     [](const RegressionSpec& r) { return !r.raises.empty() || !r.lowers.empty(); });
}

Verdict judge(const ClaimSpec& claim, double low, double high, std::size_t seeds) {
  if (seeds < least_seeds) return Verdict::too_few_seeds;
  const bool paired = !claim.baseline.empty();
  const double margin = claim.margin;
  bool holds = false, fails = false;
  switch (claim.direction) {
    case Direction::less: {
      const double threshold = paired ? -margin : margin;
      holds = high < threshold;
      fails = low > threshold;
      break;
    }
    case Direction::greater:
      holds = low > margin;
      fails = high < margin;
      break;
    case Direction::equivalent:
      holds = low > -margin && high < margin;
      fails = high <= -margin || low >= margin;
      break;
  }
  // An interval that touches the threshold, or is NaN, decides nothing.
  return holds ? Verdict::holds : fails ? Verdict::fails : Verdict::undecided;
}

std::optional<CoefficientClaim> claim_about(const RegressionSpec& spec, const Coefficient& coefficient,
                                            std::size_t seeds) {
  const auto named = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), coefficient.name) != names.end();
  };
  const bool raises = named(spec.raises);
  if (!raises && !named(spec.lowers)) return std::nullopt;
  const bool above = coefficient.estimate.low > 0, below = coefficient.estimate.high < 0;
  return CoefficientClaim{raises ? Direction::greater : Direction::less, seeds < least_seeds ? Verdict::too_few_seeds
                                                                         : (raises ? above : below) ? Verdict::holds
                                                                         : (raises ? below : above)
                                                                             ? Verdict::fails
                                                                             : Verdict::undecided};
}

}  // namespace stet::report
