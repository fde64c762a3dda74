// 128-bit content hashes (XXH3): identities of runs, files and tensors. Not for cryptography.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace stet {

/// Streaming hash. Feed bytes in any pieces; the result depends on their concatenation alone.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  Hasher& add(std::span<const std::byte> bytes);
  /// Adds the length too, so that ("ab", "c") and ("a", "bc") differ.
  Hasher& add(std::string_view text);
  /// 32 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] std::string hash_hex(std::span<const std::byte> bytes);
[[nodiscard]] std::string hash_hex(std::string_view text);
/// Throws Error (data) if the file cannot be read.
[[nodiscard]] std::string hash_file(const std::filesystem::path& path);

}  // namespace stet
