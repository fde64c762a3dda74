// A folder for one test's files, and small helpers of the shard tests.
#pragma once

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/text/tokenizer.hpp>

#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stet::testing {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "stet-data-XXXXXX").string();
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

inline std::filesystem::path put(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

/// The error that `work` throws; fails the test if there is none.
template <class Work>
Error error_of(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorKind::config, "no error"};
}

/// Byte-level: 257 ids and a few merges.
inline Tokenizer small_bpe() {
  const std::vector<std::string> corpus(4, "the capital of the country is the city of the king");
  return train_byte_level_bpe(corpus, 280);
}

/// Every regular file of the folder but the lock, with its bytes.
inline std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename() != ".lock") files[entry.path().filename().string()] = read_file(entry.path());
  }
  return files;
}

/// `count` records of all three kinds, of different lengths.
inline std::string mixed_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i), long_part(static_cast<std::size_t>(i % 7) * 5, 'x');
    if (i % 3 == 0) text += R"({"prompt": "the capital of )" + n + R"( is", "completion": " city )" + n + long_part + "\"}\n";
    if (i % 3 == 1) text += R"({"text": "the king of )" + n + " " + long_part + "\"}\n";
    if (i % 3 == 2) {
      text += R"({"messages": [{"role": "user", "content": "who is )" + n + R"(?"}, {"role": "assistant", "content": "the king)" + long_part +
              R"("}, {"role": "user", "content": "of?"}, {"role": "assistant", "content": ")" + n + "\"}]}\n";
    }
  }
  return text;
}

}  // namespace stet::testing
