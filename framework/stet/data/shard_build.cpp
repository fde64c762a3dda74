#include <stet/data/shard_build.hpp>

#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/files.hpp>
#include <stet/base/hash.hpp>
#include <stet/config/json.hpp>
#include <stet/data/input_chunks.hpp>
#include <stet/data/record_tokens.hpp>
#include <stet/data/shard_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace stet {

namespace {

struct Made {
  ShardEntry entry;
  bool reused = false;
};

/// One rank's part of a build.
class Builder {
 public:
  Builder(const ShardBuildOptions& options, const Tokenizer& tokenizer, const std::vector<InputChunk>& chunks)
      : options_(options), tokenizer_(tokenizer), chunks_(chunks), hash_(tokenizer.hash()) {}

  /// Shard k from chunk k.
  [[nodiscard]] Made make(std::uint64_t k) const {
    const std::string text = read_chunk(chunks_[k]);
    const ShardOrigin origin{hash_, tokenizer_.vocabulary_size(), options_.context, hash_hex(std::string_view(text))};
    if (std::optional<ShardEntry> old = earlier(k, origin)) {
      check_blank_lines(k, text);
      return {std::move(*old), true};
    }
    ShardContent content;
    std::vector<TokenSequence> sequences;
    for_each_line(chunks_[k], text, [&](std::string_view line) {
      const Record record = parse_record(line);
      sequences.clear();
      const bool fits = tokenize_record(tokenizer_, record, options_.context, sequences);
      ++content.counts().records[static_cast<std::size_t>(record.kind)];
      content.counts().dropped += fits ? 0 : 1;
      content.counts().cut += sequences.size() > 1 ? 1 : 0;
      for (const TokenSequence& sequence : sequences) content.add(sequence);
    });
    ShardEntry entry = content.write(options_.out, k, origin);
    fault_point("data.shard");
    return {std::move(entry), false};
  }

 private:
  /// The shard of an earlier build, if it is what this one would make.
  [[nodiscard]] std::optional<ShardEntry> earlier(std::uint64_t k, const ShardOrigin& origin) const {
    const std::filesystem::path path = options_.out / shard_name(k);
    if (!std::filesystem::exists(path)) return std::nullopt;
    try {
      const ShardFile shard = ShardFile::open(path);
      if (!(shard.origin() == origin)) return std::nullopt;
      shard.verify();
      return ShardEntry{shard_name(k), shard.bytes(), shard.checksum(), shard.counts()};
    } catch (const Error&) {
      return std::nullopt;  // damaged: made again
    }
  }
  /// Whether blank lines may stand at a chunk's end depends on the chunks behind it, which may have changed.
  void check_blank_lines(std::uint64_t k, const std::string& text) const {
    const std::size_t last = text.find_last_not_of(" \t\r\n");
    const std::size_t end_of_last =
        last == std::string::npos ? 0 : std::min(text.find('\n', last), text.size() - 1) + 1;
    if (end_of_last >= text.size()) return;
    for_each_line(chunks_[k], text, [](std::string_view) {});
  }

  const ShardBuildOptions& options_;
  const Tokenizer& tokenizer_;
  const std::vector<InputChunk>& chunks_;
  std::string hash_;
};

void check(const ShardBuildOptions& options) {
  if (options.inputs.empty())
    throw Error(ErrorKind::config, "no input file").expected("at least one file of JSON lines");
  if (options.context < 2) {
    throw Error(ErrorKind::config, "a context too short to predict anything")
        .expected("at least 2 tokens")
        .received(std::to_string(options.context));
  }
  if (!(options.shard_megabytes >= 1e-6 && options.shard_megabytes <= 1e6)) {
    throw Error(ErrorKind::config, "an impossible shard size")
        .expected("0.000001 to 1000000 megabytes")
        .received(fmt::format("{}", options.shard_megabytes));
  }
}

/// Makes chunks rank, rank + ranks, ... in `threads` threads. The exception of the first chunk that failed is thrown.
std::map<std::uint64_t, Made> make_share(const Builder& builder, const std::vector<InputChunk>& chunks,
                                         std::uint64_t rank, std::uint64_t ranks, int threads,
                                         const std::function<void(const ShardBuildProgress&)>& progress) {
  std::map<std::uint64_t, Made> made;
  ShardBuildProgress state;
  for (std::uint64_t k = rank; k < chunks.size(); k += ranks) state.bytes_all += chunks[k].end - chunks[k].begin;
  std::mutex mutex;
  std::atomic<std::uint64_t> next{0};
  std::pair<std::uint64_t, std::exception_ptr> first_failure{UINT64_MAX, nullptr};
  const auto work = [&] {
    // Chunks are taken in order, so when one fails all before it are in other hands already: the first failure is
    // found.
    for (;;) {
      const std::uint64_t k = rank + ranks * next++;
      if (k >= chunks.size()) return;
      try {
        Made result = builder.make(k);
        const std::lock_guard lock(mutex);
        state.bytes_done += chunks[k].end - chunks[k].begin;
        state.tokens += result.entry.counts.tokens;
        made.emplace(k, std::move(result));
        if (progress) progress(state);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (k < first_failure.first) first_failure = {k, std::current_exception()};
        next = chunks.size();
        return;
      }
    }
  };
  std::vector<std::jthread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(work);
  work();
  others.clear();  // joins
  if (first_failure.second) std::rethrow_exception(first_failure.second);
  return made;
}

/// Files of earlier builds that this one does not make, and what killed ones left half written.
void sweep(const std::filesystem::path& folder, std::uint64_t shards) {
  std::set<std::string> wanted;
  for (std::uint64_t k = 0; k < shards; ++k) wanted.insert(shard_name(k));
  std::vector<std::filesystem::path> stale;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool shard = name.starts_with("shard-") && name.find(".safetensors") != std::string::npos;
    const bool half = name.find(".tmp.") != std::string::npos &&
                      (shard || name.starts_with("index.json") || name.starts_with("tokenizer.json"));
    if (half || (shard && !wanted.contains(name))) stale.push_back(entry.path());
  }
  for (const std::filesystem::path& path : stale) std::filesystem::remove(path);
}

