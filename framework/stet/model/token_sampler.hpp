// Choosing the next token from a row of logits.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace stet {

/// The most probable token, the lowest id among equals. Throws Error (numerical) if the largest logit is not finite.
template <class T>
[[nodiscard]] std::int32_t most_probable(std::span<const T> logits);

/// Draws from softmax(logits / temperature) over the `top_k` most probable tokens, the lower ids among equals.
class TokenSampler {
 public:
  /// temperature > 0; top_k 0: all tokens. Throws Error (config) otherwise.
  TokenSampler(double temperature, std::int64_t top_k);

  /// The distribution of one row, from which any number of draws can be made. Throws as most_probable() does.
  template <class T>
  void prepare(std::span<const T> logits);
  /// `uniform` in [0, 1): the token at which the sum of probabilities, from the most probable one on (with top_k 0:
  /// from id 0 on), exceeds it.
  [[nodiscard]] std::int32_t draw(double uniform) const;

 private:
  double temperature_;
  std::int64_t top_k_;
  std::vector<std::pair<double, std::int32_t>> candidates_;  // logit and id
  std::vector<double> sums_;                                 // of exp((logit - largest) / temperature)
};

/// The uniform number of a draw: a function of its arguments alone, so that samples depend neither on batches nor on
/// ranks. `item` names what is continued, `sample` counts its continuations, `position` counts the tokens of a
/// continuation.
[[nodiscard]] double token_uniform(std::uint64_t seed, std::uint64_t item, std::uint32_t sample,
                                   std::uint32_t position);

}  // namespace stet
