// Aligned plain text for a terminal of at least 110 columns.
#include <stet/base/shown.hpp>
#include <stet/base/utf8.hpp>
#include <stet/report/render/render.hpp>
#include <stet/report/render/render_parts.hpp>

#include <algorithm>

namespace stet::report {

namespace {

constexpr std::size_t page_width = 110;
constexpr std::size_t gap = 2;

/// Lines of at most `width` columns, broken at spaces where possible.
std::vector<std::string> wrap(const std::string& given, std::size_t width) {
  const std::string text = terminal_text(given);
  std::vector<std::string> lines{""};
  std::size_t used = 0;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" \n\r\t", begin), text.size());
    const std::string_view word(text.data() + begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    const std::size_t length = display_width(word);
    if (used > 0 && used + 1 + length > width) {
      lines.emplace_back();
      used = 0;
    }
    if (used > 0) {
      lines.back() += ' ';
      ++used;
    }
    for (std::size_t i = 0; i < word.size();) {
      const std::string_view character = word.substr(i, decode_code_point(word.substr(i)).size);
      used += display_width(character);
      if (used > width) {  // a word longer than the line
        lines.emplace_back();
        used = display_width(character);
      }
      lines.back() += character;
      i += character.size();
    }
  }
  return lines;
}

class Layout {
 public:
  explicit Layout(const Part& part) : part_(part) {
    // Narrower words before a second block.
    for (limit_ = 40; limit_ > 20 && total(measure_columns()) > page_width; --limit_) {
    }
    widths_ = measure_columns();
  }

  void add_to(std::string& out) const {
    const std::size_t columns = part_.header.size();
    std::size_t next = part_.text_columns;
    bool first = true;
    do {
      std::vector<std::size_t> shown;
      std::size_t width = 0;
      for (std::size_t i = 0; i < part_.text_columns; ++i) {
        shown.push_back(i);
        width += widths_[i] + (i > 0 ? gap : 0);
      }
      const std::size_t begin = next;
      while (next < columns && (next == begin || width + gap + widths_[next] <= page_width)) {
        width += gap + widths_[next];
        shown.push_back(next++);
      }
      if (!first) out += '\n';
      first = false;
      add_row(out, part_.header, shown);
      out += std::string(width, '-') + '\n';
      for (const auto& row : part_.rows) add_row(out, row, shown);
    } while (next < columns);
  }

 private:
  [[nodiscard]] std::vector<std::string> lines_of(const std::string& cell, std::size_t column, bool header) const {
    // Numbers are never broken.
    if (column >= part_.text_columns && !header) return {terminal_text(cell)};
    return wrap(cell, column < part_.text_columns ? limit_ : std::size_t{22});
  }
  [[nodiscard]] std::vector<std::size_t> measure_columns() const {
    std::vector<std::size_t> widths(part_.header.size());
    const auto visit = [&](const std::vector<std::string>& row, bool header) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        for (const std::string& line : lines_of(row[i], i, header))
          widths[i] = std::max(widths[i], display_width(line));
      }
    };
    visit(part_.header, true);
    for (const auto& row : part_.rows) visit(row, false);
    return widths;
  }
  [[nodiscard]] static std::size_t total(const std::vector<std::size_t>& widths) {
    std::size_t sum = 0;
    for (const std::size_t width : widths) sum += width + gap;
    return sum - gap;
  }
  void add_row(std::string& out, const std::vector<std::string>& row, std::span<const std::size_t> shown) const {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (const std::size_t column : shown) {
      cells.push_back(lines_of(row[column], column, &row == &part_.header));
      height = std::max(height, cells.back().size());
    }
    for (std::size_t y = 0; y < height; ++y) {
      std::string line;
      for (std::size_t i = 0; i < shown.size(); ++i) {
        const std::string text = y < cells[i].size() ? cells[i][y] : "";
        const std::string padding(widths_[shown[i]] - display_width(text), ' ');
        if (i > 0) line.append(gap, ' ');
        line += shown[i] < part_.text_columns ? text + padding : padding + text;
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + '\n';
    }
  }

  const Part& part_;
  std::size_t limit_ = 0;
  std::vector<std::size_t> widths_;
};

void add_paragraph(std::string& out, const std::string& text) {
  for (const std::string& line : wrap(text, page_width)) out += line + '\n';
}

}  // namespace

std::string to_terminal(const Table& table) {
  std::string out;
  add_paragraph(out, table.spec.title);
  for (const Part& part : parts_of(table)) {
    if (part.rows.empty()) continue;
    out += '\n';
    Layout(part).add_to(out);
    if (!part.legend.empty()) add_paragraph(out, part.legend);
  }
  if (!table.notes.empty()) out += '\n';
  for (const std::string& note : table.notes) add_paragraph(out, "* " + note);
  return out;
}

}  // namespace stet::report
