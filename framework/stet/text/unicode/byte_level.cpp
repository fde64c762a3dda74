#include <stet/text/unicode/byte_level.hpp>

#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>
#include <stet/text/pre_tokenizer.hpp>

#include <array>

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

WordSplitter::WordSplitter() : pattern_(Pattern::gpt2_words()) {}

void WordSplitter::split(std::string_view text, const std::function<void(std::string_view)>& word) const {
  PreTokenizer rules;
  rules.words = pattern_;
  PreTokenizer::Cutter(rules).cut(text, word);
}

}  // namespace stet
