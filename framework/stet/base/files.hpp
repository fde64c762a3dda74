// Files that are either whole or not there: temporary name, fsync, rename, fsync of the folder.
#pragma once

#include <stet/base/error.hpp>
#include <stet/base/file/file_lock.hpp>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace stet {

/// Streams bytes into `path + ".tmp.<unique_name()>"`; commit() makes them durable and gives them their name. Without
/// commit() the temporary file is removed. Throws Error of the given kind, naming the path and the system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// fsync, close, rename over `path`, fsync the folder.
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

/// Whether an error of these functions is the file system's (no room, an I/O error) and says nothing of what is there.
[[nodiscard]] bool may_pass(const Error& error);

void write_file_atomically(const std::filesystem::path& path, std::string_view text);
/// In pieces: the file may be larger than memory. Throws Error (data) naming the path and the system's reason.
void copy_file_atomically(const std::filesystem::path& from, const std::filesystem::path& to);
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

/// Makes names created, renamed or removed in `folder` durable.
void sync_folder(const std::filesystem::path& folder);

}  // namespace stet
