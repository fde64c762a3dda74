// Locks between processes that share a folder, on one machine or on several.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

namespace stet {

/// How FileLock locks.
enum class LockKind {
  flock,  ///< the system's advisory locks: gone with their process, however it ends. Where a file system keeps them to
          ///< each node, that is noticed
  files,  ///< files "NAME.held" with host, process and a heartbeat, for file systems without flock. A dead owner's is
          ///< taken over after `stale_seconds`
};

/// What the environment variable STET_LOCKS says: "flock" (also when unset) or "files". Throws Error (config) for
/// anything else.
[[nodiscard]] LockKind lock_kind();

/// An exclusive advisory lock, held until destruction or the death of the process. While it is held, its file names the
/// owner and is written anew every few seconds.
class FileLock {
 public:
  static constexpr double beat_seconds = 2;    ///< between two heartbeats
  static constexpr double stale_seconds = 60;  ///< a lock file without a heartbeat for so long has no owner

  /// Creates the file if needed. Nothing is returned if another process, or another FileLock, holds it. Throws Error
  /// (data) if the file cannot be made, if the file system has no locks (with what to do), or if a process of another
  /// host holds the same lock, which flock did not see.
  [[nodiscard]] static std::optional<FileLock> try_acquire(const std::filesystem::path& path) {
    return try_acquire(path, lock_kind());
  }
  [[nodiscard]] static std::optional<FileLock> try_acquire(const std::filesystem::path& path, LockKind kind);
  /// Locks a folder and waits for whoever holds it: for moments, not for work. By flock it leaves no file behind, and
  /// nothing is returned where the file system cannot lock folders (NFS).
  [[nodiscard]] static std::optional<FileLock> acquire_folder(const std::filesystem::path& folder);

  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;

  /// The two ways to hold a lock; releases it when destroyed.
  class Held {
   public:
    Held() = default;
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    virtual ~Held() = default;
  };

 private:
  explicit FileLock(std::unique_ptr<Held> held) noexcept;
  std::unique_ptr<Held> held_;
};

}  // namespace stet
