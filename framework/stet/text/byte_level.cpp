#include <stet/text/byte_level.hpp>

#include <stet/base/error.hpp>
#include <stet/text/utf8.hpp>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <vector>

namespace stet {
namespace {

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct ByteMap {
  std::array<std::string, 256> character;
  std::array<unsigned char, 256> order{};
  std::array<int, 0x144> byte_of;  // code point to byte, -1: none

  ByteMap() {
    byte_of.fill(-1);
    char32_t next = 0x100;
    std::size_t own = 0, other = 188;  // 188 bytes stand for themselves, and have the lower code points
    for (unsigned byte = 0; byte < 256; ++byte) {
      const char32_t point = stands_for_itself(byte) ? byte : next++;
      append_utf8(character[byte], point);
      byte_of[point] = static_cast<int>(byte);
      order[stands_for_itself(byte) ? own++ : other++] = static_cast<unsigned char>(byte);
    }
    STET_ASSERT(own == 188 && other == 256 && next == 0x144);
  }
};

const ByteMap& byte_map() {
  static const ByteMap map;  // a constant table
  return map;
}

// GPT-2's pattern: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ , with white space spelt
// out as Unicode's White_Space property: PCRE2's \s would also take U+180E, which the reference does not.
#define STET_SPACES R"(\t-\r\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})"
constexpr char gpt2_pattern[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{L}\p{N})" STET_SPACES
                                R"(]+|[)" STET_SPACES R"(]+(?![^)" STET_SPACES R"(])|[)" STET_SPACES "]+";
#undef STET_SPACES

}  // namespace

const std::string& byte_character(unsigned char byte) { return byte_map().character[byte]; }
unsigned char byte_in_order(std::size_t index) { return byte_map().order.at(index); }

std::string bytes_to_characters(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += byte_character(static_cast<unsigned char>(c));
  return out;
}

std::optional<std::string> characters_to_bytes(std::string_view text) {
  const auto& byte_of = byte_map().byte_of;
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_code_point(text.substr(i));
    if (!point.valid || point.value >= byte_of.size() || byte_of[point.value] < 0) return std::nullopt;
    out += static_cast<char>(static_cast<unsigned char>(byte_of[point.value]));
    i += point.size;
  }
  return out;
}

struct WordSplitter::Code {
  pcre2_code* code = nullptr;
  Code() {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(gpt2_pattern), sizeof(gpt2_pattern) - 1, PCRE2_UTF | PCRE2_UCP,
                         &error, &offset, nullptr);
    STET_ASSERT(code != nullptr);
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where there is no JIT, pcre2_match interprets
  }
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
};

WordSplitter::WordSplitter() : code_(std::make_shared<const Code>()) {}

void WordSplitter::split(std::string_view text, const std::function<void(std::string_view)>& word) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), pcre2_match_data_free);
  STET_ASSERT(match != nullptr);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  for (std::size_t begin = 0; begin < text.size();) {
    const std::uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED;
    int result = pcre2_match(code_->code, subject, text.size(), begin, options, match.get(), nullptr);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
      result = pcre2_match(code_->code, subject, text.size(), begin, options | PCRE2_NO_JIT, match.get(), nullptr);
    }
    STET_ASSERT(result > 0);  // every character is in one of the pattern's classes
    const std::size_t end = pcre2_get_ovector_pointer(match.get())[1];
    STET_ASSERT(end > begin && end <= text.size());
    word(text.substr(begin, end - begin));
    begin = end;
  }
}

}  // namespace stet
