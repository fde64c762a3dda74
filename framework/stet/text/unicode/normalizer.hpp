// What is done to a text before it is cut: Unicode normalization forms (Unicode Standard Annex 15, by utf8proc), and
// the rewriting of blanks as SentencePiece has it.
#pragma once

#include <string>
#include <string_view>

namespace stet {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

/// `text` in the normal form; `text` itself where a look at its bytes shows that it is in that form already, else a
/// view of `buffer`. `text` must be valid UTF-8 and must not lie in `buffer`.
[[nodiscard]] std::string_view normalize(std::string_view text, NormalForm form, std::string& buffer);

/// One step of a file's normalizer.
struct NormalStep {
  enum class Kind { form, prepend, replace };
  Kind kind = Kind::form;
  NormalForm form = NormalForm::nfc;
  std::string from, to;  ///< prepend: `to` before a text that is not empty; replace: every `from` by `to`
};

/// The step's result: `text` itself where it changes nothing, else a view of `buffer`. As normalize().
[[nodiscard]] std::string_view apply(const NormalStep& step, std::string_view text, std::string& buffer);

}  // namespace stet
