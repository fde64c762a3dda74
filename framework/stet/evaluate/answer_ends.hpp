// Where a written answer ends.
#pragma once

#include <stet/text/tokenizer.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace stet {

/// Tokens that end an answer: the end of text (the first), and all that hold the separator. Decodes every token once.
[[nodiscard]] std::vector<std::int32_t> answer_ends(const Tokenizer& tokenizer, std::string_view separator);

}  // namespace stet
