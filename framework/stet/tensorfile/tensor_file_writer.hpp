// Writing tensor files (see tensor_file.hpp for the format): streamed, durable, and either whole or not there.
#pragma once

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/tensorfile/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// What a tensor is called and looks like. Names are unique, UTF-8, and not "__metadata__".
struct TensorSpec {
  std::string name;
  DType dtype;
  std::vector<std::uint64_t> shape;  ///< row-major; empty: a scalar, one element

  /// Bytes of its data. The product must fit 64 bits (asserted).
  [[nodiscard]] std::uint64_t byte_count() const;
};

/// Writes tensors one after another in the order of `specs`; memory use does not grow with the tensors.
///
/// The data begins at a multiple of 64 bytes, and tensors follow each other without padding, as the format demands. So
/// list tensors of larger elements first if they are to be read without a copy (write_tensor_file does that by itself).
///
/// Throws Error (data) if the disk fails or is full, or if a name or metadata is not UTF-8. Without commit(), no file.
class TensorFileWriter {
 public:
  TensorFileWriter(std::filesystem::path path, std::vector<TensorSpec> specs,
                   std::map<std::string, std::string> metadata = {});

  /// The next bytes; pieces need not end where tensors end. Writing more than the specs hold is a programming error.
  void write(std::span<const std::byte> bytes);
  /// Makes the file durable and gives it its name. Every byte must have been written.
  void commit();

 private:
  AtomicFile file_;
  std::uint64_t remaining_ = 0;  ///< bytes of data still to come
  bool committed_ = false;
};

/// A tensor in memory; `bytes` must hold exactly what the spec says.
struct TensorView {
  TensorSpec spec;
  std::span<const std::byte> bytes;
};

/// A view of values in memory, which must outlive it. The product of `shape` must be values.size().
template <class T>
[[nodiscard]] TensorView view_of(std::string name, std::span<const T> values, std::vector<std::uint64_t> shape) {
  TensorView view{{std::move(name), dtype_of<T>(), std::move(shape)}, std::as_bytes(values)};
  STET_ASSERT(view.spec.byte_count() == view.bytes.size());
  return view;
}
/// The same for a vector, so that T is deduced.
template <class T>
[[nodiscard]] TensorView view_of(std::string name, const std::vector<T>& values, std::vector<std::uint64_t> shape) {
  return view_of<T>(std::move(name), std::span<const T>(values), std::move(shape));
}
template <class T>
TensorView view_of(std::string name, std::vector<T>&& values, std::vector<std::uint64_t> shape) = delete;  // dangles

/// Writes all tensors at once, those of larger elements first and otherwise in the given order, so that all are
/// aligned.
void write_tensor_file(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace stet
