// Numbers as readers and as programs see them.
#include <stet/base/strings.hpp>
#include <stet/report/render/render_parts.hpp>

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

namespace {

template <class Number>
std::string list_of(std::span<const Number> values) {
  return fmt::format("{}", fmt::join(values, ";"));
}

}  // namespace

Record& Record::set(std::string_view column, double value) {
  return set(column, std::isnan(value) ? "" : fmt::format("{}", value));  // the shortest text that reads back the same
}

Record& Record::set(std::string_view column, std::uint64_t value) { return set(column, std::to_string(value)); }

Record& Record::list(std::string_view column, std::span<const double> values) { return set(column, list_of(values)); }

Record& Record::interval(const Estimate& estimate) {
  return set("mean", estimate.mean).set("low", estimate.low).set("high", estimate.high);
}

Record& Record::estimate(const Estimate& estimate, std::span<const std::uint64_t> seeds) {
  return interval(estimate)
      .set("seeds", seeds.size())
      .list("per_seed", estimate.per_seed)
      .set("seed_list", list_of(seeds));
}

Row& Row::number(std::string_view heading, std::string text) {
  if (part_.rows.size() == 1) part_.header.emplace_back(heading);
  part_.rows.back().push_back(std::move(text));
  return *this;
}

Row& Row::words(std::string_view heading, std::string text) {
  number(heading, std::move(text));
  part_.text_columns = part_.rows.back().size();
  return *this;
}

Row& Row::interval(std::string_view heading, const Estimate& estimate, bool percent) {
  record().interval(estimate);
  return number(heading, format_estimate(estimate, percent));
}

Row& Row::estimate(std::string_view heading, const Estimate& estimate, bool percent,
                   std::span<const std::uint64_t> seeds) {
  record().estimate(estimate, seeds);
  return number(heading, format_estimate(estimate, percent));
}

Row& Row::test(std::size_t pairs, const PermutationTest& test, double p_holm, const EffectSize& d_z) {
  const bool any = pairs > 0;
  if (any) {
    record().set("p", test.p_value).set("p_holm", p_holm).set("permutations", test.permutations);
    record().set("exact", test.exact ? "yes" : "no");
    record().set("d_z", d_z.value).set("d_z_low", d_z.low).set("d_z_high", d_z.high);
  }
  return number("p", any ? format_p(test.p_value) : "n/a")
      .number("p (Holm)", any ? format_p(p_holm) : "n/a")
      .number("d_z", format_effect(d_z));
}

}  // namespace stet::report
