#include <stet/batch/submission.hpp>

#include <experiment_support.hpp>
#include <stet/base/files.hpp>

namespace stet::batch {
namespace {

using testing::Folder;

TEST(Submissions, AreFoundAgainInTheirOrder) {
  const Folder folder;
  EXPECT_TRUE(submissions(folder.path()).empty());
  remember(folder.path(), {"7", "base models", "/r/a.sbatch", "/e/x.toml", {"a.b=1", "c=\"\xff\""}, false});
  remember(folder.path(), {"8", "array of 3", "/r/a-array1.sbatch", "/e/x.toml", {}, true});
  const std::filesystem::path list = folder / "slurm/submissions.jsonl";
  write_file_atomically(list, read_file(list) + "{\"job\": \"9\"}\nhalf a li");  // another version's, and a full disk
  // As a batch script does it, for a job that it knows of too.
  std::ofstream(folder / "slurm/submissions.jsonl", std::ios::app)
      << R"({"job":"8",)" << note_of({"", "array of 3", "/r/a-array1.sbatch", "/e/x.toml", {}, true}) << "}\n";
  const std::vector<Submission> found = submissions(folder.path());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].job, "7");
  EXPECT_EQ(found[0].overrides[0], "a.b=1");
  EXPECT_FALSE(found[0].array);
  EXPECT_EQ(found[1].what, "array of 3");
  EXPECT_EQ(found[1].script, folder / "slurm/a-array1.sbatch");  // wherever the folder was then
  EXPECT_TRUE(found[1].array);
}

TEST(Submissions, AJobIsANumberAndItsScriptLiesInTheFolder) {
  const Folder folder;
  remember(folder.path(), {"7", "all", "/elsewhere/../x/y.sbatch", "/e/x.toml", {}, false});
  EXPECT_EQ(submissions(folder.path()).at(0).script, folder / "slurm/y.sbatch");
  for (const char* job : {"--user=root", "7 8", "", "-7"}) {  // scancel would obey
    std::filesystem::remove_all(folder / "slurm");
    remember(folder.path(), {"7", "all", "/r/y.sbatch", "/e/x.toml", {}, false});
    remember(folder.path(), {job, "all", "/r/y.sbatch", "/e/x.toml", {}, false});
    const Error error = testing::error_of([&] { (void)submissions(folder.path()); });
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_EQ(error.where(), (folder / "slurm/submissions.jsonl").string() + ":2");
  }
}

TEST(Submissions, NodesThatKilledAreNamedOnce) {
  const Folder folder;
  EXPECT_TRUE(nodes_that_killed(folder.path()).empty());
  static_cast<void>(folder.write("slurm/nodes-that-killed", "n2\nn1\nn2\nn3 --uid=0\n$(id)\n"));
  EXPECT_EQ(nodes_that_killed(folder.path()), (std::vector<std::string>{"n1", "n2"}));
}

TEST(Submissions, ALogHasTheJobsName) { EXPECT_EQ(log_file("/r/t", "t", "12_3"), "/r/t/slurm/t-12_3.out"); }

}  // namespace
}  // namespace stet::batch
