// `stet plugin check` as a user calls it, with its real runs under mpirun.
#include <e2e/program.hpp>

#include <gtest/gtest.h>

namespace stet::e2e {
namespace {

class PluginCheck : public ::testing::Test {
 protected:
  Outcome check(const Words& arguments) {
    Words words = {"plugin", "check"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return stet(folder_.path(), words);
  }
  static std::string wrong(const std::string& name) { return std::string(STET_WRONG_FOLDER) + "/" + name + ".so"; }
  Folder folder_;
};

#ifdef STET_MPIEXEC
TEST_F(PluginCheck, RankDependentRegularizer) {
  const Outcome outcome = check({wrong("rank_dependent")});
  EXPECT_TRUE(ended_with(outcome, 4));
  EXPECT_TRUE(has(outcome.out, "FAILED          ranks           2 ranks give another result than one process"));
  EXPECT_TRUE(has(outcome.out, "hint: weigh rows by row_weights; no process id, rank"));
  EXPECT_TRUE(has(outcome.out, "9 passed, 1 failed, 0 not applicable"));
}

TEST_F(PluginCheck, ProcessDependentRegularizer) {
  const Outcome outcome = check({wrong("process_dependent")});
  EXPECT_TRUE(ended_with(outcome, 4));
  EXPECT_TRUE(has(outcome.out, "FAILED          ranks           on 2 ranks: "));
  EXPECT_TRUE(has(outcome.out, "the ranks' weights differ"));
  EXPECT_TRUE(has(outcome.out, "9 passed, 1 failed, 0 not applicable"));
}

TEST_F(PluginCheck, ParametersReachTheRanks) {
  const Outcome outcome = check({wrong("keeps_state"), "--set", "strength=0.25"});
  EXPECT_TRUE(ended_with(outcome, 0));
  EXPECT_TRUE(has(outcome.out, "regularizer keeps_state { strength = 0.25 }"));
  EXPECT_TRUE(has(outcome.out, "passed          ranks           1, 2 and 4 ranks: the same bits"));
}
#else
TEST_F(PluginCheck, WithoutMpiRanksAreNotApplicable) {
  const Outcome outcome = check({wrong("keeps_state")});
  EXPECT_TRUE(ended_with(outcome, 0));
  EXPECT_TRUE(has(outcome.out, "not applicable  ranks           this program was built without MPI"));
}
#endif

TEST_F(PluginCheck, ACheckThatTakesTheProcessWithIt) {
  // The check is named, and all others are made.
  for (const auto& [how, said] :
       {std::pair<std::string, std::string>{"segv", "the process is ended by signal 11 (Segmentation fault)"},
        {"exit", "the process ends itself with exit code 0"},
        {"loop", "no end after 20 s"}}) {
    const Outcome outcome =
        check({wrong("crashes"), "--set", "how='" + how + "'", "--time-limit", how == "loop" ? "20" : "300"});
    EXPECT_TRUE(ended_with(outcome, 4));
    EXPECT_TRUE(has(outcome.out, "FAILED          gradient        the check has no end of its own: " + said));
    EXPECT_TRUE(has(outcome.out, " passed, 1 failed, "));
    EXPECT_TRUE(has(outcome.out, "passed          resume          two phases, saved in the first and in the second"));
  }
}

TEST_F(PluginCheck, Misuse) {
  const Outcome unknown = check({"l2_ps"});
  EXPECT_TRUE(ended_with(unknown, 4));
  EXPECT_TRUE(has(unknown.err, "no plugin 'l2_ps' is known"));
  EXPECT_TRUE(has(unknown.err, "did you mean 'l2_sp'?"));
  const Outcome absent = check({"./absent.so"});
  EXPECT_TRUE(ended_with(absent, 4));
  EXPECT_TRUE(has(absent.err, "cannot read the plugin"));
  const Outcome key = check({"l2_sp", "--set", "strenght=1"});
  EXPECT_TRUE(ended_with(key, 2));
  EXPECT_TRUE(has(key.err, "did you mean 'strength'?"));
  EXPECT_TRUE(ended_with(check({}), 2));
}

}  // namespace
}  // namespace stet::e2e
