#include <stet/text/encoder.hpp>

#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>
#include <stet/text/bpe/word_cache.hpp>
#include <stet/text/tokenizer_tables.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace stet {

struct Encoder::State {
  State(const Tokenizer& given, std::size_t cached_words)
      : tokenizer(given),
        tables(TokenizerBuilder::tables(given)),
        cutter(tables.parts.pre_tokenizer),
        cache(cached_words) {}

  void encode_text(std::string_view text, TextPosition position, std::vector<TokenId>& out);
  /// `first`: whether the part begins the whole text; `inside`: whether what begins here goes on from another text.
  void encode_raw_part(std::string_view text, bool first, bool inside, std::vector<TokenId>& out);
  void encode_words(std::string_view text, std::vector<TokenId>& out);
  void encode_plain(std::string_view text, bool first, bool inside, std::vector<TokenId>& out);
  void encode_characters(std::string_view text, bool first, bool inside, std::vector<TokenId>& out);
  void encode_word(std::string_view word, std::vector<TokenId>& out);

  Tokenizer tokenizer;  // keeps `tables`
  const TokenizerTables& tables;
  PreTokenizer::Cutter cutter;
  WordCache cache;
  Bpe::Scratch scratch;
  std::vector<TextPart> raw_parts, parts;
  std::string normalized, other, blanks;
};

void Encoder::State::encode_text(std::string_view text, TextPosition position, std::vector<TokenId>& out) {
  raw_parts.clear();
  tables.raw.split(text, 0, text.size(), raw_parts);
  for (const TextPart& part : raw_parts) {
    if (part.id) {
      out.push_back(*part.id);
    } else {
      const bool begins = part.begin == 0;
      encode_raw_part(text.substr(part.begin, part.end - part.begin), begins && position == TextPosition::beginning,
                      begins && position == TextPosition::inside, out);
    }
  }
}

void Encoder::State::encode_raw_part(std::string_view text, bool first, bool inside, std::vector<TokenId>& out) {
  for (const NormalStep& step : tables.parts.normalizers) {
    if (inside && step.kind == NormalStep::Kind::prepend) continue;
    if (apply(step, text, other).data() != text.data()) {
      std::swap(normalized, other);  // `text` may lie in the one that is written next time
      text = normalized;
    }
  }
  if (tables.normalized.empty()) return encode_plain(text, first, inside, out);
  parts.clear();
  tables.normalized.split(text, 0, text.size(), parts);
  for (const TextPart& part : parts) {
    if (part.id) {
      out.push_back(*part.id);
    } else {
      const bool begins = part.begin == 0;
      encode_plain(text.substr(part.begin, part.end - part.begin), first && begins, inside && begins, out);
    }
  }
}

void Encoder::State::encode_words(std::string_view text, std::vector<TokenId>& out) {
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

void Encoder::State::encode_word(std::string_view word, std::vector<TokenId>& out) {
  if (!cache.enabled() || word.size() > WordCache::longest) return tables.bpe->encode_word(word, out, scratch);
  const std::uint64_t hash = WordCache::hash(word);
  if (const std::span<const TokenId> known = cache.find(word, hash); !known.empty()) {
    for (const TokenId id : known) out.push_back(id);
    return;
  }
  const std::size_t before = out.size();
  tables.bpe->encode_word(word, out, scratch);
  cache.put(word, hash, std::span(out).subspan(before));
}

void Encoder::State::encode_characters(std::string_view text, bool first, bool inside, std::vector<TokenId>& out) {
  if (text.empty()) return;
  const std::optional<Metaspace>& rules = tables.parts.metaspace;
  if (!rules) return encode_word(text, out);
  const std::string& blank = rules->replacement;
  text = apply({NormalStep::Kind::replace, {}, " ", blank}, text, blanks);
  const bool wanted = rules->prepend == Metaspace::Prepend::always  ? !inside
                      : rules->prepend == Metaspace::Prepend::first ? first
                                                                    : false;
  if (wanted && !text.starts_with(blank)) {
    other.assign(blank).append(text);
    text = other;
  }
  if (!rules->split) return encode_word(text, out);
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t next = std::min(text.find(blank, from + 1), text.size());
    encode_word(text.substr(from, next - from), out);
    from = next;
  }
}

void Encoder::State::encode_plain(std::string_view text, bool first, bool inside, std::vector<TokenId>& out) {
  if (tables.parts.word_level) return encode_words(text, out);
  if (tables.parts.on_characters) return encode_characters(text, first, inside, out);
  cutter.cut(text, [&](std::string_view word) { encode_word(word, out); });
}

Encoder::Encoder(const Tokenizer& tokenizer, std::size_t cached_words)
    : state_(std::make_unique<State>(tokenizer, cached_words)) {}
Encoder::~Encoder() = default;
Encoder::Encoder(Encoder&& other) noexcept = default;
Encoder& Encoder::operator=(Encoder&& other) noexcept = default;

void Encoder::encode(std::string_view text, std::vector<TokenId>& out, SpecialTokens special, TextPosition position) {
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  if (text.size() > most) {
    throw Error(ErrorKind::data, "a text is too long to be tokenized")
        .expected(fmt::format("at most {} bytes", most))
        .received(fmt::format("{} bytes", text.size()));
  }
  if (const auto offset = find_invalid_utf8(text)) {
    throw Error(ErrorKind::data, "cannot tokenize text that is not valid UTF-8")
        .at(fmt::format("byte {} of a text of {} bytes", *offset, text.size()))
        .received(mend_utf8(text.substr(*offset > 20 ? *offset - 20 : 0, 40)));
  }
  const TokenizerParts& parts = state_->tables.parts;
  const std::size_t before = out.size();
  const bool add = special == SpecialTokens::add;
  try {
    if (add) out.insert(out.end(), parts.before.begin(), parts.before.end());
    state_->encode_text(text, position, out);
    if (add) out.insert(out.end(), parts.after.begin(), parts.after.end());
  } catch (...) {
    out.resize(before);
    throw;
  }
}

}  // namespace stet
