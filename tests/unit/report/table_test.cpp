#include <stet/base/error.hpp>
#include <stet/outcomes/answer_baseline.hpp>
#include <stet/report/table.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "unit/report/tables.hpp"

namespace stet::report {
namespace {

TEST(Judge, LessHasThreeVerdicts) {
  const ClaimSpec less = claim(Direction::less, 0.02);
  EXPECT_EQ(judge(less, -0.10, -0.03, 6), Verdict::holds);
  EXPECT_EQ(judge(less, -0.01, 0.03, 6), Verdict::fails);
  EXPECT_EQ(judge(less, -0.10, -0.01, 6), Verdict::undecided);
  EXPECT_EQ(judge(less, -0.10, -0.02, 6), Verdict::undecided);  // touches
}

TEST(Judge, GreaterIsMirrored) {
  const ClaimSpec greater = claim(Direction::greater, 0.02);
  EXPECT_EQ(judge(greater, 0.03, 0.10, 6), Verdict::holds);
  EXPECT_EQ(judge(greater, -0.03, 0.01, 6), Verdict::fails);
  EXPECT_EQ(judge(greater, 0.01, 0.10, 6), Verdict::undecided);
}

TEST(Judge, EquivalentNeedsTheWholeIntervalInside) {
  const ClaimSpec equivalent = claim(Direction::equivalent, 0.02);
  EXPECT_EQ(judge(equivalent, -0.01, 0.015, 6), Verdict::holds);
  EXPECT_EQ(judge(equivalent, 0.02, 0.10, 6), Verdict::fails);
  EXPECT_EQ(judge(equivalent, -0.10, -0.03, 6), Verdict::fails);
  EXPECT_EQ(judge(equivalent, -0.01, 0.03, 6), Verdict::undecided);
  EXPECT_EQ(judge(equivalent, -0.10, 0.10, 6), Verdict::undecided);
}

TEST(Judge, WithoutABaselineTheMarginIsTheThreshold) {
  const ClaimSpec less = claim(Direction::less, 0.05, "");
  EXPECT_EQ(judge(less, 0.01, 0.04, 6), Verdict::holds);
  EXPECT_EQ(judge(less, 0.06, 0.08, 6), Verdict::fails);
  EXPECT_EQ(judge(less, 0.04, 0.06, 6), Verdict::undecided);
  EXPECT_EQ(judge(claim(Direction::greater, 0.9, ""), 0.95, 0.99, 6), Verdict::holds);
}

TEST(Judge, NothingIsDecidedByNoInterval) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Direction d : {Direction::less, Direction::greater, Direction::equivalent}) {
    EXPECT_EQ(judge(claim(d, 0.02), nan, nan, 6), Verdict::undecided);
  }
}

TEST(ComputeTable, KnownNumbers) {
  std::vector<RunOutcome> runs;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    runs.push_back(run("sd", seed, {{"held", fixed(9, 10)}}));
    runs.push_back(run("sft", seed, {{"held", fixed(6, 10)}}));
  }
  TableSpec spec = two_arms();
  spec.claims = {claim(Direction::greater, 0.2), claim(Direction::less, 0.0), claim(Direction::equivalent, 0.25),
                 claim(Direction::greater, 0.8, "")};
  const Table table = compute_table(spec, runs);
  ASSERT_TRUE(table.cells[0][0].has_value());
  const Cell& cell = *table.cells[0][0];
  EXPECT_DOUBLE_EQ(cell.estimate.mean, 0.9);
  EXPECT_DOUBLE_EQ(cell.estimate.low, 0.9);
  EXPECT_DOUBLE_EQ(cell.estimate.high, 0.9);
  EXPECT_EQ(cell.seeds, 8U);
  EXPECT_EQ(cell.facts, 10U);
  const Comparison& comparison = table.comparisons[0];
  EXPECT_NEAR(comparison.difference.mean, 0.3, 1e-12);
  EXPECT_DOUBLE_EQ(comparison.test.p_value, 2.0 / 256);
  EXPECT_DOUBLE_EQ(comparison.p_holm, 2.0 / 256);
  EXPECT_EQ(comparison.d_z.value, std::numeric_limits<double>::infinity());
  EXPECT_EQ(comparison.n, 8U);
  EXPECT_EQ(table.claims[0].verdict, Verdict::holds);
  EXPECT_EQ(table.claims[1].verdict, Verdict::fails);
  EXPECT_EQ(table.claims[2].verdict, Verdict::fails);
  EXPECT_EQ(table.claims[3].verdict, Verdict::holds);
  EXPECT_NEAR(table.claims[3].estimate.mean, 0.9, 1e-12);
  EXPECT_TRUE(table.notes.empty()) << table.notes.front();
}

