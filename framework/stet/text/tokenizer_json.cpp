// Tokenizer <-> Hugging Face's tokenizer.json. Every field is either used or required to have the one value that means
// "nothing": a file that asks for more is refused by the name of the field.
#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/text/json.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/text/tokenizer_tables.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

namespace stet {
namespace {

using nlohmann::json;

class Reader {
 public:
  explicit Reader(const std::string& where) : where_(where) {}

  [[nodiscard]] Error unsupported(const std::string& field, const std::string& expected, const json& received) const {
    return Error(ErrorKind::data, fmt::format("tokenizer field \"{}\" has a value that stet does not support", field))
        .at(where_)
        .expected(expected)
        .received(excerpt(received))
        .hint("supported are byte-level BPE in GPT-2's style and word-level tokenizers");
  }

  [[nodiscard]] Error malformed(const std::string& field, const std::string& expected, const json& received) const {
    return Error(ErrorKind::data, fmt::format("tokenizer field \"{}\" is malformed", field))
        .at(where_)
        .expected(expected)
        .received(excerpt(received));
  }

  /// The member, or null if there is none.
  [[nodiscard]] static const json& member(const json& object, const char* key) {
    static const json none;
    const auto found = object.find(key);
    return found == object.end() ? none : *found;
  }

  void require_object(const json& value, const std::string& field) const {
    if (!value.is_object()) throw malformed(field, "an object", value);
  }

  void only(const json& object, const std::string& prefix, std::initializer_list<const char*> known) const {
    for (const auto& item : object.items()) {
      if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
        throw unsupported(prefix + item.key(), "no such field", item.value());
      }
    }
  }

  /// Absent, null or one of the values.
  void neutral(const json& object, const std::string& prefix, const char* key,
               std::initializer_list<json> values) const {
    const json& value = member(object, key);
    if (value.is_null() || std::find(values.begin(), values.end(), value) != values.end()) return;
    std::string expected = "null";
    for (const json& v : values) expected += " or " + v.dump();
    throw unsupported(prefix + key, expected, value);
  }

