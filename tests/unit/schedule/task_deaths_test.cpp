#include <stet/schedule/task_deaths.hpp>

#include <stet/comm/flight_recorder.hpp>

#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace stet {
namespace {

using testing::Folder;

/// A process dies in the task, in a hook or outside of any.
void die_in(const Folder& task, const char* hook, std::int64_t step, int signal = SIGKILL) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(STDERR_FILENO);
    FlightRecorder recorder;
    recorder.begin_task(flight_folder(task.path()), 0, 1);
    recorder.note_fatal_signals();
    if (step >= 0) recorder.step("main", step);
    if (*hook == 0) ::raise(signal);
    const FlightRecorder::Hook scope(recorder, hook);
    ::raise(signal);
  }
  ::waitpid(child, nullptr, 0);
}

TEST(TaskDeaths, AWholeTaskHasNothingToJudge) {
  const Folder task;
  EXPECT_FALSE(judge_last_death(task.path(), "s").has_value());
  EXPECT_FALSE(is_suspect(task.path()));
}

TEST(TaskDeaths, TheSecondDeathOfASessionIsTheTasksFailure) {
  const Folder task;
  die_in(task, "regularizer 'bad', output_loss", 3, SIGSEGV);
  EXPECT_TRUE(is_suspect(task.path()));
  EXPECT_FALSE(judge_last_death(task.path(), "s").has_value());
  EXPECT_TRUE(is_suspect(task.path()));
  EXPECT_FALSE(judge_last_death(task.path(), "s").has_value());  // nobody died since
  die_in(task, "regularizer 'bad', output_loss", 5, SIGSEGV);
  const std::optional<Error> error = judge_last_death(task.path(), "s");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind(), ErrorKind::plugin);
  EXPECT_EQ(error->message(), "two processes died in this task, the last one of SIGSEGV");
  EXPECT_EQ(error->where(), "phase 'main', step 5: regularizer 'bad', output_loss");
  EXPECT_FALSE(is_suspect(task.path()));  // told; a later session begins anew
}

TEST(TaskDeaths, InTwoSessionsOnlyTheSamePlaceCounts) {
  const Folder task;
  die_in(task, "probe 'p', measure", 3);
  EXPECT_FALSE(judge_last_death(task.path(), "one").has_value());
  die_in(task, "probe 'p', measure", 9);
  EXPECT_FALSE(judge_last_death(task.path(), "two").has_value());
  die_in(task, "probe 'p', measure", 9);
  const std::optional<Error> error = judge_last_death(task.path(), "three");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind(), ErrorKind::plugin);
  EXPECT_NE(error->message().find("without a word"), std::string::npos);
  die_in(task, "", 9, SIGSEGV);
  EXPECT_FALSE(judge_last_death(task.path(), "four").has_value());
  die_in(task, "", 9, SIGSEGV);
  EXPECT_TRUE(judge_last_death(task.path(), "five").has_value());
}

TEST(TaskDeaths, KillsFromOutsideSayNothingOfTheTask) {
  const Folder task;
  for (const std::int64_t step : {-1, 4}) {
    for (const char* session : {"one", "two", "three"}) {
      die_in(task, "", step);
      EXPECT_FALSE(judge_last_death(task.path(), session).has_value());
    }
  }
}

TEST(TaskDeaths, AnEndOfItsOwnForgetsThem) {
  const Folder task;
  die_in(task, "", 3);
  EXPECT_FALSE(judge_last_death(task.path(), "s").has_value());
  forget_deaths(task.path());
  die_in(task, "", 3);
  EXPECT_FALSE(judge_last_death(task.path(), "s").has_value());
}

TEST(TaskDeaths, OfSeveralRanksTheOneThatDiedFirstIsNamed) {
  const Folder task;
  const pid_t child = ::fork();
  if (child == 0) {
    FlightRecorder zero, one;
    zero.begin_task(flight_folder(task.path()), 0, 2);
    one.begin_task(flight_folder(task.path()), 1, 2);
    zero.step("main", 7);
    one.step("main", 7);
    const FlightRecorder::Hook hook(one, "regularizer 'bad', after_step");
    ::raise(SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(judge_last_death(task.path(), "s").has_value());
  std::ifstream file(task / "deaths.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(text.find("rank 1, phase 'main', step 7: regularizer 'bad', after_step"), std::string::npos) << text;
}

}  // namespace
}  // namespace stet