TEST(ComputeTable, PairsBySeedWhateverTheOrder) {
  const std::vector<RunOutcome> runs{run("sd", 3, {{"held", fixed(5, 10)}}), run("sft", 1, {{"held", fixed(1, 10)}}),
                                     run("sd", 1, {{"held", fixed(3, 10)}}), run("sft", 3, {{"held", fixed(4, 10)}})};
  const Table table = compute_table(two_arms(), runs);
  EXPECT_EQ(table.comparisons[0].seed_list, (std::vector<std::uint64_t>{1, 3}));
  ASSERT_EQ(table.comparisons[0].difference.per_seed.size(), 2U);
  EXPECT_NEAR(table.comparisons[0].difference.per_seed[0], 0.2, 1e-12);
  EXPECT_NEAR(table.comparisons[0].difference.per_seed[1], 0.1, 1e-12);
}

TEST(ComputeTable, SaysWhatEachBaseModelSays) {
  const auto runs_on = [](std::uint64_t bases) {
    std::vector<RunOutcome> runs;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      runs.push_back(run("sft", seed, {{"held", fixed(5, 10)}}));
      runs.push_back(run("sd", seed, {{"held", fixed(seed % 2 == 1 ? 9 : 4, 10)}}));
      for (std::size_t i = runs.size() - 2; i < runs.size(); ++i) runs[i].base = (seed - 1) % bases;
    }
    return runs;
  };
  TableSpec spec = two_arms();
  spec.claims = {claim(Direction::greater, 0), claim(Direction::equivalent, 0.5)};
  const Table shared = compute_table(spec, runs_on(2));
  ASSERT_EQ(shared.comparisons[0].by_base.size(), 2U);
  EXPECT_NEAR(shared.comparisons[0].by_base[0], 0.4, 1e-12);
  EXPECT_NEAR(shared.comparisons[0].by_base[1], -0.1, 1e-12);
  EXPECT_EQ(shared.claims[0].by_base, shared.comparisons[0].by_base);
  EXPECT_TRUE(has_note(shared, "'sd' against 'sft' on 'held': base models differ in sign"));
  EXPECT_TRUE(has_note(shared, "Claim 'a claim': base models differ in sign"));
  EXPECT_EQ(std::count_if(shared.notes.begin(), shared.notes.end(),
                          [](const std::string& n) { return n.find("differ in sign") != n.npos; }),
            2);
  for (const std::uint64_t bases : {1U, 4U}) {  // one for all, one for each seed: nothing to add
    const Table table = compute_table(spec, runs_on(bases));
    EXPECT_TRUE(table.comparisons[0].by_base.empty());
    EXPECT_FALSE(has_note(table, "differ in sign"));
  }
}

TEST(ComputeTable, TwoDifferencesArePairedBySeed) {
  std::vector<RunOutcome> runs;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    runs.push_back(run("sd", seed, {{"held", fixed(9, 10)}, {"other", fixed(8, 10)}}));
    runs.push_back(run("sft", seed, {{"held", fixed(4, 10)}, {"other", fixed(7, 10)}}));
    if (seed > 1) runs.push_back(run("wide", seed, {{"held", fixed(6, 10)}}));
  }
  TableSpec spec = two_arms();
  spec.comparisons.front().than = {"wide", "sft", "held"};  // 0.5 - 0.2, at the five seeds that have all four
  spec.claims = {claim(Direction::greater, 0.3)};
  spec.claims.front().than = {"sd", "sft", "other"};  // 0.5 - 0.1, of another set
  const Table table = compute_table(spec, runs);
  EXPECT_EQ(table.comparisons[0].n, 5U);
  EXPECT_NEAR(table.comparisons[0].difference.mean, 0.3, 1e-12);
  EXPECT_NEAR(table.comparisons[0].difference.low, 0.3, 1e-12);
  EXPECT_FALSE(table.comparisons[0].odds.has_value());
  EXPECT_EQ(table.claims[0].n, 6U);
  EXPECT_NEAR(table.claims[0].estimate.mean, 0.4, 1e-12);
  EXPECT_EQ(table.claims[0].verdict, Verdict::holds);
  EXPECT_TRUE(has_note(table, "Arm 'wide' has no finished run for seed 1."));
}

