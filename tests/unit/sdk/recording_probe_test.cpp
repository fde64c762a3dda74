// The frame of a probe and what it reads: when it measures, what it records, facts in groups, states now and then.
#include "linear_examples.hpp"

#include <stet/sdk/parameter_selection.hpp>
#include <stet/sdk/recording_probe.hpp>

#include <gtest/gtest.h>
#include <error_of.hpp>

namespace stet {
namespace {

using testing::error_of;
using testing::LinearExamples;
using testing::normal_numbers;

/// Snapshots that come to be.
class GrowingSnapshots final : public Snapshots {
 public:
  [[nodiscard]] const at::Tensor& get(const std::string& name) const override {
    if (!weights.contains(name)) throw Error(ErrorKind::config, "there is no snapshot '" + name + "'");
    return weights.at(name);
  }
  std::map<std::string, at::Tensor> weights;
};

ModelConfig tiny() {
  ModelConfig config;
  config.vocabulary = 9;
  config.width = 4;
  config.layers = 3;
  config.heads = 1;
  config.feed_forward = 4;
  config.context = 4;
  return config;
}

class RecordingProbes : public ::testing::Test {
 protected:
  /// Two layers of states: the weights' first number, and twice that, for every fact.
  ProbeContext context(const at::Tensor& weights) {
    ProbeContext made{model_,
                      weights,
                      snapshots_,
                      {"held", "none"},
                      [this](const auto& set, const auto& w, auto, auto n) {
                        ++calls_;
                        const auto count = static_cast<std::int64_t>(std::min(n, facts_.at(set).size()));
                        if (count == 0) return std::vector<at::Tensor>(2);
                        return std::vector<at::Tensor>{at::full({count, 3}, w[0].template item<double>()),
                                                       at::full({count, 3}, 2 * w[0].template item<double>())};
                      },
                      examples_};
    made.facts = [this](const std::string& set) { return facts_.at(set); };
    return made;
  }

  const Transformer model_{tiny()};
  GrowingSnapshots snapshots_;
  const LinearExamples examples_;
  int calls_ = 0;
  std::map<std::string, std::vector<ProbeFact>> facts_ = {
      {"held", {{{1, 2}, {5}, "a", 7}, {{3}, {6}, "b", 2}, {{2, 2, 1}, {5}, "c", 7}}}, {"none", {}}};
  const at::Tensor weights_ = at::full({5}, 3.0, at::kDouble), base_ = at::full({5}, 2.0, at::kDouble);
};

class CountingProbe final : public RecordingProbe {
 public:
  explicit CountingProbe(ProbeTime when) : RecordingProbe(when) {}
  int measured = 0;

