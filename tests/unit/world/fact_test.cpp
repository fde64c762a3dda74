#include <stet/base/error.hpp>
#include <stet/world/fact.hpp>
#include <stet/world/neutral_text.hpp>

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace stet {
namespace {

Fact paris() { return {7, 0, "Jean Moulin", "Paris"}; }

TEST(Render, CutsAtTheAnswerAndItsSpace) {
  const Example spaced = render("[X] was born in [Y] .", paris());
  EXPECT_EQ(spaced.prompt, "Jean Moulin was born in");
  EXPECT_EQ(spaced.completion, " Paris .");
  EXPECT_EQ(spaced.fact, 7U);
  EXPECT_EQ(spaced.text(), "Jean Moulin was born in Paris .");
  const Example tight = render("Where did [X] die?\n[Y]", paris());
  EXPECT_EQ(tight.prompt, "Where did Jean Moulin die?\n");
  EXPECT_EQ(tight.completion, "Paris");
}

TEST(Render, DoesNotReadSlotsInsideTheFact) {
  const Example example = render("[X] likes [Y].", {1, 0, "A [Y] B", "[X]"});
  EXPECT_EQ(example.text(), "A [Y] B likes [X].");
}

TEST(Render, RefusesWordingsWithoutTheirSlots) {
  for (const char* bad : {"", "no slots", "[X] alone", "alone [Y]", "[Y] before [X]", "[X] [X] [Y]", "[X] [Y] [Y]"}) {
    EXPECT_THROW(static_cast<void>(render(bad, paris())), Error) << bad;
  }
}

TEST(FactId, DependsOnEachPartAndNotOnTheirBorders) {
  const std::uint64_t id = fact_id("born", "ab", "c");
  EXPECT_EQ(id, fact_id("born", "ab", "c"));
  const std::set<std::uint64_t> ids = {id, fact_id("died", "ab", "c"), fact_id("born", "a", "bc"),
                                       fact_id("born", "ab", "d"), fact_id("borna", "b", "c")};
  EXPECT_EQ(ids.size(), 5U);
}

TEST(NeutralText, TakesPatternsAndNamesInTurn) {
  const NeutralText text{{"one [N] two [N]", "key [H] .", "[N]"}, {"ann", "bob", "cid", "dee", "eve"}, "01"};
  std::map<std::string, int> shown;
  for (std::uint64_t i = 0; i < 15; ++i) {  // five rounds of three names: every name three times
    const std::string line = text.line(3, i);
    EXPECT_EQ(line, text.line(3, i));
    if (i % 3 == 1) {
      EXPECT_EQ(line.size(), std::string("key 0 1 0 1 0 1 0 1 .").size());
      EXPECT_EQ(line.find_first_not_of("01 ", 4), line.size() - 1);
    }
    for (const std::string& name : text.names) {
      for (auto at = line.find(name); at != std::string::npos; at = line.find(name, at + 1)) ++shown[name];
    }
  }
  for (const std::string& name : text.names) EXPECT_EQ(shown[name], 3) << name;
  EXPECT_NE(text.line(3, 1), text.line(3, 4));
  EXPECT_NE(text.line(3, 1), text.line(4, 1));
}

}  // namespace
}  // namespace stet
