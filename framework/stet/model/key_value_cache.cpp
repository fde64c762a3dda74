#include <stet/model/key_value_cache.hpp>

#include <stet/base/error.hpp>
#include <stet/model/kernels/cached_attention_cpu.hpp>

#include <algorithm>

namespace stet {

namespace {
/// Rows of keys are read in whole vectors, of at most 32 elements at a time.
std::int64_t padded(std::int64_t tokens) { return std::max<std::int64_t>((tokens + 31) / 32 * 32, 32); }
}  // namespace

KeyValueSegment::KeyValueSegment(const ModelConfig& config, std::int64_t capacity, at::ScalarType type)
    : keys_(at::zeros({config.layers, config.kv_heads, config.head_width, padded(capacity)}, type)),
      values_(at::zeros({config.layers, config.kv_heads, padded(capacity), config.head_width}, type)),
      capacity_(padded(capacity)) {}

KeyValueSegment::KeyValueSegment(const KeyValueSegment& other)
    : keys_(other.keys_.clone()), values_(other.values_.clone()), length_(other.length_), capacity_(other.capacity_) {}

KeyValueSegment& KeyValueSegment::operator=(const KeyValueSegment& other) {
  if (this != &other) *this = KeyValueSegment(other);
  return *this;
}

void KeyValueSegment::reserve(std::int64_t capacity) {
  if (capacity <= capacity_) return;
  const std::int64_t grown = padded(std::max(capacity, 2 * capacity_));
  const auto widened = [&](const at::Tensor& old, std::int64_t dimension) {
    std::vector<std::int64_t> shape = old.sizes().vec();
    shape[static_cast<std::size_t>(dimension)] = grown;
    at::Tensor tensor = at::zeros(shape, old.options());
    tensor.narrow(dimension, 0, length_).copy_(old.narrow(dimension, 0, length_));
    return tensor;
  };
  keys_ = widened(keys_, 3);
  values_ = widened(values_, 2);
  capacity_ = grown;
}

CachedTokens::CachedTokens(const ModelConfig& config)
    : heads_(config.heads), kv_heads_(config.kv_heads), head_width_(config.head_width) {}

void CachedTokens::clear() {
  for (auto& level : seen_) level.clear();
  own_.clear();
  appended_.clear();
}

void CachedTokens::see(std::size_t level, std::int64_t begin, std::int64_t end, const KeyValueSegment& segment) {
  STET_ASSERT(level < shared_levels && begin < end && (seen_[level].empty() || seen_[level].back().end <= begin));
  if (segment.length() > 0) seen_[level].push_back({begin, end, &segment});
}

void CachedTokens::append(std::int64_t begin, std::int64_t end, KeyValueSegment& segment) {
  STET_ASSERT(begin < end && begin == (own_.empty() ? 0 : own_.back().end));
  STET_ASSERT(segment.length() + end - begin <= segment.capacity());
  own_.push_back({begin, end, &segment});
  appended_.push_back(&segment);
}

template <class T>
void CachedTokens::attend(std::size_t layer, const T* qkv, T* mixed) const {
  const std::int64_t D = head_width_, G = kv_heads_, stride = (heads_ + 2 * G) * D;
  const auto l = static_cast<std::int64_t>(layer);
  // This layer's part of a segment. The segments that own_ names are written here, through appended_.
  const auto keys_of = [&](const KeyValueSegment& s) { return s.keys_.data_ptr<T>() + l * G * D * s.capacity_; };
  const auto values_of = [&](const KeyValueSegment& s) { return s.values_.data_ptr<T>() + l * G * D * s.capacity_; };
  for (std::size_t i = 0; i < own_.size(); ++i) {
    const KeyValueSegment& segment = *appended_[i];
    for (std::int64_t row = own_[i].begin; row < own_[i].end; ++row) {
      const std::int64_t place = segment.length_ + row - own_[i].begin;
      const T* const key = qkv + row * stride + heads_ * D;
      for (std::int64_t k = 0; k < G * D; ++k) keys_of(segment)[k * segment.capacity_ + place] = key[k];
      for (std::int64_t g = 0; g < G; ++g) {
        std::copy_n(key + (G + g) * D, D, values_of(segment) + (g * segment.capacity_ + place) * D);
      }
    }
  }
  std::array<std::vector<kernels::CachedPiece<T>>, shared_levels + 1> levels;
  const auto add = [&](std::vector<kernels::CachedPiece<T>>& to, const Piece& piece, std::int64_t seen, bool causal) {
    const KeyValueSegment& s = *piece.segment;
    to.push_back({piece.begin, piece.end, keys_of(s), values_of(s), s.capacity_, seen, causal});
  };
  for (std::size_t level = 0; level < shared_levels; ++level) {
    for (const Piece& piece : seen_[level]) add(levels[level], piece, piece.segment->length_, false);
  }
  for (const Piece& piece : own_) add(levels[shared_levels], piece, piece.segment->length_ + 1, true);
  kernels::cached_attention<T>({heads_, G, D}, own_.empty() ? 0 : own_.back().end, levels, qkv, mixed);
}

void CachedTokens::commit() {
  for (std::size_t i = 0; i < own_.size(); ++i) appended_[i]->length_ += own_[i].end - own_[i].begin;
}

template void CachedTokens::attend<float>(std::size_t, const float*, float*) const;
template void CachedTokens::attend<double>(std::size_t, const double*, double*) const;

}  // namespace stet
