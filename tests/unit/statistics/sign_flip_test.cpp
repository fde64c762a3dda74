#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/statistics/multiple_testing.hpp>
#include <stet/statistics/sign_flip.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace stet::report {
namespace {

double p_of(const std::vector<double>& differences) { return sign_flip_test(differences).p_value; }

TEST(SignFlip, SmallCasesByHand) {
  EXPECT_DOUBLE_EQ(p_of({0.1, 0.2, 0.3, 0.4}), 2.0 / 16);
  EXPECT_DOUBLE_EQ(p_of({-0.1, -0.2, -0.3, -0.4}), 2.0 / 16);
  EXPECT_DOUBLE_EQ(p_of({0.5}), 1.0);
  EXPECT_DOUBLE_EQ(p_of({1, 1}), 2.0 / 4);
  // |-1 + 2 + 3| = 4: reached by +++ (6), -++ (4) and their mirrors, of 8.
  EXPECT_DOUBLE_EQ(p_of({-1, 2, 3}), 4.0 / 8);
  // |3 - 1 - 1| = 1: every assignment gives 1, 3 or 5.
  EXPECT_DOUBLE_EQ(p_of({3, -1, -1}), 1.0);
  EXPECT_DOUBLE_EQ(p_of({0, 0, 0}), 1.0);
  EXPECT_DOUBLE_EQ(p_of({}), 1.0);
}

TEST(SignFlip, EqualDifferencesTieInSpiteOfRounding) {
  EXPECT_DOUBLE_EQ(p_of(std::vector<double>(8, 0.1)), 2.0 / 256);
  // 0.1 + 0.2 - 0.3 is not 0 in floating point, yet every assignment is at least as large.
  EXPECT_DOUBLE_EQ(p_of({0.1, 0.2, -0.3}), 1.0);
}

TEST(SignFlip, AgreesWithPlainEnumeration) {
  Random random(5, "test");
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::vector<double> d;
    for (int i = 0; i < 9; ++i) d.push_back(random.normal() + 0.5);
    double observed = 0;
    for (const double x : d) observed += x;
    int hits = 0;
    for (unsigned signs = 0; signs < 512; ++signs) {
      double sum = 0;
      for (unsigned i = 0; i < 9; ++i) sum += (signs >> i & 1U) != 0 ? -d[i] : d[i];
      hits += std::abs(sum) > std::abs(observed) * (1 - 1e-9);
    }
    EXPECT_DOUBLE_EQ(p_of(d), hits / 512.0);
  }
}

TEST(SignFlip, IsExactUpToItsLimitAndSampledBeyond) {
  const PermutationTest exact = sign_flip_test(std::vector<double>(20, 1.0));
  EXPECT_TRUE(exact.exact);
  EXPECT_EQ(exact.permutations, std::size_t{1} << 20);
  EXPECT_DOUBLE_EQ(exact.p_value, std::ldexp(1.0, -19));
  const PermutationTest sampled = sign_flip_test(std::vector<double>(21, 1.0));
  EXPECT_FALSE(sampled.exact);
  EXPECT_EQ(sampled.permutations, 100000U);
  EXPECT_LT(sampled.p_value, 0.0002);
  EXPECT_GE(sampled.p_value, 0.00001);
}

TEST(SignFlip, TheSampledPIsNearTheBinomialOne) {
  // 40 differences of size 1, 26 positive: P(|sum| >= 12) = P(X >= 26 or X <= 14), X ~ Binomial(40, 1/2).
  std::vector<double> d(40, 1.0);
  for (int i = 0; i < 14; ++i) d[static_cast<std::size_t>(i)] = -1;
  double tail = 0;
  for (int k = 26; k <= 40; ++k) {
    tail += std::exp(std::lgamma(41) - std::lgamma(k + 1) - std::lgamma(41 - k) - 40 * std::log(2.0));
  }
  EXPECT_NEAR(p_of(d), 2 * tail, 0.004);  // four standard errors of 100,000 draws
}

