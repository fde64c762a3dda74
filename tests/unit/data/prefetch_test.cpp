#include <stet/data/prefetch.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

namespace stet {
namespace {

TEST(Prefetcher, GivesAllInOrderAndThenNothing) {
  int n = 0;
  Prefetcher<int> queue([&]() -> std::optional<int> { return n < 100 ? std::optional(n++) : std::nullopt; }, 3);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.next(), i);
  EXPECT_EQ(queue.next(), std::nullopt);
  EXPECT_EQ(queue.next(), std::nullopt);
}

TEST(Prefetcher, StaysWithinItsCapacityAndStops) {
  std::atomic<int> made{0};
  {
    Prefetcher<int> queue([&]() -> std::optional<int> { return made++; }, 3);
    EXPECT_EQ(queue.next(), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_LE(made, 1 + 3 + 1);  // taken, waiting, in the maker's hand
  }
  const int after = made;
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(made, after);
}

TEST(Prefetcher, AnExceptionComesInItsPlace) {
  int n = 0;
  Prefetcher<int> queue(
      [&]() -> std::optional<int> {
        if (n == 2) throw Error(ErrorKind::data, "broken");
        return n++;
      },
      8);
  EXPECT_EQ(queue.next(), 0);
  EXPECT_EQ(queue.next(), 1);
  EXPECT_THROW((void)queue.next(), Error);
  EXPECT_THROW((void)queue.next(), Error);
}

}  // namespace
}  // namespace stet
