#include <stet/batch/job_script.hpp>

#include <experiment_support.hpp>
#include <stet/base/captured_process.hpp>
#include <stet/base/error.hpp>

namespace stet::batch {
namespace {

using testing::error_of;
using testing::Folder;
using testing::has;

JobRequest request() {
  JobRequest r;
  r.name = "table2";
  r.folder = "/work/my runs/table2";
  r.script = r.folder / "slurm/table2.sbatch";
  r.program = "/opt/stet/bin/stet";
  r.run = {"run", "/home/a/it's.toml", "--set", "data.path=\"/data/x y\""};
  r.made_by = "stet submit it's.toml\nrm -rf";
  r.minutes = 90;
  r.margin = 75;
  return r;
}

TEST(JobScript, SaysWhatSlurmIsAskedFor) {
  JobRequest r = request();
  r.ranks = true;
  r.nodes = 2;
  r.ranks_per_node = 4;
  r.cores_per_rank = 3;
  r.megabytes_per_core = 700;
  r.avoid = {"n7", "n9"};
  r.options = {"--partition=gpu", "-A me"};
  const std::string script = job_script(r);
  EXPECT_TRUE(script.starts_with("#!/bin/bash\n# Made by: stet submit it's.toml rm -rf\n"));
  for (const char* line : {"#SBATCH --job-name=table2\n", "#SBATCH --nodes=2\n", "#SBATCH --ntasks-per-node=4\n",
                           "#SBATCH --cpus-per-task=3\n", "#SBATCH --mem-per-cpu=700M\n", "#SBATCH --time=90\n",
                           "#SBATCH --signal=USR2@75\n", "#SBATCH --requeue\n", "#SBATCH --open-mode=append\n",
                           "#SBATCH --output=\"/work/my runs/table2/slurm/%x-%j.out\"\n", "#SBATCH --exclude=n7,n9\n",
                           "#SBATCH --partition=gpu\n#SBATCH -A me\n\n",  // the user's come last: they win
                           "start=(--kill-on-bad-exit=1 --cpus-per-task=3 --mpi=pmix --ntasks=8)\n",
                           "margin=75 requeue=yes most_idle=3\n"}) {
    EXPECT_TRUE(has(script, line));
  }
  EXPECT_FALSE(has(script, "#SBATCH --array"));
}

TEST(JobScript, AnArrayHasALogATask) {
  JobRequest r = request();
  r.folder = "/work/50%/table2";
  r.array_tasks = 12;
  r.array_at_once = 4;
  r.requeue = false;
  const std::string script = job_script(r);
  EXPECT_TRUE(has(script, "#SBATCH --array=0-11%4\n"));
  EXPECT_TRUE(has(script, "#SBATCH --output=/work/50%%/table2/slurm/%x-%A_%a.out\n"));
  EXPECT_TRUE(has(script, "#SBATCH --no-requeue\n"));
  EXPECT_TRUE(has(script, "start=(--kill-on-bad-exit=1 --cpus-per-task=1 --mpi=none --ntasks=1 --nodes=1)\n"));
  EXPECT_TRUE(has(script, "requeue=no"));
}

TEST(JobScript, WordsComeThroughBashAsTheyAre) {
  const Folder folder;
  const std::string script = job_script(request());
  const std::size_t from = script.find("\nfolder="), to = script.find("start=(");
  const auto file =
      folder.write("words.sh", script.substr(from, to - from) + "printf '%s|' \"$folder\" \"$stet\" \"${run[@]}\"\n");
  EXPECT_EQ(run_captured({"bash", file.string()}, {}, 10).out,
            "/work/my runs/table2|/opt/stet/bin/stet|run|/home/a/it's.toml|--set|data.path=\"/data/x y\"|");
}

TEST(JobScript, IsBash) {
  const Folder folder;
  const auto file = folder.write("job.sh", job_script(request()));
  const CapturedProcess bash = run_captured({"bash", "-n", file.string()}, {}, 10);
  EXPECT_EQ(bash.code, 0) << bash.err;
}

TEST(JobScript, RefusesWhatADirectiveCannotHold) {
  JobRequest r = request();
  for (const char* option : {"--comment=a\nb", "--comment=\"a\""}) {
    r.options = {option};
    const Error error = error_of([&] { static_cast<void>(job_script(r)); });
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_EQ(error.received(), option);
  }
}

}  // namespace
}  // namespace stet::batch
