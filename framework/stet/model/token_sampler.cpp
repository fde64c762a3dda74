#include <stet/model/token_sampler.hpp>

#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace stet {

template <class T>
std::int32_t most_probable(std::span<const T> logits) {
  STET_ASSERT(!logits.empty());
  const auto best = std::max_element(logits.begin(), logits.end());
  if (!std::isfinite(*best))
    throw Error(ErrorKind::numerical, "the model's logits are not finite").received(std::to_string(*best));
  return static_cast<std::int32_t>(best - logits.begin());
}

TokenSampler::TokenSampler(double temperature, std::int64_t top_k) : temperature_(temperature), top_k_(top_k) {
  if (!(temperature > 0) || !std::isfinite(temperature)) {
    throw Error(ErrorKind::config, "sampling needs a temperature above 0").received(std::to_string(temperature));
  }
  if (top_k < 0)
    throw Error(ErrorKind::config, "top_k is negative")
        .expected("0 (all tokens) or more")
        .received(std::to_string(top_k));
}

template <class T>
void TokenSampler::prepare(std::span<const T> logits) {
  const double largest = logits[static_cast<std::size_t>(most_probable(logits))];
  candidates_.clear();
  const auto V = static_cast<std::int64_t>(logits.size());
  if (top_k_ == 0 || top_k_ >= V) {
    for (std::int64_t i = 0; i < V; ++i)
      candidates_.emplace_back(logits[static_cast<std::size_t>(i)], static_cast<std::int32_t>(i));
  } else {
    // A heap whose front is the worst of the best so far: nearly all logits are only compared with it.
    const auto better = [](const auto& a, const auto& b) {
      return a.first > b.first || (a.first == b.first && a.second < b.second);
    };
    for (std::int64_t i = 0; i < V; ++i) {
      const double z = logits[static_cast<std::size_t>(i)];
      if (static_cast<std::int64_t>(candidates_.size()) == top_k_) {
        if (!(z > candidates_.front().first)) continue;  // equals have lower ids already
        std::pop_heap(candidates_.begin(), candidates_.end(), better);
        candidates_.pop_back();
      }
      candidates_.emplace_back(z, static_cast<std::int32_t>(i));
      std::push_heap(candidates_.begin(), candidates_.end(), better);
    }
    std::sort(candidates_.begin(), candidates_.end(), better);
  }
  sums_.clear();
  double sum = 0;
  for (const auto& [logit, id] : candidates_) sums_.push_back(sum += std::exp((logit - largest) / temperature_));
}

std::int32_t TokenSampler::draw(double uniform) const {
  STET_ASSERT(!sums_.empty());
  const auto found = std::upper_bound(sums_.begin(), sums_.end(), uniform * sums_.back());
  const auto index = std::min(found - sums_.begin(), static_cast<std::ptrdiff_t>(sums_.size()) - 1);
  return candidates_[static_cast<std::size_t>(index)].second;
}

double token_uniform(std::uint64_t seed, std::uint64_t item, std::uint32_t sample, std::uint32_t position) {
  const std::uint64_t stream = Random(seed, "generate", item, sample).bits64();
  return Random(stream, "token", position).uniform();
}

template std::int32_t most_probable<float>(std::span<const float>);
template std::int32_t most_probable<double>(std::span<const double>);
template void TokenSampler::prepare<float>(std::span<const float>);
template void TokenSampler::prepare<double>(std::span<const double>);

}  // namespace stet
