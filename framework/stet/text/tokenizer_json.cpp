// Tokenizer <-> Hugging Face's tokenizer.json. Every field is either used or required to have the one value that means
// "nothing": a file that asks for more is refused by the name of the field.
#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/json.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/text/tokenizer_reader.hpp>
#include <stet/text/tokenizer_tables.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet {
namespace {

using nlohmann::json;

/// Fills `tokens` and `added`. Ids that no token has may lie between those of the vocabulary and of the added tokens.
void read_tokens(const TokenizerReader& reader, const json& vocabulary, const json& added, TokenizerParts& parts) {
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
  StringMap<char> contents;
  if (!added.is_null() && !added.is_array()) throw reader.malformed("added_tokens", "an array", added);
  for (std::size_t i = 0; i < added.size(); ++i) {
    const json& token = added[i];
    const std::string field = fmt::format("added_tokens[{}]", i), prefix = field + ".";
    reader.require_object(token, field);
    reader.only(token, prefix, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    const json& content = TokenizerReader::member(token, "content");
    if (!content.is_string() || content.get<std::string>().empty()) {
      throw reader.malformed(prefix + "content", "a text that is not empty", content);
    }
    if (!contents.emplace(content.get<std::string>(), 0).second) {
      throw reader.malformed(prefix + "content", "tokens that differ", content);
    }
    AddedToken entry;
    entry.special = reader.flag(token, prefix, "special", false);
    entry.single_word = reader.flag(token, prefix, "single_word", false);
    entry.lstrip = reader.flag(token, prefix, "lstrip", false);
    entry.rstrip = reader.flag(token, prefix, "rstrip", false);
    entry.normalized = reader.flag(token, prefix, "normalized", !entry.special);  // the original's defaults
    const std::int64_t id = id_of(prefix + "id", TokenizerReader::member(token, "id"));
    const auto in_vocabulary = vocabulary.find(content.get<std::string>());
    if (in_vocabulary == vocabulary.end()) {
      entries.emplace_back(id, content.get<std::string>());
    } else if (*in_vocabulary != id) {
      throw reader.malformed(prefix + "id", fmt::format("the id in model.vocab, {}", in_vocabulary->dump()), id);
    }
    entry.id = static_cast<TokenId>(id);
    entry.in_vocabulary = in_vocabulary != vocabulary.end();
    parts.added.push_back(entry);
  }
  std::sort(entries.begin(), entries.end());
  constexpr std::int64_t most_holes = 1 << 20;
  for (auto& [id, token] : entries) {
    const auto next = static_cast<std::int64_t>(parts.tokens.size());
    if (id < next) throw reader.malformed("model.vocab", "each id once", id);
    if (id - static_cast<std::int64_t>(entries.size()) > most_holes) {
      throw reader.malformed(
          "model.vocab", fmt::format("ids of {} tokens, with at most {} that no token has", entries.size(), most_holes),
          id);
    }
    parts.tokens.resize(static_cast<std::size_t>(id));
    parts.tokens.push_back(std::move(token));
  }
}

void read_merges(const TokenizerReader& reader, const json& merges, TokenizerParts& parts) {
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

void read_bpe(const TokenizerReader& reader, const json& root, const json& model, TokenizerParts& parts) {
  reader.only(model, "model.",
              {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
               "byte_fallback", "ignore_merges", "vocab", "merges"});
  const json& unknown = TokenizerReader::member(model, "unk_token");
  if (!unknown.is_null() && !unknown.is_string()) throw reader.malformed("model.unk_token", "a text or null", unknown);
  if (unknown.is_string()) parts.unknown = unknown.get<std::string>();
  parts.fuse_unknown = reader.flag(model, "model.", "fuse_unk", false);
  reader.neutral(model, "model.", "dropout", {0.0});
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    reader.neutral(model, "model.", key, {""});
  parts.on_characters = reader.flag(model, "model.", "byte_fallback", false);
  parts.ignore_merges = reader.flag(model, "model.", "ignore_merges", false);
  read_normalizer(reader, TokenizerReader::member(root, "normalizer"), "normalizer", parts);
  const json& decoder = TokenizerReader::member(root, "decoder");
  if (parts.on_characters) {
    read_metaspace(reader, TokenizerReader::member(root, "pre_tokenizer"), parts);
    read_character_decoder(reader, decoder, parts);
  } else {
    read_pre_tokenizer(reader, TokenizerReader::member(root, "pre_tokenizer"), parts);
    reader.type(decoder, "decoder", "ByteLevel");
    reader.byte_level_flags(decoder, "decoder.");
  }
  read_merges(reader, TokenizerReader::member(model, "merges"), parts);
}

void read_word_level(const TokenizerReader& reader, const json& root, const json& model, TokenizerParts& parts) {
  parts.word_level = true;
  reader.only(model, "model.", {"type", "vocab", "unk_token"});
  if (TokenizerReader::member(model, "unk_token") != unknown_token) {
    throw reader.unsupported("model.unk_token", json(unknown_token).dump(),
                             TokenizerReader::member(model, "unk_token"));
  }
  const json& splitter = TokenizerReader::member(root, "pre_tokenizer");
  reader.type(splitter, "pre_tokenizer", "WhitespaceSplit");
  reader.only(splitter, "pre_tokenizer.", {"type"});
  for (const char* key : {"normalizer", "decoder", "post_processor"}) reader.neutral(root, "", key, {});
}

/// Everything but tokens and merges, for tokenizers that were made here.
json rest_of_own_file(bool word_level) {
  json root = {{"version", "1.0"},      {"truncation", nullptr}, {"padding", nullptr},
               {"normalizer", nullptr}, {"decoder", nullptr},    {"post_processor", nullptr}};
  if (word_level) {
    root["pre_tokenizer"] = {{"type", "WhitespaceSplit"}};
    root["model"] = {{"type", "WordLevel"}, {"unk_token", unknown_token}};
    return root;
  }
  const json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  for (const char* key : {"pre_tokenizer", "decoder", "post_processor"}) root[key] = byte_level;
  root["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", ""},
                   {"end_of_word_suffix", ""},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", false}};
  return root;
}

}  // namespace

Tokenizer Tokenizer::from_json(const std::string& text, const std::string& where) {
  json root = parse_json(text, where);
  refuse_duplicate_keys(text, where);
  const TokenizerReader reader(where);
  reader.require_object(root, "(whole file)");
  reader.only(root, "",
              {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
               "decoder", "model"});
  reader.neutral(root, "", "version", {"1.0"});
  // Settings of batching, which are no property of the text.
  for (const char* key : {"truncation", "padding"}) {
    if (const json& value = TokenizerReader::member(root, key); !value.is_null()) reader.require_object(value, key);
  }
  const json& model = TokenizerReader::member(root, "model");
  reader.require_object(model, "model");
  TokenizerParts parts;
  const json& type = TokenizerReader::member(model, "type");
  // Older files do not name the type of a BPE model.
  if (type == "BPE" || (type.is_null() && model.contains("merges"))) {
    read_bpe(reader, root, model, parts);
  } else if (type == "WordLevel") {
    read_word_level(reader, root, model, parts);
  } else {
    throw reader.unsupported("model.type", "\"BPE\" or \"WordLevel\"", type);
  }
  read_tokens(reader, TokenizerReader::member(model, "vocab"), TokenizerReader::member(root, "added_tokens"), parts);
  if (!parts.word_level) read_post_processor(reader, TokenizerReader::member(root, "post_processor"), parts);
  root.erase("added_tokens");
  root["model"].erase("vocab");
  root["model"].erase("merges");
  parts.rest = std::move(root);
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
                     {"single_word", token.single_word},
                     {"lstrip", token.lstrip},
                     {"rstrip", token.rstrip},
                     {"normalized", token.normalized},
                     {"special", token.special}});
  }
  for (std::size_t id = 0; id < parts.tokens.size(); ++id) {
    if (!outside[id] && !parts.tokens[id].empty()) vocabulary[parts.tokens[id]] = id;
  }
  for (const auto& [left, right] : parts.merges) {
    if (left.find(' ') == std::string::npos && right.find(' ') == std::string::npos) {
      merges.push_back(left + " " + right);
    } else {
      merges.push_back(json::array({left, right}));
    }
  }
  json root = parts.rest.is_null() ? rest_of_own_file(parts.word_level) : parts.rest;
  root["added_tokens"] = std::move(added);
  root["model"]["vocab"] = std::move(vocabulary);
  if (!parts.word_level) root["model"]["merges"] = std::move(merges);
  return root.dump(1) + "\n";
}

}  // namespace stet
