#include <stet/base/hash.hpp>
#include <stet/config/document.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "expect_error.hpp"

namespace stet::config {
namespace {

using testing::error_of;
using testing::Folder;
using testing::has;

Error parse_error(const std::string& text) {
  return error_of([&] { (void)parse(text, "f.toml"); });
}

std::vector<std::string> keys(const Value& table) {
  std::vector<std::string> names;
  for (const auto& [key, value] : table.members()) names.push_back(key);
  return names;
}

TEST(Parse, KeepsOrderAndPlaces) {
  const Value value =
      parse("z = 1\na.c = 'x'\n[train]\n  rate = 0.5\nsizes = [1, 2]\n[[stage]]\nname = \"s\"\n", "f.toml");
  EXPECT_EQ(keys(value), (std::vector<std::string>{"z", "a", "train", "stage"}));
  EXPECT_EQ(keys(*value.find("train")), (std::vector<std::string>{"rate", "sizes"}));
  const auto place = [](const Source& s) {
    return s.file + ":" + std::to_string(s.line) + ":" + std::to_string(s.column);
  };
  EXPECT_EQ(place(value.find("z")->source()), "f.toml:1:5");
  EXPECT_EQ(place(value.find("z")->key_source()), "f.toml:1:1");
  EXPECT_EQ(place(value.find("train")->source()), "f.toml:3:1");
  EXPECT_EQ(place(value.find("train")->key_source()), "f.toml:3:2");
  EXPECT_EQ(place(value.find("train")->find("rate")->source()), "f.toml:4:10");
  EXPECT_EQ(place(value.find("train")->find("sizes")->items()[1].source()), "f.toml:5:13");
  EXPECT_EQ(place(value.find("stage")->items()[0].source()), "f.toml:6:1");
}

TEST(Parse, SyntaxErrorsHaveLineAndColumn) {
  EXPECT_EQ(parse_error("a = 1\nb = = 2\n").where(), "f.toml:2:5");
  EXPECT_TRUE(has(parse_error("a = 1\na = 2\n"), "where: f.toml:2:"));  // which column depends on the library's version
  EXPECT_EQ(parse_error("a = 9223372036854775808\n").kind(), ErrorKind::config);
  EXPECT_EQ(parse_error("a = \"\xFF\"\n").kind(), ErrorKind::config);
  EXPECT_EQ(parse_error("a = \"no end").kind(), ErrorKind::config);
  EXPECT_TRUE(has(parse_error("a = [1, 2\n"), "not valid TOML"));
}

TEST(Parse, DatesAndTimesAreErrors) {
  const Error error = parse_error("a = 1\nwhen = 2026-01-02\n");
  EXPECT_EQ(error.where(), "f.toml:2:8");
  EXPECT_TRUE(has(error, "expected: boolean, integer, real, string, array or table"));
  EXPECT_TRUE(has(error, "received: date or time"));
  EXPECT_EQ(parse_error("a = [1, 07:32:00]").where(), "f.toml:1:9");
  EXPECT_EQ(parse_error("a = 2026-01-02T03:04:05Z").where(), "f.toml:1:5");
}

TEST(Parse, AbsurdNestingIsAnErrorAndNotACrash) {
  std::string dotted = "# a \"comment\nx = '.'\na";
  for (int i = 0; i < 300000; ++i) dotted += ".b";
  EXPECT_EQ(parse_error(dotted + " = 1").where(), "f.toml:3");
  EXPECT_EQ(parse_error("a = " + std::string(100000, '[')).kind(), ErrorKind::config);
  std::string quoted = "s = \"\"\"\n\\\"\n\"\"\"\nt = '''\n'''\na";
  for (int i = 0; i < 300; ++i) quoted += " . \"q\"";
  EXPECT_EQ(parse_error(quoted + " = 1").where(), "f.toml:6");
}

TEST(Parse, DotsThatDoNotNestAreNotCounted) {
  std::string reals = "a = [", text(1000, '.');
  for (int i = 0; i < 1000; ++i) reals += "1.5, ";
  const Value value = parse(reals + "]\nb = \"" + text + "\" # " + text + "\nc = '''" + text + "\n'''\n", "f");
  EXPECT_EQ(value.find("a")->items().size(), 1000U);
  EXPECT_EQ(value.find("b")->as_string(), text);
}

TEST(Load, BasesAreMergedUnderTheFile) {
  const Folder folder;
  folder.write("shared/root.toml", "a = 1\nb = 1\n[t]\nx = 1\ny = 1\n");
  folder.write("shared/middle.toml", "inherit = 'root.toml'\nb = 2\n[t]\ny = 2\n");
  const auto file = folder.write("run.toml", "inherit = 'shared/middle.toml'\nc = 3\n[t]\nz = 3\n");
  const Value value = load(file);
  EXPECT_EQ(value, parse("a = 1\nb = 2\nc = 3\nt = {x = 1, y = 2, z = 3}", "expected"));
  EXPECT_EQ(value.find("b")->source().file, (folder / "shared/middle.toml").string());
  EXPECT_EQ(value.find("b")->source().line, 2U);
  EXPECT_EQ(value.find("t")->source().file, file.string());
}

TEST(Load, OverridesComeLast) {
  const Folder folder;
  folder.write("root.toml", "a = 1\nb = 1\n");
  const auto file = folder.write("run.toml", "inherit = 'root.toml'\nb = 2\n");
  const std::vector<std::string> overrides{"b=3", "n.x=1", "b=4"};
  const Value value = load(file, overrides);
  EXPECT_EQ(value, parse("a = 1\nb = 4\nn.x = 1", "expected"));
  EXPECT_EQ(value.find("b")->source().file, "--set b=4");
  EXPECT_EQ(value.find("b")->source().line, 0U);
  const std::vector<std::string> base{"inherit=root.toml"};
  EXPECT_EQ(error_of([&] { (void)load(file, base); }).where(), "--set inherit=root.toml");
}

TEST(Load, ACycleNamesTheChain) {
  const Folder folder;
  const auto a = folder.write("a.toml", "inherit = 'b.toml'\n");
  folder.write("b.toml", "x = 1\ninherit = './c.toml'\n");
  folder.write("c.toml", "inherit = 'a.toml'\n");
  const Error error = error_of([&] { (void)load(a); });
  EXPECT_EQ(error.where(), (folder / "./c.toml").string() + ":1:11");
  EXPECT_TRUE(has(error, "a.toml -> b.toml -> c.toml -> a.toml"));
  const auto self = folder.write("self.toml", "inherit = 'self.toml'\n");
  EXPECT_TRUE(has(error_of([&] { (void)load(self); }), "self.toml -> self.toml"));
}

TEST(Load, MissingFilesAndWrongBases) {
  const Folder folder;
  folder.write("common.toml", "x = 1\n");
  const Error missing = error_of([&] { (void)load(folder / "comon.toml"); });
  EXPECT_EQ(missing.kind(), ErrorKind::config);
  EXPECT_EQ(missing.where(), (folder / "comon.toml").string());
  EXPECT_TRUE(has(missing, "did you mean '" + (folder / "common.toml").string() + "'?"));
  const auto run = folder.write("run.toml", "a = 1\ninherit = 'comon.toml'\n");
  const Error base = error_of([&] { (void)load(run); });
  EXPECT_EQ(base.where(), run.string() + ":2:11");
  EXPECT_TRUE(has(base, "common.toml"));
  EXPECT_EQ(error_of([&] { (void)load(folder.path()); }).kind(), ErrorKind::config);
  const auto old = folder.write("old.toml", "base = 'common.toml'\n");
  const Error renamed = error_of([&] { (void)load(old); });
  EXPECT_EQ(renamed.where(), old.string() + ":1:1");
  EXPECT_TRUE(has(renamed, "inherit = \"common.toml\""));
  const auto number = folder.write("number.toml", "inherit = 3\n");
  const Error wrong = error_of([&] { (void)load(number); });
  EXPECT_EQ(wrong.where(), number.string() + ":1:11");
  EXPECT_TRUE(has(wrong, "received: integer 3"));
}

TEST(Merge, NamedArraysMergeByNameAndEverythingElseIsReplaced) {
  Value base =
      parse("l = [1, 2]\ns = 1\n[[p]]\nname = 'a'\nx = 1\ny = 1\n[[p]]\nname = 'b'\nx = 1\n[[q]]\nx = 1\n", "base");
  const Value over = parse("l = [3]\ns = {k = 1}\n[[p]]\nname = 'c'\n[[p]]\nname = 'a'\ny = 2\n[[q]]\nx = 2\n", "over");
  merge(base, over);
  EXPECT_EQ(base, parse("l = [3]\ns = {k = 1}\np = [{name = 'a', x = 1, y = 2}, {name = 'b', x = 1}, {name = 'c'}]\n"
                        "q = [{x = 2}]",
                        "expected"));
  EXPECT_EQ(base.find("p")->items()[0].find("x")->source().file, "base");
  EXPECT_EQ(base.find("p")->items()[0].find("y")->source().file, "over");
  merge(base, parse("p = []", "clear"));
  EXPECT_TRUE(base.find("p")->items().empty());
}

TEST(Merge, ANameGivenTwiceIsAnError) {
  Value base = parse("p = [{name = 'a'}]", "base");
  const Error error = error_of([&] { merge(base, parse("[[p]]\nname = 'b'\n[[p]]\nname = 'b'\n", "over")); });
  EXPECT_EQ(error.where(), "over:4:8");
  EXPECT_TRUE(has(error, "'b' is used twice"));
}

TEST(ToToml, ParsesBackToTheSameValue) {
  const std::string source = R"(
a = 1
b = -2.5
c = "q\"\\ \u0000 \u007F \n\t \u20AC"
big = 9223372036854775807
low = -9223372036854775808
t = true
inf = inf
minf = -inf
nan = nan
whole = 3.0
huge = 1e300
tiny = 5e-324
third = 0.3333333333333333
zero = -0.0
e = []
mixed = [1, 'a', {x = 1}, [{y = 2}], {}]
"odd key." = 1
"" = 2
[n.m.o]
x = 1
[n]
[empty]
[[s]]
name = 'a'
[[s.u]]
v = 1
[[s.u]]
[s.w]
z = 1
[[s]]
name = 'b'
[long]
list = ['a string of forty characters or so, one', 'a string of forty characters or so, two', 'and the last one']
)";
  const Value value = parse(source, "f");
  const std::string text = to_toml(value);
  EXPECT_EQ(parse(text, "again"), value) << text;
  EXPECT_EQ(to_toml(parse(text, "again")), text);
  EXPECT_NE(text.find("[n.m.o]"), std::string::npos) << text;
  EXPECT_NE(text.find("[[s.u]]"), std::string::npos) << text;
  EXPECT_NE(text.find("whole = 3.0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("third = 0.3333333333333333\n"), std::string::npos) << text;
}

TEST(ToToml, RealsReadBackExactlyAndAsReals) {
  Value table = Value::table();
  Value& list = table.set("list", Value::array());
  for (const double x : {1.0, 0.1, 1e16, 1e22, 1e-5, 123456789.0, 5e-324, 2.2250738585072014e-308,
                         1.7976931348623157e308, std::nextafter(1.0, 2.0), -1.0 / 3.0}) {
    list.items().emplace_back(x);
  }
  EXPECT_EQ(parse(to_toml(table), "again"), table) << to_toml(table);
}

TEST(ToToml, PlainMembersComeBeforeTables) {
  Value value = Value::table();
  value.set("t", Value::table()).set("x", 1);
  value.set("plain", 2);
  EXPECT_EQ(to_toml(value), "plain = 2\n\n[t]\nx = 1\n");
}

TEST(ToToml, AllOfUnicodeReadsBack) {
  Value table = Value::table();
  for (const char* text :
       {"\xC2\x85", "\xE2\x80\xA8", "\xEF\xBB\xBF", "\xF4\x8F\xBF\xBF", "\xEE\x80\x80", "\x01\x1F"}) {
    table.set(text, text);
  }
  EXPECT_EQ(parse(to_toml(table), "again"), table) << to_toml(table);
}

TEST(ToToml, OtherBytesAreAnError) {
  for (const char* text :
       {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xE0\x80\x80", "\xF0\x80\x80\x80"}) {
    Value table = Value::table();
    table.set("a", text).set_source({"f", 2, 3});
    EXPECT_EQ(error_of([&] { (void)to_toml(table); }).where(), "f:2:3");
  }
  EXPECT_TRUE(has(error_of([] { (void)to_toml(Value(1)); }), "expected: table"));
}

TEST(Canonical, DependsOnContentAlone) {
  const Value a = parse("x = 1\ny = 'a'\n[t]\nu = [1.0, true]\nv = 2\n", "a");
  const Value b = parse("t = {v = 2, u = [1.0, true]}\ny = \"a\"\nx = 0x1\n", "b");
  EXPECT_EQ(canonical(a), R"({"t":{"u":[1.0,true],"v":2},"x":1,"y":"a"})");
  EXPECT_EQ(canonical(a), canonical(b));
  EXPECT_EQ(config_hash(a), config_hash(b));
  EXPECT_EQ(config_hash(a), hash_hex(canonical(a)));
  EXPECT_NE(canonical(parse("x = 1", "")), canonical(parse("x = 1.0", "")));
  EXPECT_NE(canonical(parse("x = '1'", "")), canonical(parse("x = 1", "")));
  EXPECT_EQ(canonical(parse("x = \"a\\nb\"", "")).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace stet::config
