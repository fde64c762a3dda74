#include <stet/train/teacher_cache.hpp>

#include <stet/base/error.hpp>

#include <algorithm>

namespace stet {

TeacherCache::TeacherCache(const Transformer& model, at::Tensor weights) : model_(model), weights_(std::move(weights)) {}

at::Tensor TeacherCache::logits(const PackedBatch& batch, const at::Tensor& rows, std::span<const std::int32_t> sequence_of) {
  const at::NoGradGuard guard;
  const bool missing = std::any_of(batch.examples.begin(), batch.examples.end(),
                                   [this](std::uint64_t example) { return !hidden_.contains(example); });
  if (missing) {
    const at::Tensor hidden = model_.forward(weights_, {batch.tokens, batch.offsets, batch.positions}, &rows, nullptr);
    for (std::size_t begin = 0; begin < sequence_of.size();) {
      std::size_t end = begin;
      while (end < sequence_of.size() && sequence_of[end] == sequence_of[begin]) ++end;
      const std::uint64_t example = batch.examples[static_cast<std::size_t>(sequence_of[begin])];
      const auto first = static_cast<std::int64_t>(begin), count = static_cast<std::int64_t>(end - begin);
      if (hidden_.emplace(example, hidden.narrow(0, first, count).clone()).second) ++computed_;
      begin = end;
    }
  }
  std::vector<at::Tensor> parts;
  for (const std::uint64_t example : batch.examples) {
    const auto found = hidden_.find(example);
    if (found != hidden_.end()) parts.push_back(found->second);
  }
  const at::Tensor hidden = at::cat(parts, 0);
  STET_ASSERT(hidden.size(0) == rows.numel());  // an example's rows are always the same
  return hidden.matmul(model_.head(weights_).t());
}

}  // namespace stet
