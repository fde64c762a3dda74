// A frozen teacher's answers to fixed data, computed once: its final hidden states at the rows of each example (d
// numbers a token, not V), and from them the logits whenever they are asked for.
#pragma once

#include <stet/data/batch.hpp>
#include <stet/model/transformer.hpp>

#include <cstdint>
#include <unordered_map>

namespace stet {

/// For one teacher and one set of rows an example (answer rows, or all). Examples are known by TokenSequence::example.
/// What would exceed the limit is not kept, and computed again whenever it is asked for.
/// Each is computed by itself, so that its hidden states have the same bits whatever ranks, shards or resuming do.
class TeacherCache {
 public:
  /// `weights`: flat, kept alive here; must not change.
  /// `limit_bytes`: of all hidden states kept.
  TeacherCache(const Transformer& model, at::Tensor weights, std::uint64_t limit_bytes = default_limit_bytes);

  /// What is kept already stays.
  void set_limit(std::uint64_t bytes) noexcept { limit_ = bytes; }
  static constexpr std::uint64_t default_limit_bytes = std::uint64_t{1} << 30;

  /// Logits [P, V] at `rows` (ascending rows of the batch, grouped by sequence as `sequence_of` says).
  [[nodiscard]] at::Tensor logits(const PackedBatch& batch, const at::Tensor& rows,
                                  std::span<const std::int32_t> sequence_of);

  [[nodiscard]] std::size_t cached_examples() const noexcept { return hidden_.size(); }
  [[nodiscard]] std::uint64_t limit_bytes() const noexcept { return limit_; }
  [[nodiscard]] std::uint64_t cached_bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t computed_examples() const noexcept { return computed_; }

 private:
  const Transformer& model_;
  at::Tensor weights_;
  std::unordered_map<std::uint64_t, at::Tensor> hidden_;  // [rows of the example, d]
  std::uint64_t limit_, bytes_ = 0, computed_ = 0;
};

}  // namespace stet
