#include <stet/base/file/file_calls.hpp>

#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

namespace stet::file_calls {

namespace {

/// Whether the call shall fail, with errno set.
bool fails(const CallFault& fault) {
  if (fault.slow_seconds > 0) std::this_thread::sleep_for(std::chrono::duration<double>(fault.slow_seconds));
  errno = fault.error;
  return fault.error != 0;
}

template <class Call>
auto uninterrupted(const Call& call) {
  while (true) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace

int open(const std::filesystem::path& path, int flags) {
  if (fails(call_fault("open"))) return -1;
  return uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); });
}

ssize_t read(int descriptor, std::span<std::byte> bytes) {
  const CallFault fault = call_fault("read");
  if (fails(fault)) return -1;
  if (fault.half) bytes = bytes.first((bytes.size() + 1) / 2);
  return uninterrupted([&] { return ::read(descriptor, bytes.data(), bytes.size()); });
}

bool write(int descriptor, std::span<const std::byte> bytes, off_t offset) {
  while (!bytes.empty()) {
    const CallFault fault = call_fault("write");
    if (fails(fault)) return false;
    const std::size_t size = fault.half ? (bytes.size() + 1) / 2 : bytes.size();
    const ssize_t written = uninterrupted([&] {
      return offset < 0 ? ::write(descriptor, bytes.data(), size) : ::pwrite(descriptor, bytes.data(), size, offset);
    });
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    if (offset >= 0) offset += written;
  }
  return true;
}

bool sync(int descriptor) {
  if (fails(call_fault("sync"))) return false;
  return uninterrupted([&] { return ::fsync(descriptor); }) == 0;
}

bool resize(int descriptor, std::uint64_t bytes) {
  if (fails(call_fault("resize"))) return false;
  return uninterrupted([&] { return ::ftruncate(descriptor, static_cast<off_t>(bytes)); }) == 0;
}

void refuse_if_due(const char* call, const std::filesystem::path& path) {
  if (fails(call_fault(call)))
    throw std::filesystem::filesystem_error(std::string("cannot ") + call, path,
                                            std::error_code(errno, std::generic_category()));
}

void rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  refuse_if_due("rename", from);
  std::filesystem::rename(from, to);
}

void make_folders(const std::filesystem::path& folder) {
  refuse_if_due("make", folder);
  std::error_code refused;
  std::filesystem::create_directories(folder, refused);
  if (!refused) return;
  for (std::filesystem::path part = folder; part.has_relative_path(); part = part.parent_path()) {
    std::error_code none;
    if (!std::filesystem::is_symlink(part, none) || std::filesystem::exists(part, none)) continue;
    throw Error(ErrorKind::data, "a link leads nowhere")
        .at(part.string())
        .expected("a folder, or a link to one")
        .received("a link to " + std::filesystem::read_symlink(part, none).string() + ", which is not there")
        .hint("mount or make what it leads to, or remove the link");
  }
  throw std::filesystem::filesystem_error("cannot make", folder, refused);
}

void remove_all(const std::filesystem::path& path) {
  refuse_if_due("remove", path);
  std::filesystem::remove_all(path);
}

}  // namespace stet::file_calls
