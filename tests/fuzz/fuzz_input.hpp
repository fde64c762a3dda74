// What the fuzz targets have in common: an input as a file, and what may come of it. A target accepts stet::Error
// alone: every other exception leaves it, and is a finding, as an assertion, a sanitizer's report and a time-out are.
#pragma once

#include <stet/base/error.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace stet::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Runs `work`; an Error is what hostile input should come to, and must say something. With STET_FUZZ_SHOW set, says
/// it.
template <class Work>
void refuse_or_run(const Work& work) {
  static const bool show = std::getenv("STET_FUZZ_SHOW") != nullptr;
  try {
    work();
  } catch (const Error& error) {
    STET_ASSERT(!error.message().empty());
    if (show) std::fprintf(stderr, "%s\n", error.what());
  }
}

/// The bytes as a file of this process's memory.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
    STET_ASSERT(descriptor_ >= 0);
    for (std::size_t done = 0; done < size;) {
      const ssize_t wrote = ::write(descriptor_, data + done, size - done);
      STET_ASSERT(wrote > 0);
      done += static_cast<std::size_t>(wrote);
    }
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// A folder in memory, for readers that want one; removed with the process.
class MemoryFolder {
 public:
  MemoryFolder() {
    std::string name = "/dev/shm/stet-fuzz-XXXXXX";
    STET_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~MemoryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void write(const char* name, std::string_view bytes) const {
    std::ofstream out(path_ / name, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    STET_ASSERT(out.flush().good());
  }

 private:
  std::filesystem::path path_;
};

}  // namespace stet::fuzz