std::string pack_entries(const std::map<std::uint64_t, Made>& made) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [k, one] : made) {
    const ShardCounts& c = one.entry.counts;
    list.push_back({k, one.reused, one.entry.bytes, one.entry.checksum, c.sequences, c.tokens, c.loss_tokens,
                    c.loss_spans, c.longest, c.records, c.cut, c.dropped});
  }
  return list.dump();
}

}  // namespace

ShardBuildResult build_shards(Communicator& communicator, const ShardBuildOptions& options,
                              const std::function<void(const ShardBuildProgress&)>& progress) {
  const bool first = communicator.rank() == 0;
  std::optional<Tokenizer> tokenizer;
  std::vector<InputChunk> chunks;
  std::optional<FileLock> lock;
  collectively(communicator, [&] {
    check(options);
    tokenizer = Tokenizer::load(options.tokenizer);
    if (!options.end_token.empty()) tokenizer = tokenizer->with_end_of_text(options.end_token);
    static_cast<void>(tokenizer->end_of_text());  // throws now if nobody says which it is
    chunks = cut_into_chunks(options.inputs, static_cast<std::uint64_t>(std::llround(options.shard_megabytes * 1e6)));
    if (!first) return;
    std::error_code failure;
    std::filesystem::create_directories(options.out, failure);
    if (failure) throw Error(ErrorKind::data, "cannot make folder: " + failure.message()).at(options.out.string());
    lock = FileLock::try_acquire(options.out / ".lock");
    if (!lock)
      throw Error(ErrorKind::data, "another build is writing this folder")
          .at(options.out.string())
          .hint("wait for it, or choose another --out");
    // From here on the folder is not whole, whatever it was before.
    std::filesystem::remove(options.out / "index.json");
    sync_folder(options.out);
    sweep(options.out, chunks.size());
    write_file_atomically(options.out / "tokenizer.json", read_file(options.tokenizer));
    std::filesystem::remove(options.out / "tokenizer_config.json");  // an earlier build's
    tokenizer->save_end_token(options.out);
  });
  // All ranks must see the same files, or the shards would not fit together.
  std::string plan = tokenizer->hash();
  for (const InputChunk& chunk : chunks) plan += fmt::format(" {}:{}", chunk.begin, chunk.file_bytes);
  for (const std::string& other : communicator.all_gather(hash_hex(std::string_view(plan)))) {
    if (other != hash_hex(std::string_view(plan)))
      throw Error(ErrorKind::data, "the ranks see different input files or tokenizers")
          .hint("put them on a file system that all nodes share");
  }
  const Builder builder(options, *tokenizer, chunks);
  std::map<std::uint64_t, Made> made;
  collectively(communicator, [&] {
    made = make_share(builder, chunks, static_cast<std::uint64_t>(communicator.rank()),
                      static_cast<std::uint64_t>(communicator.size()), std::max(options.threads, 1), progress);
  });
  ShardBuildResult result;
  result.index.tokenizer = tokenizer->hash();
  result.index.vocabulary = tokenizer->vocabulary_size();
  result.index.context = options.context;
  result.index.shards.resize(chunks.size());
  for (const InputChunk& chunk : chunks) result.input_bytes += chunk.end - chunk.begin;
  for (const std::string& text : communicator.all_gather(pack_entries(made))) {
    for (const nlohmann::json& one : nlohmann::json::parse(text)) {
      const auto k = one[0].get<std::uint64_t>();
      result.reused += one[1].get<bool>() ? 1 : 0;
      const ShardCounts counts{one[4].get<std::uint64_t>(),  one[5].get<std::uint64_t>(),
                               one[6].get<std::uint64_t>(),  one[7].get<std::uint64_t>(),
                               one[8].get<std::uint64_t>(),  one[9].get<std::array<std::uint64_t, record_kinds>>(),
                               one[10].get<std::uint64_t>(), one[11].get<std::uint64_t>()};
      result.index.shards[k] = {shard_name(k), one[2].get<std::uint64_t>(), one[3].get<std::string>(), counts};
    }
  }
  collectively(communicator, [&] {
    if (result.index.totals().sequences == 0) {
      throw Error(ErrorKind::data, "no sequence came out of the input")
          .at(options.inputs.front().string())
          .expected("at least one record that fits")
          .received(result.index.totals().dropped == 0 ? "empty files"
                                                       : fmt::format("{} records longer than --context {}",
                                                                     result.index.totals().dropped, options.context));
    }
    if (first) result.index.write(options.out);
  });
  return result;
}

}  // namespace stet
