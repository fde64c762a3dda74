// Continues prompts token by token, greedily and by sampling, many at a time and without padding.
//
// A prefix that prompts share (a few-shot block) is computed once, each prompt once for all its samples, and samples
// that have drawn the same tokens so far once for all of them: a fact that a model is sure of costs little more than
// one greedy answer.
#pragma once

#include <stet/model/key_value_cache.hpp>
#include <stet/model/transformer.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace stet {

struct Prompt {
  std::vector<std::int32_t> tokens;  ///< at least one; they follow the prefix
  std::uint64_t item = 0;            ///< names the prompt in the samples' random numbers, whatever it is batched with
};

struct Decoding {
  bool greedy = true;        ///< one continuation by arg-max
  std::int64_t samples = 0;  ///< continuations that are drawn
  double temperature = 1.0;  ///< of the samples
  std::int64_t top_k = 0;    ///< of the samples; 0: all tokens
  std::uint64_t seed = 1;
  std::int64_t max_new_tokens = 32;
  std::vector<std::int32_t> stop_tokens;  ///< a continuation ends before the first of these
  std::int64_t rows_at_once = 512;  ///< prompts are taken in groups of about so many continuations: it bounds memory
};

struct Continuation {
  std::vector<std::int32_t> tokens;  ///< without the stop token
  bool stopped = false;              ///< by a stop token, not by max_new_tokens
  std::int32_t stop_token = -1;      ///< which one
};

class Generator {
 public:
  /// `weights`: flat, kFloat or kDouble. The model must outlive the generator; the weights must stay as they are.
  Generator(const Transformer& model, at::Tensor weights);

  /// What all following prompts continue; empty: nothing. Computed here.
  void set_prefix(std::span<const std::int32_t> tokens);
  [[nodiscard]] std::int64_t prefix_length() const noexcept { return prefix_.length(); }

  /// For each prompt its continuations: the greedy one first (if asked for), then the samples. Sample s of a prompt is
  /// a function of the model, prefix, prompt, item, s and the sampling options alone, up to the rounding of matrix
  /// products of different sizes; for the same list of prompts it is bit-equal. Throws Error (data) if a prompt is
  /// empty or does not fit the context together with prefix and new tokens, Error (config) for options that make no
  /// sense, Error (numerical) for logits that are not finite.
  [[nodiscard]] std::vector<std::vector<Continuation>> generate(std::span<const Prompt> prompts,
                                                                const Decoding& decoding);

 private:
  struct Branch;
  struct Pass;
  template <class T>
  void generate_group(std::span<const Prompt> prompts, const Decoding& decoding,
                      std::span<std::vector<Continuation>> results);
  [[nodiscard]] at::Tensor forward(const Pass& pass, const at::Tensor* rows);
  void check(std::span<const Prompt> prompts, const Decoding& decoding) const;

  const Transformer& model_;
  at::Tensor weights_;
  KeyValueSegment prefix_;
  CachedTokens cache_;
  Activations buffers_;
};

}  // namespace stet
