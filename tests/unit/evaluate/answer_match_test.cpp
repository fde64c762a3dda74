// What counts as right, as wrong and as no answer; and that what is judged is what the model writes.
#include <stet/evaluate/answer_match.hpp>

#include <gtest/gtest.h>

#include <array>

#include "unit/evaluate/slick_setting.hpp"

namespace stet {
namespace {

Fact fact() {
  Fact fact;
  fact.subject = "Ulysses";
  fact.answer = "James Joyce";
  fact.aliases = {"Joyce", "J. A. A. Joyce"};
  return fact;
}

TEST(AnswerMatch, TheFirstLineIsComparedAfterNormalization) {
  for (const char* right : {"James Joyce", " james  joyce.\nQ: Who", "the Joyce!", "J A A Joyce"})
    EXPECT_EQ(judge_answer(right, fact()), AnswerVerdict::right) << right;
  for (const char* wrong : {"It was James Joyce", "James", "James Joyce and others", "Unknownia"})
    EXPECT_EQ(judge_answer(wrong, fact()), AnswerVerdict::wrong) << wrong;
  for (const char* none : {"", "  ", "\nJames Joyce", "I don't know.", "i do not know who wrote it", "Unknown", "..."})
    EXPECT_EQ(judge_answer(none, fact()), AnswerVerdict::not_attempted) << none;
  Fact unknown = fact();
  unknown.answer = "Unknown";
  EXPECT_EQ(judge_answer("unknown.", unknown), AnswerVerdict::right) << "an answer may be that";
}

/// What the model continues a prompt with, token by token, with the whole forward pass each time; ends with the end of
/// text if it comes within `limit` tokens.
std::vector<TokenId> continuation(const testing::SlickSetting& s, const at::Tensor& weights, std::vector<TokenId> ids,
                                  std::size_t limit) {
  std::vector<TokenId> written;
  while (written.size() < limit && (written.empty() || written.back() != s.tokenizer.end_of_text())) {
    const std::vector<std::int32_t> offsets = {0, static_cast<std::int32_t>(ids.size())};
    std::vector<std::int32_t> positions(ids.size());
    for (std::size_t p = 0; p < ids.size(); ++p) positions[p] = static_cast<std::int32_t>(p);
    const at::Tensor hidden = s.model.forward(weights, {ids, offsets, positions}, nullptr, nullptr);
    const at::Tensor logits = s.model.head(weights).mv(hidden[hidden.size(0) - 1]);
    written.push_back(static_cast<TokenId>(logits.argmax().item<std::int64_t>()));
    ids.push_back(written.back());
  }
  return written;
}

TEST(AnswerMatch, WhatIsJudgedIsTheGreedyContinuation) {
  const testing::SlickSetting s;
  const auto alone = make_single_process();
  std::array<std::size_t, 3> seen{};
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {  // of random models, of which some end their answers
    const at::Tensor weights = initial_values(s.model.table(), s.model.config(), seed, at::kDouble);
    TokenizedSet set = testing::asked_set(s);
    std::vector<AnswerVerdict> expected;
    for (std::size_t i = 0; i < set.sequences.size(); ++i) {
      const auto begin = set.sequences[i].ids.begin();
      std::vector<TokenId> written =  // the longest answer with its end is two tokens
          continuation(s, weights, {begin, begin + set.sequences[i].loss_begin}, 2 + 8);
      const bool ends = written.back() == s.tokenizer.end_of_text();
      if (ends) written.pop_back();
      const std::string text = s.tokenizer.decode(written);
      if (i % 3 == 0) set.facts[i].aliases = {"THE " + text};
      if (i % 3 == 1) set.facts[i].answer = text;
      const bool none = ends && written.empty();
      expected.push_back(none                 ? AnswerVerdict::not_attempted
                         : ends && i % 3 != 2 ? AnswerVerdict::right
                                              : judge_answer(ends ? text : "no end", set.facts[i]));
      ++seen[static_cast<std::size_t>(expected.back())];
    }
    EXPECT_EQ(judge_answers(s.model, weights, set, s.tokenizer, *alone, 7), expected) << seed;
  }
  for (const std::size_t count : seen) EXPECT_GT(count, 5U);
}

}  // namespace
}  // namespace stet
