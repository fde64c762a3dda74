#include <stet/schedule/status_board.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace stet {
namespace {

namespace fs = std::filesystem;

class StatusBoardTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(experiment_); }
  void TearDown() override { fs::remove_all(experiment_); }
  fs::path experiment_ = fs::temp_directory_path() / ("stet-status-board-" + std::to_string(::getpid()));
};

TEST_F(StatusBoardTest, OnlyDeadBoardsAreRemoved) {
  StatusBoard alive(experiment_ / ".status-1", "parent");
  alive.create();
  fs::create_directories(experiment_ / ".status-2");  // as a killed command leaves it
  StatusBoard::remove_dead(experiment_);
  EXPECT_TRUE(fs::exists(alive.folder()));
  EXPECT_FALSE(fs::exists(experiment_ / ".status-2"));
  alive.remove();
  EXPECT_FALSE(fs::exists(alive.folder()));
}

// Commands that start and end at the same time: each finds its own board until it removes it.
TEST_F(StatusBoardTest, BoardsComeAndGoBesideEachOther) {
  std::vector<std::string> trouble(4);
  std::vector<std::thread> commands;
  for (std::size_t i = 0; i < trouble.size(); ++i) {
    commands.emplace_back([&, i] {
      try {
        for (int round = 0; round < 200; ++round) {
          StatusBoard::remove_dead(experiment_);
          StatusBoard board(experiment_ / (".status-" + std::to_string(i)), "parent");
          board.create();
          if (!fs::exists(board.folder() / ".lock")) trouble[i] = "the board is gone";
          board.remove();
        }
      } catch (const std::exception& error) {
        trouble[i] = error.what();
      }
    });
  }
  for (std::thread& command : commands) command.join();
  for (const std::string& what : trouble) EXPECT_EQ(what, "");
}

}  // namespace
}  // namespace stet
