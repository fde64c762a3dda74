#include <stet/plugin/check_context.hpp>

#include <stet/config/document.hpp>

#include <error_of.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

using testing::error_of;
using Need = CheckContext::Need;

class CheckContextTest : public ::testing::Test {
 protected:
  CheckContextTest() {
    shape_.vocabulary = 16;
    shape_.layers = 2;
    shape_.complete();
  }
  /// Phases "a", "b" and "c"; the plugin acts in those that are named.
  [[nodiscard]] CheckContext acting_in(const std::string& phases) const {
    std::vector<CheckContext::Phase> all;
    for (const char* name : {"a", "b", "c"})
      all.push_back({name, {"known"}, 1, phases.find(name) != std::string::npos});
    return {"probe.x", written_, all,  {{"known", 4, true}, {"unknown", 0, true}, {"neutral", -1, false}},
            table_,    shape_,   true, 0};
  }

  const config::Value document_ = config::parse("[probe.x]\nreference = \"b\"\n", "file.toml");
  const config::Value& written_ = *document_.find("probe")->find("x");
  ModelConfig shape_;
  const ParameterTable table_{[] {
    ModelConfig shape;
    shape.vocabulary = 16;
    shape.complete();
    return shape;
  }()};
};

TEST_F(CheckContextTest, SnapshotsAreOfPhasesThatHaveEnded) {
  EXPECT_NO_THROW(acting_in("abc").require_snapshot("reference", "base"));
  EXPECT_NO_THROW(acting_in("c").require_snapshot("reference", "b"));
  EXPECT_THROW(acting_in("bc").require_snapshot("reference", "b"), Error);
  EXPECT_NO_THROW(acting_in("bc").require_snapshot("reference", "b", Need::some_phase));
  EXPECT_NO_THROW(acting_in("b").require_snapshot("reference", "b", Need::some_phase));
  EXPECT_THROW(acting_in("a").require_snapshot("reference", "b", Need::some_phase), Error);
  EXPECT_NO_THROW(acting_in("bc").require_snapshot("reference", "a", Need::first_phase));
  EXPECT_THROW(acting_in("bc").require_snapshot("reference", "b", Need::first_phase), Error);
  EXPECT_THROW(acting_in("abc").require_snapshot("reference", "d", Need::some_phase), Error);
  EXPECT_NO_THROW(acting_in("").require_snapshot("reference", "d"));  // nobody will ask
}

TEST_F(CheckContextTest, ErrorsStandAtTheKeyOrAtTheTable) {
  const Error at_key = error_of([&] { acting_in("a").require_snapshot("reference", "b"); });
  EXPECT_EQ(at_key.kind(), ErrorKind::config);
  EXPECT_EQ(at_key.where(), "file.toml:2:13");
  EXPECT_EQ(at_key.expected(), "one of: base");
  const Error at_table = error_of([&] { acting_in("a").require_fact_set("set", "knwon"); });
  EXPECT_EQ(at_table.where(), "file.toml:1:1");
  EXPECT_EQ(at_table.hint(), "did you mean 'known'?");
}

TEST_F(CheckContextTest, SetsHaveToBeThereAndNotEmpty) {
  const CheckContext context = acting_in("a");
  EXPECT_NO_THROW(context.require_fact_set("set", "known"));
  EXPECT_NO_THROW(context.require_examples("set", "neutral"));
  EXPECT_THROW(context.require_fact_set("set", "neutral"), Error);
  EXPECT_THROW(context.require_fact_set("set", "unknown"), Error);
  EXPECT_THROW(context.require_examples("set", "held"), Error);
  EXPECT_NO_THROW(context.require_layer("layer", 2));
  EXPECT_NO_THROW(context.require_layer("layer", -1));
  EXPECT_THROW(context.require_layer("layer", 3), Error);
}

}  // namespace
}  // namespace stet
