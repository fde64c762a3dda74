// Similarities of vectors and sets: against libtorch's and sets written out.
#include "linear_examples.hpp"

#include <stet/sdk/similarity.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <iterator>

namespace stet {
namespace {

using testing::normal_numbers;

TEST(Similarity, Cosines) {
  const at::Tensor a = normal_numbers({3, 4}, "a"), b = normal_numbers({3, 4}, "b");
  a[1].zero_();
  const at::Tensor rows = row_cosines(a, b);
  for (std::int64_t i = 0; i < 3; ++i) {
    const double expected = i == 1 ? 0 : at::cosine_similarity(a[i], b[i], 0).item<double>();
    EXPECT_NEAR(rows[i].item<double>(), expected, 1e-14);
    EXPECT_NEAR(cosine(a[i], b[i]), expected, 1e-14);
  }
  const at::Tensor x = b.to(at::kFloat);
  EXPECT_TRUE(row_cosines(x, x).equal(at::ones({3}, at::kDouble)));  // to the bit
}

TEST(Similarity, NearestByCosine) {
  // More rows than are looked at together.
  const at::Tensor a = normal_numbers({300, 4}, "many"), b = normal_numbers({5, 4}, "few");
  b[2].zero_();
  const Nearest nearest = nearest_by_cosine(a, b);
  ASSERT_EQ(nearest.where.size(), 300U);
  for (const std::int64_t i : {0, 1, 255, 256, 299}) {
    double largest = -2, sum = 0;
    std::int64_t where = -1;
    for (std::int64_t j = 0; j < 5; ++j) {
      const double c = cosine(a[i], b[j]);
      if (c > largest) where = j;
      largest = std::max(largest, c);
      sum += c;
    }
    EXPECT_NEAR(nearest.largest[static_cast<std::size_t>(i)], largest, 1e-14);
    EXPECT_NEAR(nearest.mean[static_cast<std::size_t>(i)], sum / 5, 1e-14);
    EXPECT_EQ(nearest.where[static_cast<std::size_t>(i)], where);
  }
}

TEST(Similarity, NearestByJaccard) {
  const std::vector<Tokens> a = {{1, 2}, {7}, {3, 4, 5}}, b = {{5, 9}, {1, 2, 3}, {4, 5, 3}, {3, 4, 5, 6}};
  const Nearest nearest = nearest_by_jaccard(a, b);
  EXPECT_EQ(nearest.largest, (std::vector<double>{2.0 / 3, 0, 1}));
  EXPECT_EQ(nearest.where, (std::vector<std::int64_t>{1, 0, 2}));
  EXPECT_NEAR(nearest.mean[0], 2.0 / 3 / 4, 1e-15);
  EXPECT_NEAR(nearest.mean[2], (0.25 + 0.2 + 1 + 0.75) / 4, 1e-15);

  // The same as rows of 0 and 1.
  const auto rows = [](const std::vector<Tokens>& family) {
    at::Tensor ones = at::zeros({static_cast<std::int64_t>(family.size()), 10}, at::kDouble);
    for (std::size_t i = 0; i < family.size(); ++i) {
      for (const std::int32_t token : family[i]) ones[static_cast<std::int64_t>(i)][token] = 1;
    }
    return ones;
  };
  const Nearest by_rows = nearest_by_jaccard(rows(a), rows(b));
  EXPECT_EQ(by_rows.largest, nearest.largest);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(by_rows.mean[i], nearest.mean[i], 1e-15);
}

TEST(Similarity, Divergences) {
  const at::Tensor p = normal_numbers({3, 6}, "p"), q = normal_numbers({3, 6}, "q");
  const at::Tensor kl = row_divergences(p, q), a = p.softmax(1), b = q.softmax(1);
  for (std::int64_t i = 0; i < 3; ++i) {
    double expected = 0;
    for (std::int64_t v = 0; v < 6; ++v) {
      expected += a[i][v].item<double>() * std::log(a[i][v].item<double>() / b[i][v].item<double>());
    }
    EXPECT_NEAR(kl[i].item<double>(), expected, 1e-14);
    EXPECT_GT(expected, 0.01);
  }
  EXPECT_TRUE(row_divergences(p, p).equal(at::zeros({3}, at::kDouble)));
}

TEST(Similarity, Numbers) {
  EXPECT_EQ(sum_of({1, 2, 4.5}), 7.5);
  EXPECT_EQ(mean_of({1, 2, 4.5}), 2.5);
  EXPECT_EQ(mean_of({}), 0);
  EXPECT_EQ(to_floats(std::vector<double>{1, 0.1}), (std::vector<float>{1, 0.1F}));
  EXPECT_EQ(to_floats(at::tensor(std::vector<double>{1, 0.1})), (std::vector<float>{1, 0.1F}));
}

}  // namespace
}  // namespace stet
