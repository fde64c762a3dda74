#include <stet/data/shard_set.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet {

namespace {
/// A fault maps pages around it as well: 64 KiB on older systems (fault_around_bytes), up to a whole entry of the page
/// table's middle level where the page cache keeps files in large folios (measured on Linux 6.18, ext4). Never more.
constexpr std::uint64_t piece_bytes = 2 << 20;
std::uint64_t piece_of(const std::byte* address) { return reinterpret_cast<std::uintptr_t>(address) / piece_bytes; }
}  // namespace

struct ShardSet::Open {
  explicit Open(ShardFile opened)
      : file(std::move(opened)),
        first_piece(piece_of(file.address())),
        touched(piece_of(file.address() + file.bytes()) - first_piece + 1) {}
  ShardFile file;
  std::uint64_t first_piece;
  std::vector<bool> touched;  // by piece, from first_piece on
  [[nodiscard]] std::uint64_t bytes_of_piece() const { return std::min(piece_bytes, file.bytes()); }
};

ShardSet::ShardSet(std::filesystem::path folder, ShardIndex index, ShardSetOptions options)
    : folder_(std::move(folder)), index_(std::move(index)), options_(options), starts_{0}, open_(index_.shards.size()) {
  std::uint64_t bytes = 0;
  for (const ShardEntry& shard : index_.shards) {
    starts_.push_back(starts_.back() + shard.counts.sequences);
    bytes += shard.bytes;
  }
  mean_bytes_ = std::max<std::uint64_t>(1, bytes / std::max<std::uint64_t>(1, starts_.back()));
}
ShardSet::~ShardSet() = default;
ShardSet::ShardSet(ShardSet&&) noexcept = default;
ShardSet& ShardSet::operator=(ShardSet&&) noexcept = default;

ShardSet ShardSet::open(const std::filesystem::path& folder, ShardSetOptions options) {
  return {folder, ShardIndex::read(folder), options};
}

std::pair<std::size_t, std::uint64_t> ShardSet::locate(std::uint64_t i) const {
  STET_ASSERT(i < size());
  const auto next = std::upper_bound(starts_.begin(), starts_.end(), i);
  const auto number = static_cast<std::size_t>(next - starts_.begin()) - 1;
  return {number, i - starts_[number]};
}

std::shared_ptr<ShardSet::Open> ShardSet::acquire(std::size_t number) {
  const std::lock_guard lock(*mutex_);
  if (!open_[number]) open_shard(number);
  return open_[number];
}

void ShardSet::open_shard(std::size_t number) {
  const ShardEntry& entry = index_.shards[number];
  const std::filesystem::path path = contained_path(folder_, entry.file, (folder_ / "index.json").string());
  const auto fail = [&](const char* what, const std::string& expected, const std::string& received, const char* hint) {
    throw Error(ErrorKind::data, what).at(path.string()).expected(expected).received(received).hint(hint);
  };
  const char* const again =
      "the folder was altered: run the same 'stet data build' again, it keeps the shards that are whole";
  std::error_code failure;
  const std::uint64_t bytes = std::filesystem::file_size(path, failure);
  if (failure) fail("a shard of the index is missing", fmt::format("{} bytes", entry.bytes), failure.message(), again);
  if (bytes != entry.bytes)
    fail("a shard of another size than the index says", fmt::format("{} bytes", entry.bytes),
         fmt::format("{} bytes", bytes), again);
  auto opened = std::make_shared<Open>(ShardFile::open(path));
  const ShardFile& file = opened->file;
  if (file.origin().tokenizer != index_.tokenizer)
    fail("a shard of another tokenizer", index_.tokenizer, file.origin().tokenizer, again);
  if (file.origin().vocabulary != index_.vocabulary || file.origin().context != index_.context) {
    fail("a shard of another vocabulary or context", fmt::format("{}, {}", index_.vocabulary, index_.context),
         fmt::format("{}, {}", file.origin().vocabulary, file.origin().context), again);
  }
  if (file.checksum() != entry.checksum)
    fail("a shard of another checksum than the index says", entry.checksum, file.checksum(), again);
  if (file.counts() != entry.counts)
    fail("a shard with other counts than the index says",
         fmt::format("{} sequences of {} tokens", entry.counts.sequences, entry.counts.tokens),
         fmt::format("{} sequences of {} tokens", file.counts().sequences, file.counts().tokens), again);
  if (mapped_ == options_.open_shards) {
    for (std::shared_ptr<Open>& one : open_) one.reset();
    mapped_ = 0;
    dirty_.clear();
    touched_ = 0;
  }
  ++mapped_;
  open_[number] = std::move(opened);
  mark(*open_[number], std::span(open_[number]->file.address(), 1));  // opening has read the header before it
}

