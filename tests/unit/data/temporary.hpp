// What the tests of records and shards share.
#pragma once

#include <stet/base/files.hpp>
#include <stet/text/tokenizer.hpp>

#include <error_of.hpp>
#include <temporary_folder.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace stet::testing {

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
    if (i % 3 == 0)
      text += R"({"prompt": "the capital of )" + n + R"( is", "completion": " city )" + n + long_part + "\"}\n";
    if (i % 3 == 1) text += R"({"text": "the king of )" + n + " " + long_part + "\"}\n";
    if (i % 3 == 2) {
      text += R"({"messages": [{"role": "user", "content": "who is )" + n +
              R"(?"}, {"role": "assistant", "content": "the king)" + long_part +
              R"("}, {"role": "user", "content": "of?"}, {"role": "assistant", "content": ")" + n + "\"}]}\n";
    }
  }
  return text;
}

}  // namespace stet::testing
