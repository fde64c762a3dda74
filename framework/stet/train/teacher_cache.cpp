#include <stet/train/teacher_cache.hpp>

#include <stet/base/error.hpp>

#include <array>

namespace stet {

TeacherCache::TeacherCache(const Transformer& model, at::Tensor weights, std::uint64_t limit_bytes)
    : model_(model), weights_(std::move(weights)), limit_(limit_bytes) {}

at::Tensor TeacherCache::logits(const PackedBatch& batch, const at::Tensor& rows,
                                std::span<const std::int32_t> sequence_of) {
  const at::NoGradGuard guard;
  std::vector<at::Tensor> parts;
  for (std::size_t begin = 0; begin < sequence_of.size();) {
    std::size_t end = begin;
    while (end < sequence_of.size() && sequence_of[end] == sequence_of[begin]) ++end;
    const auto sequence = static_cast<std::size_t>(sequence_of[begin]);
    const auto place = hidden_.find(batch.examples[sequence]);
    at::Tensor hidden;
    if (place != hidden_.end()) {
      hidden = place->second;
    } else {
      // By itself: the last bits of a matrix product depend on the other rows, and which sequences come together
      // depends on the ranks, the shards and the point of resuming.
      const auto first = static_cast<std::size_t>(batch.offsets[sequence]);
      const auto length = static_cast<std::size_t>(batch.offsets[sequence + 1]) - first;
      const std::array<std::int32_t, 2> offsets = {0, static_cast<std::int32_t>(length)};
      const at::Tensor own_rows =
          rows.narrow(0, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end - begin)) -
          static_cast<std::int64_t>(first);
      const TokenBatch alone{std::span(batch.tokens).subspan(first, length), offsets,
                             std::span(batch.positions).subspan(first, length)};
      hidden = model_.forward(weights_, alone, &own_rows, nullptr).clone();  // without spare capacity
      ++computed_;
      if (bytes_ + hidden.nbytes() <= limit_) {
        bytes_ += hidden.nbytes();
        hidden_.emplace(batch.examples[sequence], hidden);
      }
    }
    STET_ASSERT(hidden.size(0) == static_cast<std::int64_t>(end - begin));  // an example's rows are always the same
    parts.push_back(hidden);
    begin = end;
  }
  const at::Tensor head = model_.head(weights_);
  return (parts.empty() ? head.new_empty({0, head.size(1)}) : at::cat(parts, 0)).matmul(head.t());
}

}  // namespace stet
