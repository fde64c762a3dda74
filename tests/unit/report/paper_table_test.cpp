// Matched comparisons, fronts, shares and regressions as parts of a table: computed from runs and rendered.
#include <stet/report/render/render.hpp>
#include <stet/report/table.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "unit/report/tables.hpp"

namespace stet::report {
namespace {

/// Facts with an overlap with the new facts and a margin of the base model; overlap makes them be forgotten, in "sft"
/// through drift, in "sd" not at all. The outcome has three evaluations: before, half-way, after.
RunOutcome fact_run(const std::string& arm, std::uint64_t seed, Random& random, std::uint32_t facts = 250) {
  RunOutcome result = run(arm, seed, {});
  const bool sft = arm == "sft";
  result.sets["unknown"] =
      chance(sft ? std::vector<double>{0.0, 0.6, 0.95} : std::vector<double>{0.0, 0.4, 0.9}, 200, 2, random);
  Trajectory& held = result.sets["held"] = chance({1.0, 1.0, 1.0}, facts, 2, random);
  std::vector<float>&overlap = held.extra["overlap"], &drift = held.extra["drift"];
  for (std::uint32_t i = 0; i < facts; ++i) {
    const double x = random.normal(), margin = random.normal();
    const double moved = (sft ? 0.8 * x : 0.0) + random.normal();
    overlap.push_back(static_cast<float>(x));
    held.probability.push_back(static_cast<float>(margin));
    const double p = 1 / (1 + std::exp(0.8 + 0.7 * margin - (sft ? 1.0 : 0.0) * moved));
    held.correct[2 * facts + i] = random.uniform() < p ? 0 : 1;
    held.correct[facts + i] = random.uniform() < p / 2 ? 0 : 1;
    drift.push_back(static_cast<float>(moved));
  }
  // Probability and drift are recorded at every evaluation: the first and the last count, the others are noise.
  std::vector<float> everywhere(held.probability);
  everywhere.resize(3 * facts, 0.5F);
  held.probability = everywhere;
  std::vector<float> moved(2 * facts, 0.0F);
  moved.insert(moved.end(), drift.begin(), drift.end());
  drift = moved;
  return result;
}

TableSpec spec() {
  TableSpec s;
  s.title = "Paper";
  s.arms = {{"sft", "SFT"}, {"sd", "SD"}};
  s.columns = {{"Held", "held", Measure::final_accuracy, true}};
  s.comparisons = {{"sd", "sft", "held", Measure::final_accuracy}};
  MatchedSpec matched{"SD at 80 %", "sd", "sft", "held", Measure::final_accuracy, "unknown", 0.8, {}};
  s.matched = {matched};
  s.fronts = {{"SFT front", "held", "unknown", {"sft"}, true}};
  s.shares = {{"half", "sft", "sd", "sd2", "held", Measure::final_accuracy, "", std::nullopt}};
  RegressionSpec regression;
  regression.label = "forgotten on held";
  regression.set = "held";
  regression.arms = {"sft"};
  regression.confounds = {"probability"};
  regression.interference = {"overlap"};
  regression.mediator = "drift";
  regression.draws = 100;
  s.regressions = {regression};
  s.bootstrap.draws = 200;
  return s;
}

std::vector<RunOutcome> runs(std::uint64_t seeds = 6) {
  Random random(11, "data");
  std::vector<RunOutcome> all;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const char* arm : {"sft", "sd"}) all.push_back(fact_run(arm, seed, random));
    all.push_back(fact_run("sft", seed, random));
    all.back().arm = "sd2";
  }
  return all;
}

TEST(PaperTable, RegressionFindsWhatForgets) {
  const Table table = compute_table(spec(), runs());
  ASSERT_EQ(table.regressions.size(), 1U);
  const Regression& r = table.regressions[0];
  EXPECT_EQ(r.rows, 1500U);
  EXPECT_EQ(r.seeds, 6U);
  EXPECT_EQ(r.facts, 250U);
  ASSERT_EQ(r.coefficients.size(), 2U);
  EXPECT_EQ(r.coefficients[0].name, "probability");
  EXPECT_EQ(r.coefficients[0].block, "confound");
  // The truth is -0.7 and 0.8, attenuated since the noise of the drift is not in the model.
  EXPECT_NEAR(r.coefficients[0].estimate.mean, -0.6, 0.15);
  EXPECT_NEAR(r.coefficients[1].estimate.mean, 0.7, 0.15);
  EXPECT_GT(r.coefficients[1].estimate.low, 0.2);
  EXPECT_NEAR(r.coefficients[1].inflation, 1, 0.05);
  EXPECT_GT(r.r2_after, r.r2_before + 0.02);
  EXPECT_GT(r.auc_after, r.auc_before + 0.02);
  ASSERT_EQ(r.mediated.size(), 1U);
  EXPECT_NEAR(r.mediated[0].paths.indirect.mean, 0.8, 0.2);  // all of it goes through the drift
  EXPECT_GT(r.mediated[0].paths.indirect.low, 0.3);
  EXPECT_NEAR(r.mediated[0].paths.direct.mean, 0, 0.25);
}

