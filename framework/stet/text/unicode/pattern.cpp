#include <stet/text/unicode/pattern.hpp>

#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>
#include <stet/text/unicode/pattern_syntax.hpp>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <fmt/format.h>

#include <array>

namespace stet {
namespace {

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

struct Pattern::Code {
  pcre2_code* code = nullptr;
  Code() = default;
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
};

std::variant<Pattern, std::string> Pattern::compile(std::string_view pcre, bool literal) {
  const std::unique_ptr<pcre2_compile_context, void (*)(pcre2_compile_context*)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  STET_ASSERT(context != nullptr);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  const auto code = std::make_shared<Code>();
  int error = 0;
  PCRE2_SIZE offset = 0;
  const std::uint32_t options = literal ? PCRE2_UTF | PCRE2_LITERAL : PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  code->code = pcre2_compile(units(pcre), pcre.size(), options, &error, &offset, context.get());
  if (code->code == nullptr) return "a pattern that PCRE2 refuses: " + message_of(error);
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);  // where there is no JIT, pcre2_match interprets
  return Pattern(code);
}

std::variant<Pattern, std::string> Pattern::regex(std::string_view pattern) {
  TranslatedPattern translated = translate_pattern(pattern);
  if (!translated.problem.empty()) return std::move(translated.problem);
  return compile(translated.pcre, false);
}

Pattern Pattern::literal(std::string_view text) {
  STET_ASSERT(!text.empty() && !find_invalid_utf8(text));
  return std::get<Pattern>(compile(text, true));
}

Pattern Pattern::gpt2_words() {
  return std::get<Pattern>(regex(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"));
}

struct Pattern::Matcher::Data {
  pcre2_match_data* match = nullptr;
  explicit Data(const pcre2_code* code) : match(pcre2_match_data_create_from_pattern(code, nullptr)) {
    STET_ASSERT(match != nullptr);
  }
  ~Data() { pcre2_match_data_free(match); }
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
};

void Pattern::Matcher::Free::operator()(Data* data) const { delete data; }

Pattern::Matcher::Matcher(const Pattern& pattern) : code_(pattern.code_), data_(new Data(pattern.code_->code)) {}

bool Pattern::Matcher::find(std::string_view text, std::size_t from, std::size_t& begin, std::size_t& end) {
  if (text.data() == nullptr) text = "";  // PCRE2 takes no null pointer
  pcre2_match_data* match = data_->match;
  int result = pcre2_match(code_->code, units(text), text.size(), from, PCRE2_NO_UTF_CHECK, match, nullptr);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
    constexpr std::uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT;
    result = pcre2_match(code_->code, units(text), text.size(), from, options, match, nullptr);
  }
  if (result == PCRE2_ERROR_NOMATCH) return false;
  if (result < 0) {
    throw Error(ErrorKind::data, "the tokenizer's pattern cannot be matched against a text")
        .at(fmt::format("byte {} of a text of {} bytes", from, text.size()))
        .received("PCRE2: " + message_of(result));
  }
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match);
  begin = ends[0];
  end = ends[1];
  return true;
}

}  // namespace stet
