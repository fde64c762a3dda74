// Options of sbatch that a user adds to a job of stet's.
#pragma once

#include <string>
#include <vector>

namespace stet::batch {

/// The words behind `--` as sbatch's directives take them, one an option: "--partition gpu" as "--partition=gpu",
/// "-p gpu" as it is. Throws Error (config) for a word that belongs to no option, and for an option that would take
/// from stet what it relies on: the job's name and log (they are found by them), its array and size, its signal.
[[nodiscard]] std::vector<std::string> scheduler_options(const std::vector<std::string>& words);

/// The partition that these options name; empty: the cluster's default.
[[nodiscard]] std::string partition_of(const std::vector<std::string>& options);

}  // namespace stet::batch
