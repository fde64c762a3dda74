// Reading tensor files: safetensors, the one binary format of the project (weights, checkpoints, token shards,
// outcomes).
//
// Layout: 8 bytes N (little-endian), N bytes of JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...,
// "__metadata__": {"key": "value"}}, then the data, which the tensors cover without hole, overlap or rest.
// A file is foreign input: everything it claims is checked before any tensor can be asked for.
#pragma once

#include <stet/tensorfile/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

/// One tensor of a file: row-major, little-endian.
struct TensorInfo {
  std::string name;
  DType dtype;
  std::vector<std::uint64_t> shape;  ///< empty: a scalar, one element
  std::uint64_t begin, end;          ///< bytes, relative to the data part

  /// Number of elements: the product of the shape.
  [[nodiscard]] std::uint64_t count() const noexcept;
};

/// The longest header that is read or written, in bytes (the limit of the reference implementation).
inline constexpr std::uint64_t max_tensor_header_bytes = 100'000'000;

/// A read-only, memory-mapped tensor file. Spans into it live as long as this object (moving it keeps them valid).
/// The file must not be shortened by others meanwhile; our writer never does, it renames a new file over the old one.
class TensorFile {
 public:
  /// Maps and validates the file. Throws Error (data) naming the file and, where there is one, the tensor.
  [[nodiscard]] static TensorFile open(const std::filesystem::path& path);

  ~TensorFile();
  TensorFile(TensorFile&&) noexcept;
  TensorFile& operator=(TensorFile&&) noexcept;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// In the order of their data.
  [[nodiscard]] std::span<const TensorInfo> tensors() const noexcept { return tensors_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

  /// The tensor of that name, or nullptr.
  [[nodiscard]] const TensorInfo* find(std::string_view name) const;
  /// The tensor of that name. Throws Error (data), suggesting the nearest name.
  [[nodiscard]] const TensorInfo& require(std::string_view name) const;

  /// The data of one of this file's tensors, as returned by tensors(), find() or require().
  [[nodiscard]] std::span<const std::byte> bytes(const TensorInfo& tensor) const;

  /// The elements of a tensor without a copy. T: float, double or an integer. Throws Error (data) if there is no such
  /// tensor, if its type is not exactly T's, or if its data is not aligned for T (files of other writers; ours align).
  template <class T>
  [[nodiscard]] std::span<const T> values(std::string_view name) const {
    static_assert(!std::is_same_v<T, bool>, "a byte of a file need not be 0 or 1: read BOOL through bytes()");
    const std::span<const std::byte> data = typed_bytes(name, dtype_of<T>(), alignof(T));
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }

  /// Gives the pages that were read back to the system: they no longer count as this process's memory. Spans stay
  /// valid; what is read again is mapped again, from the page cache if it is still there.
  void release() const noexcept;
  /// Asks the system to read a part of what bytes() or values() gave from the disk, and does not wait for it. A hint.
  void fetch(std::span<const std::byte> part) const noexcept;

 private:
  class Mapping;
  TensorFile();

  [[nodiscard]] std::span<const std::byte> typed_bytes(std::string_view name, DType type, std::size_t alignment) const;

  std::filesystem::path path_;
  std::unique_ptr<const Mapping> mapping_;
  std::span<const std::byte> data_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace stet
