#include <stet/data/shard_build.hpp>
#include <stet/data/shard_stream.hpp>

#include <unit/data/temporary.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

namespace stet {
namespace {

using testing::Folder;
using testing::put;

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

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() {
    testing::small_bpe().save(folder_ / "bpe.json");
    ShardBuildOptions options;
    options.tokenizer = folder_ / "bpe.json";
    options.inputs = {put(folder_ / "a.jsonl", testing::mixed_lines(150))};
    options.out = folder_ / "shards";
    options.shard_megabytes = 0.002;
    const auto alone = make_single_process();
    build_shards(*alone, options);
    set_.emplace(ShardSet::open(options.out));
  }
  [[nodiscard]] Sampler sampler() const { return {set_->size(), 4, {8, 4}}; }

  const Folder folder_;
  std::optional<ShardSet> set_;
};

TEST_F(StreamTest, AnyNumberOfRanksReadsTheSameBatchesEachSequenceOnce) {
  const std::uint64_t n = set_->size(), epochs = 2;
  for (const std::uint64_t ranks : {1, 2, 3, 4}) {
    for (const std::size_t ahead : {0, 2}) {
      std::vector<std::uint64_t> at_position(epochs * n, UINT64_MAX);  // who was read there
      for (std::uint64_t rank = 0; rank < ranks; ++rank) {
        ShardStream stream(*set_, sampler(), {16, rank, ranks, 0, epochs * n, ahead});
        while (const std::optional<ShardBatch> batch = stream.next()) {
          EXPECT_EQ(batch->range, batch_at(batch->range.begin, n, 16));
          for (std::uint64_t p = batch->own.begin; p < batch->own.end; ++p) {
            EXPECT_EQ(at_position[p], UINT64_MAX);  // no other rank has it
            at_position[p] = batch->sequences[p - batch->own.begin].example;
          }
        }
        EXPECT_EQ(stream.position(), epochs * n);
      }
      for (std::uint64_t p = 0; p < epochs * n; ++p) EXPECT_EQ(at_position[p], sampler().index(p));
      for (std::uint64_t epoch = 0; epoch < epochs; ++epoch) {
        const auto begin = at_position.begin() + static_cast<std::ptrdiff_t>(epoch * n);
        EXPECT_EQ(std::set<std::uint64_t>(begin, begin + static_cast<std::ptrdiff_t>(n)).size(), n);
      }
    }
  }
}

TEST_F(StreamTest, GoesOnFromItsPosition) {
  ShardStream whole(*set_, sampler(), {16, 0, 1, 0, 300, 4}), first(*set_, sampler(), {16, 0, 1, 0, 300, 4});
  for (int i = 0; i < 3; ++i) {
    (void)whole.next();
    (void)first.next();
  }
  ShardStream second(*set_, sampler(), {16, 0, 1, first.position(), 300, 0});
  while (const std::optional<ShardBatch> batch = whole.next()) {
    const std::optional<ShardBatch> other = second.next();
    ASSERT_TRUE(other);
    EXPECT_EQ(batch->range, other->range);
    for (std::size_t i = 0; i < batch->sequences.size(); ++i)
      EXPECT_EQ(batch->sequences[i].ids, other->sequences[i].ids);
  }
  EXPECT_FALSE(second.next());
}

TEST_F(StreamTest, ADamagedShardIsTheConsumersError) {
  std::filesystem::remove(folder_ / "shards/shard-00002.safetensors");
  ShardStream stream(*set_, sampler(), {16, 0, 1, 0, set_->size(), 4});
  const Error error = testing::error_of([&] {
    while (stream.next()) {
    }
  });
  EXPECT_EQ(error.message(), "a shard of the index is missing");
  EXPECT_NE(error.where().find("shard-00002"), std::string::npos);
}

TEST_F(StreamTest, CanBeLeftInTheMiddle) {
  for (int i = 0; i < 20; ++i) {
    ShardStream stream(*set_, sampler(), {4, 0, 1, 0, UINT64_MAX, 2});
    for (int k = 0; k < i; ++k) EXPECT_TRUE(stream.next());
  }
}

}  // namespace
}  // namespace stet
