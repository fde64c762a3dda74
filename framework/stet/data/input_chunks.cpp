#include <stet/data/input_chunks.hpp>

#include <stet/base/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace stet {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::uint64_t read_bytes = 64 << 10;

class File {
 public:
  explicit File(const std::filesystem::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ < 0) fail("cannot open file");
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] std::uint64_t size() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail("cannot read file");
    if (!S_ISREG(status.st_mode)) {
      throw Error(ErrorKind::data, "not a regular file")
          .at(path_.string())
          .expected("a file of JSON lines that can be read in any order");
    }
    return static_cast<std::uint64_t>(status.st_size);
  }
  /// Up to `count` bytes; fewer at the end of the file.
  [[nodiscard]] std::string read(std::uint64_t offset, std::uint64_t count) const {
    std::string bytes(count, '\0');
    std::uint64_t done = 0;
    while (done < count) {
      const ssize_t got = ::pread(descriptor_, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("error while reading file");
      if (got == 0) break;
      done += static_cast<std::uint64_t>(got);
    }
    bytes.resize(done);
    return bytes;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error(ErrorKind::data, std::string(what) + ": " + std::strerror(errno)).at(path_.string());
  }
  std::filesystem::path path_;
  int descriptor_;
};

bool is_blank_line(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Lines of the file before `offset`. Only for messages.
std::size_t lines_before(const InputChunk& chunk, std::uint64_t offset) {
  const File file(chunk.file);
  std::size_t lines = 0;
  for (std::uint64_t at = 0; at < offset; at += read_bytes)
    lines += count_lines(file.read(at, std::min(read_bytes, offset - at)));
  return lines;
}

}  // namespace

std::vector<InputChunk> cut_into_chunks(const std::vector<std::filesystem::path>& files, std::uint64_t chunk_bytes) {
  STET_ASSERT(chunk_bytes > 0);
  std::vector<InputChunk> chunks;
  for (const std::filesystem::path& path : files) {
    const std::uint64_t size = File(path).size();
    for (std::uint64_t begin = 0; begin < size; begin += std::min(chunk_bytes, size - begin)) {
      chunks.push_back({path, begin, begin + std::min(chunk_bytes, size - begin), size});
    }
  }
  return chunks;
}

std::string read_chunk(const InputChunk& chunk) {
  const File file(chunk.file);
  // A line begins behind a line end, so the search starts one byte earlier, and the last line goes on to its own end.
  std::string text =
      file.read(chunk.begin - (chunk.begin > 0 ? 1 : 0), chunk.end - chunk.begin + (chunk.begin > 0 ? 1 : 0));
  std::uint64_t at = chunk.end;
  if (chunk.begin > 0) {
    const std::size_t end_of_line = text.find('\n');
    if (end_of_line == std::string::npos || end_of_line + 1 == text.size()) return "";
    text.erase(0, end_of_line + 1);
  }
  if (text.empty()) return text;
  while (text.back() != '\n' && at < chunk.file_bytes) {
    std::string more = file.read(at, std::min(read_bytes, chunk.file_bytes - at));
    if (more.empty()) break;  // shortened meanwhile
    at += more.size();
    if (const std::size_t end_of_line = more.find('\n'); end_of_line != std::string::npos) more.resize(end_of_line + 1);
    text += more;
  }
  if (chunk.begin == 0 && text.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
  return text;
}

void for_each_line(const InputChunk& chunk, std::string_view text,
                   const std::function<void(std::string_view line)>& use) {
  std::size_t number = 0;  // within the text, from 0
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    try {
      if (!is_blank_line(line)) {
        use(line);
        continue;
      }
      bool more = begin < text.size() && !is_blank_line(text.substr(begin));
      const File file(chunk.file);
      for (std::uint64_t at = chunk.end; !more && at < chunk.file_bytes; at += read_bytes)
        more = !is_blank_line(file.read(at, read_bytes));
      if (more)
        throw Error(ErrorKind::data, "a blank line")
            .expected("one record a line; blank lines at the end of the file alone");
      return;
    } catch (Error& error) {
      // This chunk's first line is the one that begins at or behind chunk.begin.
      std::size_t before = 0;
      if (chunk.begin > 0) before = lines_before(chunk, chunk.begin - 1) + 1;
      error.at(chunk.file.string(), before + number + 1);
      throw;
    }
  }
}

}  // namespace stet
