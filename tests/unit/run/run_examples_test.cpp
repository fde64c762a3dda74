// The sets of examples of a run, over a small world and an untrained base.
#include <stet/run/run_examples.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>

namespace stet {
namespace {

class RunExamplesTest : public ::testing::Test {
 protected:
  static DataConfig data() {
    DataConfig config;
    config.synthetic.entities = 30;
    config.synthetic.relations = 2;
    return config;
  }
  /// Its world is world_ from then on.
  BaseModel base(std::int64_t context, double frequency_exponent = 0) {
    RunConfig config;
    ModelConfig& shape = config.model;
    shape.width = 8;
    shape.layers = 1;
    shape.heads = 2;
    shape.feed_forward = 8;
    shape.context = context;
    config.data = data();
    config.data.synthetic.frequency_exponent = frequency_exponent;
    world_ = make_world(config);
    return untrained_base(*world_, config);
  }
  std::vector<TokenizedSet> sets(const BaseModel& base) const {
    std::vector<TokenizedSet> result;
    const auto probe = [this](const Fact& fact) -> const std::string& {
      return world_->relations()[fact.relation].probe;
    };
    const std::span<const Fact> facts = world_->base_facts();
    result.push_back(tokenize_set("known", facts.subspan(0, 9), base.tokenizer, probe));
    result.push_back(tokenize_set("held", facts.subspan(9, 12), base.tokenizer, probe));
    return result;
  }
  std::optional<World> world_;
  const std::unique_ptr<Communicator> alone_ = make_single_process();
};

TEST_F(RunExamplesTest, TextsWithAndWithoutTheHeldFacts) {
  const BaseModel model = base(200);
  const std::vector<TokenizedSet> facts = sets(model);
  ExampleStore store(model.model, *alone_, 1);
  fill_examples(store, facts, model, *world_, 3);
  EXPECT_EQ(store.sets(), (std::vector<std::string>{"known", "held", "neutral", "pretraining", "pretraining_not_held",
                                                    "self_generated"}));
  EXPECT_EQ(store.size("held"), 12);
  const std::vector<Fact>& all = world_->base_facts();
  EXPECT_EQ(store.size("pretraining"), static_cast<std::int64_t>(all.size()));
  EXPECT_EQ(store.size("pretraining_not_held"), static_cast<std::int64_t>(all.size()) - 12);
  std::multiset<std::vector<TokenId>> expected, seen, with_held;
  for (std::uint64_t i = 0; i < all.size(); ++i) {
    const TokenSequence text = tokenize(model.tokenizer, world_->pretraining_example(3, i), true, i);
    with_held.insert(text.ids);
    if (i < 9 || i >= 21) expected.insert(text.ids);
  }
  for (const TokenSequence& text : store.sequences("pretraining_not_held")) {
    seen.insert(text.ids);
    EXPECT_EQ(text.loss_begin, 1U);
  }
  EXPECT_TRUE(seen == expected);
  seen.clear();
  for (const TokenSequence& text : store.sequences("pretraining")) seen.insert(text.ids);
  EXPECT_TRUE(seen == with_held);
}

// A world where some facts are met often and most rarely: a text's place in an epoch is not its fact's.
TEST_F(RunExamplesTest, HeldFactsAreLeftOutOfUnequalTextsToo) {
  const BaseModel model = base(200, 1.0);
  const std::vector<TokenizedSet> facts = sets(model);
  ExampleStore store(model.model, *alone_, 1);
  fill_examples(store, facts, model, *world_, 3);
  std::multiset<std::vector<TokenId>> expected, seen;
  std::uint64_t elsewhere = 0;
  for (std::uint64_t i = 0; i < world_->base_facts().size(); ++i) {
    const std::uint64_t shown = world_->shown(3, i);
    elsewhere += shown == i ? 0 : 1;
    if (shown < 9 || shown >= 21)
      expected.insert(tokenize(model.tokenizer, world_->pretraining_example(3, i), true, i).ids);
  }
  ASSERT_GT(elsewhere, 20U);
  for (const TokenSequence& text : store.sequences("pretraining_not_held")) seen.insert(text.ids);
  EXPECT_TRUE(seen == expected);
}

TEST_F(RunExamplesTest, NoTextIsLongerThanTheContext) {
  const BaseModel model = base(6);
  ExampleStore store(model.model, *alone_, 1);
  const std::vector<TokenizedSet> none;
  fill_examples(store, none, model, *world_, 3);
  for (const char* name : {"neutral", "pretraining", "pretraining_not_held", "self_generated"}) {
    std::size_t longest = 0;
    for (const TokenSequence& text : store.sequences(name)) {
      longest = std::max(longest, text.ids.size());
      EXPECT_GT(text.loss_tokens(), 0U) << name;
    }
    EXPECT_LE(longest, 6U) << name;
    EXPECT_GT(longest, 1U) << name;
  }
}

TEST_F(RunExamplesTest, WhatTheBaseWritesIsAFunctionOfTheSeed) {
  const BaseModel model = base(20);
  const std::vector<TokenizedSet> none;
  const auto written = [&](std::uint64_t seed) {
    ExampleStore store(model.model, *alone_, 1);
    fill_examples(store, none, model, *world_, seed);
    std::vector<std::vector<TokenId>> texts;
    for (const TokenSequence& text : store.sequences("self_generated")) texts.push_back(text.ids);
    return texts;
  };
  EXPECT_EQ(written(3), written(3));
  EXPECT_NE(written(3), written(4));
}

}  // namespace
}  // namespace stet
