#include <stet/config/document.hpp>
#include <stet/config/identity_schema.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace stet::config {
namespace {

enum class Tint { red, blue };
struct Leaf {
  std::int64_t size = 3, threads = 1;
};
struct Ring {
  std::int64_t steps = 1, seconds = 2;
};
struct Tree {
  std::string path;
  Tint colour = Tint::red;
  std::int64_t later = 7, only_red = 5;
  Leaf inner, saved;
  std::vector<Ring> stages;
};

// A key without its word on identity does not compile, nor does a table of a schema without them.
template <class S>
concept takes_undeclared_fields = requires(S schema) {
  schema.field("path", &Tree::path, "help");
};
template <class S>
concept takes_undeclared_limits = requires(S schema) {
  schema.field("later", &Tree::later, "help", Limits{});
};
template <class S>
concept takes_undeclared_tables = requires(S schema) {
  schema.table("inner", &Tree::inner, every_part, Schema<Leaf>("inner"));
};
static_assert(!takes_undeclared_fields<IdentitySchema<Tree>>);
static_assert(!takes_undeclared_limits<IdentitySchema<Tree>>);
static_assert(!takes_undeclared_tables<IdentitySchema<Tree>>);
static_assert(takes_undeclared_fields<Schema<Tree>> && takes_undeclared_limits<Schema<Tree>>);

IdentitySchema<Tree> tree_schema() {
  using Id = Identity<Tree>;
  IdentitySchema<Leaf> inner("inner");
  inner.field("size", &Leaf::size, every_part, "").field("threads", &Leaf::threads, no_part, "");
  IdentitySchema<Ring> stage("stage");
  stage.field("steps", &Ring::steps, IdentityPart::run, "").field("seconds", &Ring::seconds, no_part, "");
  const auto red = [](const Tree& outer) { return outer.colour == Tint::red; };
  IdentitySchema<Tree> outer("outer");
  outer.field("path", &Tree::path, no_part, "a file")
      .derived("path", every_part,
               [](const Tree& o, IdentityPart) -> std::optional<Value> {
                 return o.path.empty() ? std::nullopt : std::optional(Value("content of " + o.path));
               })
      .choice("colour", &Tree::colour, IdentityPart::base | IdentityPart::run,
              {{"red", Tint::red}, {"blue", Tint::blue}}, "")
      .field("later", &Tree::later, Id(every_part).came_later(), "")
      .field("only_red", &Tree::only_red, Id(IdentityPart::run).and_if(IdentityPart::base, red), "")
      .table("inner", &Tree::inner, IdentityPart::base, inner)
      .table("saved", &Tree::saved, no_part, inner)
      .table("stage", &Tree::stages, every_part, stage);
  return outer;
}

std::string identity_text(const std::string& toml, IdentityPart part, Content content = Content::hashed) {
  return canonical(tree_schema().identity(tree_schema().read(parse(toml, "o.toml")), part, content));
}
std::string as_canonical(const std::string& toml) { return canonical(parse(toml, "expected.toml")); }

TEST(IdentitySchemaTest, EachPartHasTheKeysThatSaySo) {
  EXPECT_EQ(identity_text("", IdentityPart::base), as_canonical("colour = \"red\"\nonly_red = 5\n[inner]\nsize = 3\n"));
  EXPECT_EQ(identity_text("", IdentityPart::labels), as_canonical(""));
  EXPECT_EQ(identity_text("", IdentityPart::run), as_canonical("colour = \"red\"\nonly_red = 5\nstage = []\n"));
  EXPECT_EQ(identity_text("[[stage]]\nsteps = 4\nseconds = 9\n", IdentityPart::run),
            as_canonical("colour = \"red\"\nonly_red = 5\n[[stage]]\nsteps = 4\n"));
}

TEST(IdentitySchemaTest, AKeyMayCountOnACondition) {
  EXPECT_EQ(identity_text("colour = \"blue\"\n", IdentityPart::base),
            as_canonical("colour = \"blue\"\n[inner]\nsize = 3\n"));
  EXPECT_EQ(identity_text("colour = \"blue\"\n", IdentityPart::run),
            as_canonical("colour = \"blue\"\nonly_red = 5\nstage = []\n"));
}

TEST(IdentitySchemaTest, AKeyThatCameLaterIsLeftOutWhileItHasItsDefault) {
  EXPECT_EQ(identity_text("later = 7\n", IdentityPart::labels), as_canonical(""));
  EXPECT_EQ(identity_text("later = 8\n", IdentityPart::labels), as_canonical("later = 8\n"));
}

TEST(IdentitySchemaTest, AFileIsKnownByItsContentOrOnlyAsOne) {
  EXPECT_EQ(identity_text("path = \"x\"\n", IdentityPart::labels), as_canonical("path = \"content of x\"\n"));
  EXPECT_EQ(identity_text("path = \"x\"\n", IdentityPart::labels, Content::named), as_canonical("path = true\n"));
  EXPECT_EQ(identity_text("", IdentityPart::labels, Content::named), as_canonical(""));
}

TEST(IdentitySchemaTest, ReadsAndWritesAsASchema) {
  const Tree outer = tree_schema().read(parse("path = \"x\"\n[inner]\nthreads = 4\n", "o.toml"));
  EXPECT_EQ(outer.inner.threads, 4);
  EXPECT_EQ(tree_schema().resolve(outer).find("path")->as_string(), "x");
  EXPECT_EQ(tree_schema().fields().size(), 10U);
}

}  // namespace
}  // namespace stet::config
