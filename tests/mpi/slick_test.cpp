// SLiCK over several ranks (CTest: 1, 2 and 4) gives the labels of one process, which every rank computes too.
#include <stet/base/error.hpp>
#include <stet/comm/session.hpp>
#include <stet/evaluate/answer_match.hpp>
#include <unit/evaluate/slick_setting.hpp>

#include <algorithm>

#include "ranked_main.hpp"

namespace stet {
namespace {

Communicator* world = nullptr;  // main's, for the tests

TEST(MpiSlick, LabelsDoNotDependOnTheNumberOfRanks) {
  testing::SlickSetting s;
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const at::Tensor weights = s.weights.to(type);
    const auto alone = make_single_process();
    const auto expected = slick(s.model, weights, s.tokenizer, s.relations, s.options, *alone);
    double done = 0;
    const auto labels =
        slick(s.model, weights, s.tokenizer, s.relations, s.options, *world, [&done](double share) { done = share; });
    EXPECT_EQ(labels, expected);
    EXPECT_EQ(done, 1.0);
    std::int64_t right = 0;
    for (const SlickLabel& label : labels[0]) right += label.samples_right;
    EXPECT_GT(right, 0);
  }
}

TEST(MpiSlick, AnswersAreJudgedAlikeOnAnyNumberOfRanks) {
  const testing::SlickSetting s;
  const TokenizedSet set = testing::asked_set(s);
  const auto alone = make_single_process();
  std::int64_t wrong = 0, others = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {  // of random models, of which some end their answers
    const at::Tensor weights = initial_values(s.model.table(), s.model.config(), seed, at::kDouble);
    const auto expected = judge_answers(s.model, weights, set, s.tokenizer, *alone, 8);
    EXPECT_EQ(judge_answers(s.model, weights, set, s.tokenizer, *world, 8), expected);
    wrong += std::count(expected.begin(), expected.end(), AnswerVerdict::wrong);
    others +=
        std::count_if(expected.begin(), expected.end(), [](AnswerVerdict v) { return v != AnswerVerdict::wrong; });
  }
  EXPECT_GT(std::min(wrong, others), 5);
}

TEST(MpiSlick, WhatSomeRanksHaveDoneOthersGoOnFrom) {
  testing::SlickSetting s;
  const auto alone = make_single_process();
  SlickState state;
  int asked = 0;  // every rank does a group, and is then told to pause
  auto labels = slick(
      s.model, s.weights, s.tokenizer, s.relations, s.options, *world, {}, [&] { return asked++ > 0; }, &state);
  EXPECT_TRUE(labels.empty());
  EXPECT_EQ(std::count(state.done.begin(), state.done.end(), 1), world->size());
  const auto expected = slick(s.model, s.weights, s.tokenizer, s.relations, s.options, *alone);
  SlickState here = state;  // by one process
  EXPECT_EQ(slick(s.model, s.weights, s.tokenizer, s.relations, s.options, *alone, {}, {}, &here), expected);
  EXPECT_EQ(slick(s.model, s.weights, s.tokenizer, s.relations, s.options, *world, {}, {}, &state), expected);
}

TEST(MpiSlick, MoreRanksThanWork) {
  testing::SlickSetting s;
  s.relations.resize(1);
  s.relations[0].facts.resize(1);
  s.options.prompts = 1;
  const auto alone = make_single_process();
  EXPECT_EQ(slick(s.model, s.weights, s.tokenizer, s.relations, s.options, *world),
            slick(s.model, s.weights, s.tokenizer, s.relations, s.options, *alone));
}

TEST(MpiSlick, AFailureIsEveryRanks) {
  testing::SlickSetting s;
  s.weights.fill_(std::nan(""));
  EXPECT_THROW((void)slick(s.model, s.weights, s.tokenizer, s.relations, s.options, *world), Error);
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  return stet::testing::run_ranked(argc, argv, [](stet::Communicator& communicator) { stet::world = &communicator; });
}
