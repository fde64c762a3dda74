#include <stet/base/files.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/file_calls.hpp>
#include <stet/base/host/host_identity.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace stet {

namespace {
constexpr auto no_room = "the disk is full; nothing was overwritten, free some space and run again";
constexpr auto refuses = "the file system refuses, which may pass: the same command goes on from what is there";

[[noreturn]] void fail(const std::string& what, const std::filesystem::path& path) {
  const int reason = errno;
  auto error = Error(ErrorKind::data, what + ": " + std::strerror(reason)).at(path.string());
  if (reason == ENOSPC || reason == EDQUOT) error.hint(no_room);
  if (reason == EIO || reason == ESTALE || reason == EROFS) error.hint(refuses);
  throw error;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

/// Gives the file's bytes to `take`, piece by piece.
template <class Take>
void read_pieces(const std::filesystem::path& path, const Take& take) {
  const Descriptor source(file_calls::open(path, O_RDONLY));
  if (source.number() < 0) fail("cannot read file", path);
  std::vector<std::byte> piece(std::size_t{1} << 17);
  while (true) {
    const ssize_t size = file_calls::read(source.number(), piece);
    if (size < 0) fail("error while reading file", path);
    if (size == 0) return;
    take(std::span<const std::byte>(piece).first(static_cast<std::size_t>(size)));
  }
}
}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)), temporary_(path_.string() + ".tmp." + unique_name()) {
  descriptor_ = file_calls::open(temporary_, O_WRONLY | O_CREAT | O_TRUNC);
  if (descriptor_ < 0) fail("cannot create file", temporary_);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (!file_calls::write(descriptor_, bytes)) fail("cannot write file", temporary_);
}

void AtomicFile::commit() {
  if (!file_calls::sync(descriptor_)) fail("cannot make file durable", temporary_);
  const auto give_up = [this](const char* what) {
    const int reason = errno;
    ::unlink(temporary_.c_str());
    errno = reason;
    fail(what, temporary_);
  };
  if (::close(std::exchange(descriptor_, -1)) != 0) give_up("cannot close file");
  try {
    file_calls::rename(temporary_, path_);
  } catch (const std::filesystem::filesystem_error& error) {
    errno = error.code().value();
    give_up("cannot rename file");
  }
  sync_folder(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
}

bool may_pass(const Error& error) { return error.hint() == no_room || error.hint() == refuses; }

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string read_file(const std::filesystem::path& path) {
  std::string text;
  read_pieces(path, [&](std::span<const std::byte> piece) {
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return text;
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = file_calls::open(folder, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) fail("cannot open folder", folder);
  const bool durable = file_calls::sync(descriptor);
  const int reason = errno;
  ::close(descriptor);
  errno = reason;
  if (!durable && reason != EINVAL) fail("cannot make folder durable", folder);  // EINVAL: not supported there
}

void copy_file_atomically(const std::filesystem::path& from, const std::filesystem::path& to) {
  AtomicFile file(to);
  read_pieces(from, [&](std::span<const std::byte> piece) { file.write(piece); });
  file.commit();
}

}  // namespace stet
