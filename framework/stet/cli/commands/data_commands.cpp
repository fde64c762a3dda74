// `stet data build` and `stet data inspect`.
#include <stet/cli/commands/commands.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/host/control_group.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/cli/display.hpp>
#include <stet/data/shard_build.hpp>
#include <stet/data/shard_set.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>

namespace stet {

namespace {

void print_summary(const std::filesystem::path& folder, const ShardIndex& index) {
  const ShardCounts totals = index.totals();
  std::uint64_t bytes = 0;
  for (const ShardEntry& shard : index.shards) bytes += shard.bytes;
  const auto share = [](std::uint64_t part, std::uint64_t whole) {
    return 100.0 * static_cast<double>(part) / static_cast<double>(std::max<std::uint64_t>(whole, 1));
  };
  print_shown("{}: {} shards, {}\n", folder.string(), index.shards.size(), format_bytes(static_cast<double>(bytes)));
  print_shown("  {} sequences, {} tokens (mean {:.1f}, longest {}), {} with loss ({:.1f} %) in {} spans\n",
              totals.sequences, totals.tokens,
              static_cast<double>(totals.tokens) / static_cast<double>(std::max<std::uint64_t>(totals.sequences, 1)),
              totals.longest, totals.loss_tokens, share(totals.loss_tokens, totals.tokens), totals.loss_spans);
  std::vector<std::string> kinds;
  for (std::size_t kind = 0; kind < record_kinds; ++kind) {
    if (totals.records[kind] > 0)
      kinds.push_back(fmt::format("{} {}", totals.records[kind], name_of(static_cast<RecordKind>(kind))));
  }
  print_shown("  records: {}; {} texts cut at {} tokens, {} longer completions or conversations left out\n",
              join(kinds, ", "), totals.cut, index.context, totals.dropped);
  print_shown("  tokenizer {} ({} ids), checksum {}\n", index.tokenizer, index.vocabulary, index.checksum());
}

void print_histogram(ShardSet& set) {
  std::vector<std::uint64_t> counts;  // by the bits of length - 1: 1, 2, 3-4, 5-8, ...
  for (std::uint64_t i = 0; i < set.size(); ++i) {
    const auto bin = static_cast<std::size_t>(std::bit_width(set.size_of(i).tokens - 1));
    if (counts.size() <= bin) counts.resize(bin + 1);
    ++counts[bin];
  }
  print_shown("  tokens a sequence:\n");
  const std::uint64_t most = *std::max_element(counts.begin(), counts.end());
  for (std::size_t bin = 0; bin < counts.size(); ++bin) {
    if (counts[bin] == 0) continue;
    const std::uint64_t high = std::uint64_t{1} << bin, low = bin == 0 ? 1 : high / 2 + 1;
    print_shown("    {:>13}  {:>10}  {}\n", low == high ? std::to_string(high) : fmt::format("{}-{}", low, high),
                counts[bin], std::string(static_cast<std::size_t>((counts[bin] * 40 + most - 1) / most), '#'));
  }
}

/// The text with what has loss marked.
std::string marked(const Tokenizer& tokenizer, const TokenSequence& sequence, bool colour) {
  const std::string begin_mark = colour ? "\033[32m" : "[[", end_mark = colour ? "\033[0m" : "]]";
  const std::span<const TokenId> ids(sequence.ids);
  std::string text;
  std::size_t at = 0;
  const auto add = [&](std::size_t end, bool loss) {
    if (end > at) {
      if (tokenizer.is_word_level() && !text.empty()) text += " ";
      text += (loss ? begin_mark : "") + terminal_text(tokenizer.decode(ids.subspan(at, end - at), false)) +
              (loss ? end_mark : "");
    }
    at = end;
  };
  const LossSpan whole{sequence.loss_begin, static_cast<std::uint32_t>(ids.size())};
  for (const LossSpan& span : sequence.loss_spans.empty() ? std::vector{whole} : sequence.loss_spans) {
    add(span.begin, false);
    add(span.end, true);
  }
  add(ids.size(), false);
  return text;
}

void print_samples(ShardSet& set, const Tokenizer& tokenizer, std::uint64_t count, std::uint64_t seed) {
  const char* const no_colour = std::getenv("NO_COLOR");
  const bool colour = ::isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0');
  const KeyedPermutation order(set.size(), seed);
  for (std::uint64_t i = 0; i < std::min(count, set.size()); ++i) {
    const TokenSequence sequence = set.sequence(order(i));
    fmt::print("--- sequence {}: {} tokens, {} with loss {}\n{}\n", sequence.example, sequence.ids.size(),
               sequence.loss_tokens(), colour ? "(in green)" : "(in [[ ]])", marked(tokenizer, sequence, colour));
  }
}

}  // namespace

int data_build_command(const Options& options, Session& session) {
  Communicator& world = session.world();
  const bool speaks = world.rank() == 0;
  ShardBuildOptions build;
  build.inputs = options.files;
  build.tokenizer = options.tokenizer;
  build.end_token = options.end_token;
  build.out = options.out;
  build.context = options.context;
  build.shard_megabytes = options.shard_megabytes;
  if (world.size() == 1) build.threads = std::clamp(usable_cores(), 1, 64);
  const Stopwatch watch;
  ShardBuildResult result;
  {
    std::unique_ptr<Display> display;
    if (speaks) display = std::make_unique<Display>();
    result = build_shards(world, build, [&](const ShardBuildProgress& progress) {
      if (!display) return;
      const std::string whose = world.size() > 1 ? fmt::format(" (rank 0 of {})", world.size()) : "";
      const double fraction = static_cast<double>(progress.bytes_done) / static_cast<double>(progress.bytes_all);
      display->update(fraction, fraction > 0 ? watch.seconds() * (1 / fraction - 1) : 0,
                      fmt::format("{} of {}{}", format_bytes(static_cast<double>(progress.bytes_done)),
                                  format_bytes(static_cast<double>(progress.bytes_all)), whose),
                      static_cast<double>(progress.tokens) / std::max(watch.seconds(), 1e-3));
    });
  }
  if (!speaks) return 0;
  print_summary(options.out, result.index);
  print_shown("  from {} of input in {} ({:.1f} MB/s, {}), {} shards kept from an earlier build\n",
              format_bytes(static_cast<double>(result.input_bytes)), format_duration(watch.seconds()),
              static_cast<double>(result.input_bytes) / 1e6 / std::max(watch.seconds(), 1e-6),
              world.size() > 1 ? fmt::format("{} ranks", world.size()) : fmt::format("{} threads", build.threads),
              result.reused);
  return 0;
}

int data_inspect_command(const Options& options) {
  ShardSet set = ShardSet::open(options.file);
  if (set.size() == 0) throw Error(ErrorKind::data, "a shard set without sequences").at(options.file.string());
  const Tokenizer tokenizer = Tokenizer::load(options.file / "tokenizer.json");
  set.require_tokenizer(tokenizer);
  print_summary(options.file, set.index());
  if (options.verify) {
    for (std::size_t shard = 0; shard < set.index().shards.size(); ++shard) set.verify(shard);
    print_shown("  verified: every shard has its checksum\n");
  }
  print_histogram(set);
  print_samples(set, tokenizer, options.shown_samples, options.seed);
  return 0;
}

}  // namespace stet
