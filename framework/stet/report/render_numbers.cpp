#include <stet/report/render_parts.hpp>

#include <fmt/format.h>

#include <cmath>

namespace stet::report {

std::string format_number(double value, bool percent) {
  if (std::isnan(value)) return "n/a";
  std::string text = percent ? fmt::format("{:.1f}", 100 * value) : fmt::format("{:.3f}", value);
  // "-0.0" would claim a sign that the shown digits do not have.
  if (text.front() == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string format_estimate(const Estimate& estimate, bool percent) {
  if (std::isnan(estimate.mean)) return "n/a";
  if (std::isnan(estimate.low) || std::isnan(estimate.high))
    return fmt::format("{} [n/a]", format_number(estimate.mean, percent));
  return fmt::format("{} [{}, {}]", format_number(estimate.mean, percent), format_number(estimate.low, percent),
                     format_number(estimate.high, percent));
}

std::string format_effect(const EffectSize& d_z) {
  if (std::isnan(d_z.value)) return "n/a";
  if (std::isnan(d_z.low)) return fmt::format("{:.2f}", d_z.value);
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", d_z.value, d_z.low, d_z.high);
}

std::string format_p(double p) { return p < 0.0001 ? "<0.0001" : fmt::format("{:.4f}", p); }

}  // namespace stet::report
