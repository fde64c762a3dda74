// Answers and questions as the literature compares them.
#pragma once

#include <string>
#include <string_view>

namespace stet {

/// The normalization of SQuAD (Rajpurkar et al. 2016, its evaluation script), which open-domain question answering took
/// over: lower case, ASCII punctuation removed, the words a, an and the removed, white space collapsed. `text` is valid
/// UTF-8; lower case is Unicode's, a code point for a code point.
[[nodiscard]] std::string squad_normalized(std::string_view text);

}  // namespace stet
