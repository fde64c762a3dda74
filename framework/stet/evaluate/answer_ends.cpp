#include <stet/evaluate/answer_ends.hpp>

#include <span>
#include <string>

namespace stet {

std::vector<std::int32_t> answer_ends(const Tokenizer& tokenizer, std::string_view separator) {
  std::vector<std::int32_t> ends = {tokenizer.end_of_text()};
  for (std::size_t i = 0; i < tokenizer.vocabulary_size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (id != ends[0] && tokenizer.decode(std::span(&id, 1), false).find(separator) != std::string::npos)
      ends.push_back(id);
  }
  return ends;
}

}  // namespace stet
