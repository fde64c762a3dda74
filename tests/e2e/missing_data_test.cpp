// An experiment on data that is not there: said once, by every command that would train, before anything starts.
#include <fixtures_folder.hpp>
#include "program.hpp"

namespace stet::e2e {
namespace {

class MissingDataTest : public ::testing::Test {
 protected:
  static Words words(const std::string& command, const Words& more = {}) {
    Words all = {command, STET_SOURCE_DIR "/experiments/entity-questions/quickstart.toml"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// Exit code 3, one message with every part, and nothing written.
  void expect_said_once(const Outcome& outcome, const Words& parts) const {
    EXPECT_TRUE(ended_with(outcome, 3));
    EXPECT_EQ(count_of(outcome.err, "error: "), 1U) << outcome.err;
    for (const std::string& part : parts) EXPECT_TRUE(has(outcome.err, part));
    EXPECT_TRUE(outcome.out.empty()) << outcome.out;
    EXPECT_TRUE(find_all(folder_.path(), "failed.json").empty());
    EXPECT_FALSE(fs::exists(folder_ / "runs"));
  }

  Folder folder_;
};

TEST_F(MissingDataTest, IsSaidOnceBeforeAnythingStarts) {
  const Words parts = {"the place of the EntityQuestions data is not given", "dataset.zip", "--set data.path=FOLDER",
                       "STET_DATA"};
  for (const Words& command :
       {words("plan"), words("plan", {"--no-estimate"}), words("run"), words("run", {"--jobs", "2"}), words("slick")}) {
    expect_said_once(stet(folder_.path(), command), parts);
  }
  expect_said_once(stet(folder_.path(), words("run", {"--set", "data.path=/nowhere"})),
                   {"the EntityQuestions data is not there", "/nowhere", "dataset.zip"});
}

TEST_F(MissingDataTest, NamesTheFilesThatAreMissing) {
  fs::copy(entity_questions_folder(), folder_ / "data", fs::copy_options::recursive);
  for (const char* name : {"P36.train.json", "P495.train.json"}) fs::remove(folder_ / "data/train" / name);
  for (const char* command : {"plan", "run"}) {
    expect_said_once(stet(folder_.path(), words(command, {"--set", "data.path=" + (folder_ / "data").string()})),
                     {"missing: train/P36.train.json, train/P495.train.json\n", "data", "dataset.zip"});
  }
}

#ifdef STET_MPIEXEC
TEST_F(MissingDataTest, RanksSayItOnceTogether) {
  const Outcome outcome = mpi_stet(2, folder_.path(), words("run"));
  EXPECT_TRUE(ended_with(outcome, 3));
  EXPECT_EQ(count_of(outcome.err, "the place of the EntityQuestions data is not given"), 1U) << outcome.err;
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}
#endif

}  // namespace
}  // namespace stet::e2e
