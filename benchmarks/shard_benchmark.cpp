// Training data from a shard set larger than the memory it may take: bytes a second, how long a step waits for its
// batch, and peak memory; with a thread that reads ahead, with and without telling the disk what comes (Lookahead),
// with neither, in the block-wise and in the global order, from the disk and from the page cache, all in one run. And
// what the disk itself gives.
//
//   shard_benchmark [GIGABYTES] [FOLDER]        2 GB in a new folder below /tmp, which is removed at the end
//
// Not a Google Benchmark: a stream is measured as a whole. The set is written by a child process, so that its memory
// does not count here. Before each pass the files are dropped from the page cache (posix_fadvise), so that they are
// read from the disk (passes after the first end after 20 s); how much of that the machine below keeps is not ours to
// say. A step packs its batch and passes each token's embedding through memory, a few milliseconds: the least that a
// training step could do.
#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/train/read_ahead.hpp>
#include <stet/train/shard_data.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <numeric>

namespace stet {
namespace {

constexpr std::uint64_t vocabulary = 32000, context = 1024, batch_size = 256;
constexpr double shard_bytes = 64e6;

/// Sequences of 64 to 1024 random tokens.
void generate(const std::filesystem::path& folder, double gigabytes) {
  ShardIndex index{"benchmark", vocabulary, context, {}};
  for (std::uint64_t k = 0; k < static_cast<std::uint64_t>(std::max(1.0, gigabytes * 1e9 / shard_bytes)); ++k) {
    ShardContent content;
    Random random(1, "shard", k);
    while (static_cast<double>(content.counts().tokens) * 2 < shard_bytes) {
      TokenSequence sequence;
      sequence.ids.resize(64 + random.below(context - 63));
      for (TokenId& id : sequence.ids) id = static_cast<TokenId>(random.bits32() % vocabulary);
      content.add(sequence);
    }
    index.shards.push_back(content.write(folder, k, {"benchmark", vocabulary, context, ""}));
  }
  index.write(folder);
}

/// Processor time of all threads.
double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// A line of /proc/self/status in megabytes.
double status_megabytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  std::string word;
  double kilobytes = 0;
  while (status >> word) {
    if (word == key + ":") status >> kilobytes;
  }
  return kilobytes * 1024 / 1e6;
}

void drop_from_cache(const ShardSet& set) {
  for (const ShardEntry& shard : set.index().shards) {
    const int descriptor = ::open((set.folder() / shard.file).c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) continue;
    ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    ::close(descriptor);
  }
}

class Work {
 public:
  /// Milliseconds of one core for a batch of some 140 000 tokens.
  double step(std::span<const TokenSequence> sequences) {
    const PackedBatch batch = pack(sequences);
    for (const TokenId id : batch.tokens) {
      const float* const row = table_.data() + static_cast<std::size_t>(id) * width;
      for (std::size_t i = 0; i < width; ++i) sum_[i] = 0.999F * sum_[i] + row[i];
    }
    return sum_[0];
  }

 private:
  static constexpr std::size_t width = 64;
  std::vector<float> table_ = std::vector<float>(vocabulary * width, 0.5F), sum_ = std::vector<float>(width);
};

double percentile(std::vector<double> values, double share) {
  const auto k = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(k), values.end());
  return values[k];
}

/// What the disk gives to one reader without any of our code, cold: everything in order, and single pages here and
/// there.
void disk(const std::filesystem::path& folder) {
  const ShardSet set = ShardSet::open(folder);
  std::vector<char> buffer(1 << 20);
  Random random(3, "page");
  for (const bool in_order : {true, false}) {
    drop_from_cache(set);
    double bytes = 0;
    std::vector<double> waits;
    const Stopwatch watch;
    for (const ShardEntry& shard : set.index().shards) {
      const int descriptor = ::open((set.folder() / shard.file).c_str(), O_RDONLY | O_CLOEXEC);
      if (descriptor < 0) continue;
      if (!in_order) ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
      const std::size_t size = in_order ? buffer.size() : 4096;
      for (std::uint64_t k = 0; k < (in_order ? shard.bytes / size : 32); ++k) {
        const Stopwatch wait;
        bytes +=
            static_cast<double>(::pread(descriptor, buffer.data(), size,
                                        static_cast<off_t>((in_order ? k : random.below(shard.bytes / size)) * size)));
        waits.push_back(1e6 * wait.seconds());
      }
      ::close(descriptor);
    }
    fmt::print("the disk, {:<25} {:>5.0f} MB/s  reads of {} kB: median {:.0f}, p99 {:.0f}, max {:.0f} us\n",
               in_order ? "in order" : "pages at random", bytes / 1e6 / watch.seconds(), in_order ? 1024 : 4,
               percentile(waits, 0.5), percentile(waits, 0.99), percentile(waits, 1.0));
  }
  std::fflush(stdout);
}

struct Reading {
  BlockOrder order;
  std::size_t ahead;  // batches; 0: no thread, and the disk is not told
  bool look_ahead;
};

