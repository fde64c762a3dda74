// Numbers that mean nothing are not shown as numbers, and decide nothing.
#include <stet/report/render/render.hpp>
#include <stet/report/table.hpp>

#include <gtest/gtest.h>

#include "unit/report/tables.hpp"

namespace stet::report {
namespace {

TEST(Judge, FewSeedsDecideNothing) {
  const ClaimSpec less = claim(Direction::less, 0.02);
  for (const std::size_t seeds : {0U, 1U, 5U})
    EXPECT_EQ(judge(less, -0.10, -0.03, seeds), Verdict::too_few_seeds) << seeds;
  EXPECT_EQ(name_of(Verdict::too_few_seeds), "undecided: too few seeds");
}

TEST(ComputeTable, AVerdictNeedsSixSeeds) {
  const auto verdict = [](std::uint64_t seeds) {
    std::vector<RunOutcome> runs;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      runs.push_back(run("sd", seed, {{"held", fixed(9, 10)}}));
      runs.push_back(run("sft", seed, {{"held", fixed(6, 10)}}));
    }
    TableSpec spec = two_arms();
    spec.claims = {claim(Direction::greater, 0.2)};
    const Table table = compute_table(spec, runs);
    EXPECT_EQ(has_note(table, "A claim gets a verdict from 6 seeds on."), seeds < 6);
    return table.claims.front().verdict;
  };
  EXPECT_EQ(verdict(1), Verdict::too_few_seeds);
  EXPECT_EQ(verdict(5), Verdict::too_few_seeds);
  EXPECT_EQ(verdict(6), Verdict::holds);
}

TEST(ClaimsAnything, CoefficientsToo) {
  TableSpec spec = two_arms();
  EXPECT_FALSE(claims_anything(spec));
  spec.regressions.emplace_back();
  EXPECT_FALSE(claims_anything(spec));
  spec.regressions.front().lowers = {"margin"};
  EXPECT_TRUE(claims_anything(spec));
  spec.regressions.clear();
  spec.claims = {claim(Direction::less, 0)};
  EXPECT_TRUE(claims_anything(spec));
}

/// What one seed, or four, would have said: of arms that do not differ, and a spread of three points over seeds.
TEST(ComputeTable, AClaimOfNoDifferenceSeldomHolds) {
  Random random(41, "no difference");
  int held = 0, verdicts = 0;
  constexpr int tables = 200;
  for (const std::uint64_t seeds : {6U, 8U}) {
    for (int k = 0; k < tables; ++k) {
      std::vector<RunOutcome> runs;
      for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        for (const char* arm : {"sd", "sft"})
          runs.push_back(run(arm, seed, {{"held", chance({0.7 + 0.03 * random.normal()}, 200, 2, random)}}));
      }
      TableSpec spec = two_arms();
      spec.columns.clear();
      spec.comparisons.clear();
      spec.bootstrap.draws = 500;
      spec.claims = {claim(Direction::greater, 0)};
      const Verdict verdict = compute_table(spec, runs).claims.front().verdict;
      held += verdict == Verdict::holds;
      verdicts += verdict == Verdict::holds || verdict == Verdict::fails;
    }
  }
  EXPECT_LE(held, 0.045 * 2 * tables);      // 2.5 %, and two and a half standard errors
  EXPECT_LE(verdicts, 0.078 * 2 * tables);  // 5 %
}

