// Making a shard folder from training files, by all ranks together.
//
// The files are cut into chunks of `shard_megabytes` (input_chunks.hpp); chunk k makes shard k, whoever takes it, so
// the folder's bytes do not depend on the number of ranks or threads. Chunk k belongs to rank k mod size. index.json is
// written last: a build that was killed leaves none, and the same command continues it, keeping every shard that was
// made from the same lines with the same tokenizer and context and still has its checksum.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/data/shard_index.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace stet {

struct ShardBuildOptions {
  std::vector<std::filesystem::path> inputs;  ///< JSON lines (record.hpp), at least one file
  std::filesystem::path tokenizer;            ///< a tokenizer.json; copied into the folder
  std::string end_token;         ///< which token ends a text; empty: what the tokenizer's folder says, or its name
  std::filesystem::path out;     ///< made if it is not there
  std::uint64_t context = 1024;  ///< longest sequence, in tokens; at least 2
  double shard_megabytes = 64;   ///< of input a shard (10^6 bytes)
  int threads = 1;               ///< of this rank
};

/// Of this rank. Called between chunks, by one thread at a time.
struct ShardBuildProgress {
  std::uint64_t bytes_done = 0, bytes_all = 0;  ///< of its chunks
  std::uint64_t tokens = 0;
};

struct ShardBuildResult {
  ShardIndex index;
  std::uint64_t reused = 0;  ///< shards kept from an earlier build
  std::uint64_t input_bytes = 0;
};

/// Collective; every rank gets the same result. Throws Error (data) naming file and line for a malformed record (of the
/// first chunk that has one on the first rank that met one), Error (config) for options out of range, and Error (data)
/// if another build holds the folder. Old shards of the folder that do not belong to this build are removed.
ShardBuildResult build_shards(Communicator& communicator, const ShardBuildOptions& options,
                              const std::function<void(const ShardBuildProgress&)>& progress = {});

}  // namespace stet
