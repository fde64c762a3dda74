// The shape of a decoder-only transformer: one parametrized definition covers GPT-2, GPT-NeoX, Llama, Mistral, Qwen2,
// Qwen3, OLMo-2, SmolLM3 and the tiny models.
#pragma once

#include <stet/config/identity_schema.hpp>

#include <cstdint>
#include <string>

namespace stet {

enum class Positions { learned, rotary };
enum class Norm { layer, rms };
enum class Activation {
  gelu,      ///< the tanh form, as in GPT-2
  swiglu,    ///< silu(gate) * up, as in Llama
  gelu_erf,  ///< x Phi(x) exactly, as in GPT-NeoX
};

/// RMS norms of queries and keys, between their projections and the rotation.
enum class QueryKeyNorm {
  none,
  head,   ///< over each head, with weights [head_width] that all heads share (Qwen3)
  whole,  ///< over all heads of a token together (OLMo-2)
};

/// Llama 3's stretching of the rotary frequencies to contexts longer than those of pre-training. With wavelengths
/// w = 2 pi / frequency: w < original_context / high_factor stay, w > original_context / low_factor become `factor`
/// times as long, and between the two the frequency is interpolated linearly in original_context / w.
struct RopeScaling {
  double factor = 1.0;  ///< 1: no scaling, the other fields mean nothing
  double low_factor = 1.0, high_factor = 4.0;
  std::int64_t original_context = 8192;

  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;
};

struct ModelConfig {
  std::int64_t vocabulary = 0;    ///< V; in an experiment it comes from the tokenizer
  std::int64_t width = 128;       ///< d
  std::int64_t layers = 4;        ///< L
  std::int64_t heads = 4;         ///< H
  std::int64_t kv_heads = 0;      ///< G <= H, dividing it (grouped-query attention); 0: as many as heads
  std::int64_t head_width = 0;    ///< D; 0: width / heads
  std::int64_t feed_forward = 0;  ///< F; 0: 4 d for GELU, 8/3 d rounded up to a multiple of 16 for SwiGLU
  std::int64_t context = 128;     ///< longest sequence
  Positions positions = Positions::rotary;
  Norm norm = Norm::rms;
  Activation activation = Activation::swiglu;
  bool qkv_bias = false;     ///< biases of the query, key and value projections
  bool linear_bias = false;  ///< biases of the output projection and of the feed-forward layers
  bool tied_head = true;     ///< the output head is the embedding
  double norm_epsilon = 1e-6;
  double rope_base = 10000.0;
  double rope_share = 1.0;  ///< share of a head's width that rotates, its first floor(share D) elements (GPT-NeoX)
  RopeScaling rope_scaling;
  QueryKeyNorm query_key_norm = QueryKeyNorm::none;
  bool norm_after = false;  ///< norms of what attention and feed-forward give, not of what they get (OLMo-2):
                            ///< x + norm1(attention(x)), and of that y + norm2(feed_forward(y))
  std::int64_t unrotated_every =
      0;  ///< rotary positions: of so many blocks the last does not rotate (SmolLM3); 0: all do
  bool parallel_residual = false;  ///< x + attention(norm1(x)) + feed_forward(norm2(x)), both from the block's input
  double init_scale = 0.02;        ///< standard deviation of initial weights; residual outputs are divided by sqrt(2 L)

  /// Elements of a head that rotate: even, at most head_width (complete() first).
  [[nodiscard]] std::int64_t rotated_width() const;
  /// Whether block `layer` (from 0) rotates its queries and keys.
  [[nodiscard]] bool rotates(std::int64_t layer) const {
    return positions == Positions::rotary && (unrotated_every == 0 || (layer + 1) % unrotated_every != 0);
  }
  /// Fills the fields that are 0 and checks the rest. Throws Error (config).
  void complete();
  /// Number of parameters of this shape (complete() first).
  [[nodiscard]] std::int64_t parameter_count() const;
  /// Floating-point operations a token of one forward pass, the head excluded: 2 times the matrix weights.
  [[nodiscard]] double forward_flops_per_token() const;

  [[nodiscard]] static config::IdentitySchema<ModelConfig> schema();

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

}  // namespace stet
