// CSV after RFC 4180, without formulas.
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/report/render/render.hpp>
#include <stet/report/render/render_parts.hpp>

#include <array>

namespace stet::report {

namespace {

constexpr std::array<std::string_view, 39> csv_columns = {
    "kind",       "arm",       "arm_label", "baseline", "column",   "set",      "measure",      "mean",
    "low",        "high",      "seeds",     "facts",    "p",        "p_holm",   "d_z",          "permutations",
    "exact",      "direction", "margin",    "verdict",  "text",     "per_seed", "seed_list",    "label",
    "odds_ratio", "odds_low",  "odds_high", "p_tost",   "at",       "accuracy", "pairs",        "block",
    "vif",        "by_base",   "than",      "d_z_low",  "d_z_high", "only_arm", "only_baseline"};

}  // namespace

std::string to_csv(const Table& table) {
  std::string out;
  const auto line = [&out](const auto& field) {
    for (const std::string_view column : csv_columns) {
      if (column != csv_columns.front()) out += ',';
      out += field(column);
    }
    out += "\r\n";
  };
  const auto add = [&line](const Record& record) {
    line([&record](std::string_view column) {
      const auto found = record.fields().find(column);
      return found == record.fields().end() ? "" : csv_field(spreadsheet_text(terminal_text(found->second)));
    });
  };
  line([](std::string_view column) { return column; });
  for (const Part& part : parts_of(table)) {
    for (const Record& record : part.records) add(record);
  }
  for (const std::string& note : table.notes) add(Record("note").set("text", note));
  return out;
}

}  // namespace stet::report