TEST(ComputeTable, EarlyStoppingIsReadFromTheValidationSet) {
  const Trajectory held = trajectory({"1110", "1111", "1000"}), validation = trajectory({"10", "11", "11"});
  TableSpec spec = two_arms();
  spec.comparisons.clear();
  spec.columns = {{"Held, early stop", "held", Measure::early_stop_accuracy, true}};
  const std::vector<RunOutcome> runs{run("sd", 1, {{"held", held}, {"validation", validation}}),
                                     run("sft", 1, {{"held", held}})};
  const Table table = compute_table(spec, runs);
  EXPECT_DOUBLE_EQ(table.cells[0][0]->estimate.mean, 1.0);
  EXPECT_FALSE(table.cells[1][0].has_value());
  EXPECT_TRUE(has_note(table, "Arm 'sft', seed 1: the run has no outcomes on 'validation'."));
}

TEST(ComputeTable, MissingRunsAreLeftOutAndNamed) {
  std::vector<RunOutcome> runs;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) runs.push_back(run("sd", seed, {{"held", fixed(9, 10)}}));
  for (std::uint64_t seed : {2, 4, 5}) runs.push_back(run("sft", seed, {{"held", fixed(6, 10)}}));
  TableSpec spec = two_arms();
  spec.arms.push_back({"ewc", "EWC"});
  spec.comparisons.push_back({"ewc", "sft", "held", Measure::final_accuracy});
  spec.claims = {{"EWC helps", "ewc", "sft", "held", Measure::final_accuracy, Direction::greater, 0}};
  const Table table = compute_table(spec, runs);
  EXPECT_EQ(table.cells[0][0]->seeds, 4U);
  EXPECT_EQ(table.cells[1][0]->seeds, 3U);
  EXPECT_FALSE(table.cells[2][0].has_value());
  EXPECT_EQ(table.comparisons[0].n, 2U);
  EXPECT_EQ(table.comparisons[0].seed_list, (std::vector<std::uint64_t>{2, 4}));
  EXPECT_EQ(table.comparisons[1].n, 0U);
  EXPECT_TRUE(std::isnan(table.comparisons[1].difference.mean));
  EXPECT_TRUE(std::isnan(table.comparisons[1].d_z.value));
  EXPECT_EQ(table.comparisons[1].test.p_value, 1.0);
  EXPECT_EQ(table.comparisons[0].p_holm, 1.0);  // p = 2/4, times the two declared comparisons
  EXPECT_EQ(table.claims[0].verdict, Verdict::too_few_seeds);
  EXPECT_TRUE(has_note(table, "Arm 'sd' has no finished run for seed 5."));
  EXPECT_TRUE(has_note(table, "Arm 'sft' has no finished run for seeds 1, 3."));
  EXPECT_TRUE(has_note(table, "Arm 'ewc' has no finished run."));
  EXPECT_TRUE(has_note(table, "no seed has both"));
  EXPECT_TRUE(has_note(table, "With 2 seeds the smallest attainable two-sided p is 0.5"));
  EXPECT_TRUE(has_note(table, "Claim 'EWC helps': no finished run can decide it."));
}

TEST(ComputeTable, NothingFinishedYet) {
  const Table table = compute_table(two_arms(), {});
  EXPECT_FALSE(table.cells[0][0].has_value());
  EXPECT_EQ(table.comparisons[0].n, 0U);
  EXPECT_TRUE(has_note(table, "Arm 'sd' has no finished run."));
}

TEST(ComputeTable, ARunWithoutTheSetIsNotCountedForIt) {
  const std::vector<RunOutcome> runs{run("sd", 1, {{"held", fixed(9, 10)}}), run("sd", 2, {{"other", fixed(9, 10)}}),
                                     run("sft", 1, {{"held", fixed(9, 10)}}), run("sft", 2, {{"held", fixed(9, 10)}})};
  const Table table = compute_table(two_arms(), runs);
  EXPECT_EQ(table.cells[0][0]->seeds, 1U);
  EXPECT_EQ(table.comparisons[0].n, 1U);
  EXPECT_TRUE(has_note(table, "Arm 'sd', seed 2: the run has no outcomes on 'held'."));
  EXPECT_TRUE(has_note(table, "One seed has no interval"));
}

