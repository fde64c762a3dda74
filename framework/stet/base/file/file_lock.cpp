#include <stet/base/file/file_lock.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/file_calls.hpp>
#include <stet/base/host/host_identity.hpp>
#include <stet/base/repeat.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

namespace stet {

namespace {

using std::chrono::duration;

Error lock_error(const std::string& what, const std::filesystem::path& path, int reason) {
  auto error = Error(ErrorKind::data, what + ": " + std::strerror(reason)).at(path.string());
  if (reason == ENOSYS || reason == ENOLCK || reason == EOPNOTSUPP || reason == EINVAL) {
    error.hint(
        "this file system has no flock: set STET_LOCKS=files for every process that uses the folder, or put --out on "
        "another file system");
  }
  return error;
}

/// When a process of this machine and container began, in the kernel's ticks; 0 if there is none. With its number it is
/// that process and no later one.
unsigned long long start_of(long process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(
      text.substr(std::min(text.size(), text.rfind(')') + 1)));  // "PID (NAME) STATE ...", and NAME may hold anything
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  unsigned long long start = 0;
  fields >> start;
  return start;
}

/// "PROCESS_SPACE PID START COUNT": who holds a lock, and that it still does.
struct Owner {
  std::string space;
  long process = 0;
  unsigned long long start = 0;
  unsigned long count = 0;

  [[nodiscard]] static Owner here() {
    return {process_space(), static_cast<long>(::getpid()), start_of(::getpid()), 0};
  }
  [[nodiscard]] std::string text() const {
    return space + " " + std::to_string(process) + " " + std::to_string(start) + " " + std::to_string(count) + "\n";
  }
  [[nodiscard]] bool operator==(const Owner&) const = default;
};

/// Opened anew each time, which is when a network file system looks at the server.
std::optional<Owner> read_owner(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  std::array<char, 512> buffer{};
  const ssize_t size = ::read(descriptor, buffer.data(), buffer.size() - 1);
  ::close(descriptor);
  std::istringstream text(std::string(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0));
  Owner owner;
  if (!(text >> owner.space >> owner.process >> owner.start >> owner.count)) return std::nullopt;
  return owner;
}

/// Writes the owner into an open file, again and again, from a thread of its own. What cannot be written is not: the
/// lock itself is another's matter.
class Heartbeat {
 public:
  explicit Heartbeat(int descriptor) : descriptor_(descriptor) {
    static_cast<void>(beat());
    thread_ = repeat_every(FileLock::beat_seconds, [this] { return beat(); });
  }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  bool beat() {
    const std::string text = owner_.text();
    if (::pwrite(descriptor_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) {
      static_cast<void>(::ftruncate(descriptor_, static_cast<off_t>(text.size())) == 0);
    }
    ++owner_.count;
    return true;
  }

  int descriptor_;
  Owner owner_ = Owner::here();
  std::jthread thread_;  // last: it uses all of the above
};

class HeldByFlock : public FileLock::Held {
 public:
  HeldByFlock(int descriptor, bool beats) : descriptor_(descriptor) {
    if (beats) heart_.emplace(descriptor);
  }
  ~HeldByFlock() override {
    if (heart_) {
      heart_.reset();
      static_cast<void>(::ftruncate(descriptor_, 0) == 0);  // released on purpose: nobody need watch it
    }
    ::close(descriptor_);
  }

 private:
  int descriptor_;
  std::optional<Heartbeat> heart_;
};

class HeldByFile : public FileLock::Held {
 public:
  HeldByFile(int descriptor, std::filesystem::path path) : descriptor_(descriptor), path_(std::move(path)) {
    heart_.emplace(descriptor);
  }
  ~HeldByFile() override {
    heart_.reset();
    struct stat mine {
    }, there{};
    // Not that of another, who took it for stale while this process was stopped.
    if (::fstat(descriptor_, &mine) == 0 && ::stat(path_.c_str(), &there) == 0 && mine.st_ino == there.st_ino &&
        mine.st_dev == there.st_dev) {
      ::unlink(path_.c_str());
    }
    ::close(descriptor_);
  }