 private:
  void record(const ProbeContext&, ProbeRecord& record) override {
    EXPECT_FALSE(at::GradMode::is_enabled());
    ++measured;
    record.add("one", "held", 1.5, 2);
    record.add_mean("mean", "held", {1, 2, 6});
    record.add_mean("alone", "held", {1, 2, 6}, 1, false);
    record.add_facts("part", "held", std::vector<double>{1, 2});  // of three facts
    record.add_facts("tensor", "held", at::tensor(std::vector<double>{1, 2, 3}));
  }
};

TEST_F(RecordingProbes, RecordsNumbersAndFacts) {
  CountingProbe probe(ProbeTime::always);
  const ProbeContext now = context(weights_);
  const std::vector<Measurement> values = probe.measure(now);
  ASSERT_EQ(values.size(), 3U);
  EXPECT_EQ(values[0].name, "one");
  EXPECT_EQ(values[0].layer, 2);
  EXPECT_EQ(values[0].value, 1.5);
  EXPECT_EQ(values[1].value, 3);
  EXPECT_EQ(values[1].layer, -1);
  EXPECT_EQ(values[2].layer, 1);
  const std::vector<FactMeasurement> facts = probe.measure_facts(now);
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_EQ(facts[0].name, "mean");
  EXPECT_EQ(facts[0].values, (std::vector<float>{1, 2, 6}));
  EXPECT_EQ(facts[1].name, "tensor");
  (void)probe.measure(now);
  EXPECT_EQ(probe.measure_facts(now).size(), 2U);  // nothing is left of the evaluation before
}

TEST_F(RecordingProbes, MeasuresWhenItIsDue) {
  struct Evaluation {
    bool first, phase_end, last;
  };
  const std::vector<Evaluation> run = {
      {true, false, false}, {false, false, false}, {false, true, false}, {false, true, true}};
  for (const auto& [when, expected] :
       {std::pair{ProbeTime::always, 4}, {ProbeTime::phases, 3}, {ProbeTime::ends, 2}, {ProbeTime::start, 1}}) {
    CountingProbe probe(when);
    for (const Evaluation& evaluation : run) {
      ProbeContext now = context(weights_);
      now.first = evaluation.first;
      now.phase_end = evaluation.phase_end;
      now.last = evaluation.last;
      const int before = probe.measured;
      const bool some = !probe.measure(now).empty();
      EXPECT_EQ(some, probe.measured > before);
      EXPECT_EQ(!probe.measure_facts(now).empty(), some);
    }
    EXPECT_EQ(probe.measured, expected);
  }
}

TEST_F(RecordingProbes, StatesNowAndThen) {
  ReferenceStates states("probe.mine", "base", ProbePosition::subject_end, 2);
  const ProbeContext now = context(weights_);
  EXPECT_FALSE(states.of(now, "held").has_value());
  EXPECT_EQ(calls_, 0);
  snapshots_.weights["base"] = base_;
  for (int i = 0; i < 2; ++i) {
    const auto both = states.of(now, "held");
    ASSERT_TRUE(both.has_value());
    ASSERT_EQ(both->now.size(), 2U);
    EXPECT_TRUE(both->now[1].equal(at::full({2, 3}, 6.0)));
    EXPECT_TRUE(both->then[1].equal(at::full({2, 3}, 4.0)));
  }
  EXPECT_EQ(calls_, 3);  // the reference's once
  EXPECT_NE(std::string(error_of([&] { (void)states.of(now, "hold"); }).what()).find("did you mean 'held'?"),
            std::string::npos);
  EXPECT_NE(std::string(error_of([&] { (void)states.of(now, "none"); }).what()).find("is empty"), std::string::npos);
}

TEST_F(RecordingProbes, GroupsOfFacts) {
  const std::vector<ProbeFact>& facts = facts_.at("held");
  EXPECT_EQ(groups_of(facts, FactGrouping::relation), (FactGroups{{7, {0, 2}}, {2, {1}}}));
  EXPECT_EQ(groups_of(facts, FactGrouping::relation, 2), (FactGroups{{7, {0}}, {2, {1}}}));
  EXPECT_EQ(groups_of(facts, FactGrouping::set), (FactGroups{{0, {0, 1, 2}}}));
  // Of each group's members those of the same group alone; "2" has no counterpart.
  const at::Tensor a = normal_numbers({3, 4}, "rows of a"), b = normal_numbers({4, 4}, "rows of b");
  const Nearest nearest = nearest_in_group(a, groups_of(facts, FactGrouping::relation), b, {{7, {1, 3}}, {4, {0, 2}}});
  for (const std::int64_t i : {0, 2}) {
    const double one = cosine(a[i], b[1]), three = cosine(a[i], b[3]);
    EXPECT_NEAR(nearest.largest[static_cast<std::size_t>(i)], std::max(one, three), 1e-14);
    EXPECT_NEAR(nearest.mean[static_cast<std::size_t>(i)], (one + three) / 2, 1e-14);
    EXPECT_EQ(nearest.where[static_cast<std::size_t>(i)], one > three ? 1 : 3);
  }
  EXPECT_EQ(nearest.where[1], -1);
  EXPECT_EQ(nearest.largest[1], 0);
}

TEST_F(RecordingProbes, SubjectsAndLayers) {
  const std::vector<ProbeFact>& facts = facts_.at("held");
  EXPECT_EQ(subject_tokens(facts), (std::vector<Tokens>{{1, 2}, {3}, {1, 2}}));
  const at::Tensor weights = normal_numbers({model_.table().total()}, "of the model");
  const auto index = static_cast<std::size_t>(model_.table().index_of("model.embed_tokens.weight"));
  const at::Tensor table = model_.table().view(weights, index), means = subject_embeddings(model_, weights, facts);
  EXPECT_LT((means[0] - (table[1] + table[2]) / 2).abs().max().item<double>(), 1e-15);
  EXPECT_TRUE(means[1].equal(table[3]));
  EXPECT_LT((means[2] - (2 * table[2] + table[1]) / 3).abs().max().item<double>(), 1e-15);

  const ProbeContext now = context(weights_);
  EXPECT_EQ(chosen_layer(now, "probe.mine", -1), 2);  // of 3
  EXPECT_EQ(chosen_layer(now, "probe.mine", 3), 3);
  EXPECT_EQ(error_of([&] { (void)chosen_layer(now, "probe.mine", 4); }).kind(), ErrorKind::config);
}

TEST_F(RecordingProbes, SelectedMatrices) {
  const ParameterTable& table = model_.table();
  const std::vector<bool> chosen = ParameterSelection({"attention", "ffn.up"}, "freeze.mine").matrices(table);
  for (std::size_t i = 0; i < table.size(); ++i) {
    const std::string& name = table[i].name;
    const bool wanted = name.find("_proj.weight") != std::string::npos && name.find("gate") == std::string::npos &&
                        name.find("down") == std::string::npos;
    EXPECT_EQ(chosen[i], wanted) << name;
  }
  EXPECT_EQ(error_of([&] { (void)ParameterSelection({"norms"}, "freeze.mine").matrices(table); }).kind(),
            ErrorKind::config);
  require_some({"norms"}, "freeze.mine", "train");
  EXPECT_NE(std::string(error_of([] { require_some({}, "freeze.mine", "train"); }).what()).find("train = []"),
            std::string::npos);
}

}  // namespace
}  // namespace stet
