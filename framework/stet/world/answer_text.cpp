#include <stet/base/utf8.hpp>
#include <stet/world/answer_text.hpp>

namespace stet {
namespace {

bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

}  // namespace

std::string squad_normalized(std::string_view text) {
  std::string result, word;
  const auto end_word = [&] {
    if (!word.empty() && word != "a" && word != "an" && word != "the") {
      if (!result.empty()) result += ' ';
      result += word;
    }
    word.clear();
  };
  const std::string lower = lower_case(text);
  for (std::string_view rest = lower; !rest.empty();) {
    const CodePoint point = decode_code_point(rest);
    if (point.valid && is_white_space(point.value)) {
      end_word();
    } else if (!is_ascii_punctuation(rest.front())) {
      word += rest.substr(0, point.size);
    }
    rest.remove_prefix(point.size);
  }
  end_word();
  return result;
}

}  // namespace stet
