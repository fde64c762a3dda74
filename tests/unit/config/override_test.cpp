#include <stet/config/document.hpp>

#include <gtest/gtest.h>

#include "expect_error.hpp"

namespace stet::config {
namespace {

using testing::error_of;
using testing::has;

Value with(const std::string& text, const std::string& assignment) {
  Value value = parse(text, "f.toml");
  apply_override(value, assignment);
  return value;
}

Error override_error(const std::string& text, const std::string& assignment) {
  const Error error = error_of([&] { (void)with(text, assignment); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_EQ(error.where(), "--set " + assignment);
  return error;
}

TEST(Override, ValuesAreToml) {
  EXPECT_EQ(with("", "a=1"), parse("a = 1", ""));
  EXPECT_EQ(with("", "a = 1.5"), parse("a = 1.5", ""));
  EXPECT_EQ(with("", "a=true"), parse("a = true", ""));
  EXPECT_EQ(with("", "a=[1, {x = 'y'}]"), parse("a = [1, {x = 'y'}]", ""));
  EXPECT_EQ(with("", "a={x = 1}"), parse("a = {x = 1}", ""));
  EXPECT_EQ(with("", "a=\"1\""), parse("a = '1'", ""));
  EXPECT_EQ(with("", "a=\"x=y.z\""), parse("a = 'x=y.z'", ""));
}

TEST(Override, BareWordsAreStrings) {
  for (const char* word :
       {"adamw", "/data/x.safetensors", "a=b", "1.2.3", "True", "two words", "3 steps", "v1.0-2024"}) {
    EXPECT_EQ(with("", std::string("a=") + word).find("a")->as_string(), word);
  }
}

TEST(Override, PathsLeadThroughTablesAndNamedElements) {
  EXPECT_EQ(with("a.b = 1\na.c = 2", "a.b=3"), parse("a = {b = 3, c = 2}", ""));
  EXPECT_EQ(with("", "x.y.z=1"), parse("x.y.z = 1", ""));
  EXPECT_EQ(with("", "x.\"y.z=\".'w'=1"), parse("x.\"y.z=\".w = 1", ""));
  const std::string stages = "[[s]]\nname = 'warm'\n[[s]]\nname = 'main.b'\nt.x = 1\n";
  EXPECT_EQ(with(stages, "s.warm.n=1"), parse("s = [{name = 'warm', n = 1}, {name = 'main.b', t = {x = 1}}]", ""));
  EXPECT_EQ(with(stages, "s.'main.b'.t.x=2"), parse("s = [{name = 'warm'}, {name = 'main.b', t = {x = 2}}]", ""));
}

TEST(Override, SourcesNameTheOverride) {
  const Value value = with("", "t.l=[1, {x = 2}]");
  const Value& list = *value.find("t")->find("l");
  for (const Value* v : {value.find("t"), &list, &list.items()[0], list.items()[1].find("x")}) {
    EXPECT_EQ(v->source().file, "--set t.l=[1, {x = 2}]");
    EXPECT_EQ(v->source().line, 0U);
    EXPECT_EQ(v->key_source().line, 0U);
  }
}

TEST(Override, AMissingElementIsAnErrorWithASuggestion) {
  const Error error = override_error("[[s]]\nname = 'warm'\n[[s]]\nname = 'main'\n", "s.mian.x=1");
  EXPECT_TRUE(has(error, "'s' has no element named 'mian'"));
  EXPECT_TRUE(has(error, "expected: one of: warm, main"));
  EXPECT_TRUE(has(error, "did you mean 'main'?"));
}

TEST(Override, ThereIsNoWayThroughOtherThings) {
  EXPECT_TRUE(has(override_error("a = 1", "a.b=1"), "received: integer 1"));
  EXPECT_TRUE(has(override_error("a = 1", "a.b.c=1"), "cannot pass through 'a'"));
  EXPECT_TRUE(has(override_error("a = [1]", "a.b=1"), "array of tables with names"));
  EXPECT_TRUE(has(override_error("a = [{x = 1}]", "a.b.c=1"), "array of tables with names"));
  EXPECT_TRUE(has(override_error("a = []", "a.b.c=1"), "received: array of 0"));
  EXPECT_TRUE(has(override_error("a = [{name = 'b'}]", "a.b=1"), "names a whole element, 'a.b'"));
}

TEST(Override, MalformedOnes) {
  for (const char* text : {"", "a", "a.b", "=1", ".a=1", "a.=1", "a..b=1", "a=", "a=  ", "a.\"b=1", "'x'y=1", "a=[1",
                           "a=\"x", "a={x = 1", "a=2026-01-02", "a=07:32:00", "a=1\nb = 2", "a=1\n[t]", "a=x\ny"}) {
    EXPECT_TRUE(has(override_error("", text), "expected: key.key=VALUE")) << text;
  }
  std::string deep = "a";
  for (int i = 0; i < 100; ++i) deep += ".a";
  EXPECT_TRUE(has(override_error("", deep + "=1"), "too many keys"));
}

}  // namespace
}  // namespace stet::config
