#include <stet/base/error.hpp>
#include <stet/outcomes/bootstrap.hpp>
#include <stet/outcomes/measure.hpp>
#include <stet/statistics/area_under_roc.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "unit/outcomes/calibration_reference.hpp"
#include "unit/outcomes/synthetic.hpp"

namespace stet::report {
namespace {

TEST(Calibration, ByHand) {
  const std::vector<double> confidence{0.1, 0.2, 0.9, 0.8, 1.0};
  const std::vector<std::uint8_t> correct{0, 1, 1, 0, 1};
  // Two bins: {0.1, 0.2} accuracy 1/2, confidence 0.15; {0.9, 0.8, 1.0} accuracy 2/3, confidence 0.9.
  EXPECT_NEAR(calibration_error(confidence, correct, 2), 0.4 * 0.35 + 0.6 * (0.9 - 2.0 / 3), 1e-12);
  // Of equal mass: the ranks 0, 1, 2 and 3, 4.
  EXPECT_NEAR(calibration_error(confidence, correct, 2, Binning::equal_mass),
              0.6 * std::abs(1.0 / 3 - 1.1 / 3) + 0.4 * std::abs(1 - 0.95), 1e-12);
  EXPECT_DOUBLE_EQ(confident_error_share(confidence, correct, 0.7), 0.2);
  EXPECT_DOUBLE_EQ(confident_error_share(confidence, correct, 0.8), 0.0);
}

TEST(Calibration, ACalibratedModelHasNearlyNone) {
  Random random(1, "data");
  std::vector<double> confidence;
  std::vector<std::uint8_t> honest, boastful;
  for (int i = 0; i < 50000; ++i) {
    confidence.push_back(random.uniform());
    honest.push_back(random.uniform() < confidence.back());
    boastful.push_back(random.uniform() < confidence.back() / 2);
  }
  for (const Binning binning : {Binning::equal_width, Binning::equal_mass}) {
    EXPECT_LT(calibration_error(confidence, honest, 15, binning), 0.01);
    EXPECT_NEAR(calibration_error(confidence, boastful, 15, binning), 0.25, 0.01);  // mean of c - c/2
  }
}

TEST(AreaUnderRoc, CountsPairsWithTiesAsHalf) {
  Random random(2, "data");
  std::vector<double> score, weights;
  std::vector<std::uint8_t> label;
  for (int i = 0; i < 200; ++i) {
    score.push_back(std::floor(10 * random.uniform()));
    label.push_back(random.uniform() < 0.05 * score.back() + 0.2);
    weights.push_back(static_cast<double>(random.below(3)));
  }
  double wins = 0, pairs = 0, weighted = 0, weight = 0;
  for (std::size_t i = 0; i < score.size(); ++i) {
    for (std::size_t j = 0; j < score.size(); ++j) {
      if (label[i] == 0 || label[j] == 1) continue;
      const double win = score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
      wins += win;
      pairs += 1;
      weighted += weights[i] * weights[j] * win;
      weight += weights[i] * weights[j];
    }
  }
  EXPECT_NEAR(area_under_roc(score, label), wins / pairs, 1e-12);
  EXPECT_NEAR(area_under_roc(score, label, weights), weighted / weight, 1e-12);
  EXPECT_TRUE(std::isnan(area_under_roc(std::vector<double>{1, 2}, std::vector<std::uint8_t>{1, 1})));
}

/// Two evaluations; confidence and probability at the first one are noise that must not count.
Trajectory with_confidence(std::uint32_t facts, Random& random) {
  Trajectory t = chance({0.5, 0.5}, facts, 3, random);
  std::vector<float>& confidence = t.extra["confidence"];
  for (std::uint32_t i = 0; i < 2 * facts; ++i) {
    confidence.push_back(static_cast<float>(random.uniform()));
    t.probability.push_back(static_cast<float>(random.uniform()));
    if (i >= facts) t.correct[i] = random.uniform() < confidence[i];
  }
  return t;
}

TEST(ItemMeasures, AreThoseOfTheLastEvaluation) {
  Random random(3, "data");
  Trajectory t = with_confidence(500, random);
  t.extra[recorded_array] = t.extra.at("confidence");
  std::vector<double> confidence;
  std::vector<std::uint8_t> correct;
  double probability = 0;
  for (std::size_t i = 500; i < 1000; ++i) {
    confidence.push_back(t.extra.at("confidence")[i]);
    correct.push_back(t.correct[i]);
    probability += t.probability[i] / 500.0;
  }
  EXPECT_NEAR(measure(t, Measure::ece), calibration_error(confidence, correct), 1e-12);
  EXPECT_NEAR(measure(t, Measure::auroc), area_under_roc(confidence, correct), 1e-12);
  EXPECT_NEAR(measure(t, Measure::confident_error), confident_error_share(confidence, correct), 1e-12);
  EXPECT_NEAR(measure(t, Measure::probability), probability, 1e-7);
  for (const Measure m : every_measure) {
    const std::vector<Trajectory> runs(6, t);
    const Estimate estimate = hierarchical_bootstrap(pointers(runs), m, {200, 1, 0.95});
    EXPECT_DOUBLE_EQ(estimate.mean, measure(t, m)) << name_of(m);
    EXPECT_LT(estimate.low, estimate.high) << name_of(m);
    EXPECT_NEAR(estimate.low, estimate.mean, 0.15) << name_of(m);
  }
}

TEST(ItemMeasures, AucCoverage) {
  Random random(4, "data");
  // P(right) = confidence, uniform: AUROC = 5/6 (P(c1 > c0) with densities 2c and 2(1 - c)).
  int covered = 0;
  for (int repetition = 0; repetition < 100; ++repetition) {
    std::vector<Trajectory> runs;
    for (int seed = 0; seed < 6; ++seed) runs.push_back(with_confidence(120, random));
    const Estimate estimate = hierarchical_bootstrap(pointers(runs), Measure::auroc, {200, 1, 0.95});
    covered += estimate.low <= 5.0 / 6 && 5.0 / 6 <= estimate.high;
  }
  EXPECT_GE(covered, 91);
}

TEST(ItemMeasures, TheIntervalOfACalibrationErrorHoldsTheEstimate) {
  Random random(5, "data");  // calibrated: resampling alone raises the error
  std::vector<Trajectory> runs;
  for (int seed = 0; seed < 6; ++seed) runs.push_back(with_confidence(400, random));
  const Estimate estimate = hierarchical_bootstrap(pointers(runs), Measure::ece, {400, 1, 0.95});
  EXPECT_LT(estimate.low, estimate.mean);
  EXPECT_GT(estimate.high, estimate.mean);
  EXPECT_NEAR(estimate.high + estimate.low, 2 * estimate.mean, 0.02);
}

TEST(ItemMeasures, MisuseIsAnError) {
  Random random(3, "data");
  Trajectory t = with_confidence(10, random);
  t.extra["confidence"][15] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW((void)measure(t, Measure::ece), Error);
  t.extra.clear();
  EXPECT_EQ(missing_array(t, Measure::auroc), "confidence");
  EXPECT_EQ(missing_array(t, Measure::probability), "");
  EXPECT_EQ(missing_array(t, Measure::forgetting), "");
  EXPECT_THROW((void)measure(t, Measure::auroc), Error);
  t.probability.pop_back();
  EXPECT_THROW(check(t, "here"), Error);
}

TEST(ItemMeasures, NothingToTellApartIsNoNumber) {
  Trajectory t = trajectory({"1111"});
  t.extra["confidence"] = {0.1F, 0.9F, 0.5F, 1.0F};
  EXPECT_TRUE(std::isnan(measure(t, Measure::auroc)));
}

TEST(TrajectoryArea, Trapezoids) {
  EXPECT_DOUBLE_EQ(measure(trajectory({"1000", "1111", "1100"}), Measure::auc_trajectory),
                   (0.5 * 0.25 + 1.0 + 0.5 * 0.5) / 2);
  EXPECT_DOUBLE_EQ(measure(trajectory({"1000"}), Measure::auc_trajectory), 0.25);
}

}  // namespace
}  // namespace stet::report
