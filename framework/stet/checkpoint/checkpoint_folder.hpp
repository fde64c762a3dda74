// What a step-N folder holds, read and verified. Who writes it: checkpoint_store.hpp.
#pragma once

#include <stet/base/error.hpp>
#include <stet/model/torch.hpp>
#include <stet/tensorfile/tensor_header.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// Everything that a run needs to go on. Tensors are the same on all ranks.
struct Checkpoint {
  std::int64_t step = 0;                      ///< the run's counter; names the folder
  std::map<std::string, at::Tensor> tensors;  ///< kFloat, kDouble, kLong, kInt or kByte, any shape
  std::map<std::string, std::string> metadata;
};

/// What `stet checkpoint inspect` shows of one step-N folder.
struct CheckpointSummary {
  std::int64_t step;
  int ranks;
  std::map<std::string, std::vector<std::int64_t>> shapes;
  std::map<std::string, std::string> metadata;
  std::uint64_t bytes;
};

/// Reads and verifies one folder. Throws Error (checkpoint) saying what is wrong with it. Nothing outside the folder is
/// read, whatever its files say.
[[nodiscard]] CheckpointSummary verify_checkpoint(const std::filesystem::path& folder);
[[nodiscard]] Checkpoint read_checkpoint(const std::filesystem::path& folder);

/// step-N folders, newest first, whole or not.
[[nodiscard]] std::vector<std::filesystem::path> checkpoints_in(const std::filesystem::path& folder);
/// The newest step-N folder in `folder` that verifies; nothing if there is none. `skipped` is called with each newer
/// one that does not, and the reason. Not collective.
[[nodiscard]] std::optional<std::filesystem::path> newest_checkpoint(
    const std::filesystem::path& folder,
    const std::function<void(const std::filesystem::path&, const Error&)>& skipped = {});

/// The format, for who writes it. The file of one rank; elements [begin, end) of a tensor of `count` that are in it;
/// the type in the file, Error (checkpoint) if there is none; the manifest's version and its text, to which a checksum
/// of itself is added.
inline constexpr int checkpoint_format = 1;
[[nodiscard]] std::string checkpoint_part_name(int rank, int ranks);
[[nodiscard]] std::pair<std::int64_t, std::int64_t> checkpoint_share(std::int64_t count, int rank, int ranks);
[[nodiscard]] DType checkpoint_type(at::ScalarType type);

}  // namespace stet
