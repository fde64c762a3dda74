// Reads what stet needs of an ELF shared object without running any of it. Not a general ELF library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stet {

/// A view of the bytes of a shared object. Whatever the bytes are, nothing outside them is read.
class ElfFile {
 public:
  /// `bytes` must outlive this object; `name` is the file's, for messages. Throws Error (plugin) unless this is a
  /// 64-bit little-endian shared object for this machine's processor whose header tables and loaded segments lie within
  /// the file.
  ElfFile(std::string_view bytes, std::string name);

  /// The bytes of the section, or nothing if there is none of this name. Throws Error (plugin) if a header that is met
  /// on the way points outside the file.
  [[nodiscard]] std::optional<std::string_view> section(std::string_view name) const;

  /// Whether the file itself defines the dynamic symbol. Throws like section().
  [[nodiscard]] bool defines(std::string_view symbol) const;

 private:
  [[nodiscard]] std::string_view slice(std::uint64_t offset, std::uint64_t size, const char* what) const;
  template <class T>
  [[nodiscard]] T read(std::uint64_t offset, const char* what) const;
  void check_segments() const;

  std::string_view bytes_;
  std::string name_;
  std::uint64_t sections_ = 0, segments_ = 0;  // offsets of the header tables
  std::uint64_t section_count_ = 0, segment_count_ = 0, names_index_ = 0;
};

}  // namespace stet
