#include <stet/text/tokenizer.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/log.hpp>
#include <stet/base/utf8.hpp>
#include <stet/text/encoder.hpp>
#include <stet/text/end_token.hpp>
#include <stet/text/tokenizer_tables.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace stet {
namespace {

Error bad_field(const std::string& where, const char* field, const std::string& what) {
  return Error(ErrorKind::data, fmt::format("tokenizer field \"{}\": {}", field, what)).at(where);
}

Bpe build_bpe(TokenizerTables& tables, const std::string& where) {
  std::vector<bool> outside(tables.parts.tokens.size(), false);  // added tokens that the model does not know
  for (const AddedToken& added : tables.parts.added) {
    outside[static_cast<std::size_t>(added.id)] = !added.in_vocabulary;
  }
  const auto id = [&](const std::string& token) -> std::optional<TokenId> {
    const auto found = tables.ids.find(token);
    if (found == tables.ids.end() || outside[static_cast<std::size_t>(found->second)]) return std::nullopt;
    return found->second;
  };
  std::array<TokenId, 256> byte_ids{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    byte_ids[byte] = id(byte_character(static_cast<unsigned char>(byte))).value_or(no_token);
  }
  UnknownByte unknown{no_token, tables.parts.fuse_unknown};
  if (tables.parts.unknown && std::count(byte_ids.begin(), byte_ids.end(), no_token) > 0) {
    const auto found = id(*tables.parts.unknown);
    if (!found) {
      throw bad_field(where, "model.unk_token",
                      fmt::format("\"{}\" is not in model.vocab, and some bytes have no token", *tables.parts.unknown));
    }
    unknown.id = *found;
  }
  std::vector<Merge> merges;
  merges.reserve(tables.parts.merges.size());
  PairTable seen(tables.parts.merges.size());
  for (const auto& [left, right] : tables.parts.merges) {
    const auto l = id(left), r = id(right), result = id(left + right);
    if (!l || !r || !result) {
      const std::string& missing = !l ? left : !r ? right : left + right;
      throw bad_field(where, "model.merges",
                      fmt::format("merge {} of \"{} {}\" needs token \"{}\", which is not in model.vocab",
                                  merges.size(), left, right, missing));
    }
    if (!seen.insert(std::uint64_t{static_cast<std::uint32_t>(*l)} << 32 | static_cast<std::uint32_t>(*r), 0)) {
      throw bad_field(where, "model.merges", fmt::format("\"{} {}\" occurs twice", left, right));
    }
    merges.push_back({*l, *r, *result});
  }
  // A token of the model that is not spelt in byte characters is no word.
  std::vector<std::string> words(tables.parts.tokens.size());
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!outside[i]) words[i] = characters_to_bytes(tables.parts.tokens[i]).value_or("");
  }
  tables.bytes_without_token = static_cast<std::size_t>(std::count(byte_ids.begin(), byte_ids.end(), no_token));
  return Bpe(byte_ids, merges, words, tables.parts.ignore_merges, unknown);
}

/// The patterns of the added tokens, special ones first: of two with the same content the first is found.
std::vector<AddedPattern> added_patterns(const TokenizerParts& parts, bool normalized, const std::string& where) {
  std::vector<AddedPattern> patterns;
  for (const bool special : {true, false}) {
    for (const AddedToken& added : parts.added) {
      if (added.special != special || added.normalized != normalized) continue;
      std::string content = parts.tokens[static_cast<std::size_t>(added.id)];
      if (normalized) {
        std::string buffer;
        for (const NormalForm form : parts.normalizers) content = std::string(normalize(content, form, buffer));
      }
      if (content.empty()) throw bad_field(where, "added_tokens", "an added token is empty");
      patterns.push_back({std::move(content), added.id, added.single_word, added.lstrip, added.rstrip});
    }
  }
  return patterns;
}

}  // namespace