TEST(SignFlip, HoldsItsLevelUnderTheNull) {
  Random random(11, "null");
  int rejected = 0;
  constexpr int tests = 4000;
  for (int i = 0; i < tests; ++i) {
    std::vector<double> d;
    for (int k = 0; k < 8; ++k) d.push_back(random.normal());
    rejected += p_of(d) <= 0.05;
  }
  // The attainable level is 12/256 = 0.0469; four standard errors are 0.0134.
  EXPECT_NEAR(rejected / static_cast<double>(tests), 12.0 / 256, 0.0134);
}

TEST(SignFlip, RefusesWhatIsNotANumber) {
  EXPECT_THROW((void)p_of({0.1, std::numeric_limits<double>::quiet_NaN()}), Error);
  EXPECT_THROW((void)p_of({std::numeric_limits<double>::infinity()}), Error);
}

TEST(SignFlip, SmallestAttainableP) {
  EXPECT_DOUBLE_EQ(smallest_sign_flip_p(5), 0.0625);
  EXPECT_DOUBLE_EQ(smallest_sign_flip_p(6), 0.03125);
  EXPECT_DOUBLE_EQ(smallest_sign_flip_p(1), 1.0);
  EXPECT_DOUBLE_EQ(smallest_sign_flip_p(0), 1.0);
}

TEST(Holm, TextbookCase) {
  // 0.01 x 4, 0.02 x 3, then 0.03 x 2 = 0.06 = max, 0.04 -> 0.06.
  const std::vector<double> adjusted = holm(std::vector<double>{0.01, 0.04, 0.03, 0.02});
  const std::vector<double> expected{0.04, 0.06, 0.06, 0.06};
  ASSERT_EQ(adjusted.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-15) << i;
}

TEST(Holm, CapsKeepsOrderAndStaysMonotone) {
  const std::vector<double> adjusted = holm(std::vector<double>{0.5, 0.001, 0.5, 0.9});
  EXPECT_DOUBLE_EQ(adjusted[1], 0.004);
  EXPECT_DOUBLE_EQ(adjusted[0], 1.0);
  EXPECT_DOUBLE_EQ(adjusted[2], 1.0);
  EXPECT_DOUBLE_EQ(adjusted[3], 1.0);
  EXPECT_EQ(holm(std::vector<double>{0.3}), (std::vector<double>{0.3}));
  EXPECT_TRUE(holm({}).empty());
}

TEST(Holm, HoldsTheFamilysLevel) {
  // Sign-flip tests of five contrasts at eight seeds; the last two have an effect in the second family.
  Random random(12, "family");
  constexpr int families = 3000;
  for (const double effect : {0.0, 3.0}) {
    int wrong = 0, found = 0;
    for (int k = 0; k < families; ++k) {
      std::vector<double> p;
      for (int contrast = 0; contrast < 5; ++contrast) {
        std::vector<double> d;
        for (int seed = 0; seed < 8; ++seed) d.push_back(random.normal() + (contrast >= 3 ? effect : 0));
        p.push_back(p_of(d));
      }
      const std::vector<double> adjusted = holm(p);
      wrong +=
          std::any_of(adjusted.begin(), adjusted.begin() + (effect == 0 ? 5 : 3), [](double q) { return q <= 0.05; });
      found += effect > 0 && adjusted[3] <= 0.05;
    }
    EXPECT_LE(wrong / static_cast<double>(families), 0.05 + 4 * 0.004) << effect;  // four standard errors
    EXPECT_TRUE(effect == 0 || found > 0.9 * families) << found;
  }
}

TEST(HolmDeathTest, ProbabilitiesOnly) {
  EXPECT_DEATH((void)holm(std::vector<double>{1.5}), "p >= 0");
  EXPECT_DEATH((void)holm(std::vector<double>{std::nan("")}), "p >= 0");
}

}  // namespace
}  // namespace stet::report
