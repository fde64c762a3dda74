// What was submitted for an experiment: one line of JSON a job in FOLDER/slurm/submissions.jsonl, so that `stet status`
// and `stet cancel` know whom to ask for. Not a lock and not a state: what is finished stands in the tasks' folders.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace stet::batch {

struct Submission {
  std::string job;                     ///< Slurm's id
  std::string what;                    ///< "base models", "all that is left", "array of 12"
  std::filesystem::path script, file;  ///< the batch script; the experiment
  std::vector<std::string> overrides;  ///< --set
  bool array = false;
};

/// The line without the job's id, as members of a JSON object: a batch script appends it for a job that stet does not
/// know of (one that goes on for another, one that was submitted by hand, or whose `stet submit` died).
[[nodiscard]] std::string note_of(const Submission& submission);
/// Appends a line. Throws Error (data).
void remember(const std::filesystem::path& folder, const Submission& submission);
/// In the order of submission, each job once; lines that cannot be read are left out. Empty if nothing was submitted.
[[nodiscard]] std::vector<Submission> submissions(const std::filesystem::path& folder);

/// Where a job of the experiment writes: of a task of an array, `id` is "12_3".
[[nodiscard]] std::filesystem::path log_file(const std::filesystem::path& folder, const std::string& name,
                                             const std::string& id);

/// Nodes on which a rank was killed, noted by batch scripts; each once.
[[nodiscard]] std::vector<std::string> nodes_that_killed(const std::filesystem::path& folder);

}  // namespace stet::batch
