#include <stet/world/answer_text.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

TEST(AnswerText, IsNormalizedAsTheScriptOfSquadDoes) {
  // By normalize_answer() of SQuAD's evaluate-v2.0.py.
  EXPECT_EQ(squad_normalized("The  United States, of America."), "united states of america");
  EXPECT_EQ(squad_normalized("an A-list\tof THE theatre"), "alist of theatre");
  EXPECT_EQ(squad_normalized("U.S.A."), "usa");
  EXPECT_EQ(squad_normalized("\u00c9CLAIR\u00a0\u0141\u00f3d\u017a"), "\u00e9clair \u0142\u00f3d\u017a");
  EXPECT_EQ(squad_normalized("the"), "");
  EXPECT_EQ(squad_normalized("  "), "");
  EXPECT_EQ(squad_normalized("\u201cthe\u201d"), "\u201cthe\u201d") << "punctuation outside ASCII counts";
}

}  // namespace
}  // namespace stet
