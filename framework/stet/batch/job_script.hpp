// The batch script of a job: a text that its owner may read, keep, change and submit again. It starts the experiment,
// and after a stop, a lost node or a killed rank asks Slurm for another life of the same job, as long as each life gets
// further than the one before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stet::batch {

struct JobRequest {
  std::string name;              ///< of the job
  std::filesystem::path folder;  ///< of the experiment's results, absolute; logs and scripts go to slurm/ in it
  std::filesystem::path script;  ///< where this script will stand, absolute
  std::string program;           ///< `stet`, absolute
  std::vector<std::string> run;  ///< its arguments: "run", FILE, ...
  std::string made_by;           ///< the command line that asked for it
  std::string note;              ///< note_of() its submission
  bool ranks = false;            ///< MPI ranks that train together; else one process a node, which starts workers
  std::int64_t nodes = 1, ranks_per_node = 1, cores_per_rank = 1;
  std::int64_t megabytes_per_core = 0;  ///< memory; 0: what the cluster gives
  std::int64_t minutes = 60;            ///< of one life
  std::int64_t margin = 60;             ///< seconds before the end at which the job stops by itself
  std::int64_t array_tasks = 0;         ///< 0: no array
  std::int64_t array_at_once = 0;       ///< tasks of it that may run at a time; 0: all
  bool requeue = true;
  std::int64_t idle_lives = 3;       ///< so many lives in a row that get no further are the last
  std::vector<std::string> avoid;    ///< nodes that killed a rank in an earlier job
  std::vector<std::string> options;  ///< of sbatch, as the user gave them; they win
};

/// Throws Error (config) for a name or an option with a line break, which no directive can hold.
[[nodiscard]] std::string job_script(const JobRequest& request);

}  // namespace stet::batch
