#include <stet/data/batch.hpp>
#include <stet/data/sampler.hpp>

#include <gtest/gtest.h>

#include <set>

namespace stet {
namespace {

Tokenizer words() { return make_word_level(std::vector<std::string>{"ann", "was", "born", "in", "rome", "."}); }

TEST(Tokenize, LossActsOnTheCompletionAndTheEnd) {
  const TokenSequence sequence = tokenize(words(), {"ann was born in", " rome .", 9}, false, 42);
  EXPECT_EQ(sequence.ids, (std::vector<TokenId>{2, 3, 4, 5, 6, 7, 1}));
  EXPECT_EQ(sequence.loss_begin, 4U);
  EXPECT_EQ(sequence.example, 42U);
}

TEST(Tokenize, LossCanActOnAllButTheFirstToken) {
  EXPECT_EQ(tokenize(words(), {"ann was born in", " rome .", 9}, true, 0).loss_begin, 1U);
  const TokenSequence no_prompt = tokenize(words(), {"", "ann .", 0}, false, 0);
  EXPECT_EQ(no_prompt.ids, (std::vector<TokenId>{2, 7, 1}));
  EXPECT_EQ(no_prompt.loss_begin, 1U);
  EXPECT_EQ(tokenize(words(), {"", "", 0}, true, 0).ids, std::vector<TokenId>{1});
}

TEST(Pack, LossActsOnTheSpansAlone) {
  const std::vector<TokenSequence> sequences = {{{10, 11, 12, 13, 14, 15, 16}, 2, 7, {{2, 3}, {4, 6}}},
                                                {{20, 21, 22}, 1, 3},
                                                {{30, 31, 32, 33}, 1, 5, {{1, 2}, {3, 4}}}};
  EXPECT_EQ(sequences[0].loss_tokens(), 3U);
  EXPECT_EQ(sequences[1].loss_tokens(), 2U);
  EXPECT_EQ(sequences[2].loss_tokens(), 2U);
  const PackedBatch batch = pack(sequences);
  EXPECT_EQ(batch.loss_rows, (std::vector<std::int64_t>{1, 3, 4, 7, 8, 10, 12}));
  EXPECT_EQ(batch.targets, (std::vector<std::int64_t>{12, 14, 15, 21, 22, 31, 33}));
  EXPECT_EQ(batch.sequence_of, (std::vector<std::int32_t>{0, 0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(batch.offsets, (std::vector<std::int32_t>{0, 7, 10, 14}));
}

TEST(Pack, OneSpanToTheEndIsTheSameAsNone) {
  const std::vector<TokenSequence> plain = {{{10, 11, 12, 13}, 2, 7}}, spans = {{{10, 11, 12, 13}, 2, 7, {{2, 4}}}};
  EXPECT_EQ(pack(plain).loss_rows, pack(spans).loss_rows);
  EXPECT_EQ(pack(plain).targets, pack(spans).targets);
}

TEST(PackDeathTest, ImpossibleSpansAreAProgrammingError) {
  for (const std::vector<LossSpan>& spans :
       {std::vector<LossSpan>{{1, 5}}, {{2, 2}}, {{1, 3}, {2, 4}}, {{2, 3}, {1, 2}}}) {
    const std::vector<TokenSequence> sequences = {{{10, 11, 12, 13}, 1, 0, spans}};
    EXPECT_DEATH(static_cast<void>(pack(sequences)), "span");
  }
}

TEST(Pack, LaysSequencesEndToEnd) {
  const std::vector<TokenSequence> sequences = {{{10, 11, 12, 1}, 2, 7}, {{20, 1}, 1, 3}, {{30, 31, 32, 1}, 3, 5}};
  const PackedBatch batch = pack(sequences);
  EXPECT_EQ(batch.tokens, (std::vector<TokenId>{10, 11, 12, 1, 20, 1, 30, 31, 32, 1}));
  EXPECT_EQ(batch.offsets, (std::vector<std::int32_t>{0, 4, 6, 10}));
  EXPECT_EQ(batch.positions, (std::vector<std::int32_t>{0, 1, 2, 3, 0, 1, 0, 1, 2, 3}));
  EXPECT_EQ(batch.loss_rows, (std::vector<std::int64_t>{1, 2, 4, 8}));
  EXPECT_EQ(batch.targets, (std::vector<std::int64_t>{12, 1, 1, 1}));
  EXPECT_EQ(batch.sequence_of, (std::vector<std::int32_t>{0, 0, 1, 2}));
  EXPECT_EQ(batch.examples, (std::vector<std::uint64_t>{7, 3, 5}));
}

TEST(Pack, EveryTargetFollowsItsRowInTheSameSequence) {
  const std::vector<TokenSequence> sequences = {{{5}, 1, 0}, {{}, 1, 1}, {{6, 7}, 9, 2}, {{8, 9, 1}, 1, 3}};
  const PackedBatch batch = pack(sequences);
  EXPECT_EQ(batch.offsets, (std::vector<std::int32_t>{0, 1, 1, 3, 6}));
  ASSERT_EQ(batch.loss_rows.size(), 2U);
  for (std::size_t p = 0; p < batch.loss_rows.size(); ++p) {
    const auto row = batch.loss_rows[p];
    const auto b = static_cast<std::size_t>(batch.sequence_of[p]);
    EXPECT_EQ(batch.targets[p], batch.tokens[static_cast<std::size_t>(row + 1)]);
    EXPECT_GE(row, batch.offsets[b]);
    EXPECT_LT(row + 1, batch.offsets[b + 1]);
  }
}

TEST(Pack, OfNothingIsEmpty) {
  const PackedBatch batch = pack({});
  EXPECT_EQ(batch.offsets, std::vector<std::int32_t>{0});
  EXPECT_TRUE(batch.tokens.empty() && batch.loss_rows.empty() && batch.examples.empty());
}

TEST(PackDeathTest, LossOnTheFirstTokenIsAProgrammingError) {
  const std::vector<TokenSequence> sequences = {{{1, 2}, 0, 0}};
  EXPECT_DEATH(static_cast<void>(pack(sequences)), "loss_begin");
}

TEST(Sampler, ShowsEveryExampleOnceAnEpoch) {
  for (const std::uint64_t size : {1U, 2U, 97U, 1000U}) {
    const Sampler sampler(size, 5);
    for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
      std::set<std::uint64_t> seen;
      for (std::uint64_t i = 0; i < size; ++i) {
        EXPECT_EQ(sampler.epoch(epoch * size + i), epoch);
        seen.insert(sampler.index(epoch * size + i));
      }
      EXPECT_EQ(seen.size(), size);
      EXPECT_EQ(*seen.rbegin(), size - 1);
    }
  }
}

TEST(Sampler, EpochsAndSeedsDiffer) {
  const Sampler a(1000, 5), same(1000, 5), other(1000, 6);
  int next_epoch = 0, other_seed = 0, identity = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(a.index(i), same.index(i));
    next_epoch += a.index(i) == a.index(1000 + i);
    other_seed += a.index(i) == other.index(i);
    identity += a.index(i) == i;
  }
  // Two random permutations agree at one place on average (Poisson): ten or more has probability 1e-7.
  EXPECT_LT(next_epoch, 10);
  EXPECT_LT(other_seed, 10);
  EXPECT_LT(identity, 10);
}

TEST(Sampler, WorksFarOutWithoutState) {
  const Sampler sampler(1'000'000'000'000, 1);
  const std::uint64_t position = 123'456'789'012'345'678;
  EXPECT_LT(sampler.index(position), 1'000'000'000'000U);
  EXPECT_EQ(sampler.index(position), Sampler(1'000'000'000'000, 1).index(position));
}

TEST(SamplerDeathTest, AnEmptySetIsAProgrammingError) { EXPECT_DEATH(Sampler(0, 1), "size"); }

TEST(Sampler, BlocksGiveEachExampleOnceAnEpoch) {
  for (const std::uint64_t size : {1, 2, 7, 64, 100, 1000, 1023}) {
    for (const BlockOrder order :
         {BlockOrder{1, 1}, BlockOrder{8, 1}, BlockOrder{8, 4}, BlockOrder{64, 64}, BlockOrder{1000, 3}}) {
      const Sampler sampler(size, 5, order);
      for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
        std::set<std::uint64_t> seen;
        for (std::uint64_t p = 0; p < size; ++p) seen.insert(sampler.index(epoch * size + p));
        EXPECT_EQ(seen.size(), size) << order.block << " " << order.window << " " << epoch;
        EXPECT_EQ(*seen.rbegin(), size - 1);
      }
    }
  }
}

TEST(Sampler, BlocksKeepAWindowTogetherAndStillShuffle) {
  const Sampler sampler(10000, 9, {10, 8}), other(10000, 10, {10, 8});
  for (std::uint64_t window = 0; window < 10000 / 80; ++window) {
    std::set<std::uint64_t> blocks;
    for (std::uint64_t p = 0; p < 80; ++p) blocks.insert(sampler.index(window * 80 + p) / 10);
    EXPECT_EQ(blocks.size(), 8U);
  }
  int neighbours = 0, same_as_other = 0, same_next_epoch = 0;
  for (std::uint64_t p = 0; p + 1 < 10000; ++p) {
    neighbours += sampler.index(p) + 1 == sampler.index(p + 1) ? 1 : 0;
    same_as_other += sampler.index(p) == other.index(p) ? 1 : 0;
    same_next_epoch += sampler.index(p) == sampler.index(p + 10000) ? 1 : 0;
  }
  EXPECT_LT(neighbours, 250);  // 1 in 80 by chance: 125
  EXPECT_LT(same_as_other, 20);
  EXPECT_LT(same_next_epoch, 20);
}

TEST(Sampler, WithoutBlocksTheOrderIsTheOneItAlwaysWas) {
  const Sampler plain(1000, 3), none(1000, 3, BlockOrder{0, 64});
  for (std::uint64_t p = 0; p < 2000; ++p) EXPECT_EQ(plain.index(p), none.index(p));
}

}  // namespace
}  // namespace stet
