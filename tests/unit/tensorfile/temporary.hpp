// A folder for one test's files, and files made of exact bytes.
#pragma once

#include <stet/base/error.hpp>

#include <gtest/gtest.h>

#include <stdlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "stet-tensorfile-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void put(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// The bytes of a file with this header (length in front) and `data` bytes of data.
inline std::string file_of(std::string_view header, std::size_t data = 0) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes.append(header).append(data, '\x01');
}

/// The error that `work` throws; fails the test if there is none.
template <class Work>
stet::Error error_of(Work&& work) {
  try {
    work();
  } catch (const stet::Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {stet::ErrorKind::config, "no error"};
}
