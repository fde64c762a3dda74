// The system's calls on files, for what must not be lost. Each fails as the system's does, with errno, or as STET_FAULT
// asks (fault.hpp): so that a test can have every call of a run fail in turn. Interrupted calls are made again.
// What this is not: files that are whole or not there. That is files.hpp, on top of this.
#pragma once

#include <sys/types.h>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <system_error>

namespace stet::file_calls {

/// A descriptor, closed on exec; -1 and errno.
[[nodiscard]] int open(const std::filesystem::path& path, int flags);
/// Bytes read, 0 at the end; -1 and errno.
[[nodiscard]] ssize_t read(int descriptor, std::span<std::byte> bytes);
/// All of the bytes, at `offset` or (-1) where the file stands; false and errno. What was written then is unknown.
[[nodiscard]] bool write(int descriptor, std::span<const std::byte> bytes, off_t offset = -1);
[[nodiscard]] bool sync(int descriptor);
[[nodiscard]] bool resize(int descriptor, std::uint64_t bytes);

/// These throw std::filesystem::filesystem_error, naming the paths.
void rename(const std::filesystem::path& from, const std::filesystem::path& to);
void make_folders(const std::filesystem::path& folder);
/// With all that is in it; nothing if there is none.
void remove_all(const std::filesystem::path& path);

/// Throws as above if a fault of this call (of fault.hpp's names) is due, for calls that are made elsewhere.
void refuse_if_due(const char* call, const std::filesystem::path& path);

}  // namespace stet::file_calls
