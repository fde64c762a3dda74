#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/statistics/equivalence.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace stet::report {
namespace {

// R: d <- c(0.01, -0.005, 0.004, 0.012, -0.008, 0.003); mean 0.0026667, sd 0.0079415, se 0.0032421; t = 6.991 and
// -5.346 with 5 degrees of freedom.
TEST(Equivalence, ByHand) {
  const std::vector<double> d{0.01, -0.005, 0.004, 0.012, -0.008, 0.003};
  const EquivalenceTest test = equivalence_test(d, 0.02);
  EXPECT_EQ(test.degrees, 5U);
  double mean = 0, squares = 0;
  for (const double x : d) mean += x / 6;
  for (const double x : d) squares += (x - mean) * (x - mean);
  const double error = std::sqrt(squares / 5 / 6);
  // Upper tail of Student's t with 5 degrees of freedom, in closed form.
  const auto tail = [](double t) {
    const double angle = std::atan(t / std::sqrt(5.0)), c = std::cos(angle), s = std::sin(angle);
    return 0.5 - (angle + s * c * (1 + 2.0 / 3 * c * c)) / M_PI;
  };
  EXPECT_NEAR(test.p_not_less, tail((mean + 0.02) / error), 1e-12);
  EXPECT_NEAR(test.p_not_more, tail((0.02 - mean) / error), 1e-12);
  EXPECT_EQ(test.p_value, std::max(test.p_not_less, test.p_not_more));
  EXPECT_LT(test.p_value, 0.005);
  EXPECT_GT(equivalence_test(d, 0.003).p_value, 0.4);
}

TEST(Equivalence, FalsePositivesAtTheEdgeAreFivePercent) {
  Random random(5, "data");
  int at_edge = 0, inside = 0;
  const int repetitions = 2000;
  for (int i = 0; i < repetitions; ++i) {
    std::vector<double> edge, middle;
    for (int seed = 0; seed < 8; ++seed) {
      edge.push_back(0.02 + 0.01 * random.normal());
      middle.push_back(0.005 * random.normal());
    }
    at_edge += equivalence_test(edge, 0.02).p_value < 0.05;
    inside += equivalence_test(middle, 0.02).p_value < 0.05;
  }
  EXPECT_NEAR(at_edge / double(repetitions), 0.05, 0.015);
  EXPECT_GT(inside / double(repetitions), 0.99);
}

TEST(Equivalence, WithoutSpreadOrData) {
  EXPECT_EQ(equivalence_test(std::vector<double>{0.1, 0.1, 0.1}, 0.2).p_value, 0.0);
  EXPECT_EQ(equivalence_test(std::vector<double>{0.1, 0.1, 0.1}, 0.05).p_value, 1.0);
  EXPECT_EQ(equivalence_test(std::vector<double>{0, 0}, 0.05).p_value, 0.0);
  EXPECT_TRUE(std::isnan(equivalence_test(std::vector<double>{0.1}, 0.2).p_value));
  EXPECT_THROW((void)equivalence_test(std::vector<double>{0.1, std::numeric_limits<double>::infinity()}, 0.2), Error);
}

TEST(EquivalenceDeathTest, NeedsAMargin) {
  EXPECT_DEATH((void)equivalence_test(std::vector<double>{0.1, 0.2}, 0), "margin > 0");
}

}  // namespace
}  // namespace stet::report