Tokenizer TokenizerBuilder::build(TokenizerParts parts, const std::string& where) {
  auto tables = std::make_shared<TokenizerTables>();
  tables->parts = std::move(parts);
  const auto& tokens = tables->parts.tokens;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].empty()) continue;  // no token has this id
    if (!tables->ids.emplace(tokens[i], static_cast<TokenId>(i)).second) {
      throw bad_field(where, "model.vocab", fmt::format("token \"{}\" occurs twice", tokens[i]));
    }
  }
  tables->special.resize(tokens.size());
  for (const AddedToken& added : tables->parts.added) {
    tables->special[static_cast<std::size_t>(added.id)] = added.special;
  }
  const auto* end = std::find_if(end_of_text_names.begin(), end_of_text_names.end(), [&](std::string_view name) {
    const auto found = tables->ids.find(name);
    return found != tables->ids.end() && tables->special[static_cast<std::size_t>(found->second)];
  });
  if (end != end_of_text_names.end()) tables->end_of_text = tables->ids.find(*end)->second;
  tables->where = where;
  tables->raw = AddedTokenMatcher(added_patterns(tables->parts, false, where));
  tables->normalized = AddedTokenMatcher(added_patterns(tables->parts, true, where));
  if (tables->parts.word_level) {
    const auto unknown = tables->ids.find(unknown_token);
    if (unknown == tables->ids.end()) throw bad_field(where, "model.vocab", "the token \"<unk>\" is missing");
    tables->unknown = unknown->second;
  } else {
    for (const std::string& token : tokens) {
      // A token that is not made of byte characters stands for its own text (added tokens with a space in them, say).
      tables->bytes.push_back(characters_to_bytes(token).value_or(token));
    }
    tables->bpe = build_bpe(*tables, where);
  }
  return Tokenizer(std::move(tables));
}

Tokenizer Tokenizer::load(const std::filesystem::path& tokenizer_json) {
  Tokenizer tokenizer = from_json(read_file(tokenizer_json), tokenizer_json.string());
  const nlohmann::json& rest = tokenizer.tables_->parts.rest;
  if (rest.contains("truncation") && !rest["truncation"].is_null()) {
    log::once(log::Level::info, fmt::format("{}: its \"truncation\" is not applied: a text gives all of its tokens",
                                            tokenizer_json.string()));
  }
  if (const std::size_t count = tokenizer.bytes_without_token(); count > 0) {
    log::once(
        log::Level::info,
        fmt::format("{}: {} of 256 bytes have no token and give {}", tokenizer_json.string(), count,
                    tokenizer.tables_->parts.unknown ? "\"" + *tokenizer.tables_->parts.unknown + "\"" : "nothing"));
  }
  if (const auto told = told_end_token(tokenizer_json.parent_path(), tokenizer))
    return tokenizer.with_end_of_text(*told);
  return tokenizer;
}

void Tokenizer::save(const std::filesystem::path& path) const {
  save_end_token(path.parent_path());
  write_file_atomically(path, to_json());
}

void Tokenizer::save_end_token(const std::filesystem::path& folder) const {
  if (told_end_ && told_end_ != tables_->end_of_text) write_told_end_token(folder, token(*told_end_));
}

Tokenizer Tokenizer::with_end_of_text(TokenId id) const {
  STET_ASSERT(id >= 0 && static_cast<std::size_t>(id) < vocabulary_size() && !token(id).empty());
  Tokenizer result = *this;
  result.told_end_ = id;
  return result;
}

