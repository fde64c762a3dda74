// CSV after RFC 4180.
#include <stet/base/strings.hpp>
#include <stet/report/render.hpp>

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <map>

namespace stet::report {

namespace {

constexpr std::array<std::string_view, 23> columns = {
    "kind",  "arm",       "arm_label", "baseline", "column", "set",      "measure",  "mean",
    "low",   "high",      "seeds",     "facts",    "p",      "p_holm",   "d_z",      "permutations",
    "exact", "direction", "margin",    "verdict",  "text",   "per_seed", "seed_list"};

/// Shortest text that reads back as the same number; nothing for NaN.
std::string exact_number(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

template <class Values>
std::string list(const Values& values) {
  std::vector<std::string> parts;
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
    return set("mean", exact_number(estimate.mean))
        .set("low", exact_number(estimate.low))
        .set("high", exact_number(estimate.high))
        .set("seeds", fmt::format("{}", seeds.size()))
        .set("per_seed", list(estimate.per_seed))
        .set("seed_list", list(seeds));
  }
  void add_to(std::string& out) const {
    for (const std::string_view column : columns) {
      if (column != columns.front()) out += ',';
      const auto found = fields_.find(column);
      if (found != fields_.end()) add_field(out, found->second);
    }
    out += "\r\n";
  }

 private:
  std::map<std::string_view, std::string> fields_;
};

}  // namespace

std::string to_csv(const Table& table) {
  std::string out;
  Line header("kind");
  for (const std::string_view column : columns) header.set(column, std::string(column));
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
    line.set("arm", c.spec.arm).set("arm_label", labels[c.spec.arm]).set("baseline", c.spec.baseline);
    line.set("set", c.spec.set).set("measure", std::string(name_of(c.spec.measure)));
    line.estimate(c.difference, c.seed_list);
    if (c.n > 0) {
      line.set("p", exact_number(c.test.p_value)).set("p_holm", exact_number(c.p_holm)).set("d_z", exact_number(c.d_z));
      line.set("permutations", fmt::format("{}", c.test.permutations)).set("exact", c.test.exact ? "yes" : "no");
    }
    line.add_to(out);
  }
  for (const Claim& c : table.claims) {
    Line line("claim");
    line.set("arm", c.spec.arm).set("arm_label", labels[c.spec.arm]).set("baseline", c.spec.baseline);
    line.set("set", c.spec.set).set("measure", std::string(name_of(c.spec.measure)));
    line.estimate(c.estimate, c.seed_list);
    line.set("direction", std::string(name_of(c.spec.direction))).set("margin", exact_number(c.spec.margin));
    line.set("verdict", std::string(name_of(c.verdict))).set("text", c.spec.text);
    line.add_to(out);
  }
  for (const std::string& note : table.notes) Line("note").set("text", note).add_to(out);
  return out;
}

}  // namespace stet::report
