// Markdown and LaTeX.
#include <stet/base/shown.hpp>
#include <stet/report/render/render.hpp>
#include <stet/report/render/render_parts.hpp>

#include <fmt/format.h>

namespace stet::report {

namespace {

void add_markdown(std::string& out, const Part& part) {
  const auto line = [&](const std::vector<std::string>& cells) {
    for (const std::string& cell : cells) out += "| " + markdown_text(cell) + " ";
    out += "|\n";
  };
  line(part.header);
  for (std::size_t i = 0; i < part.header.size(); ++i) out += i < part.text_columns ? "| :--- " : "| ---: ";
  out += "|\n";
  for (const auto& row : part.rows) line(row);
}

std::string escape_latex(const std::string& text) {
  std::string out;
  for (const char c : terminal_text(text)) {
    switch (c) {
      case '\\': out += "\\textbackslash{}"; break;
      case '~': out += "\\textasciitilde{}"; break;
      case '^': out += "\\textasciicircum{}"; break;
      case '<': out += "\\textless{}"; break;
      case '>': out += "\\textgreater{}"; break;
      case '|': out += "\\textbar{}"; break;
      case '&':
      case '%':
      case '$':
      case '#':
      case '_':
      case '{':
      case '}':
        out += '\\';
        out += c;
        break;
      case '\n':
      case '\t': out += ' '; break;
      default: out += c;
    }
  }
  return out;
}

/// A hyphen before a digit is a minus.
std::string latex_number(const std::string& text) {
  std::string out;
  for (const char c : escape_latex(text)) {
    if (c == '-')
      out += "$-$";
    else
      out += c;
  }
  return out;
}

void add_latex(std::string& out, const Part& part) {
  out += "\\begin{tabular}{" + std::string(part.text_columns, 'l') +
         std::string(part.header.size() - part.text_columns, 'r') + "}\n\\toprule\n";
  const auto line = [&](const std::vector<std::string>& cells, bool head) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out += " & ";
      // An opening bracket at the start of a row would be taken as the argument of the "\\" before it.
      if (i == 0 && cells[i].starts_with('[')) out += "{}";
      out += head || i < part.text_columns ? escape_latex(cells[i]) : latex_number(cells[i]);
    }
    out += " \\\\\n";
  };
  line(part.header, true);
  out += "\\midrule\n";
  for (const auto& row : part.rows) line(row, false);
  out += "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace

std::string to_markdown(const Table& table) {
  std::string out = "### " + markdown_text(table.spec.title) + "\n\n";
  bool first = true;
  for (const Part& part : parts_of(table)) {
    if (part.rows.empty()) continue;
    if (!first) out += "\n";
    first = false;
    add_markdown(out, part);
    if (!part.legend.empty()) out += "\n" + markdown_text(part.legend) + "\n";
  }
  if (!table.notes.empty()) out += "\n";
  for (const std::string& note : table.notes) out += "- " + markdown_text(note) + "\n";
  return out;
}

std::string to_latex(const Table& table) {
  std::string out = "% Needs \\usepackage{booktabs}.\n\\begin{table}\n\\centering\n\\caption{" +
                    escape_latex(table.spec.title) + "}\n";
  std::string remarks;
  bool first = true;
  for (const Part& part : parts_of(table)) {
    if (part.rows.empty()) continue;
    if (!first) out += "\n\\medskip\n";
    first = false;
    add_latex(out, part);
    if (!part.legend.empty()) remarks += escape_latex(part.legend) + "\n";
  }
  for (const std::string& note : table.notes) remarks += escape_latex(note) + "\n";
  if (!remarks.empty())
    out += "\n\\medskip\n\\begin{minipage}{\\linewidth}\\footnotesize\n" + remarks + "\\end{minipage}\n";
  return out + "\\end{table}\n";
}

}  // namespace stet::report
