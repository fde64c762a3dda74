#include <stet/config/document.hpp>
#include <stet/config/schema.hpp>

#include <gtest/gtest.h>

#include <limits>

#include "expect_error.hpp"

namespace stet::config {
namespace {

using testing::error_of;
using testing::has;

enum class Mode { fast, exact };

struct Inner {
  double rate = 0.5;
  int steps = 10;
  bool operator==(const Inner&) const = default;
};

struct Data {
  std::string path;
  bool operator==(const Data&) const = default;
};

struct All {
  bool flag = true;
  int count = 3;
  std::int64_t wide = -1;
  std::uint64_t seed = 7;
  double real = 1.5;
  std::string text = "x";
  std::vector<bool> flags;
  std::vector<int> counts{1, 2};
  std::vector<double> reals;
  std::vector<std::string> texts;
  std::optional<double> maybe;
  std::optional<std::vector<int>> maybe_list;
  std::map<std::string, std::string> labels{{"k", "v"}};
  Mode mode = Mode::exact;
  Inner inner{0.25, 4};
  std::optional<Inner> maybe_inner;
  std::vector<Inner> stages;
  bool operator==(const All&) const = default;
};

Schema<Inner> inner_schema() {
  return Schema<Inner>("inner")
      .field("rate", &Inner::rate, "how fast", {.min = 0, .max = 1, .open_min = true})
      .field("steps", &Inner::steps, "how long", {.min = 1, .unit = "steps"});
}

Schema<All> all_schema() {
  return Schema<All>("all", "everything")
      .field("flag", &All::flag, "")
      .field("count", &All::count, "")
      .field("wide", &All::wide, "")
      .field("seed", &All::seed, "")
      .field("real", &All::real, "")
      .field("text", &All::text, "")
      .field("flags", &All::flags, "")
      .field("counts", &All::counts, "", {.min = 0, .max = 9})
      .field("reals", &All::reals, "")
      .field("texts", &All::texts, "")
      .field("maybe", &All::maybe, "", {.max = 1, .open_max = true})
      .field("maybe_list", &All::maybe_list, "")
      .field("labels", &All::labels, "")
      .choice("mode", &All::mode, {{"fast", Mode::fast}, {"exact", Mode::exact}}, "")
      .table("inner", &All::inner, inner_schema())
      .table("maybe_inner", &All::maybe_inner, inner_schema())
      .table("stage", &All::stages, inner_schema(), "in turn")
      .leave("plugin");
}

All read_all(const std::string& text) { return all_schema().read(parse(text, "f.toml")); }
Error read_error(const std::string& text) {
  const Error error = error_of([&] { (void)read_all(text); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  return error;
}

TEST(Schema, AbsentKeysKeepTheirDefaults) {
  EXPECT_EQ(read_all(""), All{});
  EXPECT_EQ(read_all("inner.steps = 5").inner, (Inner{0.25, 5}));  // the default of the parent, not of Inner{}
  EXPECT_EQ(read_all("maybe_inner.steps = 5").maybe_inner, (Inner{0.5, 5}));
  EXPECT_EQ(read_all("[[stage]]\nrate = 1").stages, (std::vector<Inner>{{1.0, 10}}));
}

TEST(Schema, EveryTypeIsRead) {
  const All all = read_all(
      "flag = false\ncount = -4\nwide = 9223372036854775807\nseed = 8\nreal = 2\ntext = 'y'\nflags = [true, false]\n"
      "counts = []\nreals = [1, 2.5, 1e300]\ntexts = ['a']\nmaybe = 0.5\nmaybe_list = [1]\nlabels = {a = 'b'}\n"
      "mode = 'fast'\nplugin = {whatever = 1}\n");
  EXPECT_FALSE(all.flag);
  EXPECT_EQ(all.count, -4);
  EXPECT_EQ(all.wide, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(all.seed, 8U);
  EXPECT_EQ(all.real, 2.0);
  EXPECT_EQ(all.text, "y");
  EXPECT_EQ(all.flags, (std::vector<bool>{true, false}));
  EXPECT_TRUE(all.counts.empty());
  EXPECT_EQ(all.reals, (std::vector<double>{1, 2.5, 1e300}));
  EXPECT_EQ(all.maybe, 0.5);
  EXPECT_EQ(all.maybe_list, std::vector<int>{1});
  EXPECT_EQ(all.labels, (std::map<std::string, std::string>{{"a", "b"}}));
  EXPECT_EQ(all.mode, Mode::fast);
}

TEST(Schema, UnknownKeysPointAtTheKeyAndSuggest) {
  const Error error = read_error("flag = true\n[inner]\n  stpes = 3\n");
  EXPECT_EQ(error.where(), "f.toml:3:3");
  EXPECT_EQ(error.message(), "all: unknown key 'inner.stpes'");
  EXPECT_TRUE(has(error, "expected: one of: rate, steps"));
  EXPECT_TRUE(has(error, "hint: did you mean 'steps'?"));
  EXPECT_EQ(read_error("flg = true").where(), "f.toml:1:1");
  EXPECT_EQ(read_error("[[stage]]\n[[stage]]\nsteps = 1\nzzzzzzzz = 1\n").where(), "f.toml:4:1");
  EXPECT_TRUE(has(read_error("[[stage]]\n[[stage]]\nx = 1\n"), "'stage[1].x'"));
  EXPECT_EQ(read_error("[maybe_inner.rates]\nx = 1\n").where(), "f.toml:1:14");
  EXPECT_TRUE(has(read_error("plugins = 1"), "did you mean 'plugin'?"));  // left keys are known
}

TEST(Schema, AnOverrideIsNamedInTheError) {
  Value value = parse("", "f.toml");
  apply_override(value, "inner.rte=0.5");
  EXPECT_EQ(error_of([&] { (void)all_schema().read(value); }).where(), "--set inner.rte=0.5");
}

TEST(Schema, WrongTypes) {
  struct Case {
    const char *text, *where, *expected, *received;
  };
  for (const Case& c : std::vector<Case>{
           {"flag = 1", "f.toml:1:8", "expected: boolean", "received: integer 1"},
           {"\ncount = 1.0", "f.toml:2:9", "expected: integer", "received: real 1.0"},
           {"count = '1'", "f.toml:1:9", "expected: integer", "received: string \"1\""},
           {"wide = true", "f.toml:1:8", "expected: integer", "received: boolean true"},
           {"seed = 1.5", "f.toml:1:8", "expected: integer", "received: real 1.5"},
           {"real = '1'", "f.toml:1:8", "expected: real", "received: string \"1\""},
           {"real = nan", "f.toml:1:8", "expected: real", "received: nan"},
           {"real = inf", "f.toml:1:8", "expected: real", "received: inf"},
           {"text = 1", "f.toml:1:8", "expected: string", "received: integer 1"},
           {"flags = true", "f.toml:1:9", "expected: array of boolean", "received: boolean true"},
           {"texts = ['a', 1]", "f.toml:1:15", "'texts[1]'", "received: integer 1"},
           {"maybe = []", "f.toml:1:9", "expected: real", "received: array of 0"},
           {"maybe_list = [[1]]", "f.toml:1:15", "expected: integer", "received: array of 1"},
           {"labels = ['a']", "f.toml:1:10", "expected: table of strings", "received: array of 1"},
           {"labels = {a = 1}", "f.toml:1:15", "'labels.a'", "received: integer 1"},
           {"mode = 1", "f.toml:1:8", "expected: one of: fast, exact", "received: integer 1"},
           {"inner = 1", "f.toml:1:9", "expected: table", "received: integer 1"},
           {"maybe_inner = [{}]", "f.toml:1:15", "expected: table", "received: array of 1"},
           {"[stage]", "f.toml:1:1", "expected: array of tables", "[[stage]]"},
           {"stage = [1]", "f.toml:1:10", "expected: table", "received: integer 1"},
       }) {
    const Error error = read_error(c.text);
    EXPECT_EQ(error.where(), c.where) << c.text;
    EXPECT_TRUE(has(error, c.expected)) << c.text;
    EXPECT_TRUE(has(error, c.received)) << c.text;
  }
  EXPECT_TRUE(has(error_of([] { (void)all_schema().read(Value(1)); }), "expected: table"));
}

TEST(Schema, UnknownChoicesSuggest) {
  const Error error = read_error("mode = 'fsat'");
  EXPECT_EQ(error.where(), "f.toml:1:8");
  EXPECT_EQ(error.message(), "all: unknown choice 'mode'");
  EXPECT_TRUE(has(error, "received: string \"fsat\""));
  EXPECT_TRUE(has(error, "did you mean 'fast'?"));
}

TEST(Schema, OutOfRange) {
  struct Case {
    const char *text, *where, *expected;
  };
  for (const Case& c : std::vector<Case>{
           {"[inner]\nrate = 0\n", "f.toml:2:8", "expected: in (0, 1]"},
           {"[inner]\nrate = 1.0000001\n", "f.toml:2:8", "expected: in (0, 1]"},
           {"[inner]\nsteps = 0\n", "f.toml:2:9", "expected: >= 1 steps"},
           {"counts = [1, 10]", "f.toml:1:14", "expected: in [0, 9]"},
           {"maybe = 1", "f.toml:1:9", "expected: < 1"},
           {"seed = -1", "f.toml:1:8", "expected: >= 0"},
           {"count = 2147483648", "f.toml:1:9", "expected: in [-2147483648, 2147483647]"},
           {"count = -2147483649", "f.toml:1:9", "expected: in [-2147483648, 2147483647]"},
       }) {
    const Error error = read_error(c.text);
    EXPECT_EQ(error.where(), c.where) << c.text;
    EXPECT_TRUE(has(error, c.expected)) << c.text;
    EXPECT_TRUE(has(error, "out of range")) << c.text;
  }
  EXPECT_EQ(read_all("inner.rate = 1").inner.rate, 1.0);
  EXPECT_EQ(read_all("counts = [0, 9]").counts, (std::vector<int>{0, 9}));
  EXPECT_TRUE(has(read_error("inner.rate = 2"), "received: 2"));
}

struct Run {
  Data data;
  std::optional<Data> extra;
  std::uint64_t seed = 0;
};

Schema<Run> run_schema() {
  const auto data = Schema<Data>("data").field("path", &Data::path, "file", {.required = true});
  return Schema<Run>("run")
      .table("data", &Run::data, data)
      .table("extra", &Run::extra, data)
      .field("seed", &Run::seed, "", {.min = 1, .required = true});
}

TEST(Schema, MissingRequiredKeys) {
  const auto fail = [](const std::string& text) {
    return error_of([&] { (void)run_schema().read(parse(text, "f.toml")); });
  };
  const Error absent = fail("seed = 1\n");  // the whole table is absent, and its required key with it
  EXPECT_EQ(absent.where(), "f.toml:1:1");
  EXPECT_EQ(absent.message(), "run: missing key 'data.path'");
  EXPECT_TRUE(has(absent, "expected: string"));
  EXPECT_EQ(fail("seed = 1\n[data]\n").where(), "f.toml:2:1");
  const Error extra = fail("seed = 1\ndata.path = 'x'\n[extra]\n");
  EXPECT_EQ(extra.where(), "f.toml:3:1");
  EXPECT_TRUE(has(extra, "'extra.path'"));
  EXPECT_TRUE(has(fail("data.path = 'x'"), "expected: unsigned integer >= 1"));
  EXPECT_FALSE(run_schema().read(parse("seed = 1\ndata.path = 'x'", "")).extra.has_value());
}

TEST(Schema, ResolveIsReadBackwards) {
  All all;
  all.maybe = 0.1;
  all.maybe_list = std::vector<int>{};
  all.flags = {true, false};
  all.labels = {{"b", "2"}, {"a", "1"}};
  all.mode = Mode::fast;
  all.maybe_inner = Inner{1.0, 1};
  all.stages = {{0.1, 2}, {0.2, 3}};
  all.counts.clear();
  const auto schema = all_schema();
  for (const All& value : {All{}, all}) {
    const Value resolved = schema.resolve(value);
    EXPECT_EQ(schema.read(resolved), value);
    EXPECT_EQ(schema.read(parse(to_toml(resolved), "again")), value) << to_toml(resolved);
  }
  const Value defaults = schema.resolve(All{});
  EXPECT_EQ(defaults.members().front().first, "flag");
  EXPECT_EQ(defaults.members().back().first, "stage");
  EXPECT_EQ(defaults.find("mode")->as_string(), "exact");
  EXPECT_EQ(defaults.find("maybe"), nullptr);
  EXPECT_EQ(defaults.find("maybe_inner"), nullptr);
  EXPECT_EQ(defaults.find("plugin"), nullptr);
}

TEST(Schema, ResolveRefusesWhatTomlCannotHold) {
  All all;
  all.seed = std::numeric_limits<std::uint64_t>::max();
  const Error error = error_of([&] { (void)all_schema().resolve(all); });
  EXPECT_EQ(error.where(), "all.seed");
  EXPECT_TRUE(has(error, "received: 18446744073709551615"));
}

TEST(Schema, FieldsAreDocumented) {
  std::map<std::string, FieldInfo> fields;
  for (const FieldInfo& field : all_schema().fields()) fields[field.key] = field;
  EXPECT_EQ(fields.at("inner.rate").default_text, "0.25");
  EXPECT_EQ(fields.at("inner.rate").range, "(0, 1]");
  EXPECT_EQ(fields.at("inner.rate").help, "how fast");
  EXPECT_EQ(fields.at("maybe_inner.rate").default_text, "0.5");
  EXPECT_EQ(fields.at("stage[].steps").unit, "steps");
  EXPECT_EQ(fields.at("stage[].steps").range, ">= 1");
  EXPECT_EQ(fields.at("stage").type, "array of tables");
  EXPECT_EQ(fields.at("maybe").default_text, "(none)");
  EXPECT_EQ(fields.at("maybe_list").type, "array of integer");
  EXPECT_EQ(fields.at("mode").range, "fast | exact");
  EXPECT_EQ(fields.at("mode").default_text, "\"exact\"");
  EXPECT_EQ(fields.at("labels").default_text, "{ k = \"v\" }");
  EXPECT_EQ(fields.at("counts").range, "[0, 9]");
  EXPECT_FALSE(fields.contains("plugin"));
  EXPECT_EQ(run_schema().fields()[0].default_text, "(required)");
}

TEST(Schema, FieldTableIsAligned) {
  EXPECT_EQ(format_fields(inner_schema().fields()),
            "key    type     default  range   unit   help\n"
            "rate   real     0.5      (0, 1]         how fast\n"
            "steps  integer  10       >= 1    steps  how long\n");
  const std::vector<FieldInfo> accents{{"\xC3\xA9", "real", "1.0", "", "", "a"}, {"ab", "real", "1.0", "", "", "b"}};
  EXPECT_EQ(format_fields(accents), "key  type  default  help\n\xC3\xA9    real  1.0      a\nab   real  1.0      b\n");
  EXPECT_EQ(format_fields({}), "");
}

TEST(SchemaDeathTest, ProgrammersErrorsAreAssertions) {
  struct Bad {
    std::optional<int> set = 1;
    std::string text;
  };
  EXPECT_DEATH(Schema<Bad>("bad").field("set", &Bad::set, ""), "does not hold");
  EXPECT_DEATH(Schema<Bad>("bad").field("text", &Bad::text, "", {.min = 1}), "does not hold");
  EXPECT_DEATH(Schema<Bad>("bad").field("text", &Bad::text, "").leave("text"), "does not hold");
  EXPECT_DEATH(Schema<Inner>("bad").field("a", &Inner::rate, "", {.min = 1, .max = 0}), "does not hold");
  All all;
  all.mode = static_cast<Mode>(9);
  EXPECT_DEATH((void)all_schema().resolve(all), "does not hold");
}

}  // namespace
}  // namespace stet::config
