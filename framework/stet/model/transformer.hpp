// A decoder-only transformer with a hand-written backward pass. It holds no weights: they are given as a flat buffer
// (see parameters.hpp), so that a student, its teacher and any snapshot run through the same object.
//
// Sequences are laid end to end, without padding. Only the rows that something reads leave the model: the last block's
// feed-forward half, the final norm and the head are computed at those rows alone.
// What this is not: an autograd module. Autograd begins at the hidden states that forward() returns, so that a loss
// (and a regularizer plugin) is free in what it does with hidden states and logits; backward() takes their gradient
// from there.
#pragma once

#include <stet/model/gradient_layout.hpp>
#include <stet/model/kernels/rope_tables.hpp>
#include <stet/model/model_config.hpp>
#include <stet/model/parameters.hpp>
#include <stet/model/torch.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace stet {

/// B sequences of N tokens in all, laid end to end. A view: the caller keeps the storage.
struct TokenBatch {
  std::span<const std::int32_t> tokens;     ///< [N]
  std::span<const std::int32_t> offsets;    ///< [B + 1]
  std::span<const std::int32_t> positions;  ///< [N] position within the sequence
};

class CachedTokens;  // key_value_cache.hpp

/// What forward() keeps for backward(); reused from step to step, so that no memory is asked for in a steady state.
class Activations {
 public:
  Activations();
  ~Activations();
  Activations(Activations&&) noexcept;
  Activations& operator=(Activations&&) noexcept;

 private:
  friend class Transformer;
  struct State;
  std::unique_ptr<State> state_;
};

class Transformer {
 public:
  /// Throws Error (config) if the shape makes no sense.
  explicit Transformer(ModelConfig config);

  [[nodiscard]] const ModelConfig& config() const noexcept { return config_; }
  [[nodiscard]] const ParameterTable& table() const noexcept { return table_; }

  /// Hidden states after the final norm at `rows` (indices into the N tokens, ascending; all tokens if null): [P, d].
  /// `weights`: flat buffer, kFloat or kDouble. `kept` receives what backward() needs (null: forward only).
  /// `layers`, if not null, receives L + 1 tensors [P, d]: the residual stream at `rows` after the embedding and after
  /// each block. Throws Error (data) if a token is outside the vocabulary or a sequence longer than the context.
  [[nodiscard]] at::Tensor forward(const at::Tensor& weights, const TokenBatch& batch, const at::Tensor* rows,
                                   Activations* kept, std::vector<at::Tensor>* layers = nullptr) const;

  /// Neurons of the feed-forward halves in the forward() that filled `kept` (before any backward()): L tensors [P,
  /// feed_forward], what the last matrix of the half is given: gate's activation times up, or up's activation. `rows`:
  /// those of that forward() (null: all tokens). Copies.
  [[nodiscard]] std::vector<at::Tensor> neurons(const Activations& kept, const at::Tensor* rows) const;

  /// forward() of tokens that continue what `cache` holds, which then holds them too; see key_value_cache.hpp. Row n of
  /// the batch is the cache's row n; `offsets` are not read. `buffers` is reused from call to call.
  [[nodiscard]] at::Tensor forward_cached(const at::Tensor& weights, const TokenBatch& batch, CachedTokens& cache,
                                          const at::Tensor* rows, Activations& buffers) const;

  /// Adds the gradient of sum(hidden * d_hidden) to what `target` has room for. `batch` and `weights` as in the
  /// forward() that filled `kept`; weights of matrices with factors are the merged ones. `complete_from`, if given, is
  /// called with falling offsets: all gradients at or above that element of the buffer are final as far as this pass is
  /// concerned. It is not called for a head tied to the embedding before everything is done.
  void backward(const at::Tensor& weights, const TokenBatch& batch, Activations& kept, const at::Tensor& d_hidden,
                const GradientTarget& target, const std::function<void(std::int64_t)>& complete_from = {}) const;
  /// The same into `gradients` (flat, as weights), for parameters whose `trains` entry is true (empty: all).
  void backward(const at::Tensor& weights, const TokenBatch& batch, Activations& kept, const at::Tensor& d_hidden,
                const at::Tensor& gradients, const std::vector<bool>& trains,
                const std::function<void(std::int64_t)>& complete_from = {}) const;

  /// The [V, d] matrix of the output head (the embedding if tied): a view into `flat` (weights or gradients).
  [[nodiscard]] at::Tensor head(const at::Tensor& flat) const;
  [[nodiscard]] std::size_t head_index() const noexcept { return head_index_; }

 private:
  template <class T>
  at::Tensor forward_typed(const at::Tensor&, const TokenBatch&, const at::Tensor*, Activations*,
                           std::vector<at::Tensor>*, CachedTokens*) const;
  template <class T>
  void backward_typed(const at::Tensor&, const TokenBatch&, Activations&, const at::Tensor&, const GradientTarget&,
                      const std::function<void(std::int64_t)>&) const;
  void check(const TokenBatch& batch) const;

  struct LayerIndex {  // positions in the table; -1: absent
    int norm1, norm1_bias, q, q_bias, o, o_bias, norm2, norm2_bias, gate, up, up_bias, down, down_bias, q_norm, k_norm;
  };

  ModelConfig config_;
  ParameterTable table_;
  std::vector<LayerIndex> layers_;
  int embedding_ = -1, position_ = -1, final_norm_ = -1, final_norm_bias_ = -1;
  std::size_t head_index_ = 0;
  RopeTables rope_;
};

}  // namespace stet
