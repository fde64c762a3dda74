#include <stet/text/tokenizer.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/base/hash.hpp>
#include <stet/text/tokenizer_tables.hpp>
#include <stet/text/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace stet {
namespace {

Error bad_field(const std::string& where, const char* field, const std::string& what) {
  return Error(ErrorKind::data, fmt::format("tokenizer field \"{}\": {}", field, what)).at(where);
}

Bpe build_bpe(const TokenizerTables& tables, const std::string& where) {
  const auto id = [&](const std::string& token) -> std::optional<TokenId> {
    const auto found = tables.ids.find(token);
    return found == tables.ids.end() ? std::nullopt : std::optional(found->second);
  };
  std::array<TokenId, 256> byte_ids{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto found = id(byte_character(static_cast<unsigned char>(byte)));
    if (!found) throw bad_field(where, "model.vocab", fmt::format("no token for byte 0x{:02x}", byte));
    byte_ids[byte] = *found;
  }
  std::vector<Merge> merges;
  merges.reserve(tables.parts.merges.size());
  StringMap<char> seen;
  for (const auto& [left, right] : tables.parts.merges) {
    const auto l = id(left), r = id(right), result = id(left + right);
    if (!l || !r || !result) {
      const std::string& missing = !l ? left : !r ? right : left + right;
      throw bad_field(where, "model.merges",
                      fmt::format("merge {} of \"{} {}\" needs token \"{}\", which is not in model.vocab",
                                  merges.size(), left, right, missing));
    }
    if (!seen.emplace(left + " " + right, 0).second) {
      throw bad_field(where, "model.merges", fmt::format("\"{} {}\" occurs twice", left, right));
    }
    merges.push_back({*l, *r, *result});
  }
  // Added tokens are matched before splitting and never come out of the merges.
  std::vector<std::string> words = tables.bytes;
  for (const AddedToken& added : tables.parts.added) words[static_cast<std::size_t>(added.id)].clear();
  return Bpe(byte_ids, merges, words);
}

struct Match {
  std::size_t begin = std::string_view::npos, size = 0;
  TokenId id = 0;
};

// Leftmost, then longest.
Match find_added(const TokenizerTables& tables, std::string_view text, std::size_t from) {
  Match best;
  for (const AddedToken& added : tables.parts.added) {
    const std::string& token = tables.parts.tokens[static_cast<std::size_t>(added.id)];
    const std::size_t begin = text.find(token, from);
    if (begin == std::string_view::npos) continue;
    if (begin < best.begin || (begin == best.begin && token.size() > best.size)) best = {begin, token.size(), added.id};
  }
  return best;
}

void encode_words(const TokenizerTables& tables, std::string_view text, std::vector<TokenId>& out) {
  const auto put = [&](std::string_view word) {
    if (word.empty()) return;
    const auto found = tables.ids.find(word);
    out.push_back(found == tables.ids.end() ? tables.unknown : found->second);
  };
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_code_point(text.substr(i));
    if (is_white_space(point.value)) {
      put(text.substr(begin, i - begin));
      begin = i + point.size;
    }
    i += point.size;
  }
  put(text.substr(begin));
}

}  // namespace

Tokenizer TokenizerBuilder::build(TokenizerParts parts, const std::string& where) {
  auto tables = std::make_shared<TokenizerTables>();
  tables->parts = std::move(parts);
  const auto& tokens = tables->parts.tokens;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!tables->ids.emplace(tokens[i], static_cast<TokenId>(i)).second) {
      throw bad_field(where, "model.vocab", fmt::format("token \"{}\" occurs twice", tokens[i]));
    }
  }
  const auto end = tables->ids.find(end_of_text_token);
  tables->special.resize(tokens.size());
  bool end_is_special = false;
  for (const AddedToken& added : tables->parts.added) {
    tables->special[static_cast<std::size_t>(added.id)] = added.special;
    end_is_special |= added.special && end != tables->ids.end() && added.id == end->second;
  }
  if (!end_is_special) {
    throw bad_field(where, "added_tokens", "the special token \"<|endoftext|>\" is missing")
        .hint("texts end with it; add it as a special token");
  }
  tables->end_of_text = end->second;
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
  return from_json(read_file(tokenizer_json), tokenizer_json.string());
}

void Tokenizer::save(const std::filesystem::path& path) const { write_file_atomically(path, to_json()); }

std::vector<TokenId> Tokenizer::encode(std::string_view text) const {
  if (const auto offset = find_invalid_utf8(text)) {
    throw Error(ErrorKind::data, "cannot tokenize text that is not valid UTF-8")
        .at(fmt::format("byte {} of a text of {} bytes", *offset, text.size()))
        .received(mend_utf8(text.substr(*offset > 20 ? *offset - 20 : 0, 40)));
  }
  std::vector<TokenId> out;
  Bpe::Scratch scratch;
  const auto encode_plain = [&](std::string_view plain) {
    if (tables_->parts.word_level) {
      encode_words(*tables_, plain, out);
    } else {
      tables_->splitter.split(plain, [&](std::string_view word) { tables_->bpe->encode_word(word, out, scratch); });
    }
  };
  for (std::size_t begin = 0; begin < text.size();) {
    const Match added = find_added(*tables_, text, begin);
    encode_plain(text.substr(begin, added.size == 0 ? std::string_view::npos : added.begin - begin));
    if (added.size == 0) break;
    out.push_back(added.id);
    begin = added.begin + added.size;
  }
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

TokenId Tokenizer::end_of_text() const { return tables_->end_of_text; }
bool Tokenizer::is_word_level() const { return tables_->parts.word_level; }
std::string Tokenizer::hash() const { return hash_hex(to_json()); }

Tokenizer make_word_level(std::span<const std::string> words) {
  TokenizerParts parts;
  parts.word_level = true;
  parts.tokens = {std::string(unknown_token), std::string(end_of_text_token)};
  parts.added = {{1, true, true}};
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
