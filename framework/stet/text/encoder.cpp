#include <stet/text/encoder.hpp>

#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>
#include <stet/text/bpe/word_cache.hpp>
#include <stet/text/tokenizer_tables.hpp>

#include <fmt/format.h>

#include <limits>
#include <utility>

namespace stet {

struct Encoder::State {
  State(const Tokenizer& given, std::size_t cached_words)
      : tokenizer(given),
        tables(TokenizerBuilder::tables(given)),
        cutter(tables.parts.pre_tokenizer),
        cache(cached_words) {}

  void encode_text(std::string_view text, std::vector<TokenId>& out);
  void encode_raw_part(std::string_view text, std::vector<TokenId>& out);
  void encode_words(std::string_view text, std::vector<TokenId>& out);
  void encode_plain(std::string_view text, std::vector<TokenId>& out);

  Tokenizer tokenizer;  // keeps `tables`
  const TokenizerTables& tables;
  PreTokenizer::Cutter cutter;
  WordCache cache;
  Bpe::Scratch scratch;
  std::vector<TextPart> raw_parts, parts;
  std::string normalized, other;
};

void Encoder::State::encode_text(std::string_view text, std::vector<TokenId>& out) {
  raw_parts.clear();
  tables.raw.split(text, 0, text.size(), raw_parts);
  for (const TextPart& part : raw_parts) {
    if (part.id) {
      out.push_back(*part.id);
    } else {
      encode_raw_part(text.substr(part.begin, part.end - part.begin), out);
    }
  }
}

void Encoder::State::encode_raw_part(std::string_view text, std::vector<TokenId>& out) {
  for (const NormalForm form : tables.parts.normalizers) {
    if (normalize(text, form, other).data() != text.data()) {
      std::swap(normalized, other);  // `text` may lie in the one that is written next time
      text = normalized;
    }
  }
  if (tables.normalized.empty()) return encode_plain(text, out);
  parts.clear();
  tables.normalized.split(text, 0, text.size(), parts);
  for (const TextPart& part : parts) {
    if (part.id) {
      out.push_back(*part.id);
    } else {
      encode_plain(text.substr(part.begin, part.end - part.begin), out);
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

void Encoder::State::encode_plain(std::string_view text, std::vector<TokenId>& out) {
  if (tables.parts.word_level) return encode_words(text, out);
  cutter.cut(text, [&](std::string_view word) {
    if (!cache.enabled() || word.size() > WordCache::longest) return tables.bpe->encode_word(word, out, scratch);
    const std::uint64_t hash = WordCache::hash(word);
    if (const std::span<const TokenId> known = cache.find(word, hash); !known.empty()) {
      for (const TokenId id : known) out.push_back(id);
      return;
    }
    const std::size_t before = out.size();
    tables.bpe->encode_word(word, out, scratch);
    cache.put(word, hash, std::span(out).subspan(before));
  });
}

Encoder::Encoder(const Tokenizer& tokenizer, std::size_t cached_words)
    : state_(std::make_unique<State>(tokenizer, cached_words)) {}
Encoder::~Encoder() = default;
Encoder::Encoder(Encoder&& other) noexcept = default;
Encoder& Encoder::operator=(Encoder&& other) noexcept = default;

void Encoder::encode(std::string_view text, std::vector<TokenId>& out, SpecialTokens special) {
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
    state_->encode_text(text, out);
    if (add) out.insert(out.end(), parts.after.begin(), parts.after.end());
  } catch (...) {
    out.resize(before);
    throw;
  }
}

}  // namespace stet