  void type(const json& object, const std::string& field, const char* expected) const {
    require_object(object, field);
    if (member(object, "type") != expected) {
      throw unsupported(field + ".type", json(expected).dump(), member(object, "type"));
    }
  }

  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  const std::string& where_;
};

/// Fills `tokens` and `added`. The ids of the vocabulary and of the added tokens together are 0, 1, 2, ...
void read_tokens(const Reader& reader, const json& vocabulary, const json& added, TokenizerParts& parts) {
  constexpr std::int64_t largest = 1 << 28;
  const auto id_of = [&](const std::string& field, const json& value) {
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() >= largest) {
      throw reader.malformed(field, "an id: an integer from 0", value);
    }
    return value.get<std::int64_t>();
  };
  reader.require_object(vocabulary, "model.vocab");
  std::vector<std::pair<std::int64_t, std::string>> entries;
  for (const auto& item : vocabulary.items()) {
    if (item.key().empty()) throw reader.malformed("model.vocab", "tokens that are not empty", item.key());
    entries.emplace_back(id_of("model.vocab", item.value()), item.key());
  }
  if (!added.is_null() && !added.is_array()) throw reader.malformed("added_tokens", "an array", added);
  for (std::size_t i = 0; i < added.size(); ++i) {
    const json& token = added[i];
    const std::string field = fmt::format("added_tokens[{}]", i), prefix = field + ".";
    reader.require_object(token, field);
    reader.only(token, prefix, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    for (const char* key : {"single_word", "lstrip", "rstrip"}) reader.neutral(token, prefix, key, {false});
    const json& content = Reader::member(token, "content");
    if (!content.is_string() || content.get<std::string>().empty()) {
      throw reader.malformed(prefix + "content", "a text that is not empty", content);
    }
    const json& special = Reader::member(token, "special");
    if (!special.is_null() && !special.is_boolean())
      throw reader.malformed(prefix + "special", "true or false", special);
    const std::int64_t id = id_of(prefix + "id", Reader::member(token, "id"));
    const auto in_vocabulary = vocabulary.find(content.get<std::string>());
    if (in_vocabulary == vocabulary.end()) {
      entries.emplace_back(id, content.get<std::string>());
    } else if (*in_vocabulary != id) {
      throw reader.malformed(prefix + "id", fmt::format("the id in model.vocab, {}", in_vocabulary->dump()), id);
    }
    parts.added.push_back(
        {static_cast<TokenId>(id), special.is_boolean() && special.get<bool>(), in_vocabulary != vocabulary.end()});
  }
  std::sort(entries.begin(), entries.end());
  for (auto& [id, token] : entries) {
    if (id != static_cast<std::int64_t>(parts.tokens.size())) {
      throw reader.malformed("model.vocab", fmt::format("ids 0, 1, 2, ... without holes: {}", parts.tokens.size()), id);
    }
    parts.tokens.push_back(std::move(token));
  }
}

void read_merges(const Reader& reader, const json& merges, TokenizerParts& parts) {
  if (!merges.is_array()) throw reader.malformed("model.merges", "an array", merges);
  for (const json& merge : merges) {
    std::vector<std::string> pair;
    if (merge.is_string()) {
      pair = split(merge.get<std::string>(), ' ');
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      pair = {merge[0].get<std::string>(), merge[1].get<std::string>()};
    }
    if (pair.size() != 2 || pair[0].empty() || pair[1].empty()) {
      throw reader.malformed(fmt::format("model.merges[{}]", parts.merges.size()), "\"left right\" or [left, right]",
                             merge);
    }
    parts.merges.emplace_back(pair[0], pair[1]);
  }
}

void read_byte_level(const Reader& reader, const json& root, const json& model, TokenizerParts& parts) {
  reader.only(model, "model.",
              {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
               "byte_fallback", "ignore_merges", "vocab", "merges"});
  for (const char* key : {"dropout", "unk_token"}) reader.neutral(model, "model.", key, {});
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    reader.neutral(model, "model.", key, {""});
  for (const char* key : {"fuse_unk", "byte_fallback", "ignore_merges"}) reader.neutral(model, "model.", key, {false});
  const json& splitter = Reader::member(root, "pre_tokenizer");
  reader.type(splitter, "pre_tokenizer", "ByteLevel");
  reader.only(splitter, "pre_tokenizer.", {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  // The reference's default is true, so an absent field is not the value that we need.
  if (Reader::member(splitter, "add_prefix_space") != false) {
    throw reader.unsupported("pre_tokenizer.add_prefix_space", "false", Reader::member(splitter, "add_prefix_space"));
  }
  reader.neutral(splitter, "pre_tokenizer.", "use_regex", {true});
  reader.type(Reader::member(root, "decoder"), "decoder", "ByteLevel");
  // A ByteLevel post-processor changes offsets alone.
  const json& post = Reader::member(root, "post_processor");
  if (!post.is_null()) reader.type(post, "post_processor", "ByteLevel");
  read_merges(reader, Reader::member(model, "merges"), parts);
}

void read_word_level(const Reader& reader, const json& root, const json& model, TokenizerParts& parts) {
  parts.word_level = true;
  reader.only(model, "model.", {"type", "vocab", "unk_token"});
  if (Reader::member(model, "unk_token") != unknown_token) {
    throw reader.unsupported("model.unk_token", json(unknown_token).dump(), Reader::member(model, "unk_token"));
  }
  const json& splitter = Reader::member(root, "pre_tokenizer");
  reader.type(splitter, "pre_tokenizer", "WhitespaceSplit");
  reader.only(splitter, "pre_tokenizer.", {"type"});
  reader.neutral(root, "", "decoder", {});
  reader.neutral(root, "", "post_processor", {});
}

}  // namespace

Tokenizer Tokenizer::from_json(const std::string& text, const std::string& where) {
  const json root = parse_json(text, where);
  const Reader reader(where);
  reader.require_object(root, "(whole file)");
  reader.only(root, "",
              {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
               "decoder", "model"});
  reader.neutral(root, "", "version", {"1.0"});
  for (const char* key : {"truncation", "padding", "normalizer"}) reader.neutral(root, "", key, {});
  const json& model = Reader::member(root, "model");
  reader.require_object(model, "model");
  TokenizerParts parts;
  const json& type = Reader::member(model, "type");
  if (type == "BPE") {
    read_byte_level(reader, root, model, parts);
  } else if (type == "WordLevel") {
    read_word_level(reader, root, model, parts);
  } else {
    throw reader.unsupported("model.type", "\"BPE\" or \"WordLevel\"", type);
  }
  read_tokens(reader, Reader::member(model, "vocab"), Reader::member(root, "added_tokens"), parts);
  return TokenizerBuilder::build(std::move(parts), where);
}

std::string Tokenizer::to_json() const {
  const TokenizerParts& parts = tables_->parts;
  json added = json::array(), vocabulary = json::object(), merges = json::array();
  std::vector<bool> outside(parts.tokens.size(), false);
  for (const AddedToken& token : parts.added) {
    outside[static_cast<std::size_t>(token.id)] = !token.in_vocabulary;
    added.push_back({{"id", token.id},
                     {"content", parts.tokens[static_cast<std::size_t>(token.id)]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", token.special}});
  }
  for (std::size_t id = 0; id < parts.tokens.size(); ++id) {
    if (!outside[id]) vocabulary[parts.tokens[id]] = id;
  }
  for (const auto& [left, right] : parts.merges) merges.push_back(left + " " + right);
  json root = {{"version", "1.0"},      {"truncation", nullptr}, {"padding", nullptr},       {"added_tokens", added},
               {"normalizer", nullptr}, {"decoder", nullptr},    {"post_processor", nullptr}};
  if (parts.word_level) {
    root["pre_tokenizer"] = {{"type", "WhitespaceSplit"}};
    root["model"] = {{"type", "WordLevel"}, {"unk_token", unknown_token}, {"vocab", vocabulary}};
  } else {
    const json byte_level = {
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
    root["pre_tokenizer"] = byte_level;
    root["decoder"] = byte_level;
    root["post_processor"] = byte_level;
    root["model"] = {{"type", "BPE"},
                     {"dropout", nullptr},
                     {"unk_token", nullptr},
                     {"continuing_subword_prefix", ""},
                     {"end_of_word_suffix", ""},
                     {"fuse_unk", false},
                     {"byte_fallback", false},
                     {"ignore_merges", false},
                     {"vocab", vocabulary},
                     {"merges", merges}};
  }
  return root.dump(1) + "\n";
}

}  // namespace stet
