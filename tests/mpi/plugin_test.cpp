// Loading over several ranks (CTest: 1, 2 and 4): one rank's verdict is every rank's, and no rank runs code of a plugin
// that another rank refuses. Every rank has a folder of its own, as on nodes with local disks.
#include "ranked_main.hpp"

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/plugin/registry.hpp>

#include <temporary_folder.hpp>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace stet {
namespace {

namespace fs = std::filesystem;

Communicator* world = nullptr;  // main's, for the tests

class RankedPlugins : public ::testing::Test {
 protected:
  RankedPlugins() {
    fs::copy_file(good_, folder_ / "good.so");
    ::setenv("STET_TEST_TRACE", (folder_ / "trace").c_str(), 1);
  }

  [[nodiscard]] bool i_am_last() const { return world->rank() == world->size() - 1; }
  [[nodiscard]] std::string last_rank() const { return "rank " + std::to_string(world->size() - 1); }

  /// Every rank loads its own good.so; all must be refused with one text, which is returned, and no code may have run.
  std::string refused() {
    PluginRegistry registry(*world, {folder_});
    std::optional<Error> found;
    try {
      registry.load(folder_ / "good.so");
    } catch (const Error& error) {
      found = error;
    }
    EXPECT_TRUE(found.has_value());
    EXPECT_TRUE(registry.loaded().empty());
    EXPECT_FALSE(fs::exists(folder_ / "trace"));
    const std::string text = found ? found->what() : "";
    EXPECT_TRUE(!found || found->kind() == ErrorKind::plugin);
    for (const std::string& other : world->all_gather(text)) EXPECT_EQ(other, text);
    return text;
  }
  static void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in:\n" << text;
  }

  const fs::path good_ = STET_GOOD_PLUGIN;
  const testing::Folder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(RankedPlugins, EqualFilesLoadWhereverTheyLie) {
  PluginRegistry registry(*world, {folder_});
  registry.load(folder_ / "good.so");
  EXPECT_EQ(registry.loaded().size(), 1U);
  EXPECT_TRUE(fs::exists(folder_ / "trace"));
  registry.load(folder_ / "good.so");  // again, on all ranks
  EXPECT_EQ(registry.loaded().size(), 1U);
}

TEST_F(RankedPlugins, MissingOnOneRank) {
  if (i_am_last()) fs::remove(folder_ / "good.so");
  const std::string text = refused();
  expect_parts(text, {"cannot read the plugin", "received: No such file", "hint: the file must exist on every node",
                      "/good.so"});
  if (world->size() > 1) expect_parts(text, {"where: " + last_rank() + ": "});
}

TEST_F(RankedPlugins, OtherBytesOnOneRank) {
  // Whole and right, but another build: one letter of the author's name.
  std::string bytes = read_file(good_);
  const std::size_t at = bytes.find("author=stet");
  ASSERT_NE(at, std::string::npos);
  bytes[at + 7] = 'S';
  if (i_am_last()) std::ofstream(folder_ / "good.so", std::ios::binary) << bytes;
  if (world->size() == 1) {
    PluginRegistry registry(*world, {folder_});
    registry.load(folder_ / "good.so");
    EXPECT_EQ(registry.loaded()[0]->facts.author, "Stet");
    return;
  }
  expect_parts(refused(), {"not the same file on all ranks", "where: " + last_rank(), "expected: rank 0's bytes, hash ",
                           "received: hash ", "hint: copy the file to every node again"});
}

TEST_F(RankedPlugins, RefusedOnOneRank) {
  if (i_am_last()) fs::permissions(folder_ / "good.so", fs::perms::others_write, fs::perm_options::add);
  const std::string text = refused();
  expect_parts(text, {"the plugin is writable by everyone", "hint: chmod o-w"});
  if (world->size() > 1) expect_parts(text, {"where: " + last_rank() + ": "});
}

TEST_F(RankedPlugins, FoundByNameIsTheFileThatRankZeroFound) {
  // Rank 0's folder has another file than the others' folders; its path is taken by all.
  if (world->rank() != 0) std::ofstream(folder_ / "good.so", std::ios::binary) << "text";
  PluginRegistry registry(*world, {folder_});
  EXPECT_EQ(registry.regularizer("good").name, "good");
  const std::vector<std::string> paths = world->all_gather(registry.loaded().at(0)->file.string());
  for (const std::string& path : paths) EXPECT_EQ(path, paths[0]);
  EXPECT_EQ(paths[0] == (folder_ / "good.so").string(), world->rank() == 0);
}

TEST_F(RankedPlugins, FoundNowhereIsEveryonesError) {
  PluginRegistry registry(*world, {folder_});
  try {
    (void)registry.probe("absent");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    expect_parts(error.what(), {"no probe 'absent' is known", "absent.so in one of: " + folder_.string()});
  }
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  return stet::testing::run_ranked(argc, argv, [](stet::Communicator& communicator) { stet::world = &communicator; });
}
