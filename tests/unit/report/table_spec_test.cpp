#include <stet/base/error.hpp>
#include <stet/config/document.hpp>
#include <stet/report/table_spec.hpp>

#include <gtest/gtest.h>

namespace stet::report {
namespace {

const std::vector<std::pair<std::string, std::string>> arms{
    {"sft", "Fine-tuning"}, {"distilled", "Self-distillation"}, {"plain", "Plain"}};
const std::vector<std::string> sets{"held", "unknown"};

TableSpec read(const std::string& toml) {
  const config::Value document = config::parse(toml, "experiment.toml");
  return read_table_spec(*document.find("table"), arms, sets);
}

std::string error_of(const std::string& toml) {
  try {
    (void)read(toml);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    return error.what();
  }
  return "accepted";
}

#define EXPECT_ERROR(toml, part)                           \
  do {                                                     \
    const std::string text = error_of(toml);               \
    EXPECT_NE(text.find(part), std::string::npos) << text; \
  } while (false)

const std::string start = "[table]\ntitle = \"T\"\n";
const std::string column = "[[table.column]]\nlabel = \"Held\"\nset = \"held\"\n";

TEST(TableSpec, ReadsEverything) {
  const TableSpec spec = read(R"(
[table]
title = "Forgetting"
bootstrap_draws = 500
bootstrap_seed = 9
confidence = 0.9
[[table.column]]
label = "Held"
set = "held"
[[table.column]]
label = "F"
set = "unknown"
measure = "forgetting"
percent = false
[[table.compare]]
arm = "distilled"
baseline = "sft"
set = "held"
measure = "drop"
[[table.claim]]
text = "forgets less"
arm = "distilled"
baseline = "sft"
set = "held"
measure = "forgetting"
direction = "less"
margin = 0.05
[[table.claim]]
text = "learns"
arm = "sft"
set = "unknown"
direction = "greater"
margin = 0.9
)");
  EXPECT_EQ(spec.title, "Forgetting");
  EXPECT_EQ(spec.arms, arms);
  EXPECT_EQ(spec.bootstrap.draws, 500U);
  EXPECT_EQ(spec.bootstrap.seed, 9U);
  EXPECT_EQ(spec.bootstrap.confidence, 0.9);
  ASSERT_EQ(spec.columns.size(), 2U);
  EXPECT_EQ(spec.columns[0].measure, Measure::final_accuracy);
  EXPECT_TRUE(spec.columns[0].percent);
  EXPECT_EQ(spec.columns[1].set, "unknown");
  EXPECT_EQ(spec.columns[1].measure, Measure::forgetting);
  EXPECT_FALSE(spec.columns[1].percent);
  ASSERT_EQ(spec.comparisons.size(), 1U);
  EXPECT_EQ(spec.comparisons[0].baseline, "sft");
  EXPECT_EQ(spec.comparisons[0].measure, Measure::drop);
  ASSERT_EQ(spec.claims.size(), 2U);
  EXPECT_EQ(spec.claims[0].direction, Direction::less);
  EXPECT_EQ(spec.claims[0].margin, 0.05);
  EXPECT_EQ(spec.claims[1].baseline, "");
  EXPECT_EQ(spec.claims[1].direction, Direction::greater);
}

TEST(TableSpec, Defaults) {
  const TableSpec spec = read(start + column);
  EXPECT_EQ(spec.bootstrap.draws, 10000U);
  EXPECT_EQ(spec.bootstrap.confidence, 0.95);
}

TEST(TableSpec, UnknownNamesAreErrorsWithPlaceAndSuggestion) {
  EXPECT_ERROR(start + "[[table.column]]\nlabel = \"Held\"\nset = \"hold\"\n", "experiment.toml:5");
  EXPECT_ERROR(start + "[[table.column]]\nlabel = \"Held\"\nset = \"hold\"\n", "did you mean 'held'?");
  EXPECT_ERROR(start + "[[table.compare]]\narm = \"destilled\"\nbaseline = \"sft\"\nset = \"held\"\n",
               "did you mean 'distilled'?");
  EXPECT_ERROR(start + "[[table.compare]]\narm = \"distilled\"\nbaseline = \"sftt\"\nset = \"held\"\n",
               "did you mean 'sft'?");
  EXPECT_ERROR(start + "[[table.claim]]\ntext = \"t\"\narm = \"ewc\"\nset = \"held\"\ndirection = \"less\"\n",
               "there is no arm 'ewc'");
  EXPECT_ERROR(start + column + "measure = \"forgeting\"\n", "forgetting");
  EXPECT_ERROR(start + column + "mesure = \"drop\"\n", "measure");
  EXPECT_ERROR("[table]\n" + column, "title");
}

TEST(TableSpec, ARecordedMeasureNamesItsArray) {
  const TableSpec spec = read(start + column + "measure = \"recorded\"\narray = \"drift.drift\"\n");
  EXPECT_EQ(spec.columns.at(0).set, recorded_set("held", "drift.drift"));
  EXPECT_ERROR(start + column + "measure = \"recorded_start\"\n", "without an array");
  EXPECT_ERROR(start + column + "array = \"drift.drift\"\n", "reads no array");
}

TEST(TableSpec, ADifferenceMayBeComparedWithAnother) {
  const std::string compare = start + "[[table.compare]]\narm = \"distilled\"\nbaseline = \"sft\"\nset = \"held\"\n";
  const std::string than = "than = { arm = \"plain\", baseline = \"sft\"";
  EXPECT_FALSE(read(compare).comparisons.at(0).than.named());
  EXPECT_EQ(read(compare + than + " }\n").comparisons.at(0).than, (Contrast{"plain", "sft", "held"}));
  EXPECT_EQ(read(compare + than + ", set = \"unknown\" }\n").comparisons.at(0).than.set, "unknown");
  EXPECT_ERROR(compare + "than = { arm = \"plane\", baseline = \"sft\" }\n", "did you mean 'plain'?");
  EXPECT_ERROR(compare + "than = { arm = \"plain\" }\n", "baseline");
  EXPECT_ERROR(compare + "than = { arm = \"plain\", baseline = \"plain\" }\n", "its own baseline");
  EXPECT_ERROR(compare + "than = { arm = \"distilled\", baseline = \"sft\" }\n", "compared with itself");
  EXPECT_ERROR(compare + than + ", set = \"old\" }\n", "no fact set 'old'");
  const std::string claim =
      start + "[[table.claim]]\ntext = \"t\"\narm = \"distilled\"\nset = \"held\"\ndirection = \"less\"\n";
  EXPECT_EQ(read(claim + "baseline = \"sft\"\n" + than + " }\n").claims.at(0).than.arm, "plain");
  EXPECT_ERROR(claim + than + " }\n", "'than' needs a baseline");
}

TEST(TableSpec, WhatCannotBeJudgedOrTestedIsAnError) {
  const std::string claim = start + "[[table.claim]]\ntext = \"t\"\narm = \"sft\"\nset = \"held\"\n";
  EXPECT_ERROR(claim, "no direction");
  EXPECT_ERROR(claim + "direction = \"equivalent\"\nmargin = 0.1\n", "needs a baseline");
  EXPECT_ERROR(claim + "baseline = \"distilled\"\ndirection = \"equivalent\"\n", "margin above 0");
  EXPECT_ERROR(claim + "baseline = \"sft\"\ndirection = \"less\"\n", "its own baseline");
  EXPECT_ERROR(claim + "baseline = \"\"\ndirection = \"less\"\n", "there is no arm ''");
  EXPECT_ERROR(claim + "direction = \"less\"\nmargin = 5\n", "margin");
  EXPECT_ERROR(claim + "direction = \"smaller\"\n", "direction");
  const std::string compare = "[[table.compare]]\narm = \"distilled\"\nbaseline = \"sft\"\nset = \"held\"\n";
  EXPECT_ERROR(start + compare + compare, "declared twice");
  EXPECT_ERROR(start, "nothing to show");
  EXPECT_ERROR("[table]\ntitle = \"T\"\nbootstrap_draws = 0\n" + column, "bootstrap_draws");
}

const std::string matched =
    "[[table.matched]]\nlabel = \"m\"\narm = \"distilled\"\nbaseline = \"sft\"\nset = \"held\"\nat = \"unknown\"\n";
const std::string share_entry =
    "[[table.share]]\nlabel = \"s\"\narm = \"plain\"\nreference = \"distilled\"\nbaseline = \"sft\"\nset = \"held\"\n";
const std::string regression = "[[table.regression]]\nset = \"held\"\narms = [\"sft\"]\n";
const std::string front = "[[table.front]]\nlabel = \"f\"\nset = \"held\"\nat = \"unknown\"\n";

TEST(TableSpec, ReadsMatchedComparisonsFrontsSharesAndRegressions) {
  const TableSpec spec = read(start + matched + "measure = \"final_accuracy\"\naccuracy = 0.9\nfamily = [\"dist*\"]\n" +
                              matched + "accuracy = \"baseline\"\n" + front + "arms = [\"*\"]\nwhole = true\n" +
                              "[[table.share]]\nlabel = \"s\"\narm = \"distilled\"\nreference = \"plain\"\n"
                              "baseline = \"sft\"\nset = \"held\"\nat = \"unknown\"\naccuracy = 0.5\n" +
                              regression +
                              "confounds = [\"probability\"]\ninterference = [\"overlap\", \"cosine\"]\n"
                              "raises = [\"overlap\"]\nmediator = \"drift\"\noutcome = \"forgotten\"\narm_effects = "
                              "false\nridge = 0.5\ndraws = 200\n");
  ASSERT_EQ(spec.matched.size(), 2U);
  EXPECT_EQ(spec.matched[0].measure, Measure::final_accuracy);
  EXPECT_EQ(spec.matched[0].accuracy, 0.9);
  EXPECT_EQ(spec.matched[0].family, std::vector<std::string>{"distilled"});
  EXPECT_EQ(spec.matched[1].measure, Measure::forgetting);
  EXPECT_FALSE(spec.matched[1].accuracy.has_value());
  EXPECT_EQ(spec.fronts[0].arms, (std::vector<std::string>{"sft", "distilled", "plain"}));
  EXPECT_TRUE(spec.fronts[0].whole);
  EXPECT_EQ(spec.shares[0].reference, "plain");
  EXPECT_EQ(spec.shares[0].accuracy, 0.5);
  EXPECT_EQ(spec.regressions[0].label, "forgotten on held");
  EXPECT_EQ(spec.regressions[0].interference, (std::vector<std::string>{"overlap", "cosine"}));
  EXPECT_EQ(spec.regressions[0].mediator, "drift");
  EXPECT_EQ(spec.regressions[0].raises, std::vector<std::string>{"overlap"});
  EXPECT_FALSE(spec.regressions[0].arm_effects);
  EXPECT_EQ(spec.regressions[0].draws, 200U);
}

TEST(TableSpec, RefusesMatchedPartsThatMeanNothing) {
  EXPECT_ERROR(start + matched + "accuracy = 1.5\n", "outside (0, 1]");
  EXPECT_ERROR(start + matched + "accuracy = \"base\"\n", "or \"baseline\"");
  EXPECT_ERROR(start + matched + "accuracy = true\n", "accuracy");
  EXPECT_ERROR(start + matched + "acuracy = 0.9\n", "accuracy");
  EXPECT_ERROR(start + matched + "measure = \"ece\"\n", "forgetting");
  EXPECT_ERROR(start + matched + "family = [\"sd@*\"]\n", "there is no arm 'sd@*'");
  EXPECT_ERROR(start + matched + "family = [\"sft\"]\n", "is in the family");
  EXPECT_ERROR(start + "[[table.matched]]\nlabel = \"m\"\narm = \"distilled\"\nbaseline = \"sft\"\nset = \"held\"\n",
               "at");
  EXPECT_ERROR(start +
                   "[[table.matched]]\nlabel = \"m\"\narm = \"distilled\"\nbaseline = \"sft\"\nset = \"held\"\n"
                   "at = \"held\"\n",
               "matched at itself");
  EXPECT_ERROR(start +
                   "[[table.matched]]\nlabel = \"m\"\narm = \"sft\"\nbaseline = \"sft\"\nset = \"held\"\n"
                   "at = \"unknown\"\n",
               "both baseline and arm");
  EXPECT_ERROR(start + front + "arms = []\n", "without arms");
  EXPECT_ERROR(start + share_entry + "accuracy = 0.5\n", "no set that it is of");
  EXPECT_ERROR(start + share_entry + "at = \"unknwon\"\n", "did you mean 'unknown'?");
  EXPECT_ERROR(start + regression, "without 'interference'");
  EXPECT_ERROR(start + regression + "interference = [\"a\"]\nconfounds = [\"a\"]\n", "named twice");
  EXPECT_ERROR(start + regression + "interference = [\"a\"]\nmediator = \"a\"\n", "and the mediator");
  EXPECT_ERROR(start + regression + "interference = [\"overlap\"]\nraises = [\"ovelap\"]\n", "did you mean 'overlap'?");
  EXPECT_ERROR(start + regression + "interference = [\"overlap\"]\nraises = [\"overlap\"]\nlowers = [\"overlap\"]\n",
               "two claims");
  EXPECT_ERROR(start + regression + "interference = [\"a\"]\noutcome = \"forgot\"\n", "forgotten");
}

}  // namespace
}  // namespace stet::report