void ShardSet::mark(Open& shard, std::span<const std::byte> part) {
  const std::uint64_t begin = piece_of(part.data()) - shard.first_piece,
                      end = piece_of(part.data() + part.size() - 1) - shard.first_piece;
  for (std::uint64_t piece = begin; piece <= end; ++piece) {
    if (shard.touched[piece]) continue;
    shard.touched[piece] = true;
    touched_ += shard.bytes_of_piece();
    if (dirty_.empty() || dirty_.back() != &shard) dirty_.push_back(&shard);
  }
}

void ShardSet::touch(std::size_t number, const Open& shard, std::span<const std::span<const std::byte>> parts) {
  const std::lock_guard lock(*mutex_);
  if (open_[number].get() != &shard) return;  // closed meanwhile: unmapped with its last reader
  for (const std::span<const std::byte> part : parts) mark(*open_[number], part);
  if (touched_ <= options_.resident_bytes) return;
  for (Open* const one : dirty_) {
    one->file.release();
    std::fill(one->touched.begin(), one->touched.end(), false);
  }
  dirty_.clear();
  touched_ = 0;
}

TokenSequence ShardSet::sequence(std::uint64_t i) {
  const auto [number, s] = locate(i);
  const std::shared_ptr<Open> shard = acquire(number);
  TokenSequence sequence = shard->file.sequence(s);
  sequence.example = i;
  touch(number, *shard, shard->file.parts_of(s, true));
  return sequence;
}

ShardFile::Size ShardSet::size_of(std::uint64_t i) {
  const auto [number, s] = locate(i);
  const std::shared_ptr<Open> shard = acquire(number);
  const ShardFile::Size size = shard->file.size_of(s);
  touch(number, *shard, shard->file.parts_of(s, false));
  return size;
}

void ShardSet::fetch_run(std::uint64_t first, std::uint64_t last, Need need) {
  while (first <= last) {
    const auto [number, s] = locate(first);
    const std::uint64_t count = std::min(last + 1, starts_[number + 1]) - first;
    first += count;
    std::shared_ptr<Open> shard;
    try {
      shard = acquire(number);
    } catch (const Error&) {
      continue;  // whoever reads a sequence of it is told
    }
    if (need == Need::tables) {
      shard->file.fetch_tables(s, count);
      continue;
    }
    shard->file.fetch_contents(s, count);
    for (const std::uint64_t at : {s, s + count}) touch(number, *shard, shard->file.tables_of(at, 0));
  }
}

void ShardSet::fetch(std::span<const std::uint64_t> indices, Need need) {
  // Reading a gap of some pages costs the disk less than another request.
  constexpr std::uint64_t gap_bytes = 16384, table_entry = 8;
  const std::uint64_t gap = 1 + gap_bytes / (need == Need::tables ? table_entry : mean_bytes_);
  for (std::size_t begin = 0, end = 0; begin < indices.size(); begin = end) {
    for (end = begin + 1; end < indices.size() && indices[end] <= indices[end - 1] + gap; ++end)
      STET_ASSERT(indices[end - 1] <= indices[end]);
    fetch_run(indices[begin], indices[end - 1], need);
  }
}

void ShardSet::verify(std::size_t number) {
  STET_ASSERT(number < open_.size());
  acquire(number)->file.verify();
}

void ShardSet::require_tokenizer(const Tokenizer& tokenizer) const {
  if (tokenizer.hash() == index_.tokenizer) return;
  throw Error(ErrorKind::data, "the shards were made with another tokenizer")
      .at(folder_.string())
      .expected("tokenizer " + tokenizer.hash())
      .received("tokenizer " + index_.tokenizer)
      .hint("use the shards' own: " + (folder_ / "tokenizer.json").string());
}

std::uint64_t ShardSet::touched_bytes() const {
  const std::lock_guard lock(*mutex_);
  return touched_;
}

}  // namespace stet
