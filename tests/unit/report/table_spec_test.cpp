#include <stet/base/error.hpp>
#include <stet/config/document.hpp>
#include <stet/report/table_spec.hpp>

#include <gtest/gtest.h>

namespace stet::report {
namespace {

const std::vector<std::pair<std::string, std::string>> arms{{"sft", "Fine-tuning"}, {"distilled", "Self-distillation"}};
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

}  // namespace
}  // namespace stet::report
