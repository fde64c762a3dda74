#include <stet/config/document.hpp>
#include <stet/config/identity_schema.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace stet::config {
namespace {

enum class Colour { red, blue };
struct Inner {
  std::int64_t size = 3, threads = 1;
};
struct Stage {
  std::int64_t steps = 1, seconds = 2;
};
struct Outer {
  std::string path;
  Colour colour = Colour::red;
  std::int64_t later = 7, only_red = 5;
  Inner inner, saved;
  std::vector<Stage> stages;
};

// A key without its word on identity does not compile, nor does a table of a schema without them.
template <class S>
concept takes_undeclared_fields = requires(S schema) { schema.field("path", &Outer::path, "help"); };
template <class S>
concept takes_undeclared_limits = requires(S schema) { schema.field("later", &Outer::later, "help", Limits{}); };
template <class S>
concept takes_undeclared_tables = requires(S schema) { schema.table("inner", &Outer::inner, every_part, Schema<Inner>("inner")); };
static_assert(!takes_undeclared_fields<IdentitySchema<Outer>>);
static_assert(!takes_undeclared_limits<IdentitySchema<Outer>>);
static_assert(!takes_undeclared_tables<IdentitySchema<Outer>>);
static_assert(takes_undeclared_fields<Schema<Outer>> && takes_undeclared_limits<Schema<Outer>>);

IdentitySchema<Outer> schema() {
  using Id = Identity<Outer>;
  IdentitySchema<Inner> inner("inner");
  inner.field("size", &Inner::size, every_part, "").field("threads", &Inner::threads, no_part, "");
  IdentitySchema<Stage> stage("stage");
  stage.field("steps", &Stage::steps, Part::run, "").field("seconds", &Stage::seconds, no_part, "");
  const auto red = [](const Outer& outer) { return outer.colour == Colour::red; };
  IdentitySchema<Outer> outer("outer");
  outer.field("path", &Outer::path, no_part, "a file")
      .derived("path", every_part,
               [](const Outer& o, Part) -> std::optional<Value> { return o.path.empty() ? std::nullopt : std::optional(Value("content of " + o.path)); })
      .choice("colour", &Outer::colour, Part::base | Part::run, {{"red", Colour::red}, {"blue", Colour::blue}}, "")
      .field("later", &Outer::later, Id(every_part).came_later(), "")
      .field("only_red", &Outer::only_red, Id(Part::run).and_if(Part::base, red), "")
      .table("inner", &Outer::inner, Part::base, inner)
      .table("saved", &Outer::saved, no_part, inner)
      .table("stage", &Outer::stages, every_part, stage);
  return outer;
}

std::string identity(const std::string& toml, Part part, Content content = Content::hashed) {
  return canonical(schema().identity(schema().read(parse(toml, "o.toml")), part, content));
}
std::string as_canonical(const std::string& toml) { return canonical(parse(toml, "expected.toml")); }

TEST(IdentitySchemaTest, EachPartHasTheKeysThatSaySo) {
  EXPECT_EQ(identity("", Part::base), as_canonical("colour = \"red\"\nonly_red = 5\n[inner]\nsize = 3\n"));
  EXPECT_EQ(identity("", Part::labels), as_canonical(""));
  EXPECT_EQ(identity("", Part::run), as_canonical("colour = \"red\"\nonly_red = 5\nstage = []\n"));
  EXPECT_EQ(identity("[[stage]]\nsteps = 4\nseconds = 9\n", Part::run), as_canonical("colour = \"red\"\nonly_red = 5\n[[stage]]\nsteps = 4\n"));
}

TEST(IdentitySchemaTest, AKeyMayCountOnACondition) {
  EXPECT_EQ(identity("colour = \"blue\"\n", Part::base), as_canonical("colour = \"blue\"\n[inner]\nsize = 3\n"));
  EXPECT_EQ(identity("colour = \"blue\"\n", Part::run), as_canonical("colour = \"blue\"\nonly_red = 5\nstage = []\n"));
}

TEST(IdentitySchemaTest, AKeyThatCameLaterIsLeftOutWhileItHasItsDefault) {
  EXPECT_EQ(identity("later = 7\n", Part::labels), as_canonical(""));
  EXPECT_EQ(identity("later = 8\n", Part::labels), as_canonical("later = 8\n"));
}

TEST(IdentitySchemaTest, AFileIsKnownByItsContentOrOnlyAsOne) {
  EXPECT_EQ(identity("path = \"x\"\n", Part::labels), as_canonical("path = \"content of x\"\n"));
  EXPECT_EQ(identity("path = \"x\"\n", Part::labels, Content::named), as_canonical("path = true\n"));
  EXPECT_EQ(identity("", Part::labels, Content::named), as_canonical(""));
}

TEST(IdentitySchemaTest, ReadsAndWritesAsASchema) {
  const Outer outer = schema().read(parse("path = \"x\"\n[inner]\nthreads = 4\n", "o.toml"));
  EXPECT_EQ(outer.inner.threads, 4);
  EXPECT_EQ(schema().resolve(outer).find("path")->as_string(), "x");
  EXPECT_EQ(schema().fields().size(), 10U);
}

}  // namespace
}  // namespace stet::config
