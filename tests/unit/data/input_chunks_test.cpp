#include <stet/data/input_chunks.hpp>

#include <unit/data/temporary.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

using testing::error_of;
using testing::Folder;
using testing::put;

std::vector<std::string> lines_in_chunks(const std::filesystem::path& file, std::uint64_t chunk_bytes) {
  std::vector<std::string> lines;
  for (const InputChunk& chunk : cut_into_chunks({file}, chunk_bytes)) {
    for_each_line(chunk, read_chunk(chunk), [&](std::string_view line) { lines.emplace_back(line); });
  }
  return lines;
}

TEST(InputChunks, EveryLineIsInOneChunkWhateverTheSize) {
  const Folder folder;
  std::vector<std::string> expected;
  std::string text;
  for (int i = 0; i < 50; ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(1 + i * 7 % 23), static_cast<char>('a' + i % 26)));
    text += expected.back() + "\n";
  }
  for (const std::string& form : {text, text.substr(0, text.size() - 1), text + "\n", text + " \n\r\n\t"}) {
    const auto file = put(folder / "a", form);
    for (std::uint64_t bytes = 1; bytes < form.size() + 3; bytes += 1 + bytes / 8)
      EXPECT_EQ(lines_in_chunks(file, bytes), expected) << bytes;
  }
}

TEST(InputChunks, WindowsLineEndsAndAByteOrderMarkAreFine) {
  const Folder folder;
  const auto file = put(folder / "a", "\xEF\xBB\xBFone\r\ntwo\nthree\r\n");
  for (const std::uint64_t bytes : {1, 2, 3, 4, 5, 100})
    EXPECT_EQ(lines_in_chunks(file, bytes), (std::vector<std::string>{"one", "two", "three"})) << bytes;
  EXPECT_TRUE(lines_in_chunks(put(folder / "b", "\xEF\xBB\xBF"), 100).empty());
  EXPECT_TRUE(lines_in_chunks(put(folder / "c", ""), 100).empty());
}

TEST(InputChunks, ErrorsNameTheLineOfTheFile) {
  const Folder folder;
  const auto file = put(folder / "a", "one\ntwo\nbad\nfour\n");
  for (const std::uint64_t bytes : {1, 2, 4, 5, 8, 9, 100}) {
    const Error error = error_of([&] {
      for (const InputChunk& chunk : cut_into_chunks({file}, bytes)) {
        for_each_line(chunk, read_chunk(chunk), [](std::string_view line) {
          if (line == "bad") throw Error(ErrorKind::data, "wrong");
        });
      }
    });
    EXPECT_EQ(error.where(), file.string() + ":3") << bytes;
  }
}

TEST(InputChunks, ABlankLineInTheMiddleIsRefused) {
  const Folder folder;
  const auto file = put(folder / "a", "one\n\n \nfour\n");
  for (const std::uint64_t bytes : {1, 4, 5, 6, 100}) {
    const Error error = error_of([&] { (void)lines_in_chunks(file, bytes); });
    EXPECT_EQ(error.where(), file.string() + ":2") << bytes;
    EXPECT_EQ(error.message(), "a blank line");
  }
}

TEST(InputChunks, FilesThatCannotBeReadAreNamed) {
  const Folder folder;
  EXPECT_NE(std::string(error_of([&] { (void)cut_into_chunks({folder / "none"}, 10); }).what()).find("none"),
            std::string::npos);
  EXPECT_EQ(error_of([&] { (void)cut_into_chunks({folder.path()}, 10); }).message(), "not a regular file");
}

}  // namespace
}  // namespace stet