TEST(ComputeTable, FewSeedsAndManyComparisonsAreSaid) {
  const auto notes_with = [](std::uint64_t seeds, std::size_t comparisons) {
    std::vector<RunOutcome> runs;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      runs.push_back(run("sd", seed, {{"held", fixed(9, 10)}}));
      runs.push_back(run("sft", seed, {{"held", fixed(6, 10)}}));
    }
    TableSpec spec = two_arms();
    spec.comparisons.resize(comparisons, spec.comparisons.front());
    return compute_table(spec, runs);
  };
  EXPECT_TRUE(has_note(notes_with(5, 1), "smallest attainable two-sided p is 0.0625"));
  EXPECT_TRUE(notes_with(6, 1).notes.empty());
  EXPECT_TRUE(has_note(notes_with(6, 2), "after Holm is 0.0625"));
  EXPECT_TRUE(notes_with(8, 6).notes.empty());
}

TEST(ComputeTable, DifferentFactsArePairedBySeedOnlyAndSaid) {
  Trajectory other = fixed(6, 12);
  const Table table = compute_table(
      two_arms(), std::vector<RunOutcome>{run("sd", 1, {{"held", fixed(9, 10)}}), run("sft", 1, {{"held", other}})});
  EXPECT_NEAR(table.comparisons[0].difference.mean, 0.4, 1e-12);
  EXPECT_TRUE(has_note(table, "different facts in 'held' at seed 1"));
}

TEST(ComputeTable, TwoDifferencesOfDifferentFactsSaySo) {
  TableSpec spec = two_arms();
  spec.comparisons.front().than = {"wide", "narrow", "held"};
  const Trajectory ours = fixed(6, 10), theirs = fixed(6, 12);
  const std::vector<RunOutcome> runs{run("sd", 1, {{"held", ours}, {"other", theirs}}), run("sft", 1, {{"held", ours}}),
                                     run("wide", 1, {{"held", theirs}, {"other", theirs}}),
                                     run("narrow", 1, {{"held", theirs}, {"other", ours}})};
  const Table table = compute_table(spec, runs);
  EXPECT_EQ(std::count_if(table.notes.begin(), table.notes.end(),
                          [](const std::string& n) { return n.find("drawn apart") != n.npos; }),
            1);
  EXPECT_TRUE(has_note(table, "'sd' and 'wide' have different facts in 'held' at seed 1"));
  spec.comparisons.front().than.set = "other";  // of another set: what differs from our facts is no news
  const Table other = compute_table(spec, runs);
  EXPECT_FALSE(has_note(other, "'sd' and 'wide'"));
  EXPECT_TRUE(has_note(other, "'wide' and 'narrow' have different facts in 'other' at seed 1"));
}

TEST(ComputeTable, MeansOfWhatWasRecorded) {
  std::vector<RunOutcome> runs;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    for (const char* arm : {"sd", "sft"}) {
      Trajectory t = trajectory({"11", "11", "01"});
      t.first = 1;
      const float far = std::string(arm) == "sd" ? 0.3F : 0.5F;
      t.extra["drift.drift"] = {9, 9, 0.1F, 0.3F, far, far + 0.2F};  // before `first`, at it, at the end
      t.extra["overlap.share"] = {1, 2};                             // once for all evaluations
      runs.push_back(run(arm, seed, {{"held", t}}));
    }
  }
  runs.front().sets.at("held").extra["partly.x"] = {0, 0, 0, 0, 0, std::nanf("")};
  TableSpec spec = two_arms();
  const std::string drift = recorded_set("held", "drift.drift");
  spec.columns = {{"End", drift, Measure::recorded, false},
                  {"Start", drift, Measure::recorded_start, false},
                  {"Share", recorded_set("held", "overlap.share"), Measure::recorded, false},
                  {"No such", recorded_set("held", "drift.x"), Measure::recorded, false}};
  spec.comparisons = {{"sd", "sft", drift, Measure::recorded}};
  spec.claims = {{"less drift", "sd", "sft", drift, Measure::recorded, Direction::less, 0}};
  const Table table = compute_table(spec, runs);
  EXPECT_NEAR(table.cells[0][0]->estimate.mean, 0.4, 1e-6);
  EXPECT_NEAR(table.cells[1][0]->estimate.mean, 0.6, 1e-6);
  EXPECT_NEAR(table.cells[0][1]->estimate.mean, 0.2, 1e-6);
  EXPECT_NEAR(table.cells[0][2]->estimate.mean, 1.5, 1e-6);
  EXPECT_FALSE(table.cells[0][3]);
  EXPECT_TRUE(has_note(table, "no 'drift.x' was recorded on 'held'"));
  EXPECT_NEAR(table.comparisons[0].difference.mean, -0.2, 1e-6);
  EXPECT_NEAR(table.comparisons[0].difference.high, -0.2, 1e-6);  // the same facts are drawn on both sides
  EXPECT_EQ(table.claims[0].verdict, Verdict::holds);
  spec.columns = {{"Partly", recorded_set("held", "partly.x"), Measure::recorded, false}};
  EXPECT_THROW((void)compute_table(spec, runs), Error);
}

