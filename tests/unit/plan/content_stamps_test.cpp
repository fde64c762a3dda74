#include <stet/base/files.hpp>
#include <stet/plan/content_stamps.hpp>
#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>

namespace stet {
namespace {

using std::chrono::hours;

class ContentStampsTest : public ::testing::Test {
 protected:
  ContentStampsTest() {
    write_file_atomically(folder_ / "large", "abc");
    age("large");
  }
  /// The time of change, an hour back; the inode's own time cannot be set, so stamps of files this young are refused
  /// until it has settled.
  void age(const char* name) const {
    std::filesystem::last_write_time(folder_ / name, std::filesystem::file_time_type::clock::now() - hours(1));
  }
  /// Waits until files written so far may be remembered.
  void settle(const char* name) const {
    while (!ContentStamps::stamp(folder_ / name)) ::usleep(100'000);
  }
  const testing::Folder folder_;
};

TEST_F(ContentStampsTest, AFileJustWrittenIsNotRemembered) {
  ContentStamps stamps(folder_ / "stamps");
  EXPECT_FALSE(ContentStamps::stamp(folder_ / "large"));
  stamps.remember(folder_ / "large", ContentStamps::stamp(folder_ / "large"), "x");
  EXPECT_FALSE(stamps.recall(folder_ / "large"));
  EXPECT_FALSE(ContentStamps::stamp(folder_ / "none"));
}

TEST_F(ContentStampsTest, RememberedUntilItChanges) {
  settle("large");
  {
    ContentStamps stamps(folder_ / "stamps");
    stamps.remember(folder_ / "large", ContentStamps::stamp(folder_ / "large"), "x");
    EXPECT_EQ(stamps.recall(folder_ / "large"), "x");
    stamps.save();
  }
  EXPECT_EQ(ContentStamps(folder_ / "stamps").recall(folder_ / "." / "large"), "x");
  // Another content of the same size and time of change: the inode's time tells.
  write_file_atomically(folder_ / "other", "abd");
  std::filesystem::last_write_time(folder_ / "other", std::filesystem::last_write_time(folder_ / "large"));
  std::filesystem::rename(folder_ / "other", folder_ / "large");
  EXPECT_FALSE(ContentStamps(folder_ / "stamps").recall(folder_ / "large"));
}

TEST_F(ContentStampsTest, WhatIsNotUnderstoodIsAsNothing) {
  settle("large");
  for (const char* text : {"", "something else", "stet content stamps 1\n\t\t\n", "stet content stamps 1\na\tb"}) {
    write_file_atomically(folder_ / "stamps", text);
    EXPECT_FALSE(ContentStamps(folder_ / "stamps").recall(folder_ / "large")) << text;
  }
  std::filesystem::create_directory(folder_ / "folder");
  EXPECT_FALSE(ContentStamps(folder_ / "folder").recall(folder_ / "large"));
  ContentStamps nowhere(folder_ / "none" / "stamps");
  nowhere.remember(folder_ / "large", ContentStamps::stamp(folder_ / "large"), "x");
  nowhere.save();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));
}

}  // namespace
}  // namespace stet
