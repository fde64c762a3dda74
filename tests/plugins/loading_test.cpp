// Finding and loading plugins that are in order, and names that lead nowhere. Files that are not in order:
// refusal_test.cpp.
#include "refusal.hpp"

namespace stet::testing {
namespace {

namespace fs = std::filesystem;

const fs::path good = fs::path(STET_PLUGIN_FOLDER) / "l2_sp.so";

using Loading = Refusal;

TEST_F(Loading, FactsAndOffers) {
  for (const char* name : {"self_distillation", "l2_sp", "freeze", "drift"}) {
    registry_.load(fs::path(STET_PLUGIN_FOLDER) / (std::string(name) + ".so"));
    ASSERT_NE(registry_.origin(name), nullptr);
    EXPECT_EQ(registry_.origin(name)->facts.name, name);
    EXPECT_EQ(registry_.origin(name)->facts.abi, STET_PLUGIN_ABI);
    EXPECT_EQ(registry_.origin(name)->hash.size(), 32U);
  }
  registry_.load(good);  // again: nothing happens
  EXPECT_EQ(registry_.loaded().size(), 4U);
  for (const config::FieldInfo& field : registry_.regularizer("l2_sp").fields) EXPECT_FALSE(field.help.empty());
  EXPECT_EQ(registry_.origin("nobody"), nullptr);
}

TEST_F(Loading, MissingNameListsWhereItLooked) {
  PluginRegistry registry(*alone_, {folder_.path(), STET_PLUGIN_FOLDER});
  const Error error = error_of([&] { (void)registry.regularizer("l2_ps"); });
  EXPECT_EQ(error.kind(), ErrorKind::plugin);
  EXPECT_TRUE(has(error, folder_.path().string()));
  EXPECT_TRUE(has(error, STET_PLUGIN_FOLDER));
  EXPECT_TRUE(has(error, "did you mean 'l2_sp'?"));
  EXPECT_TRUE(has(error_of([&] { (void)registry.regularizer("../stet-hostile/good"); }), "is known"));
  EXPECT_TRUE(has(error_of([&] { (void)registry.regularizer("freeze"); }), "offers no regularizer 'freeze'"));
}

TEST_F(Loading, AClassInAFileOfAnotherName) {
  fs::copy_file(good_, folder_ / "collection.so");
  write("bad.so", "text");  // nobody asked for it
  PluginRegistry registry(*alone_, {folder_.path(), STET_PLUGIN_FOLDER});
  EXPECT_EQ(registry.regularizer("good").name, "good");
  EXPECT_EQ(registry.origin("good")->file, folder_ / "collection.so");
  EXPECT_TRUE(has(error_of([&] { (void)registry.probe("good"); }), "no probe 'good' is known"));
}

TEST_F(Loading, ByNameOrFile) {
  EXPECT_EQ(registry_.load_named("l2_sp").facts.name, "l2_sp");
  EXPECT_EQ(registry_.load_named("l2_sp").file, good);  // again
  EXPECT_EQ(registry_.load_named(good_.string()).facts.name, "good");
  EXPECT_EQ(registry_.loaded().size(), 2U);
  const Error error = error_of([&] { (void)registry_.load_named("l2_ps"); });
  expect_message(error.where().empty() ? Error(error).at("-") : error, "-",
                 {"no plugin 'l2_ps' is known", "l2_ps.so in one of", "none there", "did you mean 'l2_sp'?"});
}

TEST_F(Loading, EarlierFoldersWinAndAreAllLoaded) {
  fs::copy_file(good, folder_ / "l2_sp.so");
  write("bad.so", "text");
  PluginRegistry registry(*alone_, {folder_.path(), STET_PLUGIN_FOLDER});
  (void)registry.regularizer("l2_sp");
  EXPECT_EQ(registry.origin("l2_sp")->file, folder_ / "l2_sp.so");
  const std::vector<std::string> failures = registry.load_all();  // bad.so, and the second l2_sp
  EXPECT_EQ(failures.size(), 2U);
  const auto files = std::distance(fs::directory_iterator(STET_PLUGIN_FOLDER), fs::directory_iterator());
  EXPECT_EQ(registry.loaded().size(), static_cast<std::size_t>(files));  // all of them, l2_sp from the earlier folder
}

TEST_F(Loading, UsualSearch) {
  ::setenv("STET_PLUGIN_PATH", "/one::/two", 1);
  const std::vector<fs::path> search = PluginRegistry::usual_search({"/first"});
  ::unsetenv("STET_PLUGIN_PATH");
  ASSERT_EQ(search.size(), 4U);
  EXPECT_EQ(search[0], "/first");
  EXPECT_EQ(search[1], "/one");
  EXPECT_EQ(search[2], "/two");
  EXPECT_EQ(search[3], STET_PLUGIN_FOLDER);  // beside the program: bin/.., lib/stet-plugins
}

}  // namespace
}  // namespace stet::testing
