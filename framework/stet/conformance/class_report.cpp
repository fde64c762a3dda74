// What the kit found, as a verdict and as text.
#include <stet/conformance/conformance.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace stet {

bool all_passed(std::span<const ClassReport> reports) {
  return std::all_of(reports.begin(), reports.end(), [](const ClassReport& report) {
    return std::none_of(report.checks.begin(), report.checks.end(),
                        [](const CheckResult& check) { return check.verdict == CheckVerdict::failed; });
  });
}

std::string format_conformance(std::span<const ClassReport> reports) {
  constexpr std::array<const char*, 4> words = {"passed", "FAILED", "not applicable", "WARNING"};
  std::array<int, 4> counts{};
  std::string text;
  for (const ClassReport& report : reports) {
    text += fmt::format("{} {} {}\n", report.kind, report.name, report.parameters);
    for (const CheckResult& check : report.checks) {
      ++counts[static_cast<std::size_t>(check.verdict)];
      text += fmt::format("  {:<14}  {:<14}  {}\n", words[static_cast<std::size_t>(check.verdict)], check.check,
                          check.detail);
      if (!check.hint.empty()) text += fmt::format("  {:<14}  {:<14}  hint: {}\n", "", "", check.hint);
    }
  }
  text += fmt::format("{} passed, {} failed, {} not applicable", counts[0], counts[1], counts[2]);
  if (counts[3] > 0) text += fmt::format(", {} warning{}", counts[3], counts[3] == 1 ? "" : "s");
  return text + "\n";
}

}  // namespace stet
