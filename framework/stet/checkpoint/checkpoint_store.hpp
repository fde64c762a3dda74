// Checkpoints that are whole or not there. The protocol (design, section 9): every rank writes its part into
// step-N.tmp/ and makes it durable; all vote; rank 0 writes the manifest with every file's checksum, renames the folder
// to step-N/, makes that durable, and only then prunes. A process may die at any instant: the newest whole checkpoint
// is found again, by checksum and not by name.
#pragma once

#include <stet/base/error.hpp>
#include <stet/comm/communicator.hpp>
#include <stet/model/torch.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stet {

/// Everything that a run needs to go on. Tensors are the same on all ranks.
struct Checkpoint {
  std::int64_t step = 0;                      ///< the run's counter; names the folder
  std::map<std::string, at::Tensor> tensors;  ///< kFloat, kDouble, kLong, kInt or kByte, any shape
  std::map<std::string, std::string> metadata;
};

class CheckpointStore {
 public:
  /// `folder` is created by the first save. `keep`: whole checkpoints left after pruning, at least 1.
  CheckpointStore(Communicator& communicator, std::filesystem::path folder, int keep = 2);

  /// Collective. Each rank writes its share of every tensor. Throws Error (checkpoint) on all ranks if any fails; older
  /// checkpoints are then untouched.
  void save(const Checkpoint& checkpoint);

  /// Collective. The newest checkpoint that verifies; nothing if there is none. What was skipped, and why, is logged;
  /// the next save removes it. Written by any number of ranks, read by any number.
  [[nodiscard]] std::optional<Checkpoint> load_newest();

  /// Collective. Removes all checkpoints: the run is finished.
  void clear();

 private:
  Communicator& communicator_;
  std::filesystem::path folder_;
  int keep_;
  std::vector<std::filesystem::path> broken_;  // skipped by load_newest(); the next save removes them
};

/// What `stet checkpoint inspect` shows of one step-N folder.
struct CheckpointSummary {
  std::int64_t step;
  int ranks;
  std::map<std::string, std::vector<std::int64_t>> shapes;
  std::map<std::string, std::string> metadata;
  std::uint64_t bytes;
};

/// The newest step-N folder in `folder` that verifies; nothing if there is none. `skipped` is called with the reason of
/// each newer one that does not. Not collective.
[[nodiscard]] std::optional<std::filesystem::path> newest_checkpoint(
    const std::filesystem::path& folder, const std::function<void(const Error&)>& skipped = {});
/// Reads and verifies one folder. Throws Error (checkpoint) saying what is wrong with it.
[[nodiscard]] CheckpointSummary verify_checkpoint(const std::filesystem::path& folder);
[[nodiscard]] Checkpoint read_checkpoint(const std::filesystem::path& folder);

}  // namespace stet
