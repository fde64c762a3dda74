// Slurm, through its own commands: sbatch, squeue, scontrol, scancel. No accounting database is asked for: many
// clusters have none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stet::batch {

/// Of one job, or one task of an array, as Slurm says it now.
struct JobState {
  std::string id;      ///< "12", "12_3"; of tasks that still wait "12_[4-9%2]"
  std::string state;   ///< "RUNNING", "PENDING", ...; "GONE": Slurm does not know it any more
  std::string reason;  ///< why it waits or failed; may be empty
  std::string nodes, time_left;

  /// It runs, or will: also between two lives (COMPLETING, REQUEUED, PREEMPTED).
  [[nodiscard]] bool alive() const;
};

class Slurm {
 public:
  /// Throws Error (config) if its commands are not here.
  Slurm();

  /// The job's id. Throws Error (config) with what sbatch said if it refuses.
  [[nodiscard]] std::string submit(const std::filesystem::path& script, const std::vector<std::string>& options) const;
  /// The states of a job's tasks (of a job that is no array: one).
  [[nodiscard]] std::vector<JobState> states(const std::string& job) const;
  void cancel(const std::vector<std::string>& jobs) const;

  /// The most tasks that one array may have; nothing if Slurm does not say.
  [[nodiscard]] std::optional<std::int64_t> largest_array() const;
  /// Whether `srun --mpi=pmix` can be asked for.
  [[nodiscard]] bool has_pmix() const;
  /// Nodes of the partition (the default one if it is empty), in whatever state; nothing if Slurm does not say.
  [[nodiscard]] std::optional<std::int64_t> nodes(const std::string& partition) const;
  /// Cores of the largest node, and the longest time in minutes of the partition (the default one if it is empty);
  /// nothing where there is no limit.
  [[nodiscard]] std::optional<std::int64_t> cores_of_a_node(const std::string& partition) const;
  [[nodiscard]] std::optional<std::int64_t> longest_minutes(const std::string& partition) const;
};

/// Minutes of Slurm's "days-hours:minutes:seconds" in its short forms; nothing for "infinite" and the like.
[[nodiscard]] std::optional<std::int64_t> minutes_of(const std::string& time);

/// Reads the lines of `squeue -o "%i|%T|%r|%N|%L"`.
[[nodiscard]] std::vector<JobState> parse_states(const std::string& lines);

}  // namespace stet::batch
