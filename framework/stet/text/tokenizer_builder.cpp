// From the parts of a file to the indices that encoding and decoding use.
#include <stet/text/tokenizer_tables.hpp>

#include <stet/base/error.hpp>

#include <fmt/format.h>

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
  const bool on_characters = tables.parts.on_characters;
  std::array<TokenId, 256> byte_ids{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string name =
        on_characters ? fmt::format("<0x{:02X}>", byte) : byte_character(static_cast<unsigned char>(byte));
    byte_ids[byte] = id(name).value_or(no_token);
    if (on_characters && byte_ids[byte] == no_token)
      throw bad_field(where, "model.byte_fallback", fmt::format("\"{}\" is not in model.vocab", name));
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
    if (outside[i]) continue;
    words[i] = on_characters ? tables.parts.tokens[i] : characters_to_bytes(tables.parts.tokens[i]).value_or("");
  }
  if (on_characters) return Bpe(byte_ids, merges, words, tables.parts.ignore_merges, OnCharacters{});
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
        for (const NormalStep& step : parts.normalizers) content = std::string(apply(step, content, buffer));
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
  } else if (tables->parts.on_characters) {
    std::string buffer;
    for (const std::string& token : tokens)
      tables->bytes.emplace_back(apply({NormalStep::Kind::replace, {}, tables->parts.blank, " "}, token, buffer));
    tables->bpe = build_bpe(*tables, where);
  } else {
    for (const std::string& token : tokens) {
      // A token that is not made of byte characters stands for its own text (added tokens with a space in them, say).
      tables->bytes.push_back(characters_to_bytes(token).value_or(token));
    }
    tables->bpe = build_bpe(*tables, where);
  }
  return Tokenizer(std::move(tables));
}

}  // namespace stet