 private:
  int descriptor_;
  std::filesystem::path path_;
  std::optional<Heartbeat> heart_;
};

/// Whether the owner named in the file, of another host, goes on writing: then flock is a matter of each node here.
bool beats_elsewhere(const std::filesystem::path& path, Owner& owner) {
  const std::optional<Owner> first = read_owner(path);
  if (!first || first->space == process_space()) return false;  // our own kernel has just said that none of us holds it
  const int looks = 6;
  for (int i = 0; i < looks; ++i) {
    std::this_thread::sleep_for(duration<double>(2.5 * FileLock::beat_seconds / looks));
    const std::optional<Owner> now = read_owner(path);
    if (!now) return false;
    if (!(*now == *first)) {
      owner = *now;
      return true;
    }
  }
  return false;
}

std::unique_ptr<FileLock::Held> by_flock(const std::filesystem::path& path) {
  const int descriptor = file_calls::open(path, O_RDWR | O_CREAT);
  if (descriptor < 0) throw lock_error("cannot open lock file", path, errno);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    ::close(descriptor);
    if (reason == EWOULDBLOCK) return nullptr;
    throw lock_error("cannot lock file", path, reason);
  }
  Owner owner;
  if (beats_elsewhere(path, owner)) {
    ::close(descriptor);
    throw Error(ErrorKind::data, "another host is at work here, and this file system's locks do not reach it")
        .at(path.string())
        .expected("locks that all hosts see")
        .received("a heartbeat of " + owner.space + ", process " + std::to_string(owner.process))
        .hint("set STET_LOCKS=files for every process that uses the folder, or mount the file system with flock");
  }
  return std::make_unique<HeldByFlock>(descriptor, true);
}

/// Whether nobody holds the lock file any more: its process is gone from here, or it had no heartbeat for long by the
/// file server's own clock.
bool stale(const std::filesystem::path& held) {
  const std::optional<Owner> owner = read_owner(held);
  if (owner && owner->space == process_space()) return start_of(owner->process) != owner->start;
  struct stat there {
  }, now{};
  if (::stat(held.c_str(), &there) != 0) return false;
  const std::string probe = held.string() + "." + unique_name();
  const int descriptor = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) throw lock_error("cannot make a file beside the lock", probe, errno);
  const bool seen = ::pwrite(descriptor, "\n", 1, 0) == 1 && ::fsync(descriptor) == 0 && ::fstat(descriptor, &now) == 0;
  ::close(descriptor);
  ::unlink(probe.c_str());
  return seen && std::difftime(now.st_mtime, there.st_mtime) > FileLock::stale_seconds;
}

std::unique_ptr<FileLock::Held> by_file(const std::filesystem::path& path) {
  const std::filesystem::path held = path.string() + ".held";
  for (int tries = 0; tries < 2; ++tries) {
    const int descriptor = file_calls::open(held, O_RDWR | O_CREAT | O_EXCL);
    if (descriptor >= 0) return std::make_unique<HeldByFile>(descriptor, held);
    if (errno != EEXIST) throw lock_error("cannot make lock file", held, errno);
    if (tries > 0 || !stale(held)) return nullptr;
    // Of several that see it stale one renames it; what a late one takes away is looked at again and given back.
    const std::filesystem::path taken = held.string() + "." + unique_name();
    if (::rename(held.c_str(), taken.c_str()) != 0) return nullptr;
    const bool dead = stale(taken);
    if (!dead) static_cast<void>(::link(taken.c_str(), held.c_str()) == 0);
    ::unlink(taken.c_str());
    if (!dead) return nullptr;
  }
  return nullptr;
}

}  // namespace

LockKind lock_kind() {
  const char* const text = std::getenv("STET_LOCKS");
  if (text == nullptr || std::strcmp(text, "flock") == 0) return LockKind::flock;
  if (std::strcmp(text, "files") == 0) return LockKind::files;
  throw Error(ErrorKind::config, "bad environment variable STET_LOCKS")
      .expected("flock (the system's locks) or files (lock files with a heartbeat)")
      .received(text);
}

std::optional<FileLock> FileLock::try_acquire(const std::filesystem::path& path, LockKind kind) {
  std::unique_ptr<Held> held = kind == LockKind::flock ? by_flock(path) : by_file(path);
  if (!held) return std::nullopt;
  return FileLock(std::move(held));
}

std::optional<FileLock> FileLock::acquire_folder(const std::filesystem::path& folder) {
  if (lock_kind() == LockKind::files) {
    while (true) {
      if (std::optional<FileLock> lock = try_acquire(folder / ".folder", LockKind::files)) return lock;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  const int descriptor = file_calls::open(folder, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) throw lock_error("cannot open folder", folder, errno);
  std::unique_ptr<Held> held = std::make_unique<HeldByFlock>(descriptor, false);
  while (::flock(descriptor, LOCK_EX) != 0) {
    if (errno != EINTR) return std::nullopt;
  }
  return FileLock(std::move(held));
}

FileLock::FileLock(std::unique_ptr<Held> held) noexcept : held_(std::move(held)) {}
FileLock::~FileLock() = default;
FileLock::FileLock(FileLock&& other) noexcept = default;
FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(held_, other.held_);
  return *this;
}

}  // namespace stet