TEST(PaperTable, ClaimsAboutCoefficientsAreJudged) {
  TableSpec s = spec();
  s.regressions[0].mediator.clear();
  s.regressions[0].raises = {"probability", "overlap"};  // the truth: below 0 and above it
  const Table table = compute_table(s, runs());
  const Regression& r = table.regressions[0];
  const auto verdict = [&](const RegressionSpec& of, const Coefficient& c) { return claim_about(of, c, 6)->verdict; };
  EXPECT_EQ(verdict(r.spec, r.coefficients[0]), Verdict::fails);
  EXPECT_EQ(verdict(r.spec, r.coefficients[1]), Verdict::holds);
  EXPECT_FALSE(claim_about(spec().regressions[0], r.coefficients[1], 6));
  EXPECT_EQ(claim_about(r.spec, r.coefficients[1], 5)->verdict, Verdict::too_few_seeds);
  Coefficient wide = r.coefficients[1];
  wide.estimate.low = -0.1;
  EXPECT_EQ(verdict(r.spec, wide), Verdict::undecided);
  RegressionSpec lowers = spec().regressions[0];
  lowers.lowers = {"probability", "overlap"};
  EXPECT_EQ(verdict(lowers, r.coefficients[0]), Verdict::holds);
  EXPECT_EQ(verdict(lowers, r.coefficients[1]), Verdict::fails);
  EXPECT_EQ(verdict(lowers, wide), Verdict::undecided);
  const std::string csv = to_csv(table), markdown = to_markdown(table);
  EXPECT_NE(markdown.find("| overlap | interference | > 0: holds |"), std::string::npos) << markdown;
  EXPECT_NE(csv.find(",fails"), std::string::npos) << csv;
  EXPECT_EQ(to_markdown(compute_table(spec(), runs())).find("Claimed"), std::string::npos);
}

TEST(PaperTable, ArmsEnterAsIndicators) {
  TableSpec s = spec();
  s.regressions[0].arms = {"sft", "sd"};
  s.regressions[0].mediator.clear();
  const Regression r = compute_table(s, runs()).regressions[0];
  ASSERT_EQ(r.coefficients.size(), 3U);
  EXPECT_EQ(r.coefficients[0].name, "sd");
  EXPECT_EQ(r.coefficients[0].block, "arm");
  EXPECT_EQ(r.rows, 3000U);
  s.regressions[0].arm_effects = false;
  EXPECT_EQ(compute_table(s, runs()).regressions[0].coefficients.size(), 2U);
}

TEST(PaperTable, WhatCannotBeFittedIsSaid) {
  TableSpec s = spec();
  s.regressions[0].interference = {"gradient"};
  const Table absent = compute_table(s, runs());
  EXPECT_TRUE(absent.regressions[0].coefficients.empty());
  EXPECT_TRUE(has_note(absent, "arm 'sft', seed 1 has no 'gradient' on 'held'"));
  EXPECT_TRUE(has_note(absent, "cannot be fitted: no finished run has facts for it"));

  s = spec();
  std::vector<RunOutcome> damaged = runs();
  for (RunOutcome& r : damaged) {
    for (float& x : r.sets["held"].extra["overlap"]) x = 3;
    r.sets["held"].probability[7] = std::nanf("");
  }
  const Table constant = compute_table(s, damaged);
  EXPECT_TRUE(has_note(constant, "'overlap' does not vary"));
  EXPECT_TRUE(has_note(constant, "6 facts of runs are left out"));
  EXPECT_EQ(constant.regressions[0].rows, 1494U);
  EXPECT_EQ(constant.regressions[0].r2_before, constant.regressions[0].r2_after);
}

TEST(PaperTable, MatchedComparisonsShareHolmsFamily) {
  const Table table = compute_table(spec(), runs(8));
  ASSERT_EQ(table.matched.size(), 1U);
  const Matched& m = table.matched[0];
  EXPECT_EQ(m.pairs, 8U);
  EXPECT_EQ(m.seed_list.size(), 8U);
  const double p = m.test.p_value, q = table.comparisons[0].test.p_value;
  EXPECT_DOUBLE_EQ(m.p_holm, p <= q ? std::min(1.0, 2 * p) : std::max(p, table.comparisons[0].p_holm));
  EXPECT_NEAR(table.fronts[0].area.mean, 0.7, 0.15);
  EXPECT_EQ(table.shares[0].seed_list.size(), 8U);
}

