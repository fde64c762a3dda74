#include <stet/base/error.hpp>
#include <stet/outcomes/measure.hpp>

#include <gtest/gtest.h>

#include <cmath>

#include "unit/outcomes/synthetic.hpp"

namespace stet::report {
namespace {

// Accuracies 2/4, 4/4, 3/4, 1/4.
Trajectory rise_and_fall() { return trajectory({"1100", "1111", "1011", "0010"}); }

TEST(Measure, ByHand) {
  const Trajectory t = rise_and_fall();
  EXPECT_DOUBLE_EQ(measure(t, Measure::final_accuracy), 0.25);
  EXPECT_DOUBLE_EQ(measure(t, Measure::start_accuracy), 0.5);
  EXPECT_DOUBLE_EQ(measure(t, Measure::peak_accuracy), 1.0);
  EXPECT_DOUBLE_EQ(measure(t, Measure::forgetting), 0.75);
  EXPECT_DOUBLE_EQ(measure(t, Measure::drop), 0.75);
}

TEST(Measure, ForgettingIsRelativeToThePeakAndDropIsNot) {
  const Trajectory t = trajectory({"1100000000", "1111000000", "1110000000"});
  EXPECT_DOUBLE_EQ(measure(t, Measure::forgetting), 0.25);
  EXPECT_DOUBLE_EQ(measure(t, Measure::drop), 0.1);
}

TEST(Measure, EvaluationsBeforeTheFirstDoNotCount) {
  Trajectory t = rise_and_fall();
  t.first = 2;
  EXPECT_DOUBLE_EQ(measure(t, Measure::start_accuracy), 0.75);
  EXPECT_DOUBLE_EQ(measure(t, Measure::peak_accuracy), 0.75);
  EXPECT_DOUBLE_EQ(measure(t, Measure::forgetting), 2.0 / 3.0);
}

TEST(Measure, NothingEverRightCannotBeForgotten) {
  EXPECT_TRUE(std::isnan(measure(trajectory({"000", "000"}), Measure::forgetting)));
  EXPECT_EQ(measure(trajectory({"000", "000"}), Measure::drop), 0.0);
  EXPECT_EQ(measure(trajectory({"001", "111"}), Measure::forgetting), 0.0);
}

TEST(Measure, OverASampleWithRepetitions) {
  const Trajectory t = rise_and_fall();
  const std::vector<std::uint32_t> sample{0, 0, 2};  // accuracies 2/3, 1, 1, 1/3
  EXPECT_DOUBLE_EQ(measure(t, Measure::start_accuracy, sample), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(measure(t, Measure::peak_accuracy, sample), 1.0);
  EXPECT_DOUBLE_EQ(measure(t, Measure::forgetting, sample), 2.0 / 3.0);
  const std::vector<std::uint32_t> all{3, 2, 1, 0};
  for (const Measure m :
       {Measure::final_accuracy, Measure::start_accuracy, Measure::peak_accuracy, Measure::forgetting, Measure::drop}) {
    EXPECT_EQ(measure(t, m, all), measure(t, m)) << name_of(m);
  }
}

TEST(Measure, EarlyStoppingEndsAtTheFirstBestOfTheValidationSet) {
  const Trajectory t = rise_and_fall();
  const auto stopped = [&t](const std::vector<std::string>& validation, std::uint32_t first = 0) {
    Trajectory from = t;
    from.first = first;
    return measure(until_best(from, trajectory(validation)), Measure::early_stop_accuracy);
  };
  EXPECT_DOUBLE_EQ(stopped({"00", "01", "11", "11"}), 0.75);
  EXPECT_DOUBLE_EQ(stopped({"11", "01", "00", "00"}), 0.5);
  EXPECT_DOUBLE_EQ(stopped({"11", "00", "00", "01"}, 1), 0.25);  // what came before `first` does not count
  const Trajectory made = until_best(t, trajectory({"0", "0", "1", "0"}));
  EXPECT_EQ(made.evaluations, 3U);
  EXPECT_EQ(made.correct.size(), 12U);
  const std::vector<std::uint32_t> sample{0, 1, 1};
  EXPECT_DOUBLE_EQ(measure(made, Measure::early_stop_accuracy, sample), 1.0 / 3.0);
}

TEST(MeasureDeathTest, ASampleMustLieInsideTheFacts) {
  const std::vector<std::uint32_t> outside{4}, none;
  EXPECT_DEATH((void)measure(rise_and_fall(), Measure::drop, outside), "fact < trajectory.facts");
  EXPECT_DEATH((void)measure(rise_and_fall(), Measure::drop, none), "empty");
}

TEST(RecordedSet, IsTakenApartOnlyForAMeasureThatReadsAnArray) {
  const std::string joined = recorded_set("held", "drift.drift");
  const RecordedSet parts = split_recorded_set(joined, Measure::recorded);
  EXPECT_EQ(parts.set, "held");
  EXPECT_EQ(parts.array, "drift.drift");
  EXPECT_EQ(split_recorded_set(joined, Measure::forgetting).set, joined);
  EXPECT_EQ(split_recorded_set("held", Measure::recorded).set, "held");
  EXPECT_EQ(split_recorded_set("held", Measure::recorded).array, "");
}

TEST(Check, NamesWhatIsWrongAndWhere) {
  const auto message = [](const Trajectory& t) {
    try {
      check(t, "arm 'a', seed 1");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message(rise_and_fall()), "accepted");
  Trajectory t = rise_and_fall();
  t.correct[6] = 2;
  EXPECT_NE(message(t).find("2 at evaluation 1, fact 2"), std::string::npos);
  EXPECT_NE(message(t).find("arm 'a', seed 1"), std::string::npos);
  t = rise_and_fall();
  t.correct.pop_back();
  EXPECT_NE(message(t).find("wrong number of outcomes"), std::string::npos);
  t = rise_and_fall();
  t.stratum.pop_back();
  EXPECT_NE(message(t).find("3 strata"), std::string::npos);
  t = rise_and_fall();
  t.first = 4;
  EXPECT_NE(message(t).find("below 4"), std::string::npos);
  EXPECT_NE(message(Trajectory{}).find("0 evaluations"), std::string::npos);
}

}  // namespace
}  // namespace stet::report
