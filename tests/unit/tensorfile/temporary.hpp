// Files made of exact bytes, in a folder of their own.
#pragma once

#include <error_of.hpp>
#include <temporary_folder.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

using stet::testing::error_of;
using stet::testing::Folder;
using stet::testing::put;

/// The bytes of a file with this header (length in front) and `data` bytes of data.
inline std::string file_of(std::string_view header, std::size_t data = 0) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes.append(header).append(data, '\x01');
}
