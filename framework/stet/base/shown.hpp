// Text of others (files, labels, messages, a model's own words) as it may be shown: on a terminal, in a cell of a
// spreadsheet, in Markdown.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace stet {

/// `text` with all that a terminal would obey instead of showing as a visible escape: control characters but line break
/// and tab (\x1b), C1 controls and marks that turn the direction of writing (\u{202e}), bytes that are no UTF-8
/// (\xff). Text without them, and what this function gave, is left as it is.
[[nodiscard]] std::string terminal_text(std::string_view text);

/// `text` with ' before it if a spreadsheet would compute it: it begins with = + - @, their full-width forms, tab or
/// carriage return, and is neither a number nor numbers between semicolons.
[[nodiscard]] std::string spreadsheet_text(std::string_view text);

/// `text` as words of Markdown (CommonMark, GitHub's): one line, no markup, HTML, links or entities of its own, and
/// terminal_text().
[[nodiscard]] std::string markdown_text(std::string_view text);

/// Prints terminal_text() of the whole to standard output.
template <class... Args>
void print_shown(fmt::format_string<Args...> format, Args&&... args) {
  const std::string text = terminal_text(fmt::format(format, std::forward<Args>(args)...));
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace stet
