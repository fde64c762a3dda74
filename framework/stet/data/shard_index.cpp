#include <stet/data/shard_index.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/base/hash.hpp>
#include <stet/config/json.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet {

namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr char index_format[] = "stet-shards";
constexpr std::array<const char*, record_kinds> record_keys = {"completion", "messages", "text"};

OrderedJson to_json(const ShardCounts& counts) {
  OrderedJson json = {{"sequences", counts.sequences},
                      {"tokens", counts.tokens},
                      {"loss_tokens", counts.loss_tokens},
                      {"loss_spans", counts.loss_spans},
                      {"longest", counts.longest},
                      {"records", OrderedJson::object()},
                      {"cut", counts.cut},
                      {"dropped", counts.dropped}};
  for (std::size_t kind = 0; kind < record_kinds; ++kind) json["records"][record_keys[kind]] = counts.records[kind];
  return json;
}

/// Fields of an object, each checked.
class Fields {
 public:
  Fields(const Json& object, std::string file, std::string path)
      : object_(object), file_(std::move(file)), path_(std::move(path)) {
    if (!object_.is_object()) fail("is not an object", object_);
  }
  [[nodiscard]] const Json& at(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) throw Error(ErrorKind::data, fmt::format("{}\"{}\" is missing", path_, key)).at(file_);
    return *found;
  }
  [[nodiscard]] std::uint64_t number(const char* key) const {
    const Json& value = at(key);
    if (!value.is_number_unsigned()) fail(fmt::format("\"{}\" is not a count", key), value);
    return value.get<std::uint64_t>();
  }
  [[nodiscard]] std::string text(const char* key) const {
    const Json& value = at(key);
    if (!value.is_string()) fail(fmt::format("\"{}\" is not text", key), value);
    return value.get<std::string>();
  }
  [[nodiscard]] ShardCounts counts() const {
    ShardCounts counts;
    counts.sequences = number("sequences");
    counts.tokens = number("tokens");
    counts.loss_tokens = number("loss_tokens");
    counts.loss_spans = number("loss_spans");
    counts.longest = number("longest");
    const Fields records(at("records"), file_, path_ + "records: ");
    for (std::size_t kind = 0; kind < record_kinds; ++kind) counts.records[kind] = records.number(record_keys[kind]);
    counts.cut = number("cut");
    counts.dropped = number("dropped");
    return counts;
  }
  [[noreturn]] void fail(const std::string& what, const Json& received) const {
    throw Error(ErrorKind::data, path_ + what).at(file_).received(excerpt(received));
  }

 private:
  const Json& object_;
  std::string file_, path_;
};

}  // namespace

ShardCounts& ShardCounts::operator+=(const ShardCounts& other) {
  sequences += other.sequences;
  tokens += other.tokens;
  loss_tokens += other.loss_tokens;
  loss_spans += other.loss_spans;
  longest = std::max(longest, other.longest);
  for (std::size_t kind = 0; kind < record_kinds; ++kind) records[kind] += other.records[kind];
  cut += other.cut;
  dropped += other.dropped;
  return *this;
}

ShardCounts ShardIndex::totals() const {
  ShardCounts sum;
  for (const ShardEntry& shard : shards) sum += shard.counts;
  return sum;
}

std::string ShardIndex::checksum() const {
  Hasher hash;
  hash.add(std::string_view(index_format))
      .add(fmt::format("{} {} {}", format_version, vocabulary, context))
      .add(std::string_view(tokenizer));
  for (const ShardEntry& shard : shards) {
    hash.add(std::string_view(shard.file))
        .add(std::to_string(shard.bytes))
        .add(std::string_view(shard.checksum))
        .add(to_json(shard.counts).dump());
  }
  return hash.hex();
}

void ShardIndex::write(const std::filesystem::path& folder) const {
  OrderedJson json = {{"format", index_format},      {"version", format_version},
                      {"tokenizer", tokenizer},      {"vocabulary", vocabulary},
                      {"context", context},          {"checksum", checksum()},
                      {"totals", to_json(totals())}, {"shards", OrderedJson::array()}};
  for (const ShardEntry& shard : shards) {
    OrderedJson entry = {{"file", shard.file}, {"bytes", shard.bytes}, {"checksum", shard.checksum}};
    entry.update(to_json(shard.counts));
    json["shards"].push_back(std::move(entry));
  }
  write_file_atomically(folder / "index.json", json.dump(1) + "\n");
}

ShardIndex ShardIndex::read(const std::filesystem::path& folder) {
  const std::string file = (folder / "index.json").string();
  if (!std::filesystem::exists(file)) {
    throw Error(ErrorKind::data, "no shard set here")
        .at(folder.string())
        .expected("a folder with index.json")
        .hint(
            "make one: stet data build INPUT.jsonl --tokenizer tokenizer.json --out FOLDER; a build that was killed is "
            "continued by the same command");
  }
  const Json json = parse_json(read_file(stays_within(folder, file)), file);
  const Fields fields(json, file, "");
  if (fields.text("format") != index_format) fields.fail("another format", fields.at("format"));
  if (fields.number("version") != format_version) {
    throw Error(ErrorKind::data, "shards of another version")
        .at(file)
        .expected(std::to_string(format_version))
        .received(excerpt(json["version"]));
  }
  ShardIndex index;
  index.tokenizer = fields.text("tokenizer");
  index.vocabulary = fields.number("vocabulary");
  index.context = fields.number("context");
  const Json& list = fields.at("shards");
  if (!list.is_array()) fields.fail("\"shards\" is not a list", list);
  for (const Json& item : list) {
    const Fields entry(item, file, fmt::format("shard {}: ", index.shards.size()));
    index.shards.push_back({entry.text("file"), entry.number("bytes"), entry.text("checksum"), entry.counts()});
    // A sequence and a token take bytes; what is larger would go beyond 64 bits in sums.
    constexpr std::uint64_t largest = std::uint64_t{1} << 48;
    const ShardEntry& last = index.shards.back();
    if (last.bytes > largest) entry.fail("a file of more than 256 TiB", item);
    if (std::max({last.counts.sequences, last.counts.tokens, last.counts.loss_tokens, last.counts.longest}) >
        last.bytes)
      entry.fail("larger counts than its file has bytes", item);
    if (index.shards.back().file != shard_name(index.shards.size() - 1)) {
      throw Error(ErrorKind::data, "a shard that is not in its place")
          .at(file)
          .expected(shard_name(index.shards.size() - 1))
          .received(excerpt(item["file"]));
    }
  }
  if (Fields(fields.at("totals"), file, "totals: ").counts() != index.totals()) {
    throw Error(ErrorKind::data, "the totals are not the sums of the shards' counts")
        .at(file)
        .hint("the file was altered: build the set again");
  }
  if (fields.text("checksum") != index.checksum()) {
    throw Error(ErrorKind::data, "the index does not have its checksum")
        .at(file)
        .expected(index.checksum())
        .received(excerpt(json["checksum"]))
        .hint("the file was altered: build the set again");
  }
  return index;
}

std::string shard_name(std::uint64_t number) { return fmt::format("shard-{:05}.safetensors", number); }

}  // namespace stet
