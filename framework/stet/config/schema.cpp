#include <stet/base/utf8.hpp>
#include <stet/config/schema.hpp>

#include <algorithm>
#include <array>

namespace stet::config {

std::string format_fields(std::span<const FieldInfo> fields) {
  if (fields.empty()) return "";
  using Row = std::array<std::string, 6>;
  std::vector<Row> rows{{"key", "type", "default", "range", "unit", "help"}};
  for (const FieldInfo& f : fields) rows.push_back({f.key, f.type, f.default_text, f.range, f.unit, f.help});
  std::array<std::size_t, 6> widths{};
  for (std::size_t column = 0; column < widths.size(); ++column) {
    for (std::size_t i = 1; i < rows.size(); ++i)
      widths[column] = std::max(widths[column], display_width(rows[i][column]));
    if (widths[column] > 0) widths[column] = std::max(widths[column], display_width(rows[0][column]));
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      if (widths[column] == 0) continue;
      line += row[column] + std::string(widths[column] - display_width(row[column]) + 2, ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace stet::config
