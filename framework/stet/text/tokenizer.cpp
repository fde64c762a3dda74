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

namespace stet {

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

std::vector<TokenId> Tokenizer::encode(std::string_view text, SpecialTokens special, TextPosition position) const {
  std::vector<TokenId> out;
  Encoder(*this, 0).encode(text, out, special, position);
  return out;
}

std::optional<unsigned char> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
  const int high = digit(token[3]), low = digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<unsigned char>(16 * high + low);
}

namespace {

/// A run of tokens for bytes is what they spell; if that is no UTF-8, each of them is U+FFFD.
std::string decode_characters(const TokenizerTables& tables, std::span<const TokenId> ids, bool skip_special) {
  std::string out, run;
  const auto finish = [&] {
    if (!find_invalid_utf8(run)) {
      out += run;
    } else {
      for (std::size_t i = 0; i < run.size(); ++i) out += "\uFFFD";
    }
    run.clear();
  };
  for (const TokenId id : ids) {
    const auto index = static_cast<std::size_t>(id);
    if (skip_special && tables.special[index]) continue;
    if (const auto byte = byte_of_token(tables.parts.tokens[index])) {
      run += static_cast<char>(*byte);
      continue;
    }
    finish();
    out += tables.bytes[index];
  }
  finish();
  if (tables.parts.strip_first_blank && out.starts_with(' ')) out.erase(0, 1);
  return mend_utf8(out);
}

}  // namespace

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  if (tables_->parts.on_characters) return decode_characters(*tables_, ids, skip_special);
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
