// What STET_FAULT can do to a run (framework/stet/base/fault.hpp), done once each: the message, the exit code, and that
// the next start ends in the results of a run that was never disturbed.
#include <stet/base/fault.hpp>

#include "undisturbed.hpp"

#include <algorithm>

namespace stet::e2e {
namespace {

class InjectedTest : public FaultTest {};

TEST_F(InjectedTest, DeathAtEveryNamedPoint) {
  // In the order in which runs pass them. Two are not passed here: shards and labels have tests of their own.
  for (const std::string_view point : fault_points) {
    if (point == "data.shard" || point == "label.batch") continue;
    const bool whole = point == "report.table";                                 // no worker's
    const std::string form = point == "checkpoint.written" ? "true" : "false";  // so that every step's is reached
    const Outcome killed =
        stet(mine_.path(), run_words(whole ? Words{} : Words{"--worker", "--set", "checkpoint.asynchronous=" + form}),
             {{"STET_FAULT", "kill:" + std::string(point)}});
    ASSERT_EQ(killed.signal, SIGKILL) << point << "\n" << killed.err;
    EXPECT_TRUE(has(killed.err, "faults are made on purpose: STET_FAULT=kill:" + std::string(point)));
  }
  finish_and_compare();
}

TEST_F(InjectedTest, AMisspeltFaultIsRefused) {
  const Outcome refused = stet(mine_.path(), run_words(), {{"STET_FAULT", "kill:run.stop"}});
  ASSERT_TRUE(ended_with(refused, 2));
  EXPECT_TRUE(has(refused.err, "'kill:run.stop'"));
  EXPECT_FALSE(fs::exists(mine_ / "runs"));
}

TEST_F(InjectedTest, ANumberThatIsNotFiniteEndsTheRun) {
  copy_base();
  const Outcome failed = stet(mine_.path(), run_words({"--jobs", "1"}), {{"STET_FAULT", "nan:step=7"}});
  ASSERT_TRUE(ended_with(failed, 6));
  EXPECT_TRUE(has(failed.err, "the gradient is not finite"));
  EXPECT_TRUE(has(failed.err, "step 6"));
  EXPECT_TRUE(has(failed.err, "the last good checkpoint is "));
  finish_and_compare();
}

/// Every call on a file that a run makes fails once, in turn; with a checkpoint here and there. What the program says
/// and leaves is judged, and the next start goes on.
class FailingCalls : public FaultTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(FailingCalls, AreToldAndHarmless) {
  const std::string call = GetParam();
  const std::string errors[] = {"ENOSPC", "EIO", "EROFS", "ESTALE", "EDQUOT"};
  copy_base();
  int failures = 0;
  for (int n = 1;; n += n < 12 ? 1 : n / 4) {  // all of the first, then fewer: they repeat
    std::string fault = "io:";
    fault.append(errors[n % 5]).append(":").append(call).append("=").append(std::to_string(n));
    const Outcome outcome = stet(mine_.path(), run_words({"--worker"}), {{"STET_FAULT", fault}});
    ASSERT_EQ(outcome.signal, 0) << fault << "\n" << outcome.err;
    if (outcome.code == 0 && !contains(outcome.err, " failed: ")) {
      if (find_all(mine_ / "runs", "finished.json").size() == 3) break;  // nothing is left to do: few calls
      continue;
    }
    ++failures;
    const bool of_input = contains(outcome.err, "cannot read configuration file");  // the experiment's own file
    EXPECT_TRUE(outcome.code == (of_input ? 2 : 3) || outcome.code == 5)
        << fault << ": " << outcome.code << outcome.err;
    // The system's words, and the place.
    EXPECT_TRUE(contains(outcome.err, "No space left") || contains(outcome.err, "Input/output error") ||
                contains(outcome.err, "Read-only file system") || contains(outcome.err, "Stale file handle") ||
                contains(outcome.err, "quota exceeded"))
        << fault << "\n"
        << outcome.err;
    EXPECT_TRUE(of_input || contains(outcome.err, "runs/")) << fault << "\n" << outcome.err;
    if (HasFailure()) break;
  }
  EXPECT_GT(failures, 0);
  finish_and_compare();
}

INSTANTIATE_TEST_SUITE_P(Calls, FailingCalls,
                         ::testing::Values("open", "read", "write", "sync", "rename", "resize", "make", "remove"),
                         [](const auto& call) { return call.param; });

#ifdef STET_MPIEXEC
TEST_F(InjectedTest, AFlippedBitOfOneReplicaIsNamedWithinSoManySteps) {
  copy_base();
  const Words words = run_words({"--set", "train.replica_check_steps=4", "--set", "checkpoint.seconds=1000"});
  const Outcome failed = mpi_stet(2, mine_.path(), words, {{"STET_FAULT", "flip:step=6:rank=1"}});
  ASSERT_TRUE(ended_with(failed, 7));
  EXPECT_TRUE(has(failed.err, "the ranks' weights differ"));
  EXPECT_TRUE(has(failed.err, "rank 1, step 8, "));  // and the tensor
  EXPECT_EQ(count_of(failed.err, "the ranks' weights differ"), 1U);
  finish_and_compare();
}

TEST_F(InjectedTest, ADamagedReplicaNeverGetsIntoACheckpoint) {
  copy_base();
  // Checks of replicas are far apart, checkpoints come with every step.
  const Outcome failed = mpi_stet(2, mine_.path(), run_words(), {{"STET_FAULT", "flip:step=6:rank=1"}});
  ASSERT_TRUE(ended_with(failed, 7));
  EXPECT_TRUE(has(failed.err, "rank 1, step "));
  finish_and_compare();
}

TEST_F(InjectedTest, ARankThatStopsIsNamed) {
  copy_base();
  const Outcome failed =
      mpi_stet(2, mine_.path(), run_words({"--hang-timeout", "3"}), {{"STET_FAULT", "hang:train.reduce=5:rank=1"}});
  ASSERT_TRUE(ended_with(failed, 7));
  EXPECT_TRUE(has(failed.err, "rank 1"));
  finish_and_compare();
}
#endif

}  // namespace
}  // namespace stet::e2e