Tokenizer Tokenizer::with_end_of_text(std::string_view token) const {
  const auto id = id_of(token);
  if (!id) {
    throw Error(ErrorKind::config, "the tokenizer has no such end token")
        .at(tables_->where)
        .expected("one of its special tokens: " + special_tokens())
        .received("\"" + mend_utf8(token) + "\"");
  }
  return with_end_of_text(*id);
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, SpecialTokens special) const {
  std::vector<TokenId> out;
  Encoder(*this, 0).encode(text, out, special);
  return out;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string out;
  for (const TokenId id : ids) {
    const std::string& text = token(id);
    if (skip_special && tables_->special[static_cast<std::size_t>(id)]) continue;
    if (tables_->parts.word_level) {
      if (!out.empty()) out += ' ';
      out += text;
    } else {
      out += tables_->bytes[static_cast<std::size_t>(id)];
    }
  }
  return mend_utf8(out);
}

std::size_t Tokenizer::vocabulary_size() const { return tables_->parts.tokens.size(); }

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  const auto found = tables_->ids.find(token);
  return found == tables_->ids.end() ? std::nullopt : std::optional(found->second);
}

const std::string& Tokenizer::token(TokenId id) const {
  STET_ASSERT(id >= 0 && static_cast<std::size_t>(id) < vocabulary_size());
  return tables_->parts.tokens[static_cast<std::size_t>(id)];
}

TokenId Tokenizer::end_of_text() const {
  if (told_end_) return *told_end_;
  if (tables_->end_of_text) return *tables_->end_of_text;
  throw Error(ErrorKind::data, "the tokenizer does not say which token ends a text")
      .at(tables_->where)
      .expected(
          fmt::format("a special token of one of the names {}, or \"eos_token\" in tokenizer_config.json beside it",
                      fmt::join(end_of_text_names, ", ")))
      .received("the special tokens " + special_tokens())
      .hint(
          "name it: --end-token TOKEN (data build, generate), or {\"eos_token\": \"TOKEN\"} in tokenizer_config.json");
}

std::string Tokenizer::special_tokens() const {
  constexpr std::size_t most = 40;
  std::vector<std::string> names;
  for (std::size_t id = 0; id < vocabulary_size() && names.size() <= most; ++id) {
    if (is_special(static_cast<TokenId>(id)))
      names.push_back(names.size() == most ? "..." : token(static_cast<TokenId>(id)));
  }
  return names.empty() ? "(none)" : fmt::format("{}", fmt::join(names, ", "));
}

bool Tokenizer::is_special(TokenId id) const { return tables_->special[static_cast<std::size_t>(id)]; }
std::size_t Tokenizer::bytes_without_token() const { return tables_->bytes_without_token; }
std::span<const TokenId> Tokenizer::before_text() const { return tables_->parts.before; }
bool Tokenizer::is_word_level() const { return tables_->parts.word_level; }
std::string Tokenizer::hash() const {
  std::string content = to_json();
  if (told_end_ && told_end_ != tables_->end_of_text) content += fmt::format("end of text: {}\n", *told_end_);
  return hash_hex(content);
}

Tokenizer make_word_level(std::span<const std::string> words) {
  TokenizerParts parts;
  parts.word_level = true;
  parts.tokens = {std::string(unknown_token), std::string(end_of_text_token)};
  parts.added.push_back({.id = 1, .special = true, .in_vocabulary = true});
  StringMap<char> seen;
  for (const std::string& token : parts.tokens) seen.emplace(token, 0);
  for (const std::string& word : words) {
    const auto refuse = [&](const char* what) {
      return Error(ErrorKind::config, fmt::format("word {} of the vocabulary {}", parts.tokens.size() - 2, what))
          .received("\"" + mend_utf8(word) + "\"");
    };
    if (word.empty()) throw refuse("is empty");
    if (find_invalid_utf8(word)) throw refuse("is not valid UTF-8");
    for (std::size_t i = 0; i < word.size();) {
      const CodePoint point = decode_code_point(std::string_view(word).substr(i));
      if (is_white_space(point.value)) throw refuse("holds white space");
      i += point.size;
    }
    if (!seen.emplace(word, 0).second) throw refuse("occurs twice");
    parts.tokens.push_back(word);
  }
  return TokenizerBuilder::build(std::move(parts), "word-level vocabulary");
}

}  // namespace stet
