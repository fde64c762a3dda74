// Recognising launchers, and sessions that must not begin.
#include <stet/base/error.hpp>
#include <stet/comm/session.hpp>

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace stet {
namespace {

Launch launch_of(const std::map<std::string, std::string>& variables) {
  return detect_launch([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Launch, NoLauncher) {
  const Launch none = launch_of({});
  EXPECT_EQ(none.launcher, "");
  EXPECT_EQ(none.processes, 0);
  EXPECT_FALSE(none.strangers);
  // The batch script of a job is no step, whatever the job's size.
  EXPECT_EQ(launch_of({{"SLURM_JOB_ID", "5"}, {"SLURM_NTASKS", "8"}}).launcher, "");
  EXPECT_FALSE(launch_of({{"SLURM_JOB_ID", "5"}, {"SLURM_NTASKS", "8"}}).strangers);
}

TEST(Launch, EachLauncher) {
  const auto expect = [](const std::map<std::string, std::string>& variables, const std::string& name, int processes) {
    const Launch launch = launch_of(variables);
    EXPECT_EQ(launch.launcher, name);
    EXPECT_EQ(launch.processes, processes) << name;
    EXPECT_FALSE(launch.strangers) << name;
  };
  expect({{"OMPI_COMM_WORLD_SIZE", "4"}, {"PMIX_RANK", "0"}}, "Open MPI (mpirun)", 4);
  expect({{"OMPI_COMM_WORLD_SIZE", "1"}}, "Open MPI (mpirun)", 1);
  expect({{"PMIX_RANK", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}}, "PMIx (srun)", 2);
  expect({{"PMIX_RANK", "1"}}, "PMIx", 0);
  expect({{"PMI_RANK", "0"}, {"PMI_SIZE", "3"}}, "PMI (mpiexec)", 3);
  expect({{"PMI_RANK", "0"}}, "PMI (mpiexec)", 0);
  expect({{"PMI_SIZE", "2"}, {"SLURM_STEP_NUM_TASKS", "2"}}, "PMI (srun)", 2);
  expect({{"MPI_LOCALNRANKS", "2"}}, "MPICH (mpiexec)", 0);
}

TEST(Launch, MpirunInsideAStepIsMpirun) {
  EXPECT_EQ(launch_of({{"OMPI_COMM_WORLD_SIZE", "4"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"PMIX_RANK", "0"}}).launcher,
            "Open MPI (mpirun)");
}

TEST(Launch, AStepOfOneTaskNeedsNoMpi) {
  EXPECT_EQ(launch_of({{"PMIX_RANK", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}).launcher, "");
  EXPECT_EQ(launch_of({{"PMI_RANK", "0"}, {"PMI_SIZE", "1"}, {"SLURM_STEP_NUM_TASKS", "1"}}).launcher, "");
  EXPECT_FALSE(launch_of({{"SLURM_STEP_NUM_TASKS", "1"}}).strangers);
}

TEST(Launch, TasksWithoutPmixAreStrangers) {
  const Launch launch = launch_of({{"SLURM_STEP_NUM_TASKS", "4"}});
  EXPECT_TRUE(launch.strangers);
  EXPECT_EQ(launch.processes, 4);
  EXPECT_EQ(launch.launcher, "");
}

TEST(Launch, NumbersThatAreNone) {
  EXPECT_EQ(launch_of({{"OMPI_COMM_WORLD_SIZE", "many"}}).processes, 0);
  EXPECT_EQ(launch_of({{"OMPI_COMM_WORLD_SIZE", "4x"}}).processes, 0);
  EXPECT_EQ(launch_of({{"OMPI_COMM_WORLD_SIZE", "-4"}}).processes, 0);
  EXPECT_EQ(launch_of({{"OMPI_COMM_WORLD_SIZE", "99999999999"}}).processes, 0);
  EXPECT_FALSE(launch_of({{"SLURM_STEP_NUM_TASKS", ""}}).strangers);
}

void forget_launcher() {
  for (const char* name :
       {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_NUM_TASKS"}) {
    ::unsetenv(name);
  }
}

TEST(Session, StartedDirectlyIsASingleProcess) {
  forget_launcher();
  EXPECT_EQ(launch_detected(), "");
  Session session;
  EXPECT_EQ(session.world().size(), 1);
  EXPECT_FALSE(session.uses_mpi());
  EXPECT_EQ(session.description(), "single process");
  const Session another;  // without MPI there is nothing that could not begin twice
  EXPECT_EQ(another.description(), "single process");
}

/// Begins a session under these variables, in a process of its own, and exits with the error's code.
[[noreturn]] void begin_with(const char* variable, const char* value) {
  forget_launcher();
  ::setenv(variable, value, 1);
  ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  int code = 0;
  try {
    const Session session;
  } catch (const Error& error) {
    std::fputs(error.what(), stderr);
    code = error.exit_code();
  }
  std::fflush(nullptr);
  std::_Exit(code);
}

TEST(SessionDeathTest, DoesNotBeginAmongStrangers) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(begin_with("SLURM_STEP_NUM_TASKS", "4"), ::testing::ExitedWithCode(7), "srun --mpi=pmix");
}

TEST(SessionDeathTest, DoesNotBeginInAGroupSmallerThanTheLaunch) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  // As under the mpiexec of another MPI: four processes are started, and each finds itself alone.
  EXPECT_EXIT(begin_with("PMI_SIZE", "4"), ::testing::ExitedWithCode(7), "4 processes, started by PMI");
}

}  // namespace
}  // namespace stet
