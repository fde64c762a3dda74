#include <stet/base/files.hpp>

#include <stet/base/error.hpp>
#include <stet/base/host_identity.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace stet {

namespace {
[[noreturn]] void fail(const std::string& what, const std::filesystem::path& path) {
  const int reason = errno;
  auto error = Error(ErrorKind::data, what + ": " + std::strerror(reason)).at(path.string());
  if (reason == ENOSPC) error.hint("the disk is full; nothing was overwritten, free some space and run again");
  throw error;
}
}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)), temporary_(path_.string() + ".tmp." + unique_name()) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail("cannot create file", temporary_);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write file", temporary_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail("cannot make file durable", temporary_);
  const auto give_up = [this](const char* what) {
    const int reason = errno;
    ::unlink(temporary_.c_str());
    errno = reason;
    fail(what, temporary_);
  };
  if (::close(std::exchange(descriptor_, -1)) != 0) give_up("cannot close file");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) give_up("cannot rename file");
  sync_folder(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("cannot read file", path);
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) fail("error while reading file", path);
  return std::move(text).str();
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot open folder", folder);
  const int result = ::fsync(descriptor);
  ::close(descriptor);
  if (result != 0 && errno != EINVAL) fail("cannot make folder durable", folder);  // EINVAL: not supported there
}

void copy_file_atomically(const std::filesystem::path& from, const std::filesystem::path& to) {
  const int source = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (source < 0) fail("cannot read file", from);
  try {
    AtomicFile file(to);
    std::vector<std::byte> piece(std::size_t{1} << 20);
    while (true) {
      const ssize_t size = ::read(source, piece.data(), piece.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) fail("error while reading file", from);
      if (size == 0) break;
      file.write(std::span(piece).first(static_cast<std::size_t>(size)));
    }
    file.commit();
  } catch (...) {
    ::close(source);
    throw;
  }
  ::close(source);
}

}  // namespace stet
