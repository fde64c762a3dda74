#include <stet/data/shard_file.hpp>

#include <stet/base/error.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/strings.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet {

namespace {

constexpr char shard_format[] = "stet-shard 1";
constexpr std::uint64_t short_vocabulary = 65536;

using Metadata = std::map<std::string, std::string>;

Metadata metadata_of(const ShardOrigin& origin, const ShardCounts& counts) {
  Metadata metadata = {{"format", shard_format},
                       {"tokenizer", origin.tokenizer},
                       {"vocabulary", std::to_string(origin.vocabulary)},
                       {"context", std::to_string(origin.context)},
                       {"source", origin.source},
                       {"loss_tokens", std::to_string(counts.loss_tokens)},
                       {"longest", std::to_string(counts.longest)},
                       {"cut", std::to_string(counts.cut)},
                       {"dropped", std::to_string(counts.dropped)}};
  for (std::size_t kind = 0; kind < record_kinds; ++kind) {
    metadata[fmt::format("records.{}", kind)] = std::to_string(counts.records[kind]);
  }
  return metadata;
}

void add_metadata(Hasher& hash, const Metadata& metadata) {
  for (const auto& [key, value] : metadata) {
    if (key != "checksum") hash.add(std::string_view(key)).add(std::string_view(value));
  }
}

void add_tensor(Hasher& hash, const std::string& name, DType type, std::span<const std::uint64_t> shape,
                std::span<const std::byte> bytes) {
  hash.add(fmt::format("{} {} {}", name, name_of(type), fmt::join(shape, ","))).add(bytes);
}

}  // namespace

void ShardContent::add(const TokenSequence& sequence) {
  const std::uint64_t loss = sequence.loss_tokens();
  STET_ASSERT(loss > 0 && sequence.ids.size() <= UINT32_MAX);
  tokens_.insert(tokens_.end(), sequence.ids.begin(), sequence.ids.end());
  sequence_offsets_.push_back(tokens_.size());
  const LossSpan whole{sequence.loss_begin, static_cast<std::uint32_t>(sequence.ids.size())};
  const std::span<const LossSpan> spans =
      sequence.loss_spans.empty() ? std::span(&whole, 1) : std::span(sequence.loss_spans);
  for (const LossSpan& span : spans) {
    STET_ASSERT(span.begin >= 1 && span.begin < span.end && span.end <= sequence.ids.size());
    loss_spans_.insert(loss_spans_.end(), {span.begin, span.end});
  }
  span_offsets_.push_back(loss_spans_.size() / 2);
  ++counts_.sequences;
  counts_.tokens += sequence.ids.size();
  counts_.loss_tokens += loss;
  counts_.loss_spans += spans.size();
  counts_.longest = std::max<std::uint64_t>(counts_.longest, sequence.ids.size());
}

ShardEntry ShardContent::write(const std::filesystem::path& folder, std::uint64_t number,
                               const ShardOrigin& origin) const {
  STET_ASSERT(std::all_of(tokens_.begin(), tokens_.end(),
                          [&](TokenId id) { return id >= 0 && static_cast<std::uint64_t>(id) < origin.vocabulary; }));
  std::vector<std::uint16_t> narrow;
  const bool is_short = origin.vocabulary <= short_vocabulary;
  if (is_short) narrow.assign(tokens_.begin(), tokens_.end());
  const std::uint64_t spans = loss_spans_.size() / 2;
  const std::vector<TensorView> views = {
      view_of("sequence_offsets", sequence_offsets_, {sequence_offsets_.size()}),
      view_of("span_offsets", span_offsets_, {span_offsets_.size()}), view_of("loss_spans", loss_spans_, {spans, 2}),
      is_short ? view_of("tokens", narrow, {narrow.size()}) : view_of("tokens", tokens_, {tokens_.size()})};
  Metadata metadata = metadata_of(origin, counts_);
  Hasher hash;
  add_metadata(hash, metadata);
  for (const TensorView& view : views) add_tensor(hash, view.spec.name, view.spec.dtype, view.spec.shape, view.bytes);
  ShardEntry entry;
  entry.file = shard_name(number);
  entry.checksum = hash.hex();
  entry.counts = counts_;
  metadata["checksum"] = entry.checksum;
  write_tensor_file(folder / entry.file, views, metadata);
  entry.bytes = std::filesystem::file_size(folder / entry.file);
  return entry;
}

