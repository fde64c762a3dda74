#include <stet/base/strings.hpp>
#include <stet/base/utf8.hpp>
#include <stet/report/render/render.hpp>
#include <stet/report/render/render_parts.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

namespace stet::report {
namespace {

/// A computed table with every sort of content, made by hand: an absent cell, text that needs escaping, a note.
Table sample() {
  Table table;
  table.spec.title = "Forgetting & fixes_1";
  table.spec.arms = {{"sd", "SD, 50%"}, {"sft", "SFT | plain"}};
  table.spec.columns = {{"Held", "held", Measure::final_accuracy, true},
                        {"F \"rel\"", "held", Measure::forgetting, false}};
  table.cells = {{Cell{{0.561, 0.52, 0.6034, {0.5, 0.622}}, 2, 500, {1, 2}},
                  Cell{{0.03, -0.0001, 0.05, {0.03, 0.03}}, 2, 500, {1, 2}}},
                 {Cell{{0.4, 0.35, 0.45, {0.4}}, 1, 500, {1}}, std::nullopt}};
  Comparison comparison;
  comparison.spec = {"sd", "sft", "held", Measure::final_accuracy};
  comparison.difference = {0.1, -0.01, 0.2, {0.1}};
  comparison.test = {1.0, 2, true};
  comparison.p_holm = 1.0;
  comparison.odds = OddsRatio{1.5, 0.9, std::numeric_limits<double>::infinity(), 30, 20, 2};
  comparison.n = 1;
  comparison.seed_list = {1};
  table.comparisons = {comparison};
  Claim claim;
  claim.spec = {"SD forgets less, \"surely\"", "sd", "sft", "held", Measure::drop, Direction::less, 0.02};
  claim.estimate = {-0.1, -0.2, -0.03, {-0.1}};
  claim.verdict = Verdict::holds;
  claim.n = 1;
  claim.seed_list = {1};
  table.claims = {claim};
  table.notes = {"Arm 'sft' has no finished run for seed 2."};
  return table;
}

TEST(Numbers, AsShown) {
  EXPECT_EQ(format_number(0.5614, true), "56.1");
  EXPECT_EQ(format_number(0.5614, false), "0.561");
  EXPECT_EQ(format_number(-0.0001, true), "0.0");
  EXPECT_EQ(format_number(-0.0006, true), "-0.1");
  EXPECT_EQ(format_number(std::numeric_limits<double>::quiet_NaN(), true), "n/a");
  EXPECT_EQ(format_p(2.0 / 256), "0.0078");
  EXPECT_EQ(format_p(0.00001), "<0.0001");
  EXPECT_EQ(format_p(1), "1.0000");
}

TEST(Numbers, WhatHasNoIntervalOrNoValueSaysSo) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(format_estimate({0.5, 0.25, 0.75, {}}, true), "50.0 [25.0, 75.0]");
  EXPECT_EQ(format_estimate({0.5, nan, nan, {}}, true), "50.0 [n/a]");
  EXPECT_EQ(format_estimate({nan, nan, nan, {}}, true), "n/a");
  EXPECT_EQ(format_effect({-1.5, -3.25, -0.125}), "-1.50 [-3.25, -0.12]");
  EXPECT_EQ(format_effect({infinity, nan, nan}), "inf");
  EXPECT_EQ(format_effect({}), "n/a");
  Table table = sample();
  table.comparisons.front().d_z = {2.5, 0.5, 4.75};
  EXPECT_NE(to_markdown(table).find("| 2.50 [0.50, 4.75] |"), std::string::npos);
  EXPECT_NE(to_csv(table).find(",0.5,4.75,30,20\r\n"), std::string::npos);
  OddsRatio one_way;
  one_way.only_a = 12;
  table.comparisons.front().odds = one_way;
  EXPECT_NE(to_markdown(table).find("| n/a (12:0) | 1 |"), std::string::npos);
  EXPECT_NE(to_markdown(table).find("n/a (0:9): no fact is right in the arm alone"), std::string::npos);
  EXPECT_NE(to_csv(table).find(",12,0\r\n"), std::string::npos);
  table.comparisons.front().odds.reset();
  EXPECT_NE(to_markdown(table).find("| n/a | 1 |"), std::string::npos);
  EXPECT_EQ(to_markdown(table).find("McNemar"), std::string::npos);
}

TEST(Numbers, IntervalsAreNamedForTheSeedsTheyAreOver) {
  Table table = sample();
  table.cells[0][0]->seeds = 8;
  EXPECT_NE(to_markdown(table).find("[95 % interval: 10000 hierarchical bootstrap draws over seeds and facts, expanded "
                                    "for few seeds; below 6 seeds Student's t over "
                                    "seeds, with one seed none]"),
            std::string::npos);
  for (auto& row : table.cells) {
    for (auto& cell : row) {
      if (cell) cell->seeds = 6;
    }
  }
  table.comparisons.front().n = table.claims.front().n = 6;
  EXPECT_NE(to_markdown(table).find(
                "[95 % interval: 10000 hierarchical bootstrap draws over seeds and facts, expanded for few seeds]"),
            std::string::npos);
}

TEST(Markdown, Golden) {
  EXPECT_EQ(to_markdown(sample()), R"(### Forgetting & fixes\_1

| Arm | Held | F "rel" | seeds |
| :--- | ---: | ---: | ---: |
| SD, 50% | 56.1 [52.0, 60.3] | 0.030 [0.000, 0.050] | 2 |
| SFT \| plain | 40.0 [35.0, 45.0] | n/a | 1/0 |

Mean over seeds [95 % interval: Student's t over seeds, with one seed none]. Facts: held 500. Forgetting is at least 0 by its definition, since the best evaluation may be the last: chance alone makes a small one. Look at the final accuracy beside it.

| Comparison | On | Difference | p | p (Holm) | d\_z | odds ratio | seeds |
| :--- | :--- | ---: | ---: | ---: | ---: | ---: | ---: |
| SD, 50% - SFT \| plain | Held | 10.0 [-1.0, 20.0] | 1.0000 | 1.0000 | n/a | 1.50 [0.90, inf] | 1 |

Paired by seed. p: two-sided sign-flip test over seeds (exact); Holm over 1 comparison. d\_z: mean over standard deviation of the differences, with Hedges' correction [95 % interval: noncentral t]. Odds ratio: of a right answer, the same facts in both arms, given that the arms differ on the fact (conditional, McNemar's; not the ratio of the arms' own odds) [Student's t over the seeds' log odds; an end is 0 or inf where at some seed no fact is right in one arm alone].

| Verdict | Claim | Criterion | Estimate | seeds |
| :--- | :--- | :--- | ---: | ---: |
| holds | SD forgets less, "surely" | SD, 50% - SFT \| plain (held, drop) \< -2.0 | -10.0 [-20.0, -3.0] | 1 |

- Arm 'sft' has no finished run for seed 2.
)");
}

TEST(Markdown, ADifferenceIsShownByBaseModelWhereSeedsShareThem) {
  Table table = sample();
  EXPECT_EQ(to_markdown(table).find("by base"), std::string::npos);
  table.comparisons.front().by_base = {0.25, -0.05};
  const std::string text = to_markdown(table);
  EXPECT_NE(text.find("| Comparison | On | Difference | by base | p |"), std::string::npos);
  EXPECT_NE(text.find("| 10.0 [-1.0, 20.0] | 25.0, -5.0 | 1.0000 |"), std::string::npos);
  EXPECT_NE(text.find("new seeds on these base models"), std::string::npos);
  EXPECT_NE(to_csv(table).find(",0.25;-0.05,,,,30,20\r\n"), std::string::npos);
}

TEST(Markdown, TwoDifferencesAreNamed) {
  Table table = sample();
  table.comparisons.front().spec.than = {"sft", "sd", "unknown"};
  EXPECT_NE(to_markdown(table).find(
                "| (SD, 50% - SFT \\| plain) - (SFT \\| plain - SD, 50%) | Held less unknown, final accuracy |"),
            std::string::npos)
      << to_markdown(table);
  EXPECT_NE(to_csv(table).find(",sft;sd;unknown,,,30,20\r\n"), std::string::npos);
}

TEST(Latex, Golden) {
  EXPECT_EQ(to_latex(sample()), R"(% Needs \usepackage{booktabs}.
\begin{table}
\centering
\caption{Forgetting \& fixes\_1}
\begin{tabular}{lrrr}
\toprule
Arm & Held & F "rel" & seeds \\
\midrule
SD, 50\% & 56.1 [52.0, 60.3] & 0.030 [0.000, 0.050] & 2 \\
SFT \textbar{} plain & 40.0 [35.0, 45.0] & n/a & 1/0 \\
\bottomrule
\end{tabular}

\medskip
\begin{tabular}{llrrrrrr}
\toprule
Comparison & On & Difference & p & p (Holm) & d\_z & odds ratio & seeds \\
\midrule
SD, 50\% - SFT \textbar{} plain & Held & 10.0 [$-$1.0, 20.0] & 1.0000 & 1.0000 & n/a & 1.50 [0.90, inf] & 1 \\
\bottomrule
\end{tabular}

\medskip
\begin{tabular}{lllrr}
\toprule
Verdict & Claim & Criterion & Estimate & seeds \\
\midrule
holds & SD forgets less, "surely" & SD, 50\% - SFT \textbar{} plain (held, drop) \textless{} -2.0 & $-$10.0 [$-$20.0, $-$3.0] & 1 \\
\bottomrule
\end{tabular}

\medskip
\begin{minipage}{\linewidth}\footnotesize
Mean over seeds [95 \% interval: Student's t over seeds, with one seed none]. Facts: held 500. Forgetting is at least 0 by its definition, since the best evaluation may be the last: chance alone makes a small one. Look at the final accuracy beside it.
Paired by seed. p: two-sided sign-flip test over seeds (exact); Holm over 1 comparison. d\_z: mean over standard deviation of the differences, with Hedges' correction [95 \% interval: noncentral t]. Odds ratio: of a right answer, the same facts in both arms, given that the arms differ on the fact (conditional, McNemar's; not the ratio of the arms' own odds) [Student's t over the seeds' log odds; an end is 0 or inf where at some seed no fact is right in one arm alone].
Arm 'sft' has no finished run for seed 2.
\end{minipage}
\end{table}
)");
}

TEST(Latex, EscapesEverySpecialCharacter) {
  Table table;
  table.spec.title = "\\ ~ ^ & % $ # _ { }";
  EXPECT_NE(to_latex(table).find("\\caption{\\textbackslash{} \\textasciitilde{} \\textasciicircum{} "
                                 "\\& \\% \\$ \\# \\_ \\{ \\}}"),
            std::string::npos);
}

TEST(Csv, Golden) {
  const std::string none = ",,,,,,,,,,,,,,,,";  // the fields of other kinds of lines
  const std::string expected =
      "kind,arm,arm_label,baseline,column,set,measure,mean,low,high,seeds,facts,p,p_holm,d_z,permutations,exact,"
      "direction,margin,verdict,text,per_seed,seed_list,label,odds_ratio,odds_low,odds_high,p_tost,at,accuracy,pairs,"
      "block,vif,by_base,than,d_z_low,d_z_high,only_arm,only_baseline\r\n"
      "cell,sd,\"SD, 50%\",,Held,held,final_accuracy,0.561,0.52,0.6034,2,500,,,,,,,,,,0.5;0.622,1;2" +
      none +
      "\r\n"
      "cell,sd,\"SD, 50%\",,\"F \"\"rel\"\"\",held,forgetting,0.03,-0.0001,0.05,2,500,,,,,,,,,,0.03;0.03,1;2" +
      none +
      "\r\n"
      "cell,sft,SFT | plain,,Held,held,final_accuracy,0.4,0.35,0.45,1,500,,,,,,,,,,0.4,1" +
      none +
      "\r\n"
      "cell,sft,SFT | plain,,\"F \"\"rel\"\"\",held,forgetting,,,,0,,,,,,,,,,,," +
      none +
      "\r\n"
      "comparison,sd,\"SD, "
      "50%\",sft,,held,final_accuracy,0.1,-0.01,0.2,1,,1,1,,2,yes,,,,,0.1,1,,1.5,0.9,inf,,,,,,,,,,,30,20\r\n"
      "claim,sd,\"SD, 50%\",sft,,held,drop,-0.1,-0.2,-0.03,1,,,,,,,less,0.02,holds,\"SD forgets less, "
      "\"\"surely\"\"\",-0.1,1" +
      none +
      "\r\n"
      "note,,,,,,,,,,,,,,,,,,,,Arm 'sft' has no finished run for seed 2.,," +
      none + "\r\n";
  EXPECT_EQ(to_csv(sample()), expected);
}

TEST(Rendering, TextsOfOthersCommandNothing) {
  Table table = sample();
  table.spec.arms[0].second = "=1+1\x1b[2J\u202e";
  table.notes = {"\x1b]0;owned\x07", "# [x](http://y)"};
  for (const std::string& text : {to_terminal(table), to_markdown(table), to_latex(table), to_csv(table)}) {
    for (const char* control : {"\x1b", "\x07", "\u202e"}) EXPECT_EQ(text.find(control), std::string::npos) << text;
  }
  EXPECT_NE(to_terminal(table).find("=1+1\\x1b[2J\\u{202e}"), std::string::npos);
  EXPECT_NE(to_latex(table).find("\\textbackslash{}x1b"), std::string::npos);
  EXPECT_NE(to_markdown(table).find("- \\# [x\\](http://y)"), std::string::npos);
  const std::string csv = to_csv(table);
  EXPECT_NE(csv.find("cell,sd,'=1+1"), std::string::npos) << csv;
  EXPECT_NE(csv.find(",-0.1,-0.2,-0.03,"), std::string::npos);  // numbers are no formulas
}

TEST(Csv, IsRectangular) {
  Table table = sample();
  table.notes.push_back("a, b\n\"c\"");
  // Count separators outside quotes in every record.
  std::size_t separators = 0;
  bool quoted = false;
  int records = 0;
  for (const char c : to_csv(table)) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == ',') ++separators;
    if (c == '\n') {
      EXPECT_EQ(separators, 38U) << "record " << records;
      separators = 0;
      ++records;
    }
  }
  EXPECT_EQ(records, 9);
}

TEST(Terminal, Golden) {
  EXPECT_EQ(to_terminal(sample()), R"(Forgetting & fixes_1

Arm                       Held               F "rel"  seeds
-----------------------------------------------------------
SD, 50%      56.1 [52.0, 60.3]  0.030 [0.000, 0.050]      2
SFT | plain  40.0 [35.0, 45.0]                   n/a    1/0
Mean over seeds [95 % interval: Student's t over seeds, with one seed none]. Facts: held 500. Forgetting is at
least 0 by its definition, since the best evaluation may be the last: chance alone makes a small one. Look at
the final accuracy beside it.

Comparison             On           Difference       p  p (Holm)  d_z        odds ratio  seeds
----------------------------------------------------------------------------------------------
SD, 50% - SFT | plain  Held  10.0 [-1.0, 20.0]  1.0000    1.0000  n/a  1.50 [0.90, inf]      1
Paired by seed. p: two-sided sign-flip test over seeds (exact); Holm over 1 comparison. d_z: mean over
standard deviation of the differences, with Hedges' correction [95 % interval: noncentral t]. Odds ratio: of a
right answer, the same facts in both arms, given that the arms differ on the fact (conditional, McNemar's; not
the ratio of the arms' own odds) [Student's t over the seeds' log odds; an end is 0 or inf where at some seed
no fact is right in one arm alone].

Verdict  Claim                      Criterion                                        Estimate  seeds
----------------------------------------------------------------------------------------------------
holds    SD forgets less, "surely"  SD, 50% - SFT | plain (held, drop) <  -10.0 [-20.0, -3.0]      1
                                    -2.0

* Arm 'sft' has no finished run for seed 2.
)");
}

TEST(Terminal, StaysNarrowHoweverWideTheTable) {
  Table table = sample();
  for (int i = 0; i < 9; ++i) {
    table.spec.columns.push_back(
        {"A rather long heading of a column, number " + std::to_string(i), "held", Measure::final_accuracy, true});
    for (auto& row : table.cells) row.push_back(Cell{{0.1 * i, 0, 1, {0.1 * i}}, 1, 500, {1}});
  }
  table.spec.arms[0].second = "Übermäßig" + std::string(200, 'x');
  table.claims[0].spec.text = std::string(50, 'y') + " and many more words that need several lines to be shown at all";
  table.notes.push_back(std::string(300, 'n'));
  table.notes.emplace_back();
  for (int i = 0; i < 100; ++i) table.notes.back() += "東";  // two columns each
  const std::string text = to_terminal(table);
  for (const std::string& line : split(text, '\n')) {
    EXPECT_LE(display_width(line), 110U) << line;
  }
  for (int i = 0; i < 9; ++i) EXPECT_NE(text.find("number " + std::to_string(i)), std::string::npos) << i;
  EXPECT_GE(std::count(text.begin(), text.end(), 'x'), 200);  // long words are broken, not cut
}

TEST(Rendering, AnEmptyTableIsNoAccident) {
  Table table;
  table.spec.title = "Empty";
  EXPECT_EQ(to_markdown(table), "### Empty\n\n");
  EXPECT_EQ(to_terminal(table), "Empty\n");
  EXPECT_NE(to_csv(table).find("kind,arm"), std::string::npos);
  EXPECT_NE(to_latex(table).find("\\end{table}"), std::string::npos);
}

}  // namespace
}  // namespace stet::report
