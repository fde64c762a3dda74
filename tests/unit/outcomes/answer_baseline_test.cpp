#include <stet/outcomes/answer_baseline.hpp>

#include <gtest/gtest.h>

namespace stet::report {
namespace {

OutcomeRecord with_sets(const std::map<std::string, std::size_t>& sizes) {
  OutcomeRecord outcomes;
  for (const auto& [name, size] : sizes) outcomes.sets[name].fact_ids.resize(size);
  return outcomes;
}

TEST(AnswerBaseline, MarksTheCommonestAnswerOfTheSetAndOfTraining) {
  OutcomeRecord outcomes = with_sets({{"known", 3}, {"unknown", 3}, {"held", 4}});
  add_answer_baselines(outcomes,
                       {{"known", {"US", "US", "France"}},
                        {"unknown", {"Iran", "US", "Iran"}},
                        {"held", {"US", "Iran", "Iran", "Oman"}}},
                       {"known", "unknown"});
  const auto of = [&](const char* set, const char* array) { return outcomes.sets.at(set).extra.at(array); };
  using Marks = std::vector<float>;
  EXPECT_EQ(of("known", commonest_of_set), (Marks{1, 1, 0}));
  EXPECT_EQ(of("unknown", commonest_of_set), (Marks{1, 0, 1}));
  EXPECT_EQ(of("held", commonest_of_set), (Marks{0, 1, 1, 0}));
  EXPECT_EQ(of("held", commonest_in_training), (Marks{1, 0, 0, 0}));  // US: three times in training
  EXPECT_EQ(of("unknown", commonest_in_training), (Marks{0, 1, 0}));
}

TEST(AnswerBaseline, OfEquallyCommonAnswersTheFirstInTheAlphabetCounts) {
  OutcomeRecord outcomes = with_sets({{"held", 2}});
  add_answer_baselines(outcomes, {{"held", {"b", "a"}}}, {});
  EXPECT_EQ(outcomes.sets.at("held").extra.at(commonest_of_set), (std::vector<float>{0, 1}));
  EXPECT_FALSE(outcomes.sets.at("held").extra.contains(commonest_in_training)) << "nothing was trained";
}

TEST(AnswerBaseline, AnEmptySetHasNone) {
  OutcomeRecord outcomes = with_sets({{"held", 0}});
  add_answer_baselines(outcomes, {{"held", {}}}, {"held"});
  EXPECT_TRUE(outcomes.sets.at("held").extra.empty());
}

}  // namespace
}  // namespace stet::report
