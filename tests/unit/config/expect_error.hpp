// Runs something that must fail and gives back the error, whole, so that a test can pin every part of it.
#pragma once

#include <stet/base/error.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace stet::config::testing {

template <class Function>
Error error_of(Function&& function) {
  std::optional<Error> caught;
  try {
    function();
  } catch (const Error& error) {
    caught = error;
  }
  EXPECT_TRUE(caught.has_value()) << "no error was thrown";
  return caught.value_or(Error(ErrorKind::numerical, "no error was thrown"));
}

inline ::testing::AssertionResult has(const Error& error, const std::string& part) {
  if (std::string(error.what()).find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << part << "' is not in:\n" << error.what();
}

/// A folder of its own for each test, removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "stet-config-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace stet::config::testing
