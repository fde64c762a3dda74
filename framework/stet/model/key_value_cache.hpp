// Keys and values of tokens that a model has read, so that what follows them need not read them again.
//
// A sequence may be stored in pieces: a few-shot block that thousands of prompts share, a prompt that many samples
// share, and each sample's own tokens. A piece is a KeyValueSegment; CachedTokens says which rows of a forward pass see
// which pieces. Nothing is padded: rows of any length go through one matrix product together.
#pragma once

#include <stet/model/model_config.hpp>
#include <stet/model/torch.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace stet {

/// Keys and values of consecutive tokens in all layers. Keys are already rotated to their positions. A copy is
/// independent.
class KeyValueSegment {
 public:
  /// Room for `capacity` tokens; `type` kFloat or kDouble, as the weights. `config` must be complete.
  KeyValueSegment(const ModelConfig& config, std::int64_t capacity, at::ScalarType type);
  KeyValueSegment(const KeyValueSegment& other);
  KeyValueSegment& operator=(const KeyValueSegment& other);
  KeyValueSegment(KeyValueSegment&&) noexcept = default;
  KeyValueSegment& operator=(KeyValueSegment&&) noexcept = default;

  [[nodiscard]] std::int64_t length() const noexcept { return length_; }      ///< tokens stored
  [[nodiscard]] std::int64_t capacity() const noexcept { return capacity_; }  ///< tokens that fit
  /// Room for at least `capacity` tokens; what is stored stays.
  void reserve(std::int64_t capacity);

 private:
  friend class CachedTokens;
  at::Tensor keys_;    // [L, G, D, capacity]: a token is a column, as products of queries and keys want it
  at::Tensor values_;  // [L, G, capacity, D]
  std::int64_t length_ = 0, capacity_ = 0;
};

/// What the rows (tokens) of one forward pass see: up to two levels of stored pieces, and then the piece that they
/// continue. Pieces are named in ascending order of rows within a level. Segments must outlive the pass.
class CachedTokens {
 public:
  static constexpr std::size_t shared_levels = 2;

  explicit CachedTokens(const ModelConfig& config);

  /// Forgets everything, for the next pass.
  void clear();
  /// Rows begin..end-1 see the whole of `segment`.
  void see(std::size_t level, std::int64_t begin, std::int64_t end, const KeyValueSegment& segment);
  /// Rows begin..end-1 are the next tokens of `segment`: each sees what is stored there and the rows before it. The
  /// segment must have room for them. Every row of the pass belongs to one such call.
  void append(std::int64_t begin, std::int64_t end, KeyValueSegment& segment);

  /// Called by Transformer for each layer: stores the rows' keys and values and mixes the values that they see.
  /// qkv: [N, (H + 2 G) D]; mixed: [N, H D].
  template <class T>
  void attend(std::size_t layer, const T* qkv, T* mixed) const;
  /// Called by Transformer after the last layer: the segments are now longer.
  void commit();

 private:
  struct Piece {
    std::int64_t begin, end;
    const KeyValueSegment* segment;
  };
  std::int64_t heads_, kv_heads_, head_width_;
  std::array<std::vector<Piece>, shared_levels> seen_;
  std::vector<Piece> own_;
  std::vector<KeyValueSegment*> appended_;  // the segments of own_
};

}  // namespace stet