ShardFile::ShardFile(TensorFile file) : file_(std::move(file)) {}

ShardFile ShardFile::open(const std::filesystem::path& path) {
  ShardFile shard(TensorFile::open(path));
  shard.bytes_ = std::filesystem::file_size(path);
  const auto fail = [&](const std::string& what) { return Error(ErrorKind::data, what).at(path.string()); };
  const Metadata& metadata = shard.file_.metadata();
  const auto text = [&](const std::string& key) -> const std::string& {
    const auto found = metadata.find(key);
    if (found == metadata.end()) throw fail("not a token shard: its metadata has no \"" + key + "\"");
    return found->second;
  };
  const auto number = [&](const std::string& key) {
    const auto value = whole_number<std::uint64_t>(text(key));
    if (!value) throw fail("\"" + key + "\" of the metadata is not a count");
    return *value;
  };
  if (text("format") != shard_format)
    throw fail("a shard of another format").expected(shard_format).received(text("format"));
  shard.origin_ = {text("tokenizer"), number("vocabulary"), number("context"), text("source")};
  shard.checksum_ = text("checksum");

  shard.sequence_offsets_ = shard.file_.values<std::uint64_t>("sequence_offsets");
  shard.span_offsets_ = shard.file_.values<std::uint64_t>("span_offsets");
  shard.loss_spans_ = shard.file_.values<std::uint32_t>("loss_spans");
  const bool is_short = shard.origin_.vocabulary <= short_vocabulary;
  if (is_short) shard.short_tokens_ = shard.file_.values<std::uint16_t>("tokens");
  if (!is_short) shard.long_tokens_ = shard.file_.values<std::int32_t>("tokens");
  if (shard.file_.tensors().size() != 4) throw fail("a shard with tensors that do not belong there");
  if (shard.sequence_offsets_.empty() || shard.span_offsets_.size() != shard.sequence_offsets_.size() ||
      shard.loss_spans_.size() % 2 != 0) {
    throw fail("tensors whose sizes contradict each other")
        .expected("as many span_offsets as sequence_offsets, and pairs of loss_spans");
  }
  ShardCounts& counts = shard.counts_;
  counts.sequences = shard.sequence_offsets_.size() - 1;
  counts.tokens = is_short ? shard.short_tokens_.size() : shard.long_tokens_.size();
  counts.loss_spans = shard.loss_spans_.size() / 2;
  counts.loss_tokens = number("loss_tokens");
  counts.longest = number("longest");
  counts.cut = number("cut");
  counts.dropped = number("dropped");
  for (std::size_t kind = 0; kind < record_kinds; ++kind)
    counts.records[kind] = number(fmt::format("records.{}", kind));
  if (shard.sequence_offsets_.front() != 0 || shard.sequence_offsets_.back() != counts.tokens ||
      shard.span_offsets_.front() != 0 || shard.span_offsets_.back() != counts.loss_spans) {
    throw fail("offsets that do not cover the tokens and spans");
  }
  return shard;
}

Error ShardFile::broken(std::uint64_t s, const std::string& what) const {
  return Error(ErrorKind::data, what)
      .at(fmt::format("{}, sequence {}", file_.path().string(), s))
      .hint("the file was altered: 'stet data inspect FOLDER --verify' says which are; build the set again");
}

ShardFile::Place ShardFile::place_of(std::uint64_t s) const {
  STET_ASSERT(s < counts_.sequences);
  const Place place{sequence_offsets_[s], sequence_offsets_[s + 1], span_offsets_[s], span_offsets_[s + 1]};
  if (place.begin >= place.end || place.end > counts_.tokens || place.end - place.begin > counts_.longest)
    throw broken(s, "impossible token offsets");
  if (place.span_begin >= place.span_end || place.span_end > counts_.loss_spans)
    throw broken(s, "impossible offsets of loss spans");
  std::uint64_t free = 1;
  for (std::uint64_t k = place.span_begin; k < place.span_end; ++k) {
    const std::uint64_t begin = loss_spans_[2 * k], end = loss_spans_[2 * k + 1];
    if (begin < free || begin >= end || end > place.end - place.begin) throw broken(s, "an impossible loss span");
    free = end;
  }
  return place;
}

