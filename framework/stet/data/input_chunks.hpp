// Training files cut into fixed chunks of whole lines: the cut depends on the files and the chunk size alone, so that
// any rank can take any chunk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

/// The lines of one file that begin at its bytes [begin, end).
struct InputChunk {
  std::filesystem::path file;
  std::uint64_t begin = 0, end = 0;
  std::uint64_t file_bytes = 0;
};

/// All files one after another, each in pieces of `chunk_bytes` (positive). An empty file gives no chunk. Throws Error
/// (data) for a file that cannot be read.
[[nodiscard]] std::vector<InputChunk> cut_into_chunks(const std::vector<std::filesystem::path>& files,
                                                      std::uint64_t chunk_bytes);

/// The whole lines that begin within the chunk. A byte order mark at the beginning of the file is left out.
[[nodiscard]] std::string read_chunk(const InputChunk& chunk);

/// Calls `use` for each line of `text` = read_chunk(chunk), without its \n or \r\n; an Error that `use` throws gets
/// file and line number. A line of white space alone is an Error (data) unless only such lines follow in the file.
void for_each_line(const InputChunk& chunk, std::string_view text,
                   const std::function<void(std::string_view line)>& use);

}  // namespace stet
