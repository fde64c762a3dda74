// What the tests of refused plugin files share.
#pragma once

#include "support.hpp"

#include <stet/base/files.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>

namespace stet::testing {

/// The five parts of a message. All must be there; each is a part of what the error says under that label.
struct Parts {
  std::string what, expected, received, hint;
};

inline std::string labelled(const std::string& text, const std::string& label) {
  const std::string start = "\n  " + label + ": ";
  const std::size_t at = text.find(start);
  return at == std::string::npos ? "" : text.substr(at + start.size(), text.find('\n', at + 1) - at - start.size());
}

inline void expect_message(const Error& error, const std::string& where, const Parts& parts) {
  const std::string text = error.what();
  const auto holds = [&](const std::string& whole, const std::string& part, const char* label) {
    EXPECT_FALSE(whole.empty()) << "no " << label << " in:\n" << text;
    EXPECT_NE(whole.find(part), std::string::npos) << "'" << part << "' is not the " << label << " of:\n" << text;
  };
  EXPECT_EQ(error.kind(), ErrorKind::plugin);
  holds(error.message(), parts.what, "message");
  holds(error.where(), where, "place");
  holds(labelled(text, "expected"), parts.expected, "expected");
  holds(labelled(text, "received"), parts.received, "received");
  holds(labelled(text, "hint"), parts.hint, "hint");
}

class Refusal : public PluginTest {
 protected:
  Refusal() { ::setenv("STET_TEST_TRACE", trace_.c_str(), 1); }
  ~Refusal() override { ::unsetenv("STET_TEST_TRACE"); }

  /// Loading the file must fail with this message and leave nothing behind.
  Error refused(const std::filesystem::path& file, const Parts& parts) {
    const std::size_t before = registry_.loaded().size();
    const Error error = error_of([&] { registry_.load(file); });
    expect_message(error, file.filename().string(), parts);
    std::cout << error.what() << "\n";  // each hostile plugin's test shows what was said
    EXPECT_EQ(registry_.loaded().size(), before);
    return error;
  }
  /// ... and no code of the file may have run.
  Error refused_unrun(const std::filesystem::path& file, const Parts& parts) {
    std::filesystem::remove(trace_);
    const Error error = refused(file, parts);
    EXPECT_FALSE(std::filesystem::exists(trace_)) << "code of " << file << " ran";
    return error;
  }
  std::filesystem::path write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  /// A copy of the good plugin in which the first `old` after `start` is overwritten with `now` (of the same length).
  std::filesystem::path edited(const std::string& name, const std::string& old, const std::string& now) {
    std::string bytes = read_file(good_);
    const std::size_t at = bytes.find(old);
    EXPECT_NE(at, std::string::npos) << old;
    EXPECT_EQ(old.size(), now.size());
    if (at != std::string::npos) bytes.replace(at, old.size(), now);
    return write(name, bytes);
  }
  std::filesystem::path patched(const std::string& name, std::size_t offset, const std::string& now) {
    std::string bytes = read_file(good_);
    bytes.replace(offset, now.size(), now);
    return write(name, bytes);
  }

  Folder folder_;
  const std::filesystem::path trace_ = folder_ / "trace";
  const std::filesystem::path hostile_ = STET_HOSTILE_FOLDER, good_ = hostile_ / "good.so";
};

}  // namespace stet::testing
