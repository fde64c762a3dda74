#include <stet/base/shown.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

TEST(TerminalText, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(terminal_text("\x1b[2Jgone"), "\\x1b[2Jgone");
  EXPECT_EQ(terminal_text("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(terminal_text("right\rwrong\b\x7f"), "right\\x0dwrong\\x08\\x7f");
  EXPECT_EQ(terminal_text("\u009b2J\u0085"), "\\u{9b}2J\\u{85}");  // C1: CSI in one character
  EXPECT_EQ(terminal_text("\x9b\x32J"), "\\x9b2J");                // and in one byte
  EXPECT_EQ(terminal_text("a\u202eb\u2066c\u200f\u061c"), "a\\u{202e}b\\u{2066}c\\u{200f}\\u{61c}");
  EXPECT_EQ(terminal_text(std::string("a\0b", 3)), "a\\x00b");
}

TEST(TerminalText, LeavesEverythingElse) {
  const std::string text = "tab\tline\nZürich 東京 שלום \u00a0 \\x1b {} %s";
  EXPECT_EQ(terminal_text(text), text);
  const std::string once = terminal_text("\x1b[1m\u202e");
  EXPECT_EQ(terminal_text(once), once);
}

TEST(TerminalText, IsWhatAnErrorSays) {
  Error error(ErrorKind::data, "no tensor '\x1b[31m'");
  error.at("a\u202egnp.exe").received("\x9b").hint("line\nbreak");
  EXPECT_STREQ(error.what(),
               "no tensor '\\x1b[31m'\n  where: a\\u{202e}gnp.exe\n  received: \\x9b\n  hint: line\nbreak");
  EXPECT_EQ(error.where(), "a\u202egnp.exe");  // its parts stay what they are
}

TEST(SpreadsheetText, NoFormulas) {
  for (const std::string text : {"=1+1", "=HYPERLINK(\"http://x\")", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0",
                                 "@SUM(1)", "\t=1", "\r=1", "- a label", "-", "\uFF1D1+1", "+1;=2", "1e5", "-1;x"}) {
    const bool formula = text != "1e5";
    EXPECT_EQ(spreadsheet_text(text), (formula ? "'" : "") + text);
  }
}

TEST(SpreadsheetText, NumbersStayNumbers) {
  for (const std::string text : {"-0.25", "+3", "-1e-300", "-inf", "0.5", "-0.1;0.2;-3", "", "a-b", "sd = 1"})
    EXPECT_EQ(spreadsheet_text(text), text);
}

TEST(MarkdownText, NoMarkup) {
  EXPECT_EQ(markdown_text("a|b*c`d<e_f\\g"), "a\\|b\\*c\\`d\\<e\\_f\\\\g");
  EXPECT_EQ(markdown_text("[x](http://y) ![x][y] [x]: y"), "[x\\](http://y) ![x\\][y] [x\\]: y");
  EXPECT_EQ(markdown_text("&lt;b&gt; ~~x~~ $y$"), "\\&lt;b\\&gt; \\~\\~x\\~\\~ \\$y\\$");
  EXPECT_EQ(markdown_text("# a\n# b"), "\\# a # b");
  EXPECT_EQ(markdown_text("R & D, R&D"), "R & D, R\\&D");
  EXPECT_EQ(markdown_text("\x1b[0m\u202e"), "\\\\x1b[0m\\\\u{202e}");
  for (const std::string text : {"56.1 [52.0, 60.3]", "-1.52 [-3.01, -0.40]", "Zürich, 50 %"})
    EXPECT_EQ(markdown_text(text), text);
}

}  // namespace
}  // namespace stet