TEST(ComputeTable, SaysWhatOneAnswerForEverythingWouldReach) {
  std::vector<RunOutcome> runs;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    for (const char* arm : {"sd", "sft"}) {
      Trajectory t = fixed(6, 10);
      t.extra[commonest_of_set] = {1, 1, 1, 0, 0, 0, 0, 0, 0, 0};
      t.extra[commonest_in_training] = {0, 0, 0, 0, 0, 0, 0, 0, 0, seed == 1 ? 1.0F : 0.0F};
      runs.push_back(run(arm, seed, {{"held", t}, {"other", t}}));
    }
  }
  TableSpec spec = two_arms();
  const Table table = compute_table(spec, runs);
  EXPECT_TRUE(has_note(table, "commonest answer of training would be right for 1.7 % on 'held'."));
  EXPECT_TRUE(has_note(table, "commonest answer of the set itself: 30.0 % on 'held'."));
  spec.columns = {{"p", "held", Measure::probability, true}};
  EXPECT_FALSE(has_note(compute_table(spec, runs), "commonest")) << "no accuracy is shown";
}

TEST(ComputeTable, HolmRunsOverTheWholeTable) {
  Random random(1, "data");
  std::vector<RunOutcome> runs;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    for (const char* arm : {"sd", "sft"}) {
      const double p = std::string(arm) == "sd" ? 0.9 : 0.5;
      runs.push_back(run(arm, seed, {{"held", chance({p}, 100, 2, random)}, {"other", chance({0.5}, 100, 2, random)}}));
    }
  }
  TableSpec spec = two_arms();
  spec.comparisons.push_back({"sd", "sft", "other", Measure::final_accuracy});
  const Table table = compute_table(spec, runs);
  EXPECT_DOUBLE_EQ(table.comparisons[0].p_holm, 2 * table.comparisons[0].test.p_value);
  EXPECT_DOUBLE_EQ(table.comparisons[1].p_holm,
                   std::max(table.comparisons[1].test.p_value, table.comparisons[0].p_holm));
}

TEST(ComputeTable, RefusesDuplicatesDamageAndClaimsThatCannotBeJudged) {
  const RunOutcome good = run("sd", 1, {{"held", fixed(9, 10)}});
  EXPECT_THROW((void)compute_table(two_arms(), std::vector<RunOutcome>{good, good}), Error);
  RunOutcome damaged = good;
  damaged.sets["held"].correct.pop_back();
  try {
    (void)compute_table(two_arms(), std::vector<RunOutcome>{damaged});
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("arm 'sd', seed 1, set 'held'"), std::string::npos);
  }
  const auto refused = [](ClaimSpec bad) {
    TableSpec spec = two_arms();
    spec.claims = {std::move(bad)};
    EXPECT_THROW((void)compute_table(spec, {}), Error);
  };
  refused(claim(Direction::equivalent, 0.02, ""));
  refused(claim(Direction::less, -0.02));
  refused(claim(Direction::less, 2));
  refused(claim(Direction::less, std::numeric_limits<double>::quiet_NaN()));
}

}  // namespace
}  // namespace stet::report
