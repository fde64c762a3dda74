#include <stet/base/error.hpp>
#include <stet/outcomes/bootstrap.hpp>
#include <stet/outcomes/measure.hpp>
#include <stet/outcomes/outcomes_file.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <limits>

namespace stet::report {
namespace {

class OutcomesFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("stet-outcomes-" + std::to_string(::getpid()) + "-" +
                                                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::filesystem::path file() const { return folder_ / "outcomes.safetensors"; }

  static OutcomeRecord example() {
    OutcomeRecord o;
    o.seed = std::numeric_limits<std::uint64_t>::max();
    o.arm = "self-distillation \"sd\"";
    o.step = {0, 10, 20};
    o.epoch = {0.0F, 0.5F, 1.0F};
    o.phase = {0, 1, 1};
    o.phase_names = {"warm-up", "main, \"x\""};
    SetOutcomes& held = o.sets["held"];
    held.fact_ids = {7, std::uint64_t{1} << 60};
    held.relation = {0, 3};
    held.correct = {1, 0, 1, 1, 0, 1};
    held.probability = {0.9F, 0.1F, 0.8F, 0.7F, 0.2F, 0.6F};
    held.first_token = {5, -1, 5, 6, 7, 6};
    held.extra["base_margin"] = {1.5F, -2.5F};
    held.extra["entropy"] = {1, 2, 3, 4, 5, 6};
    held.extra["drift.layer.3"] = {6, 5, 4, 3, 2, 1};
    SetOutcomes& unknown = o.sets["unknown.late"];
    unknown.fact_ids = {9};
    unknown.relation = {1};
    unknown.correct = {0, 0, 1};
    return o;
  }

  static void expect_equal(const OutcomeRecord& a, const OutcomeRecord& b) {
    EXPECT_EQ(a.seed, b.seed);
    EXPECT_EQ(a.arm, b.arm);
    EXPECT_EQ(a.step, b.step);
    EXPECT_EQ(a.epoch, b.epoch);
    EXPECT_EQ(a.phase, b.phase);
    EXPECT_EQ(a.phase_names, b.phase_names);
    ASSERT_EQ(a.sets.size(), b.sets.size());
    for (const auto& [name, set] : a.sets) {
      ASSERT_TRUE(b.sets.contains(name)) << name;
      const SetOutcomes& other = b.sets.at(name);
      EXPECT_EQ(set.fact_ids, other.fact_ids);
      EXPECT_EQ(set.relation, other.relation);
      EXPECT_EQ(set.correct, other.correct);
      EXPECT_EQ(set.probability, other.probability);
      EXPECT_EQ(set.first_token, other.first_token);
      EXPECT_EQ(set.extra, other.extra);
    }
  }

  /// Saving refuses, and leaves no file.
  void expect_refused(const std::function<void(OutcomeRecord&)>& damage, const std::string& part) {
    OutcomeRecord o = example();
    damage(o);
    try {
      save_outcomes(file(), o);
      ADD_FAILURE() << "accepted: " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
    EXPECT_FALSE(std::filesystem::exists(file()));
  }

  /// A file written by other means is refused by load.
  void expect_not_loaded(const std::vector<TensorView>& tensors, const std::map<std::string, std::string>& metadata,
                         const std::string& part) {
    write_tensor_file(file(), tensors, metadata);
    try {
      (void)load_outcomes(file());
      ADD_FAILURE() << "accepted: " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      const std::string text = error.what();
      EXPECT_NE(text.find(part), std::string::npos) << text;
      EXPECT_NE(text.find(file().string()), std::string::npos) << text;
    }
  }

  std::filesystem::path folder_;
};

TEST_F(OutcomesFile, ComesBackAsItWas) {
  save_outcomes(file(), example());
  expect_equal(load_outcomes(file()), example());
}

TEST_F(OutcomesFile, RefusesToSaveWhatDoesNotFitTogether) {
  expect_refused([](OutcomeRecord& o) { o.epoch.pop_back(); }, "evaluation.epoch");
  expect_refused([](OutcomeRecord& o) { o.phase[2] = 2; }, "phase");
  expect_refused([](OutcomeRecord& o) { o.phase[2] = -1; }, "phase");
  expect_refused([](OutcomeRecord& o) { o.sets["held"].relation.pop_back(); }, "held.relation");
  expect_refused([](OutcomeRecord& o) { o.sets["held"].correct.pop_back(); }, "held.correct");
  expect_refused([](OutcomeRecord& o) { o.sets["held"].correct[1] = 2; }, "0 or 1");
  expect_refused([](OutcomeRecord& o) { o.sets["held"].probability.pop_back(); }, "held.probability");
  expect_refused([](OutcomeRecord& o) { o.sets["held"].first_token.pop_back(); }, "held.first_token");
  expect_refused([](OutcomeRecord& o) { o.sets["held"].extra["entropy"].pop_back(); }, "held.extra.entropy");
  expect_refused([](OutcomeRecord& o) { o.sets["held"].extra["a.extra.b"] = {1, 2}; }, "a.extra.b");
  expect_refused([](OutcomeRecord& o) { o.sets["held"].extra["extra.b"] = {1, 2}; }, "extra.b");
  expect_refused([](OutcomeRecord& o) { o.sets[""] = o.sets["held"]; }, "without a name");
  expect_refused(
      [](OutcomeRecord& o) {
        o.sets["held.extra"] = o.sets["held"];
        o.sets["held"].extra["correct"] = {1, 2};
      },
      "held.extra.correct");
  expect_refused([](OutcomeRecord& o) { o.phase_names[0] = "\xff"; }, "UTF-8");
}

TEST_F(OutcomesFile, RefusesToLoadDamage) {
  const std::vector<std::int64_t> step{0, 1};
  const std::vector<float> epoch{0, 1};
  const std::vector<std::int32_t> phase{0, 0};
  const std::vector<std::uint64_t> ids{4};
  const std::vector<std::uint32_t> relation{0};
  const std::vector<std::uint8_t> correct{0, 1}, wrong{0, 3};
  const std::map<std::string, std::string> metadata{
      {"format", "stet.outcomes.1"}, {"arm", "a"}, {"seed", "3"}, {"phases", "[\"p\"]"}, {"sets", "[\"s\"]"}};
  const std::vector<TensorView> whole{view_of("evaluation.step", step, {2}),   view_of("evaluation.epoch", epoch, {2}),
                                      view_of("evaluation.phase", phase, {2}), view_of("s.fact_id", ids, {1}),
                                      view_of("s.relation", relation, {1}),    view_of("s.correct", correct, {2, 1})};
  write_tensor_file(file(), whole, metadata);
  EXPECT_EQ(load_outcomes(file()).sets.at("s").correct, correct);  // so that what follows fails for its own reason

  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::vector<TensorView> fewer = whole;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    expect_not_loaded(fewer, metadata, whole[i].spec.name);
  }
  for (const auto& [key, value] : metadata) {
    auto fewer = metadata;
    fewer.erase(key);
    expect_not_loaded(whole, fewer, key);
  }
  const auto with = [&](const std::string& key, const std::string& value) {
    auto changed = metadata;
    changed[key] = value;
    return changed;
  };
  expect_not_loaded(whole, with("format", "stet.outcomes.2"), "stet.outcomes.2");
  expect_not_loaded(whole, with("seed", "3x"), "3x");
  expect_not_loaded(whole, with("seed", "-3"), "-3");
  expect_not_loaded(whole, with("phases", "["), "phases");
  expect_not_loaded(whole, with("phases", "[]"), "phase");
  expect_not_loaded(whole, with("sets", "[1]"), "sets");
  expect_not_loaded(whole, with("sets", "[]"), "does not belong");

  std::vector<TensorView> changed = whole;
  changed[5] = view_of("s.correct", correct, {1, 2});
  expect_not_loaded(changed, metadata, "s.correct");
  changed[5] = view_of("s.correct", wrong, {2, 1});
  expect_not_loaded(changed, metadata, "0 or 1");
  changed = whole;
  changed[0] = view_of("evaluation.step", step, {2, 1});
  expect_not_loaded(changed, metadata, "evaluation.step");
  changed = whole;
  changed.push_back(view_of("s.surplus", epoch, {2, 1}));
  expect_not_loaded(changed, metadata, "s.surplus");
  changed.back() = view_of("s.extra.x", epoch, {1, 2});
  expect_not_loaded(changed, metadata, "s.extra.x");
}

TEST_F(OutcomesFile, AMissingFileIsAnError) { EXPECT_THROW((void)load_outcomes(file()), Error); }

TEST_F(OutcomesFile, BecomesTrajectoriesThatStartWithTheirPhase) {
  const RunOutcome run = to_run_outcome(example(), 1);
  EXPECT_EQ(run.arm, example().arm);
  EXPECT_EQ(run.seed, example().seed);
  const Trajectory& held = run.sets.at("held");
  EXPECT_EQ(held.evaluations, 3U);
  EXPECT_EQ(held.facts, 2U);
  EXPECT_EQ(held.first, 1U);
  EXPECT_EQ(held.stratum, (std::vector<std::uint32_t>{0, 3}));
  EXPECT_DOUBLE_EQ(measure(held, Measure::forgetting), 0.5);
  OutcomeRecord with_empty = example();
  with_empty.sets["validation"];  // of size 0: nothing was asked for, and nothing can be measured
  EXPECT_FALSE(to_run_outcome(with_empty, 1).sets.contains("validation"));
  EXPECT_EQ(to_run_outcome(example(), 0).sets.at("held").first, 0U);
  EXPECT_THROW((void)to_run_outcome(example(), 2), Error);
}

}  // namespace
}  // namespace stet::report