void pass(const std::filesystem::path& folder, const char* name, const Reading& reading, bool working, bool cold,
          double seconds_at_most) {
  const auto set = std::make_shared<ShardSet>(ShardSet::open(folder));
  if (cold) drop_from_cache(*set);
  std::ofstream("/proc/self/clear_refs") << 5;  // peak memory counts from here
  Work work;
  std::vector<double> waits, steps;
  double bytes = 0;
  const double cpu_before = cpu_seconds();
  const Stopwatch watch;
  {
    const Sampler sampler(set->size(), 1, reading.order);
    TrainingData data = shard_data(set, name);
    if (!reading.look_ahead) data.fetch = {};
    if (reading.ahead > 0) data = read_ahead(data, sampler, {batch_size, 0, set->size(), 1, 0, 1, reading.ahead});
    for (std::uint64_t position = 0; position < set->size() && watch.seconds() < seconds_at_most;) {
      const BatchRange range = batch_at(position, set->size(), batch_size);
      std::vector<TokenSequence> sequences;
      const Stopwatch wait;
      for (; position < range.end; ++position) sequences.push_back(data.sequence(0, sampler.index(position)));
      waits.push_back(1e6 * wait.seconds());
      for (const TokenSequence& sequence : sequences) bytes += 2.0 * static_cast<double>(sequence.ids.size());
      const Stopwatch step;
      if (working) work.step(sequences);
      steps.push_back(1e6 * step.seconds());
    }
  }
  const double seconds = watch.seconds();
  const double cpu = cpu_seconds() - cpu_before;
  const double first =
      waits.front();  // nothing can be ahead of the first step: it waits for the files to be opened and read
  waits.erase(waits.begin());
  const auto long_ones = std::count_if(waits.begin(), waits.end(), [](double wait) { return wait > 1000; });
  const auto longest = std::max_element(waits.begin(), waits.end()) - waits.begin() + 2;
  fmt::print(
      "{:<34} {:>5.0f} MB/s ({:>5.0f} a CPU second)  {:>5} steps of {:>6.0f} us  first wait {:>7.0f}, then median "
      "{:>7.1f}  p99 {:>8.1f}  max {:>8.0f} us (step {}), {} above 1 ms, "
      "= {:>6.3f} % of the time  peak memory {:>4.0f} MB\n",
      name, bytes / 1e6 / seconds, bytes / 1e6 / cpu, steps.size(), percentile(steps, 0.5), first,
      percentile(waits, 0.5), percentile(waits, 0.99), percentile(waits, 1.0), longest, long_ones,
      1e-4 * std::accumulate(waits.begin(), waits.end(), 0.0) / seconds, status_megabytes("VmHWM"));
  std::fflush(stdout);
}

int run(double gigabytes, const std::filesystem::path& folder) {
  const Stopwatch watch;
  const pid_t child = ::fork();
  if (child == 0) {
    generate(folder, gigabytes);
    ::_exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) {
    std::fprintf(stderr, "cannot write the shards\n");
    return 1;
  }
  {
    const ShardSet set = ShardSet::open(folder);
    fmt::print(
        "{} shards, {} sequences, {:.2f} GB of tokens, written in {:.0f} s; batches of {} sequences; at the start "
        "{:.0f} MB of memory\n",
        set.index().shards.size(), set.size(), 2e-9 * static_cast<double>(set.index().totals().tokens), watch.seconds(),
        batch_size, status_megabytes("VmRSS"));
  }
  disk(folder);
  constexpr bool work = true, alone = false, cold = true, warm = false;
  pass(folder, "all of it, reading alone", {shard_order, 8, true}, alone, cold, 1e9);
  pass(folder, "all of it, without look-ahead", {shard_order, 8, false}, alone, cold, 1e9);
  pass(folder, "training, blocks, 8 ahead", {shard_order, 8, true}, work, cold, 20);
  pass(folder, "  without look-ahead", {shard_order, 8, false}, work, cold, 20);
  pass(folder, "  neither thread nor look-ahead", {shard_order, 0, false}, work, cold, 20);
  pass(folder, "  32 ahead", {shard_order, 32, true}, work, cold, 20);
  pass(folder, "training, global order, 8 ahead", {{}, 8, true}, work, cold, 20);
  pass(folder, "  without look-ahead", {{}, 8, false}, work, cold, 20);
  pass(folder, "training, blocks, 8 ahead, warm", {shard_order, 8, true}, work, warm, 20);
  pass(folder, "  without look-ahead, warm", {shard_order, 8, false}, work, warm, 20);
  return 0;
}

}  // namespace
}  // namespace stet

int main(int count, char** arguments) {
  double gigabytes = 2;
  if (count > 1 &&
      (std::from_chars(arguments[1], arguments[1] + std::strlen(arguments[1]), gigabytes).ec != std::errc() ||
       !(gigabytes > 0))) {
    std::fprintf(stderr, "usage: shard_benchmark [GIGABYTES] [FOLDER]\n");
    return 2;
  }
  std::string folder = (std::filesystem::path(count > 2 ? arguments[2] : "/tmp") / "stet-shards-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    std::fprintf(stderr, "cannot make %s\n", folder.c_str());
    return 1;
  }
  int code = 1;
  try {
    code = stet::run(gigabytes, folder);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  std::filesystem::remove_all(folder);
  return code;
}
