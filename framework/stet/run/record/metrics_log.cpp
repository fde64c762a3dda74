#include <stet/run/record/metrics_log.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/file/file_calls.hpp>
#include <stet/base/files.hpp>
#include <stet/base/log.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

namespace stet {

namespace {
[[noreturn]] void fail_metrics(const std::filesystem::path& path, int reason) {
  auto error = Error(ErrorKind::data, std::string("cannot write metrics: ") + std::strerror(reason)).at(path.string());
  if (reason == ENOSPC || reason == EDQUOT) error.hint("the disk is full; free some space and run again");
  throw error;
}
}  // namespace

MetricsLog::MetricsLog(std::filesystem::path path, bool writes) : path_(std::move(path)), writes_(writes) {}

MetricsLog::~MetricsLog() {
  if (descriptor_ < 0) return;
  flush();
  ::close(descriptor_);
}

void MetricsLog::cut(std::uint64_t bytes) {
  if (!writes_) return;
  STET_ASSERT(descriptor_ < 0);
  descriptor_ = file_calls::open(path_, O_RDWR | O_CREAT);
  struct stat there {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &there) != 0) fail_metrics(path_, errno);
  size_ = std::min(bytes, static_cast<std::uint64_t>(there.st_size));
  if (size_ < bytes)
    log::warning("{} is shorter than the checkpoint knew it: lines of earlier steps are lost", path_.string());
  if (!file_calls::resize(descriptor_, size_)) fail_metrics(path_, errno);
}

void MetricsLog::append(std::string_view line) noexcept {
  if (!writes_) return;
  waiting_.append(line).push_back('\n');
  const double now = unix_now();
  if (now >= flushed_ && now - flushed_ < 1) return;
  flush();
  flushed_ = now;
}

std::uint64_t MetricsLog::sync() {
  if (!writes_) return 0;
  STET_ASSERT(descriptor_ >= 0);
  flush();
  if (failure_ == 0) restore();
  if (failure_ == 0 && !file_calls::sync(descriptor_)) failure_ = errno;
  if (failure_ != 0) fail_metrics(path_, failure_);
  return size_;
}

void MetricsLog::restore() {
  struct stat open {
  }, named{};
  if (::fstat(descriptor_, &open) == 0 && ::stat(path_.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
      open.st_dev == named.st_dev)
    return;
  log::warning("{} was removed or replaced while the run went on: it is written again", path_.string());
  std::string lines(size_, '\0');
  std::size_t at = 0;
  while (at < lines.size()) {
    const ssize_t more = ::pread(descriptor_, lines.data() + at, lines.size() - at, static_cast<off_t>(at));
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) fail_metrics(path_, more < 0 ? errno : EIO);
    at += static_cast<std::size_t>(more);
  }
  write_file_atomically(path_, lines);
  ::close(descriptor_);
  descriptor_ = file_calls::open(path_, O_RDWR | O_CREAT);
  if (descriptor_ < 0) failure_ = errno;
}

void MetricsLog::flush() noexcept {
  if (failure_ == 0 && !waiting_.empty()) {
    if (file_calls::write(descriptor_, std::as_bytes(std::span(waiting_)), static_cast<off_t>(size_))) {
      size_ += waiting_.size();
    } else {
      failure_ = errno;
    }
  }
  waiting_.clear();
}

}  // namespace stet
