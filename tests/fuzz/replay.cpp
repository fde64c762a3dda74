// replay FOLDER: a fuzz target as a test. Every file of the corpus, and mutations of each that are the same every time
// (cut off at every n-th byte, bits flipped, bytes put in, parts removed, repeated or taken from elsewhere), in seconds
// and without libFuzzer. What ends the program is named first, with the file that holds the input.
#include "fuzz_input.hpp"

#include <stet/base/philox.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

namespace {

constexpr std::size_t cuts = 60, mutations = 240;
constexpr double longest_seconds = 10;
constexpr const char* culprit_file = "fuzz-culprit";

std::string input, label;

/// May run in a signal's handler: system calls alone.
void name_culprit() noexcept {
  const auto say = [](std::string_view text) { return ::write(STDERR_FILENO, text.data(), text.size()); };
  static_cast<void>(say("fuzz: failed at ") + say(label) + say("; the input is in ./") + say(culprit_file) + say("\n"));
  const std::size_t size = input.size();
  if (std::FILE* file = std::fopen(culprit_file, "wb")) {
    std::fwrite(input.data(), 1, size, file);
    std::fclose(file);
  }
}

extern "C" void on_signal(int number) {
  name_culprit();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

/// One of some changes of `seed`, a function of the seed's name and `number`.
std::string mutated(const std::string& seed, const std::string& name, std::size_t number) {
  static constexpr std::array<std::string_view, 12> pieces{
      "\"", "\\", "{", "[", "]", "\0", "\xff", "-1", "1e999", "99999999999999999999", "null", "[[[[[[[["};
  stet::Random random(1, name, number);
  std::string text = seed;
  for (std::uint64_t left = 1 + random.below(3); left > 0; --left) {
    const std::size_t at = random.below(text.size() + 1), length = 1 + random.below(1 + text.size() / 4);
    const std::string part = text.substr(at, length);
    switch (random.below(6)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(random.below(256));
        break;
      case 2: text.erase(at, length); break;
      case 3: text.insert(at, part); break;
      case 4: text.insert(at, pieces[random.below(pieces.size())]); break;
      default: text.insert(random.below(text.size() + 1), part); break;
    }
  }
  return text;
}

void run(std::string what, std::string bytes) {
  label = std::move(what);
  input = std::move(bytes);
  const auto begin = std::chrono::steady_clock::now();
  // A copy of just this size: a reader that goes beyond its end is seen by valgrind and by sanitizers.
  const std::vector<std::uint8_t> exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (took.count() > longest_seconds) throw std::runtime_error("too slow: " + std::to_string(took.count()) + " s");
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return text;
}

int replay(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty()) throw std::runtime_error("no corpus in " + folder.string());
  std::size_t runs = 0;
  run("an empty input", "");
  for (const std::filesystem::path& file : files) {
    const std::string name = file.filename().string(), seed = read(file);
    run(name, seed);
    const std::size_t step = std::max<std::size_t>(1, seed.size() / cuts);
    for (std::size_t end = 0; end < seed.size(); end += step, ++runs)
      run(name + ", cut off at " + std::to_string(end), seed.substr(0, end));
    for (std::size_t i = 0; i < mutations; ++i, ++runs)
      run(name + ", mutation " + std::to_string(i), mutated(seed, name, i));
  }
  std::printf("%zu files, %zu changes of them\n", files.size(), runs);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) std::signal(number, on_signal);
  if (count != 2) {
    std::fprintf(stderr, "replay FOLDER|FILE\n");
    return 2;
  }
  try {
    const std::filesystem::path path = arguments[1];
    if (std::filesystem::is_directory(path)) return replay(path);
    run(path.string(), read(path));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fuzz: %s\n", error.what());
    if (!label.empty()) name_culprit();
    return 1;
  }
}
