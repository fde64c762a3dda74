// Checkpoints that are whole or not there. The protocol (design, section 9): every rank writes its part into
// step-N.tmp/ and makes it durable; all vote; rank 0 writes the manifest with every file's checksum, renames the folder
// to step-N/, makes that durable, and only then prunes. A process may die at any instant: the newest whole checkpoint
// is found again, by checksum and not by name.
//
// Training need not wait for the disk: begin() copies this rank's part, a thread of its own writes it, and finish(),
// some steps later, votes and goes on as above. Until then the checkpoint is not there. The thread touches files alone;
// everything collective stays with the caller.
#pragma once

#include <stet/base/error.hpp>
#include <stet/checkpoint/checkpoint_folder.hpp>
#include <stet/comm/communicator.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace stet {

class CheckpointStore {
 public:
  /// `folder` is created by the first save. `keep`: whole checkpoints left after pruning, at least 1.
  CheckpointStore(Communicator& communicator, std::filesystem::path folder, int keep = 2);
  /// Waits for a part that is being written; its checkpoint is then not finished.
  ~CheckpointStore();
  CheckpointStore(const CheckpointStore&) = delete;
  CheckpointStore& operator=(const CheckpointStore&) = delete;

  /// Collective. Each rank writes its share of every tensor. Throws Error (checkpoint) on all ranks if any fails; older
  /// checkpoints are then untouched.
  void save(const Checkpoint& checkpoint);

  /// Collective. As save(), but returns once this rank's share is copied; finish() makes it a checkpoint. One that is
  /// still under way is finished first.
  void begin(const Checkpoint& checkpoint);
  /// Between begin() and finish(); the same on all ranks.
  [[nodiscard]] bool under_way() const noexcept { return under_way_ != nullptr; }
  /// Whether this rank's part is on the disk, or failed: then finish() does not wait here.
  [[nodiscard]] bool written() const noexcept;
  /// Collective. Waits for all parts and commits; nothing if none is under way. Throws as save().
  void finish();

  /// Collective. The newest checkpoint that verifies; nothing if there is none. What was skipped, and why, is logged;
  /// the next save removes it. Written by any number of ranks, read by any number.
  [[nodiscard]] std::optional<Checkpoint> load_newest();

  /// Collective. Removes all checkpoints: the run is finished.
  void clear();

 private:
  class Writing;  // of this rank's part

  [[nodiscard]] std::unique_ptr<Writing> prepare(const Checkpoint& checkpoint, bool copies);
  void commit(Writing& writing);
  void remove_older(const std::filesystem::path& newest);

  Communicator& communicator_;
  std::filesystem::path folder_;
  int keep_;
  std::vector<std::filesystem::path> broken_;  // skipped by load_newest(); the next save removes them
  std::unique_ptr<Writing> under_way_;
};

}  // namespace stet
