// Inside the report room: the parts of [table] beside columns, comparisons and claims.
#pragma once

#include <stet/config/schema.hpp>
#include <stet/report/table.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stet::report {

[[nodiscard]] inline config::Limits required() { return {.required = true}; }
/// Measures by their names in TOML.
[[nodiscard]] std::vector<std::pair<std::string, Measure>> named_measures(std::span<const Measure> measures);

/// Names in the table's entries, checked where they were written.
class TableNames {
 public:
  TableNames(std::span<const std::pair<std::string, std::string>> arms, std::span<const std::string> sets);

  /// The arms and sets that the entry names, whatever it is. Throws Error (config) there for one that does not exist.
  void check(const config::Value& entry) const;
  /// The list at `key`: names, or patterns such as "sd@strength=*" (fnmatch), which stand for every arm they match.
  /// Throws for a name or pattern that no arm has.
  [[nodiscard]] std::vector<std::string> arms_at(const config::Value& entry, std::string_view key) const;

 private:
  std::vector<std::string> arms_, sets_;
};

[[nodiscard]] config::Schema<MatchedSpec> matched_schema();
[[nodiscard]] config::Schema<FrontSpec> front_schema();
[[nodiscard]] config::Schema<ShareSpec> share_schema();
[[nodiscard]] config::Schema<RegressionSpec> regression_schema();

/// What the schemas cannot say: `accuracy` (a number or "baseline"), lists of arms, what makes no sense together.
/// `spec` was read by the schema from `entry`, whose names were checked. Throw Error (config) at the place.
void complete(MatchedSpec& spec, const config::Value& entry, const TableNames& names);
void complete(FrontSpec& spec, const config::Value& entry, const TableNames& names);
void complete(ShareSpec& spec, const config::Value& entry, const TableNames& names);
void complete(RegressionSpec& spec, const config::Value& entry, const TableNames& names);

}  // namespace stet::report
