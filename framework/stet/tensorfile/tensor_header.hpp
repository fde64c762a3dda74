// The header of a tensor file: parsing and validation, without any file access. An inner part of TensorFile.
#pragma once

#include <stet/tensorfile/tensor_file.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

struct TensorHeader {
  std::vector<TensorInfo> tensors;  ///< in the order of their data
  std::map<std::string, std::string> metadata;
};

/// Parses the JSON text `header` of a file whose data part has `data_bytes` bytes, and checks every claim in it. Throws
/// Error (data) with `file` as its place. Memory use is proportional to the header's length, whatever it claims.
[[nodiscard]] TensorHeader parse_tensor_header(std::string_view header, std::uint64_t data_bytes,
                                               const std::string& file);

/// Bytes of a tensor; nothing if a product on the way does not fit 64 bits.
[[nodiscard]] std::optional<std::uint64_t> checked_byte_count(std::span<const std::uint64_t> shape,
                                                              DType type) noexcept;

/// A name from a file as it may stand in a message: quoted, without control characters, shortened.
[[nodiscard]] std::string printable(std::string_view name);

}  // namespace stet
