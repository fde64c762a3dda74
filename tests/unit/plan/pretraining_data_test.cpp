// Several texts a sequence.
#include <stet/plan/pretraining_data.hpp>
#include <stet/run/base_model.hpp>

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace stet {
namespace {

class PretrainingDataTest : public ::testing::Test {
 protected:
  PretrainingDataTest() {
    config_.data.synthetic.entities = 20;
    config_.data.synthetic.relations = 2;
    config_.model.context = 1000;
    config_.pretrain.texts_per_sequence = 4;
  }
  /// The texts of a sequence, each with its end token.
  static std::vector<std::vector<TokenId>> texts_of(const TokenSequence& sequence, TokenId end) {
    std::vector<std::vector<TokenId>> texts(1);
    for (const TokenId id : sequence.ids) {
      texts.back().push_back(id);
      if (id == end) texts.emplace_back();
    }
    texts.pop_back();
    return texts;
  }
  RunConfig config_;
};

TEST_F(PretrainingDataTest, AnEpochShowsEveryTextOnceInNewCompany) {
  const World world = make_world(config_.data);
  const Tokenizer tokenizer = world.make_tokenizer();
  const TrainingData data = make_pretraining_data(config_, world, tokenizer, 0);
  EXPECT_EQ(data.epoch_size, (world.epoch_size() + 3) / 4);
  std::vector<std::multiset<std::vector<TokenId>>> first_of_epoch;
  for (const std::uint64_t epoch : {0U, 1U}) {
    std::multiset<std::vector<TokenId>> seen, expected;
    for (std::uint64_t i = 0; i < data.epoch_size; ++i) {
      const TokenSequence sequence = data.sequence(epoch, i);
      EXPECT_EQ(sequence.loss_begin, 1U);
      const auto texts = texts_of(sequence, tokenizer.end_of_text());
      EXPECT_EQ(texts.size(), i + 1 < data.epoch_size || world.epoch_size() % 4 == 0 ? 4U : world.epoch_size() % 4);
      seen.insert(texts.begin(), texts.end());
      if (i == 0) first_of_epoch.emplace_back(texts.begin(), texts.end());
    }
    for (std::uint64_t i = 0; i < world.epoch_size(); ++i)
      expected.insert(tokenize(tokenizer, world.pretraining_example(epoch, i), true, i).ids);
    EXPECT_TRUE(seen == expected) << "epoch " << epoch;
  }
  EXPECT_FALSE(first_of_epoch[0] == first_of_epoch[1]);
}

TEST_F(PretrainingDataTest, SequencesAreCutAtTheContext) {
  config_.model.context = 12;
  const World world = make_world(config_.data);
  const Tokenizer tokenizer = world.make_tokenizer();
  const TrainingData data = make_pretraining_data(config_, world, tokenizer, 0);
  for (std::uint64_t i = 0; i < data.epoch_size; ++i) EXPECT_LE(data.sequence(0, i).ids.size(), 12U);
}

TEST_F(PretrainingDataTest, OneTextASequenceIsTheWorldsOwnOrder) {
  config_.pretrain.texts_per_sequence = 1;
  const World world = make_world(config_.data);
  const Tokenizer tokenizer = world.make_tokenizer();
  const TrainingData data = make_pretraining_data(config_, world, tokenizer, 0);
  ASSERT_EQ(data.epoch_size, world.epoch_size());
  for (std::uint64_t i = 0; i < data.epoch_size; i += 7) {
    EXPECT_EQ(data.sequence(2, i).ids, tokenize(tokenizer, world.pretraining_example(2, i), true, i).ids);
  }
}

}  // namespace
}  // namespace stet
