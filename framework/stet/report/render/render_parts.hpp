// Inside the report room: a computed table as parts, rows and records, made once for every format. A format knows
// these, and nothing of what a table holds.
#pragma once

#include <stet/report/table.hpp>

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stet::report {

[[nodiscard]] std::string format_number(double value, bool percent);  ///< "56.1", "0.561", "n/a"
[[nodiscard]] std::string format_estimate(const Estimate& estimate,
                                          bool percent);  ///< "56.1 [52.0, 60.3]", "56.1 [n/a]" without an interval
[[nodiscard]] std::string format_effect(const EffectSize& d_z);  ///< "-1.52 [-3.01, -0.40]", "inf", "n/a"
[[nodiscard]] std::string format_p(double p);                    ///< "0.0078", "<0.0001"

/// What a program reads: one line of CSV, its values by the names of csv_columns. Numbers are fractions at full
/// precision, nothing for NaN; what is not set stays empty.
class Record {
 public:
  explicit Record(std::string_view kind) { set("kind", kind); }

  Record& set(std::string_view column, std::string_view value) {
    fields_.insert_or_assign(column, std::string(value));
    return *this;
  }
  Record& set(std::string_view column, double value);
  Record& set(std::string_view column, std::uint64_t value);
  Record& list(std::string_view column, std::span<const double> values);  ///< separated by ';'
  Record& interval(const Estimate& estimate);
  Record& estimate(const Estimate& estimate, std::span<const std::uint64_t> seeds);
  /// What an entry of the table is of: whichever of these its declaration has.
  template <class Spec>
  Record& of(const Table& table, const Spec& spec);

  [[nodiscard]] const std::map<std::string_view, std::string>& fields() const noexcept { return fields_; }

 private:
  std::map<std::string_view, std::string> fields_;  // the names are literals
};

/// One part of a table: unescaped rows for readers, what must be said about their numbers (may be empty), and the same
/// as records. Without rows there is nothing for readers.
struct Part {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::size_t text_columns = 0;  ///< the first ones are words, the others numbers
  std::string legend;
  std::vector<Record> records;

  Record& record(std::string_view kind) { return records.emplace_back(kind); }
};

/// One row of a part while it is filled from left to right; its first row makes the header. With a kind it has a
/// record, which gets what the row shows.
class Row {
 public:
  explicit Row(Part& part) : part_(part), record_(part.records.size()) { part.rows.emplace_back(); }
  Row(Part& part, std::string_view kind) : Row(part) { part.record(kind); }

  [[nodiscard]] Record& record() { return part_.records[record_]; }
  Row& words(std::string_view heading, std::string text);
  Row& number(std::string_view heading, std::string text);
  Row& number(std::string_view heading, std::size_t count) { return number(heading, std::to_string(count)); }
  Row& interval(std::string_view heading, const Estimate& estimate, bool percent);
  Row& estimate(std::string_view heading, const Estimate& estimate, bool percent, std::span<const std::uint64_t> seeds);
  /// p, p after Holm, d_z; `pairs` 0: there was nothing to test.
  Row& test(std::size_t pairs, const PermutationTest& test, double p_holm, const EffectSize& d_z);

 private:
  Part& part_;
  std::size_t record_;
};

/// The parts of a table in the order of every rendering.
[[nodiscard]] std::vector<Part> parts_of(const Table& table);

// Names as a reader sees them.
[[nodiscard]] std::string label_of(const Table& table, const std::string& arm);
[[nodiscard]] std::string contrast(const Table& table, const std::string& arm, const std::string& baseline,
                                   const Contrast& than = {});
/// The column's label, where the table shows the same numbers; else "set, measure".
[[nodiscard]] std::string subject(const Table& table, const std::string& set, Measure measure);
[[nodiscard]] bool percent_of(const Table& table, const std::string& set, Measure measure);
template <class Spec>
Record& Record::of(const Table& table, const Spec& spec) {
  if constexpr (requires { spec.arm; }) set("arm", spec.arm).set("arm_label", label_of(table, spec.arm));
  if constexpr (requires { spec.baseline; }) set("baseline", spec.baseline);
  if constexpr (requires { spec.measure; }) set("measure", name_of(spec.measure));
  if constexpr (requires { spec.accuracy; }) {  // where arms are compared: at the baseline's own, if none is named
    if (!spec.at.empty()) set("at", spec.at).set("accuracy", "baseline");
    if (!spec.at.empty() && spec.accuracy) set("accuracy", *spec.accuracy);
  }
  if constexpr (requires { spec.than; }) {
    if (spec.than.named()) set("than", spec.than.arm + ";" + spec.than.baseline + ";" + spec.than.set);
  }
  return set("set", spec.set);
}

[[nodiscard]] std::string confidence_of(const Table& table);  ///< "95 %"
[[nodiscard]] std::string effect_legend(const Table& table);  ///< what d_z and its interval are

// The parts of matched comparisons, fronts, shares and regressions.
[[nodiscard]] Part matched_part(const Table& table);
[[nodiscard]] Part fronts_part(const Table& table);
[[nodiscard]] Part shares_part(const Table& table);
[[nodiscard]] Part regression_part(const Table& table, const Regression& regression);
[[nodiscard]] Part mediation_part(const Table& table, const Regression& regression);

}  // namespace stet::report
