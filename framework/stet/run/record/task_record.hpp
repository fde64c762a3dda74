// What the folder of a task (base model, labels or run) says of it: claimed, failed, finished.
// A task is claimed by a lock on its folder, so that several processes can work on one experiment, and a killed one's
// task is free at once. It is finished when its finished.json is there, which is written last.
#pragma once

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/comm/communicator.hpp>

#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace stet::task {

[[nodiscard]] bool finished(const std::filesystem::path& task);
/// Whether a task's folder holds a model that `stet export` can read.
[[nodiscard]] bool holds_model(const std::filesystem::path& task);
struct Failure {
  std::string message;
  int exit_code = 1;
  std::string session;
};
/// The last failure, of whatever session, if there was one; nothing if its record was half written.
[[nodiscard]] std::optional<Failure> last_failure(const std::filesystem::path& task);
/// A failure in this session, if there was one. A later session tries again.
[[nodiscard]] std::optional<Failure> failure(const std::filesystem::path& task, const std::string& session);

/// Collective. Creates the folder and takes its lock on rank 0; false on all ranks if another process has it.
/// Half-written files that a killed owner left are removed.
[[nodiscard]] bool claim(Communicator& communicator, const std::filesystem::path& task, std::optional<FileLock>& lock);

/// Removes the checkpoints of a finished task, if its process died between saying so and removing them.
void tidy(const std::filesystem::path& task) noexcept;

/// Also records what computes here (model/arithmetic.hpp). `spent`: by rank 0. `outcomes`: content_hash() of what
/// others read of it: a run's outcomes.safetensors, a base model's files, labels.
void mark_finished(const std::filesystem::path& task, const TimeSpent& spent, int ranks,
                   const std::string& outcomes = "");
/// Of a finished task: what rank 0 spent, and how many ranks there were.
struct Record {
  TimeSpent spent;
  int ranks = 1;
  double ended = 0;      ///< seconds since 1970
  std::string machine;   ///< kind_of() what computed it, of rank 0: "A, then B" if it went on elsewhere; empty: an
                         ///< older stet's
  std::string outcomes;  ///< as given to mark_finished(); empty: an older stet's
};
/// Of files in a task's folder; of one file its hash_file(). Throws Error (data) if one cannot be read.
[[nodiscard]] std::string content_hash(const std::filesystem::path& task, std::span<const char* const> files);
/// Throws Error (data) if the files of a finished task are not those that it was finished with.
void refuse_altered(const std::filesystem::path& task, std::span<const char* const> files);
/// Throws Error (data) for a record that was altered.
[[nodiscard]] Record record(const std::filesystem::path& task);
/// Marks `to` as finished with the record of `from`, but for the outcomes' hash. Throws as record().
void copy_record(const std::filesystem::path& from, const std::filesystem::path& to, const std::string& outcomes);
/// All parts of the error go into failed.json.
void mark_failed(const std::filesystem::path& task, const std::string& session, const Error& error);

}  // namespace stet::task
