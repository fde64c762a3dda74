#include <stet/config/value.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "expect_error.hpp"

namespace stet::config {
namespace {

using testing::error_of;
using testing::has;

TEST(Value, ConstructorsChooseTheKind) {
  EXPECT_EQ(Value(true).kind(), Value::Kind::boolean);
  EXPECT_EQ(Value(3).kind(), Value::Kind::integer);
  EXPECT_EQ(Value(std::int64_t{3}).kind(), Value::Kind::integer);
  EXPECT_EQ(Value(3.0).kind(), Value::Kind::real);
  EXPECT_EQ(Value("x").kind(), Value::Kind::string);  // not a boolean, which a pointer would convert to
  EXPECT_EQ(Value(std::string("x")).kind(), Value::Kind::string);
  EXPECT_EQ(Value::array().kind(), Value::Kind::array);
  EXPECT_EQ(Value::table().kind(), Value::Kind::table);
  EXPECT_EQ(Value(std::vector<Value>{1, "a"}).items().size(), 2U);
}

TEST(Value, WrongKindPointsAtTheSource) {
  Value value("text");
  value.set_source({"run.toml", 4, 7});
  const Error error = error_of([&] { (void)value.as_integer(); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_EQ(error.where(), "run.toml:4:7");
  EXPECT_TRUE(has(error, "expected: integer"));
  EXPECT_TRUE(has(error, "received: string \"text\""));
  for (const Error& other : {error_of([&] { (void)value.as_boolean(); }), error_of([&] { (void)value.as_real(); }),
                             error_of([&] { (void)value.items(); }), error_of([&] { (void)value.members(); }),
                             error_of([&] { value.set("a", 1); }), error_of([&] { value.erase("a"); }),
                             error_of([&] { (void)std::as_const(value).items(); })}) {
    EXPECT_EQ(other.where(), "run.toml:4:7");
  }
  EXPECT_TRUE(has(error_of([] { (void)Value(1).as_string(); }), "received: integer 1"));
}

TEST(Value, OnlyIntegersArePromoted) {
  EXPECT_EQ(Value(3).as_real(), 3.0);
  EXPECT_TRUE(has(error_of([] { (void)Value(3.0).as_integer(); }), "received: real 3.0"));
}

TEST(Value, TablesKeepTheirOrderAndReplaceInPlace) {
  Value table = Value::table();
  table.set("z", 1);
  table.set("a", 2);
  EXPECT_EQ(table.set("z", "new").as_string(), "new");
  ASSERT_EQ(table.members().size(), 2U);
  EXPECT_EQ(table.members()[0].first, "z");
  EXPECT_EQ(table.find("a")->as_integer(), 2);
  EXPECT_EQ(table.find("b"), nullptr);
  EXPECT_EQ(Value(1).find("b"), nullptr);
  EXPECT_TRUE(table.erase("z"));
  EXPECT_FALSE(table.erase("z"));
  EXPECT_EQ(table.members().size(), 1U);
}

TEST(Value, EqualityIsContentWithoutOrderAndSource) {
  Value a = Value::table(), b = Value::table();
  a.set("x", 1).set_source({"f", 1, 1});
  a.set("y", std::vector<Value>{1, 2.0});
  b.set("y", std::vector<Value>{1, 2.0});
  b.set("x", 1);
  EXPECT_EQ(a, b);
  b.set("x", 1.0);
  EXPECT_FALSE(a == b);
  b.erase("x");
  EXPECT_FALSE(a == b);
  EXPECT_FALSE(b == a);
  EXPECT_FALSE(Value(std::vector<Value>{1, 2}) == Value(std::vector<Value>{2, 1}));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Value(nan), Value(-nan));
  EXPECT_FALSE(Value(0.0) == Value(-0.0));
}

TEST(Value, DescriptionOfALongStringEndsBetweenCharacters) {
  std::string text(59, 'a');
  for (int i = 0; i < 10; ++i) text += "\xC3\xA9";
  const std::string shown = describe(Value(text));
  EXPECT_EQ(shown, "string \"" + std::string(59, 'a') + "...\"");
  EXPECT_EQ(describe(Value(std::vector<Value>{1, 2})), "array of 2");
  EXPECT_EQ(describe(Value::table()), "table");
  EXPECT_EQ(describe(Value(true)), "boolean true");
}

}  // namespace
}  // namespace stet::config
