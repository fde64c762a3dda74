#include <stet/data/lookahead.hpp>
#include <stet/data/position_walk.hpp>
#include <stet/data/shard_build.hpp>
#include <stet/data/shard_set.hpp>

#include <unit/data/temporary.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace stet {
namespace {

TEST(PositionWalk, VisitsThePartsOfEachBatchUpToTheEnd) {
  // Epochs of 10 in batches of 4: [0, 4) [4, 8) [8, 10) [10, 14) [14, 18) [18, 20); the second and third of four parts.
  PositionWalk walk(10, {4, 4, 18, 4, 1, 2});
  std::vector<std::uint64_t> visited;
  while (const std::optional<std::uint64_t> position = walk.next()) visited.push_back(*position);
  std::vector<std::uint64_t> expected;
  for (const BatchRange batch : {BatchRange{4, 8}, BatchRange{8, 10}, BatchRange{10, 14}, BatchRange{14, 18}}) {
    for (std::uint64_t p = part_of(batch, 1, 4).begin; p < part_of(batch, 2, 4).end; ++p) expected.push_back(p);
  }
  EXPECT_EQ(visited, expected);
  EXPECT_FALSE(walk.next());
}

TEST(PositionWalk, AnyNumberOfRanksVisitsEachSequenceOfAnEpochOnce) {
  constexpr std::uint64_t n = 150, epochs = 2, batch = 16;
  const Sampler sampler(n, 4, {8, 4});
  for (const std::uint64_t ranks : {1, 2, 3, 4}) {
    std::vector<std::uint64_t> visits(epochs * n);  // of sequences, epoch after epoch
    for (std::uint64_t rank = 0; rank < ranks; ++rank) {
      PositionWalk walk(n, {batch, 0, epochs * n, ranks, rank, 1}), later(n, {batch, 48, epochs * n, ranks, rank, 1});
      while (const std::optional<std::uint64_t> position = walk.next()) {
        ++visits[sampler.epoch(*position) * n + sampler.index(*position)];
        if (*position >= 48) {
          EXPECT_EQ(later.next(), position);  // goes on as the walk that began before
        }
      }
      EXPECT_FALSE(later.next());
    }
    EXPECT_EQ(visits, std::vector<std::uint64_t>(epochs * n, 1)) << ranks;
  }
}

/// Sequence numbers 7, 14, ... modulo 1009, each asked for by name.
class LookaheadTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t count = 500;
  static constexpr std::size_t chunk = 8;
  static std::uint64_t number(std::uint64_t i) { return 7 * (i + 1) % 1009; }

  std::vector<std::uint64_t> tables_, contents_;
  std::uint64_t walked_ = 0;
  Lookahead lookahead_{[this] { return walked_ < count ? std::optional(number(walked_++)) : std::nullopt; },
                       [this](std::span<const std::uint64_t> indices, Need need) {
                         EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end()));
                         EXPECT_LE(indices.size(), chunk);
                         std::vector<std::uint64_t>& asked = need == Need::tables ? tables_ : contents_;
                         if (need == Need::contents) {  // whose tables were asked for before
                           for (const std::uint64_t index : indices)
                             EXPECT_NE(std::find(tables_.begin(), tables_.end(), index), tables_.end());
                         }
                         asked.insert(asked.end(), indices.begin(), indices.end());
                       },
                       chunk};
};

