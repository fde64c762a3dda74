// Unicode normalization forms (Unicode Standard Annex 15), by utf8proc.
#pragma once

#include <string>
#include <string_view>

namespace stet {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

/// `text` in the normal form; `text` itself where a look at its bytes shows that it is in that form already, else a
/// view of `buffer`. `text` must be valid UTF-8 and must not lie in `buffer`.
[[nodiscard]] std::string_view normalize(std::string_view text, NormalForm form, std::string& buffer);

}  // namespace stet
