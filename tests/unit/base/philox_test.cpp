#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace stet {
namespace {

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10 rounds).
TEST(Philox, AgreesWithTheAuthorsKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, AStreamIsAFunctionOfItsNumbersAlone) {
  Random a(7, "init", 3, 2), b(7, "init", 3, 2), other_purpose(7, "order", 3, 2), other_index(7, "init", 4, 2),
      other_step(7, "init", 3, 3), other_seed(8, "init", 3, 2);
  const std::uint64_t first = a.bits64();
  EXPECT_EQ(first, b.bits64());
  for (Random* r : {&other_purpose, &other_index, &other_step, &other_seed}) EXPECT_NE(first, r->bits64());
}

TEST(Philox, DrawsHaveTheirMoments) {
  Random random(1, "moments");
  double sum = 0, squares = 0, uniform = 0;
  constexpr int n = 200000;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    uniform += random.uniform();
  }
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(squares / n, 1, 0.015);
  EXPECT_NEAR(uniform / n, 0.5, 0.004);
}

TEST(Philox, BelowIsUniform) {
  Random random(2, "below");
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[random.below(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
}

TEST(KeyedPermutation, IsABijectionForEverySize) {
  for (const std::uint64_t n : {1, 2, 3, 4, 5, 17, 64, 100, 1000, 4097}) {
    const KeyedPermutation permutation(n, 42, 1);
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < n; ++i) {
      ASSERT_LT(permutation(i), n);
      seen.insert(permutation(i));
    }
    EXPECT_EQ(seen.size(), n);
  }
}

TEST(KeyedPermutation, NeedsNoMemoryAtABillionBillionIndices) {
  const std::uint64_t n = 1'000'000'000'000'000'000;
  const KeyedPermutation permutation(n, 1);
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) seen.insert(permutation(n - 1 - i));
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(KeyedPermutation, MixesAndDependsOnSeedAndStream) {
  constexpr std::uint64_t n = 1000;
  const KeyedPermutation a(n, 1, 0), b(n, 2, 0), c(n, 1, 1);
  int fixed = 0, same_b = 0, same_c = 0, neighbours = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    fixed += a(i) == i;
    same_b += a(i) == b(i);
    same_c += a(i) == c(i);
    neighbours += i > 0 && a(i) == a(i - 1) + 1;
  }
  for (const int count : {fixed, same_b, same_c, neighbours}) EXPECT_LT(count, 12);  // expectation 1 each
}

}  // namespace
}  // namespace stet
