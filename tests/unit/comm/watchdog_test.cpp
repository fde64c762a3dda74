// Two ranks' recorders in one process: what a watchdog sees of a group does not depend on where the ranks run.
#include <stet/comm/watchdog.hpp>

#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>

namespace stet {
namespace {

using testing::Folder;
using namespace std::chrono_literals;

class WatchdogTest : public ::testing::Test {
 protected:
  WatchdogTest() {
    slots_ = {zero_.open_group(3), one_.open_group(3)};
    zero_.begin_task(folder_ / "flight", 0, 2);
    one_.begin_task(folder_ / "flight", 1, 2);
  }

  /// What a watchdog of rank 0 with a time-out of 0.3 s says within a second; empty: nothing.
  std::optional<Error> said_within(std::chrono::milliseconds time, double timeout = 0.3) {
    std::mutex mutex;
    std::optional<Error> said;
    const auto end = std::chrono::steady_clock::now() + time;
    const Watchdog watchdog(zero_, timeout, [&](const Error& error) {
      const std::lock_guard lock(mutex);
      said = error;
    });
    while (std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(10ms);
      const std::lock_guard lock(mutex);
      if (said) break;
    }
    const std::lock_guard lock(mutex);
    return said;
  }

  Folder folder_;
  FlightRecorder zero_, one_;
  std::pair<int, int> slots_;
};

TEST_F(WatchdogTest, NamesWhoStaysAwayAndWhere) {
  zero_.step("main", 4);
  one_.step("main", 3);
  const FlightRecorder::Hook loop(one_, "regularizer 'bad', output_loss");
  const FlightRecorder::Inside waiting(zero_, slots_.first, "all_reduce", 8);
  const std::optional<Error> said = said_within(5s);
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->kind(), ErrorKind::plugin);  // a hook runs there
  EXPECT_NE(said->message().find("rank 0 waited in all_reduce of 8 for rank 1"), std::string::npos) << said->what();
  EXPECT_NE(said->message().find("phase 'main', step 3, regularizer 'bad', output_loss"), std::string::npos)
      << said->what();
  EXPECT_EQ(said->where(), "rank 0, phase 'main', step 4, in all_reduce of 8");
}

TEST_F(WatchdogTest, ARankInAnotherCollectiveIsAway) {
  const FlightRecorder::Inside waiting(zero_, slots_.first, "all_reduce", 8), elsewhere(one_, slots_.second, "barrier");
  const std::optional<Error> said = said_within(5s);
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->kind(), ErrorKind::communication);
  EXPECT_NE(said->message().find("in another collective: barrier"), std::string::npos) << said->what();
}

TEST_F(WatchdogTest, AProcessWhoseWatchdogIsSilentDoesNotRun) {
  const FlightRecorder::Inside waiting(zero_, slots_.first, "barrier");
  const std::optional<Error> said = said_within(5s);  // nobody ticks for rank 1
  ASSERT_TRUE(said.has_value());
  EXPECT_NE(said->message().find("the process does not run"), std::string::npos) << said->what();
}

TEST_F(WatchdogTest, ARankMayBeStoppedInsideTheCollective) {
  const FlightRecorder::Inside waiting(zero_, slots_.first, "barrier"), stopped(one_, slots_.second, "barrier");
  const std::optional<Error> said = said_within(5s);
  ASSERT_TRUE(said.has_value());
  EXPECT_NE(said->message().find("rank 0 waited in barrier for rank 1"), std::string::npos) << said->what();
  EXPECT_NE(said->message().find("the process does not run"), std::string::npos) << said->what();
}

TEST_F(WatchdogTest, AHookWithoutASignOfLifeHangs) {
  zero_.step("main", 2);
  const FlightRecorder::Hook loop(zero_, "probe 'bad', measure");
  const std::optional<Error> said = said_within(5s);
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->kind(), ErrorKind::plugin);
  EXPECT_EQ(said->where(), "rank 0, phase 'main', step 2: probe 'bad', measure");
}

TEST_F(WatchdogTest, AHookThatCallsTheEngineDoesNot) {
  const FlightRecorder::Hook slow(zero_, "regularizer 'ewc', begin_phase");
  std::atomic<bool> end{false};
  std::thread working([&] {
    while (!end.load()) {
      zero_.beat();
      std::this_thread::sleep_for(10ms);
    }
  });
  EXPECT_FALSE(said_within(1s).has_value());
  end.store(true);
  working.join();
}

TEST_F(WatchdogTest, OnlyOneRankSpeaks) {
  const FlightRecorder::Inside waiting(zero_, slots_.first, "barrier");
  folder_.write("flight/verdict", "");
  EXPECT_FALSE(said_within(1s).has_value());
}

TEST_F(WatchdogTest, OutsideOfATaskRanksMayWait) {
  zero_.end_task();
  const FlightRecorder::Inside waiting(zero_, slots_.first, "barrier");
  EXPECT_FALSE(said_within(1s).has_value());
}

TEST_F(WatchdogTest, ZeroMeansNever) {
  const FlightRecorder::Inside waiting(zero_, slots_.first, "barrier");
  EXPECT_FALSE(said_within(500ms, 0).has_value());
}

}  // namespace
}  // namespace stet
