#include <stet/comm/flight_recorder.hpp>

#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace stet {
namespace {

using testing::Folder;

TEST(FlightRecorder, TellsHookStepAndCollective) {
  FlightRecorder recorder;
  EXPECT_EQ(recorder.own().place, "");
  EXPECT_EQ(recorder.own().step_text(), "");
  recorder.step("main", 3);
  const int slot = recorder.open_group(7);
  {
    const FlightRecorder::Hook hook(recorder, "regularizer 'ewc', begin_phase");
    const FlightRecorder::Inside inside(recorder, slot, "all_reduce", 12);
    const Flight now = recorder.own();
    EXPECT_EQ(now.place, "regularizer 'ewc', begin_phase");
    EXPECT_EQ(now.step_text(), "phase 'main', step 3");
    EXPECT_EQ(now.process, ::getpid());
    ASSERT_EQ(now.collectives.size(), 1U);
    EXPECT_EQ(now.collectives[0].group, 7U);
    EXPECT_EQ(now.collectives[0].count, 1U);
    EXPECT_TRUE(now.collectives[0].inside);
    EXPECT_EQ(now.collectives[0].what, "all_reduce of 12");
  }
  EXPECT_EQ(recorder.own().place, "");
  EXPECT_FALSE(recorder.own().collectives.at(0).inside);
  recorder.close_group(slot);
  EXPECT_TRUE(recorder.own().collectives.empty());
  recorder.step("later", 4);
  EXPECT_EQ(recorder.own().step_text(), "phase 'later', step 4");
}

TEST(FlightRecorder, ATasksPageIsAFileThatItsEndRemoves) {
  const Folder folder;
  FlightRecorder recorder;
  const int slot = recorder.open_group(9);
  { const FlightRecorder::Inside before(recorder, slot, "barrier"); }
  recorder.begin_task(folder / "task/flight", 1, 2);
  { const FlightRecorder::Inside after(recorder, slot, "barrier"); }
  const auto page = FlightRecorder::read(folder / "task/flight/rank-1");
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->collectives.at(0).count, 2U);  // counts go on across pages
  ASSERT_EQ(recorder.group().size(), 2U);
  EXPECT_FALSE(recorder.group()[0].has_value());
  EXPECT_TRUE(recorder.group()[1].has_value());
  recorder.end_task();
  EXPECT_FALSE(std::filesystem::exists(folder / "task/flight"));
  EXPECT_EQ(recorder.own().collectives.at(0).count, 2U);
  EXPECT_TRUE(recorder.group().empty());
}

TEST(FlightRecorder, OtherFilesAreNoPages) {
  const Folder folder;
  folder.write("flight/rank-0", std::string(10000, 'x'));
  folder.write("flight/rank-1", "");
  folder.write("flight/verdict", "");
  EXPECT_FALSE(FlightRecorder::read(folder / "flight/rank-0").has_value());
  EXPECT_FALSE(FlightRecorder::read(folder / "flight/none").has_value());
  EXPECT_TRUE(FlightRecorder::left_in(folder / "flight").empty());
}

TEST(FlightRecorder, WhoIsWaitedForIsSeenOnAnothersPage) {
  const Folder folder;
  FlightRecorder mine, theirs;
  const int my_slot = mine.open_group(5), their_slot = theirs.open_group(5);
  mine.begin_task(folder / "flight", 0, 2);
  theirs.begin_task(folder / "flight", 1, 2);
  EXPECT_FALSE(mine.waited_for().has_value());
  {
    const FlightRecorder::Inside waiting(theirs, their_slot, "barrier");
    EXPECT_TRUE(mine.waited_for().has_value());
    EXPECT_FALSE(theirs.waited_for().has_value());
    const FlightRecorder::Inside met(mine, my_slot, "barrier");
    EXPECT_FALSE(mine.waited_for().has_value());
  }
}

/// What the page says after a process died in a hook.
Flight after_death(const Folder& folder, const std::function<void()>& die) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(STDERR_FILENO);
    FlightRecorder recorder;
    recorder.begin_task(folder / "flight", 0, 1);
    recorder.note_fatal_signals();
    recorder.step("main", 6);
    const FlightRecorder::Hook hook(recorder, "regularizer 'bad', output_loss");
    die();
    ::_exit(99);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const std::vector<Flight> left = FlightRecorder::left_in(folder / "flight");
  return left.empty() ? Flight{} : left[0];
}

TEST(FlightRecorder, ThePageOutlivesAProcessHoweverItDies) {
  for (const int number : {SIGSEGV, SIGABRT, SIGFPE}) {
    const Folder folder;
    const Flight flight = after_death(folder, [&] { ::raise(number); });
    EXPECT_EQ(flight.fatal_signal, number);
    EXPECT_EQ(flight.place, "regularizer 'bad', output_loss");
    EXPECT_EQ(flight.step_text(), "phase 'main', step 6");
  }
  const Folder folder;
  EXPECT_EQ(after_death(folder, [] { ::raise(SIGKILL); }).place, "regularizer 'bad', output_loss");
  EXPECT_EQ(after_death(folder, [] { ::_exit(0); }).fatal_signal, 0);
  EXPECT_EQ(after_death(folder, [] { ::_exit(0); }).place, "regularizer 'bad', output_loss");
  EXPECT_TRUE(after_death(folder, [] { FlightRecorder::note_stop(); }).told_to_stop);
}

}  // namespace
}  // namespace stet