TEST(ComputeTable, ForgettingOfWhatWasNeverKnownTakesNoPart) {
  const Trajectory never = trajectory({"0000", "0000"}), half = trajectory({"1111", "1100"}),
                   none = trajectory({"1111", "1111"});
  std::vector<RunOutcome> runs;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    runs.push_back(run("sd", seed, {{"held", seed == 3 ? never : none}}));
    runs.push_back(run("sft", seed, {{"held", seed == 5 ? never : half}}));
    runs.push_back(run("empty", seed, {{"held", never}}));
  }
  TableSpec spec = two_arms();
  spec.arms.push_back({"empty", "Never knew"});
  spec.columns = {{"Held", "held", Measure::final_accuracy, true}, {"F", "held", Measure::forgetting, true}};
  spec.comparisons = {{"sd", "sft", "held", Measure::forgetting}, {"empty", "sft", "held", Measure::forgetting}};
  ClaimSpec less = claim(Direction::less, 0.1);
  less.measure = Measure::forgetting;
  ClaimSpec never_forgets = less;
  never_forgets.arm = "empty";
  never_forgets.baseline.clear();
  spec.claims = {less, never_forgets};
  const Table table = compute_table(spec, runs);
  EXPECT_EQ(table.cells[0][0]->seeds, 8U);
  EXPECT_EQ(table.cells[0][1]->seed_list, (std::vector<std::uint64_t>{1, 2, 4, 5, 6, 7, 8}));
  EXPECT_FALSE(table.cells[2][1].has_value());
  EXPECT_EQ(table.comparisons[0].seed_list, (std::vector<std::uint64_t>{1, 2, 4, 6, 7, 8}));
  EXPECT_DOUBLE_EQ(table.comparisons[0].difference.mean, -0.5);
  EXPECT_EQ(table.comparisons[0].test.p_value, 2.0 / 64);
  EXPECT_EQ(table.comparisons[1].n, 0U);
  EXPECT_EQ(table.comparisons[1].test.p_value, 1.0);
  EXPECT_EQ(table.claims[0].n, 6U);
  EXPECT_EQ(table.claims[0].verdict, Verdict::holds);
  EXPECT_EQ(table.claims[1].verdict, Verdict::too_few_seeds);  // 0 [0, 0] would have held
  EXPECT_TRUE(has_note(table,
                       "'sd' on 'held': forgetting is n/a at seed 3 (none of the facts was ever right, and 0/0 is no "
                       "number). 1 of 8 seeds are left out"));
  EXPECT_TRUE(has_note(table, "'sd' against 'sft' on 'held': forgetting is n/a at seeds 3, 5"));
  EXPECT_TRUE(has_note(table, "2 of 8 seeds are left out"));
  EXPECT_TRUE(has_note(table, "'empty' against 'sft' on 'held': no seed has a value in both"));
  for (const std::string& text : {to_terminal(table), to_markdown(table), to_latex(table)}) {
    const std::size_t row = text.find("Never knew");
    ASSERT_NE(row, std::string::npos);
    EXPECT_NE(text.substr(row, text.find('\n', row) - row).find("n/a"), std::string::npos) << text;
    EXPECT_NE(text.find("0/0 is no"), std::string::npos) << text;
  }
  EXPECT_NE(to_csv(table).find("cell,empty,Never knew,,F,held,forgetting,,,,0,"), std::string::npos) << to_csv(table);
}

TEST(ComputeTable, ForgettingIsShownBesideTheFinalAccuracy) {
  TableSpec spec = two_arms();
  spec.comparisons.clear();
  spec.columns = {{"Known", "known", Measure::final_accuracy, true},
                  {"F", "held", Measure::forgetting, true},
                  {"F known", "known", Measure::drop, true}};
  std::vector<RunOutcome> runs;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    for (const char* arm : {"sd", "sft"}) {
      runs.push_back(run(arm, seed, {{"held", trajectory({"1111", "1110"})}, {"known", trajectory({"1111", "1111"})}}));
    }
  }
  const Table table = compute_table(spec, runs);
  ASSERT_EQ(table.spec.columns.size(), 4U);
  EXPECT_EQ(table.spec.columns[1].label, "held, final accuracy");
  EXPECT_EQ(table.spec.columns[1].measure, Measure::final_accuracy);
  EXPECT_DOUBLE_EQ(table.cells[0][1]->estimate.mean, 0.75);
  EXPECT_DOUBLE_EQ(table.cells[0][2]->estimate.mean, 0.25);
  EXPECT_NE(to_markdown(table).find("at least 0 by its definition"), std::string::npos);  // of the known facts: 0.0
  spec.columns.pop_back();
  EXPECT_EQ(to_markdown(compute_table(spec, runs)).find("by its definition"), std::string::npos);  // 25 is not small
}

TEST(ComputeTable, DrawsThatDoNotReachTheIntervalAreSaid) {
  std::vector<RunOutcome> runs;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    for (const char* arm : {"sd", "sft"}) runs.push_back(run(arm, seed, {{"held", fixed(9, 10)}}));
  }
  TableSpec spec = two_arms();
  EXPECT_FALSE(has_note(compute_table(spec, runs), "extremes"));  // two_arms() has 420 draws, and 412 are needed
  spec.bootstrap.draws = 400;
  EXPECT_TRUE(has_note(compute_table(spec, runs), "extremes"));
  spec.bootstrap.draws = 500;
  spec.bootstrap.confidence = 0.99;
  EXPECT_TRUE(
      has_note(compute_table(spec, runs),
               "Bootstrap: of 500 draws none lies beyond the 0.0005 % that an interval over 6 seeds leaves out"));
}

}  // namespace
}  // namespace stet::report
