#include <stet/run/run_state.hpp>

#include <experiment_support.hpp>

namespace stet {
namespace {

using testing::error_of;
using testing::has;

TokenizedSet two_facts(const std::string& name, std::uint64_t first) {
  TokenizedSet set;
  set.name = name;
  set.facts = {{first, 0, "a", "b"}, {first + 0xF000000000000000ULL, 3, "c", "d"}};
  return set;
}

RunState example() {
  RunState state;
  state.phase = 1;
  state.in_phase = true;
  state.position = 1234567890123ULL;
  state.step = 42;
  state.best_validation = 0.1;
  state.bad_epochs = 2;
  state.phase_over = true;
  state.spent = {3.25, 2.5};
  state.measurements = {"a,b"};
  const std::vector<TokenizedSet> sets = {two_facts("held", 7), two_facts("known", 9), {}};
  const std::vector<SetScore> scores = {
      {{1, 0}, {0.25F, 1e-30F}, {3, 4}, {0.5F, 0.25F}, {1.5F, 2.0F}}, {{0, 0}, {0.5F, 0.75F}, {5, 6}}, {}};
  state.outcomes.sets["held"].extra["name_length"] = {2, 3};
  state.record(0, 0, sets, scores);
  state.record(1, 2.5F, sets, scores);
  return state;
}

TEST(RunStateTest, GoesThroughACheckpointUnchanged) {
  const RunState state = example();
  Checkpoint checkpoint;
  state.save_to(checkpoint);
  EXPECT_EQ(checkpoint.step, 42);
  RunState loaded;
  loaded.outcomes.sets["other"];  // is replaced
  loaded.load_from(checkpoint);
  EXPECT_EQ(loaded.phase, state.phase);
  EXPECT_EQ(loaded.in_phase, state.in_phase);
  EXPECT_EQ(loaded.position, state.position);
  EXPECT_EQ(loaded.step, state.step);
  EXPECT_EQ(loaded.best_validation, state.best_validation);
  EXPECT_EQ(loaded.bad_epochs, state.bad_epochs);
  EXPECT_EQ(loaded.phase_over, state.phase_over);
  EXPECT_EQ(loaded.spent.wall, 3.25);
  EXPECT_EQ(loaded.spent.processor, 2.5);
  EXPECT_TRUE(loaded.older_metrics.empty());
  EXPECT_EQ(checkpoint.metadata.at("run").find("metrics"), std::string::npos);
  EXPECT_EQ(loaded.measurements, state.measurements);
  EXPECT_EQ(loaded.outcomes.step, (std::vector<std::int64_t>{42, 42}));
  EXPECT_EQ(loaded.outcomes.epoch, (std::vector<float>{0, 2.5F}));
  EXPECT_EQ(loaded.outcomes.phase, (std::vector<std::int32_t>{0, 1}));
  ASSERT_EQ(loaded.outcomes.sets.size(), state.outcomes.sets.size());
  for (const auto& [name, set] : state.outcomes.sets) {
    const report::SetOutcomes& other = loaded.outcomes.sets.at(name);
    EXPECT_EQ(other.fact_ids, set.fact_ids) << name;
    EXPECT_EQ(other.relation, set.relation) << name;
    EXPECT_EQ(other.correct, set.correct) << name;
    EXPECT_EQ(other.probability, set.probability) << name;
    EXPECT_EQ(other.first_token, set.first_token) << name;
    EXPECT_EQ(other.extra, set.extra) << name;
  }
  EXPECT_EQ(loaded.outcomes.sets.at("held").correct, (std::vector<std::uint8_t>{1, 0, 1, 0}));
  EXPECT_EQ(loaded.outcomes.sets.at("held").extra,
            (std::map<std::string, std::vector<float>>{
                {"confidence", {0.5F, 0.25F, 0.5F, 0.25F}}, {"entropy", {1.5F, 2, 1.5F, 2}}, {"name_length", {2, 3}}}));
  EXPECT_TRUE(loaded.outcomes.sets.at("known").extra.empty());  // scores without them
}

TEST(RunStateTest, PerFactValuesFillTheEvaluationsWithoutThem) {
  const std::vector<TokenizedSet> sets = {two_facts("held", 7)};
  const std::vector<SetScore> scores = {{{1, 0}, {0.25F, 0.5F}, {3, 4}}};
  RunState state;
  const auto evaluate = [&](const std::vector<std::pair<std::string, std::vector<float>>>& recorded) {
    state.record(0, 0, sets, scores);
    for (const auto& [key, values] : recorded) state.record_facts("held", key, values);
    state.complete_facts();
  };
  state.outcomes.sets["held"].extra["length"] = {5, 6};  // not a probe's: left alone
  evaluate({{"overlap.fact", {1, 2}}});
  evaluate({});
  Checkpoint checkpoint;
  state.save_to(checkpoint);
  RunState resumed;
  resumed.load_from(checkpoint);
  EXPECT_EQ(resumed.outcomes.sets.size(), 1U);
  state = resumed;
  evaluate({{"drift.drift", {3, 4}}, {"overlap.fact", {5, 6}}});
  evaluate({{"drift.drift", {7, 8}}});
  const auto& extra = state.outcomes.sets.at("held").extra;
  EXPECT_EQ(extra.at("overlap.fact"), (std::vector<float>{1, 2, 1, 2, 5, 6, 5, 6}));
  EXPECT_EQ(extra.at("drift.drift"), (std::vector<float>{0, 0, 0, 0, 3, 4, 7, 8}));
  EXPECT_EQ(extra.at("length"), (std::vector<float>{5, 6}));
}

TEST(RunStateTest, WhatCannotBeReadIsACheckpointError) {
  Checkpoint checkpoint;
  example().save_to(checkpoint);
  for (const std::string text : {"", "{", "{}", "{\"phase\": \"one\"}"}) {
    checkpoint.metadata["run"] = text;
    RunState state;
    EXPECT_EQ(error_of([&] { state.load_from(checkpoint); }).kind(), ErrorKind::checkpoint) << text;
  }
}

}  // namespace
}  // namespace stet