ShardFile::Size ShardFile::size_of(std::uint64_t s) const {
  const Place place = place_of(s);
  Size size{place.end - place.begin, 0};
  for (std::uint64_t k = place.span_begin; k < place.span_end; ++k)
    size.loss_tokens += loss_spans_[2 * k + 1] - loss_spans_[2 * k];
  return size;
}

TokenSequence ShardFile::sequence(std::uint64_t s) const {
  const Place place = place_of(s);
  TokenSequence sequence;
  const std::uint64_t length = place.end - place.begin;
  if (long_tokens_.empty()) {
    const auto tokens = short_tokens_.subspan(place.begin, length);
    sequence.ids.assign(tokens.begin(), tokens.end());
  } else {
    const auto tokens = long_tokens_.subspan(place.begin, length);
    sequence.ids.assign(tokens.begin(), tokens.end());
  }
  for (const TokenId id : sequence.ids) {
    if (id < 0 || static_cast<std::uint64_t>(id) >= origin_.vocabulary)
      throw broken(s, "a token id outside the vocabulary");
  }
  sequence.loss_begin = loss_spans_[2 * place.span_begin];
  const bool to_the_end = place.span_end - place.span_begin == 1 && loss_spans_[2 * place.span_begin + 1] == length;
  if (!to_the_end) {
    for (std::uint64_t k = place.span_begin; k < place.span_end; ++k)
      sequence.loss_spans.push_back({loss_spans_[2 * k], loss_spans_[2 * k + 1]});
  }
  return sequence;
}

std::vector<std::span<const std::byte>> ShardFile::parts_of(std::uint64_t s, bool with_tokens) const {
  const Place place = place_of(s);
  std::vector<std::span<const std::byte>> parts = {
      std::as_bytes(sequence_offsets_.subspan(s, 2)), std::as_bytes(span_offsets_.subspan(s, 2)),
      std::as_bytes(loss_spans_.subspan(2 * place.span_begin, 2 * (place.span_end - place.span_begin)))};
  if (with_tokens && !short_tokens_.empty())
    parts.push_back(std::as_bytes(short_tokens_.subspan(place.begin, place.end - place.begin)));
  if (with_tokens && !long_tokens_.empty())
    parts.push_back(std::as_bytes(long_tokens_.subspan(place.begin, place.end - place.begin)));
  return parts;
}

std::array<std::span<const std::byte>, 2> ShardFile::tables_of(std::uint64_t first, std::uint64_t count) const {
  STET_ASSERT(first <= counts_.sequences && count <= counts_.sequences - first);
  return {std::as_bytes(sequence_offsets_.subspan(first, count + 1)),
          std::as_bytes(span_offsets_.subspan(first, count + 1))};
}

void ShardFile::fetch_tables(std::uint64_t first, std::uint64_t count) const noexcept {
  for (const std::span<const std::byte> part : tables_of(first, count)) file_.fetch(part);
}

void ShardFile::fetch_contents(std::uint64_t first, std::uint64_t count) const noexcept {
  const auto fetch = [&](auto values, std::uint64_t begin, std::uint64_t end) {
    if (begin < end && end <= values.size()) file_.fetch(std::as_bytes(values.subspan(begin, end - begin)));
  };
  const std::uint64_t begin = sequence_offsets_[first], end = sequence_offsets_[first + count];
  fetch(short_tokens_, begin, end);  // one of the two is empty
  fetch(long_tokens_, begin, end);
  fetch(loss_spans_, 2 * span_offsets_[first], 2 * span_offsets_[first + count]);
}

std::string ShardFile::compute_checksum() const {
  Hasher hash;
  add_metadata(hash, file_.metadata());
  constexpr std::size_t piece = 16U << 20U;
  for (const TensorInfo& tensor : file_.tensors()) {
    std::span<const std::byte> bytes = file_.bytes(tensor);
    add_tensor(hash, tensor.name, tensor.dtype, tensor.shape, {});
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size()))) {
      hash.add(bytes.first(std::min(piece, bytes.size())));
      file_.release();  // a shard may be larger than memory
    }
  }
  return hash.hex();
}

void ShardFile::verify() const {
  const std::string found = compute_checksum();
  if (found == checksum_) return;
  throw Error(ErrorKind::data, "the shard's contents do not have its checksum")
      .at(file_.path().string())
      .expected(checksum_)
      .received(found)
      .hint("the file was altered or damaged: build the set again");
}

void ShardFile::release() const { file_.release(); }

}  // namespace stet