TEST_F(LookaheadTest, AsksForEachOnceAndInTime) {
  for (std::uint64_t i = 0; i < count; ++i) {
    lookahead_.before_one();
    const std::uint64_t due = std::min<std::uint64_t>(count, i + chunk * Lookahead::contents_ahead);
    EXPECT_GE(contents_.size(), due);
    EXPECT_LT(contents_.size(), due + chunk);  // and no further
    EXPECT_LE(tables_.size(), due + chunk * (Lookahead::tables_ahead + 1));
    EXPECT_NE(std::find(contents_.begin(), contents_.end(), number(i)), contents_.end());
  }
  std::vector<std::uint64_t> expected(count);
  for (std::uint64_t i = 0; i < count; ++i) expected[i] = number(i);
  std::sort(expected.begin(), expected.end());
  for (std::vector<std::uint64_t>* asked : {&tables_, &contents_}) {
    std::sort(asked->begin(), asked->end());
    EXPECT_EQ(*asked, expected);
  }
  lookahead_.before_one();  // behind the end: nothing
  EXPECT_EQ(contents_.size(), count);
}

TEST(Lookahead, AChunkIsAMegabyteForAllReaders) {
  EXPECT_EQ(Lookahead::chunk_for(4096, 1), 256U);
  EXPECT_EQ(Lookahead::chunk_for(4096, 4), 64U);
  EXPECT_EQ(Lookahead::chunk_for(1, 1), 1024U);
  EXPECT_EQ(Lookahead::chunk_for(1 << 30, 128), 4U);
}

class FetchTest : public ::testing::Test {
 protected:
  FetchTest() {
    testing::small_bpe().save(folder_ / "bpe.json");
    ShardBuildOptions options;
    options.tokenizer = folder_ / "bpe.json";
    options.inputs = {testing::put(folder_ / "a.jsonl", testing::mixed_lines(150))};
    options.out = folder_ / "shards";
    options.shard_megabytes = 0.002;
    const auto alone = make_single_process();
    build_shards(*alone, options);
  }
  static void fetch_all(ShardSet& set) {
    std::vector<std::uint64_t> all(set.size());
    std::iota(all.begin(), all.end(), 0U);
    set.fetch(all, Need::tables);
    set.fetch(all, Need::contents);
  }
  [[nodiscard]] std::filesystem::path shard(int number) const {
    return folder_ / "shards" / shard_name(static_cast<std::uint64_t>(number));
  }

  const testing::Folder folder_;
};

TEST_F(FetchTest, ChangesNothingThatIsRead) {
  ShardSet plain = ShardSet::open(folder_ / "shards"), fetched = ShardSet::open(folder_ / "shards");
  ASSERT_GT(plain.index().shards.size(), 3U);
  fetch_all(fetched);
  EXPECT_GT(fetched.touched_bytes(), 0U);  // the offsets that were read count
  for (std::uint64_t i = 0; i < plain.size(); ++i) EXPECT_EQ(plain.sequence(i).ids, fetched.sequence(i).ids);
}

TEST_F(FetchTest, LeavesErrorsToWhoReads) {
  std::filesystem::remove(shard(1));
  ShardSet set = ShardSet::open(folder_ / "shards");
  fetch_all(set);
  EXPECT_NO_THROW((void)set.sequence(0));
  EXPECT_THROW((void)set.sequence(set.index().shards[0].counts.sequences), Error);
}

TEST_F(FetchTest, SurvivesImpossibleOffsets) {
  // The offsets of sequence 1 and of its spans become 2^64 - 1: both tables begin with 0, their second entry is it.
  std::uint64_t first_tokens = 0;
  {
    ShardSet set = ShardSet::open(folder_ / "shards");
    first_tokens = set.sequence(0).ids.size();
  }
  std::string content = read_file(shard(0));
  std::string pattern(16, '\0');
  std::memcpy(pattern.data() + 8, &first_tokens, 8);
  const std::size_t at = content.find(pattern);
  ASSERT_NE(at, std::string::npos);
  content.replace(at + 8, 8, 8, '\xff');
  testing::put(shard(0), content);
  ShardSet set = ShardSet::open(folder_ / "shards");
  for (const Need need : {Need::tables, Need::contents}) {
    for (std::uint64_t i = 0; i < set.size(); ++i) set.fetch(std::span(&i, 1), need);
  }
  EXPECT_THROW((void)set.sequence(0), Error);
}

}  // namespace
}  // namespace stet
