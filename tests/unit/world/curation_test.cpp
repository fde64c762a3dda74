#include <stet/world/curation.hpp>

#include <error_of.hpp>
#include <stet/base/philox.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace stet {
namespace {

using testing::error_of;

/// `count` candidates in two relations whose two covariates are normal around `mean`.
std::vector<Candidate> group(std::size_t count, double mean, std::string_view purpose) {
  std::vector<Candidate> result;
  for (std::size_t i = 0; i < count; ++i) {
    Random random(3, purpose, i);
    result.push_back({static_cast<std::uint32_t>(i % 2), {mean + random.normal(), 10 * (mean + random.normal())}});
  }
  return result;
}

std::vector<Candidate> picked(const std::vector<Candidate>& pool, const std::vector<std::size_t>& indices) {
  std::vector<Candidate> result;
  for (const std::size_t i : indices) result.push_back(pool[i]);
  return result;
}

TEST(Curation, MatchingRemovesAnImbalance) {
  const auto targets = group(100, 0.0, "targets"), pool = group(2000, 0.8, "pool");
  for (const double smd : standardized_mean_differences(pool, targets)) EXPECT_GT(smd, 0.5);
  const auto chosen = match_nearest(targets, pool, 100, {});
  EXPECT_EQ(std::set<std::size_t>(chosen.begin(), chosen.end()).size(), 100U);
  const auto matched = picked(pool, chosen);
  for (const double smd : standardized_mean_differences(matched, targets)) EXPECT_LT(std::abs(smd), 0.1);
  std::size_t first = 0;
  for (const Candidate& c : matched) first += c.relation == 0;
  EXPECT_EQ(first, 50U);  // as among the targets
}

TEST(Curation, EachTargetTakesTheNearestThatIsLeft) {
  const std::vector<Candidate> targets = {{7, {1.0}}};
  const std::vector<Candidate> pool = {{7, {3.0}}, {8, {1.0}}, {7, {0.5}}, {7, {9.0}}};
  EXPECT_EQ(match_nearest(targets, pool, 3, {}), (std::vector<std::size_t>{2, 0, 3}));  // one target, three turns
}

TEST(Curation, CovariatesCountInUnitsOfTheirSpread) {
  const std::vector<Candidate> targets = {{0, {0.0, 0.0, 5.0}}};  // the third is constant and tells nothing
  const std::vector<Candidate> pool = {{0, {0.01, 0.0, 5.0}}, {0, {0.0, 100.0, 5.0}}, {0, {0.03, 900.0, 5.0}}};
  EXPECT_EQ(match_nearest(targets, pool, 1, {}), std::vector<std::size_t>{1});
}

TEST(Curation, IsAFunctionOfTheSeed) {
  const auto targets = group(50, 0.0, "targets"), pool = group(120, 0.3, "pool");
  MatchOptions other;
  other.seed = 2;
  EXPECT_EQ(match_nearest(targets, pool, 50, {}), match_nearest(targets, pool, 50, {}));
  EXPECT_NE(match_nearest(targets, pool, 50, {}), match_nearest(targets, pool, 50, other));
}

TEST(Curation, ACaliperPassesOverTargetsWithoutANearMatch) {
  const std::vector<Candidate> targets = {{0, {0.0}}, {0, {100.0}}};
  std::vector<Candidate> pool;
  for (int i = 0; i < 10; ++i) pool.push_back({0, {0.1 * i}});
  MatchOptions options;
  options.caliper = 0.1;
  const auto chosen = match_nearest(targets, pool, 5, options);
  for (const std::size_t i : chosen) EXPECT_LT(i, 5U);
  options.caliper = 1e-3;
  const Error error = error_of([&] { static_cast<void>(match_nearest(targets, pool, 5, options)); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_NE(std::string(error.what()).find("near enough"), std::string::npos) << error.what();
}

TEST(Curation, SmallPoolsAreErrors) {
  const auto targets = group(10, 0.0, "targets"), pool = group(10, 0.0, "pool");
  MatchOptions options;
  options.what = "held facts";
  const Error error = error_of([&] { static_cast<void>(match_nearest(targets, pool, 10, options)); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_NE(std::string(error.what()).find("held facts"), std::string::npos);
  EXPECT_NE(std::string(error.what()).find("more than 10 candidates"), std::string::npos);
  EXPECT_NE(std::string(error.what()).find("received: 10 candidates"), std::string::npos) << error.what();
  auto one = pool;  // enough of them, but not in relation 1
  for (Candidate& candidate : one) candidate.relation = 0;
  EXPECT_EQ(error_of([&] { static_cast<void>(match_nearest(targets, one, 8, options)); }).kind(), ErrorKind::config);
  EXPECT_EQ(error_of([&] { static_cast<void>(match_nearest({}, pool, 3, options)); }).kind(), ErrorKind::config);
  EXPECT_TRUE(match_nearest({}, {}, 0, options).empty());
}

TEST(Curation, StandardizedMeanDifferencesByHand) {
  const std::vector<Candidate> a = {{0, {1.0, 2.0, 4.0}}, {0, {3.0, 2.0, 4.0}}},
                               b = {{0, {5.0, 2.0, 1.0}}, {0, {9.0, 2.0, 1.0}}};
  const auto smd = standardized_mean_differences(a, b);
  EXPECT_DOUBLE_EQ(smd[0], (2.0 - 7.0) / std::sqrt((2.0 + 8.0) / 2));
  EXPECT_EQ(smd[1], 0.0);
  EXPECT_EQ(smd[2], std::numeric_limits<double>::infinity());
  EXPECT_EQ(standardized_mean_differences(a, {}), (std::vector<double>{0, 0, 0}));
}

}  // namespace
}  // namespace stet
