// Files that are either whole or not there: temporary name, fsync, rename, fsync of the folder. And advisory locks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stet {

/// Streams bytes into `path + ".tmp.<pid>"`; commit() makes them durable and gives them their name. Without commit()
/// the temporary file is removed. Throws Error of the given kind, naming the path and the system's reason.
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

void write_file_atomically(const std::filesystem::path& path, std::string_view text);
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

/// Makes names created, renamed or removed in `folder` durable.
void sync_folder(const std::filesystem::path& folder);

/// An exclusive advisory lock (flock) on a file, held until destruction or the death of the process: a killed owner
/// never leaves a stale lock. Not reliable on NFS without lockd.
class FileLock {
 public:
  /// Creates the file if needed. Nothing is returned if another process, or another FileLock, holds it.
  [[nodiscard]] static std::optional<FileLock> try_acquire(const std::filesystem::path& path);
  /// Locks a folder itself, which leaves no file behind, and waits for whoever holds it: for moments, not for work. Nothing is returned where the
  /// file system cannot lock folders (NFS).
  [[nodiscard]] static std::optional<FileLock> acquire_folder(const std::filesystem::path& folder);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;

 private:
  explicit FileLock(int descriptor) noexcept : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace stet