TEST(PaperTable, SeedsThatDoNotReachAreNamed) {
  TableSpec s = spec();
  s.matched[0].accuracy = 0.9;  // "sd" ends at 0.9 on average
  const Table table = compute_table(s, runs(8));
  EXPECT_LT(table.matched[0].seed_list.size(), 8U);
  EXPECT_TRUE(has_note(table, "of 8 seeds reach unknown at 90.0 %"));
  s.matched[0].accuracy = 1.0;
  const Table none = compute_table(s, runs(8));
  EXPECT_TRUE(none.matched[0].seed_list.empty());
  EXPECT_EQ(none.matched[0].p_holm, 1.0);
}

TEST(PaperTable, AShareOfNothingIsSaid) {
  TableSpec s = spec();
  s.shares[0] = {"of nothing", "sd", "sd2", "sft", "held", Measure::final_accuracy, "", std::nullopt};
  EXPECT_TRUE(has_note(compute_table(s, runs()), "holds 0: the share has no bounded interval"));
}

TEST(PaperTable, ColumnsWithoutTheirArrayAreAbsentWithANote) {
  TableSpec s = spec();
  s.columns.push_back({"ECE", "held", Measure::ece, true});
  const Table table = compute_table(s, runs(1));
  EXPECT_FALSE(table.cells[0][1].has_value());
  EXPECT_TRUE(has_note(table, "no 'confidence' was recorded on 'held', so 'ece' cannot be computed"));
}

TEST(PaperTable, OddsRatioAndEquivalenceStandBesideTheRest) {
  TableSpec s = spec();
  s.claims = {{"kept", "sd", "sft", "held", Measure::final_accuracy, Direction::equivalent, 0.5},
              {"not kept", "sd", "sft", "held", Measure::final_accuracy, Direction::equivalent, 0.001}};
  const Table table = compute_table(s, runs());
  ASSERT_TRUE(table.comparisons[0].odds.has_value());
  EXPECT_EQ(table.comparisons[0].odds->value > 1, table.comparisons[0].difference.mean > 0);
  EXPECT_LT(table.claims[0].p_equivalent, 1e-4);
  EXPECT_GT(table.claims[1].p_equivalent, 0.3);
}

TEST(PaperTable, ARegressionOverFewSeedsHasNoIntervals) {
  TableSpec s = spec();
  s.regressions[0].raises = {"overlap"};
  const Table table = compute_table(s, runs(5));
  const Regression& r = table.regressions[0];
  ASSERT_EQ(r.coefficients.size(), 2U);
  EXPECT_NEAR(r.coefficients[1].estimate.mean, 0.7, 0.2);
  EXPECT_TRUE(std::isnan(r.coefficients[1].estimate.low));
  EXPECT_TRUE(std::isnan(r.mediated[0].paths.indirect.high));
  EXPECT_TRUE(has_note(table, "'forgotten on held': intervals over 5 seeds are not given; at least 6 are needed."));
  const std::string text = to_markdown(table);
  EXPECT_NE(text.find("> 0: undecided: too few seeds"), std::string::npos) << text;
  EXPECT_NE(text.find("No intervals below 6 seeds"), std::string::npos) << text;
}

TEST(PaperTable, NoPThatTakesRowsAsIndependent) {
  const Table table = compute_table(spec(), runs());
  for (const std::string& text : {to_terminal(table), to_markdown(table), to_latex(table), to_csv(table)}) {
    for (const char* gone : {"chi2", "likelihood_ratio", "degrees", "rows taken as independent"})
      EXPECT_EQ(text.find(gone), std::string::npos) << text;
  }
}

TEST(PaperTable, EveryRenderingShowsEveryPart) {
  TableSpec s = spec();
  s.claims = {{"kept", "sd", "sft", "held", Measure::final_accuracy, Direction::equivalent, 0.5}};
  const Table table = compute_table(s, runs());
  for (const std::string& text : {to_terminal(table), to_markdown(table), to_latex(table)}) {
    for (const char* part : {"SD at 80 ", "unknown at 80.0 ", "seeds reached", "SFT front", "unknown x held",
                             "Whole gain", "half", "overlap", "interference", "VIF", "expanded for few seeds",
                             "McFadden", "AUC", "Through drift", "indirect", "odds ratio", "p (TOST)"}) {
      EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    }
  }
  const std::string csv = to_csv(table);
  for (const char* part :
       {"\r\nmatched,sd,SD,sft,", "\r\nfront,", "\r\nshare,sft,SFT,sd2,", "\r\nshare_whole_gain,sd,SD,sd2,",
        "\r\ncoefficient,", "\r\nregression,,,,r2_after,held,", "\r\nmediation,,,,overlap,held,", ",unknown,0.8,6,"}) {
    EXPECT_NE(csv.find(part), std::string::npos) << part << "\n" << csv;
  }
}

}  // namespace
}  // namespace stet::report
