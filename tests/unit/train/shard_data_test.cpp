// Token shards as training data: the trainer sees the same, whoever reads and however far ahead.
#include <stet/train/read_ahead.hpp>
#include <stet/train/shard_data.hpp>

#include <unit/data/temporary.hpp>
#include <unit/train/training.hpp>

#include <gtest/gtest.h>

#include <atomic>

namespace stet {
namespace {

/// 150 sequences of at most 12 tokens below 23, some with two loss spans, in three shards.
class ShardDataTest : public ::testing::Test {
 protected:
  ShardDataTest() {
    ShardIndex index{"tokenizer", 23, 12, {}};
    for (std::uint64_t k = 0; k < 3; ++k) {
      ShardContent content;
      for (std::uint64_t s = 0; s < 50; ++s) {
        Random random(7, "sequence", 50 * k + s);
        TokenSequence sequence;
        const std::uint64_t length = 6 + random.below(7);
        for (std::uint64_t t = 0; t < length; ++t) sequence.ids.push_back(static_cast<TokenId>(random.below(23)));
        if (s % 3 == 0) sequence.loss_spans = {{1, 3}, {4, static_cast<std::uint32_t>(length - s % 2)}};
        content.add(sequence);
      }
      index.shards.push_back(content.write(folder_.path(), k, {"tokenizer", 23, 12, ""}));
    }
    index.write(folder_.path());
    set_ = std::make_shared<ShardSet>(ShardSet::open(folder_.path()));
  }

  at::Tensor train(const TrainingData& data, std::int64_t micro_shards) {
    const Transformer model(testing::small_model());
    testing::MapSnapshots snapshots;
    TrainOptions options;
    options.batch_size = 16;
    options.micro_shards = micro_shards;
    at::Tensor weights = initial_values(model.table(), model.config(), 1, at::kFloat);
    Trainer trainer(model, weights, options, *alone_);
    trainer.begin_phase({}, {}, snapshots);
    std::uint64_t position = 0;
    losses_.clear();
    while (position < 2 * data.epoch_size) {
      const BatchRange range = batch_at(position, data.epoch_size, 16);
      losses_.push_back(trainer.step(data, sampler(data), range, 100).loss);
      position = range.end;
    }
    return weights;
  }
  static Sampler sampler(const TrainingData& data) { return {data.epoch_size, 3, {8, 4}}; }

  const testing::Folder folder_;
  const std::unique_ptr<Communicator> alone_ = make_single_process();
  std::shared_ptr<ShardSet> set_;
  std::vector<double> losses_;
};

TEST_F(ShardDataTest, KnownSizesAndReadingAheadChangeNoBit) {
  const TrainingData data = shard_data(set_, "shards");
  EXPECT_EQ(data.epoch_size, 150U);
  TrainingData without_sizes = data;
  without_sizes.size = {};
  for (const std::int64_t micro_shards : {0, 4}) {
    const at::Tensor plain = train(without_sizes, micro_shards);
    const std::vector<double> losses = losses_;
    EXPECT_LT(losses.back(), losses.front());
    EXPECT_TRUE(train(data, micro_shards).equal(plain));
    EXPECT_EQ(losses_, losses);
    const std::uint64_t parts = micro_shards == 0 ? 1 : 4;
    EXPECT_TRUE(train(read_ahead(data, sampler(data), {16, 0, 300, parts, 0, parts}), micro_shards).equal(plain));
    EXPECT_TRUE(
        train(read_ahead(without_sizes, sampler(data), {16, 0, 300, parts, 0, parts}), micro_shards).equal(plain));
    EXPECT_TRUE(train(read_ahead(data, sampler(data), {7, 32, 64, 1, 0, 1}), micro_shards)
                    .equal(plain));  // a plan that is not followed
  }
}

TEST_F(ShardDataTest, SizesAreThoseOfTheSequences) {
  TrainingData small = testing::small_data();
  const auto make = small.sequence;
  // A part whose sizes are known by making its sequences alone: then the whole says nothing either.
  ASSERT_FALSE(small.size);
  EXPECT_FALSE(join_data(small, shard_data(set_, "shards")).size);
  small.size = [make](std::uint64_t epoch, std::uint64_t index) {
    const TokenSequence sequence = make(epoch, index);
    return SequenceSize{sequence.ids.size(), sequence.loss_tokens()};
  };
  const TrainingData data = join_data(small, shard_data(set_, "shards"));
  EXPECT_EQ(data.epoch_size, 163U);
  EXPECT_EQ(data.name, "small + shards");
  for (std::uint64_t i = 0; i < data.epoch_size; ++i) {
    const TokenSequence sequence = data.sequence(0, i);
    EXPECT_EQ(sequence.example, i);
    EXPECT_EQ(data.size(0, i).tokens, sequence.ids.size());
    EXPECT_EQ(data.size(0, i).loss_tokens, sequence.loss_tokens());
    EXPECT_EQ(sequence.ids, i < 13 ? testing::small_data().sequence(0, i).ids : set_->sequence(i - 13).ids);
  }
}

TEST_F(ShardDataTest, ARankIsAskedForItsOwnPartAlone) {
  // The second and third of four parts.
  std::vector<std::uint64_t> made;
  TrainingData data = shard_data(set_, "shards");
  data.sequence = [&](std::uint64_t epoch, std::uint64_t index) {
    made.push_back(index);
    return shard_data(set_, "").sequence(epoch, index);
  };
  std::vector<std::uint64_t> expected;
  {
    const TrainingData ahead = read_ahead(data, sampler(data), {16, 0, 150, 4, 1, 2});
    for (std::uint64_t position = 0; position < 150;) {
      const BatchRange range = batch_at(position, 150, 16);
      for (std::uint64_t p = part_of(range, 1, 4).begin; p < part_of(range, 2, 4).end; ++p) {
        expected.push_back(sampler(data).index(p));
        EXPECT_EQ(ahead.sequence(0, expected.back()).example, expected.back());
      }
      position = range.end;
    }
  }
  EXPECT_EQ(made, expected);  // each once: nothing was made twice, and nothing for others
}

TEST_F(ShardDataTest, ReadingAheadCanBeLeftInTheMiddle) {
  const TrainingData data = shard_data(set_, "shards");
  for (std::uint64_t i = 0; i < 20; ++i) {
    const TrainingData ahead = read_ahead(data, sampler(data), {4, 0, UINT64_MAX, 1, 0, 1, 2});
    for (std::uint64_t p = 0; p < i; ++p) {
      const std::uint64_t index = sampler(data).index(p);
      EXPECT_EQ(ahead.sequence(0, index).ids, set_->sequence(index).ids);
    }
  }
}

TEST_F(ShardDataTest, AnErrorArrivesAtTheStep) {
  std::filesystem::remove(folder_ / shard_name(1));
  const TrainingData data = shard_data(set_, "shards");
  EXPECT_THROW(train(read_ahead(data, sampler(data), {16, 0, 300, 1, 0, 1}), 0), Error);
}

}  // namespace
}  // namespace stet
