#include <stet/base/error.hpp>
#include <stet/outcomes/fact_sampler.hpp>
#include <stet/statistics/resampling.hpp>

#include <algorithm>
#include <numeric>

namespace stet::report {

FactSampler::FactSampler(const Trajectory& trajectory, std::uint32_t begin, std::uint32_t end)
    : facts_(trajectory.facts), evaluations_(end - begin), order_(trajectory.facts) {
  check(trajectory, "bootstrap");
  STET_ASSERT(begin < end && end <= trajectory.evaluations);
  std::iota(order_.begin(), order_.end(), 0U);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](auto a, auto b) { return trajectory.stratum[a] < trajectory.stratum[b]; });
  for (std::uint32_t i = 0; i < facts_; ++i) {
    const bool opens = i == 0 || trajectory.stratum[order_[i]] != trajectory.stratum[order_[i - 1]];
    if (opens) strata_.push_back({i, 0});
    ++strata_.back().size;
  }
  if (evaluations_ == 1) {
    column_.resize(facts_);
    for (std::uint32_t i = 0; i < facts_; ++i) {
      column_[i] = trajectory.correct[std::size_t{begin} * facts_ + order_[i]];
    }
  } else {
    blocks_.resize((evaluations_ + 31) / 32, std::vector<Words>(facts_));
    for (std::uint32_t s = 0; s < evaluations_; ++s) {
      for (std::uint32_t i = 0; i < facts_; ++i) {
        const std::uint64_t bit = trajectory.correct[std::size_t{begin + s} * facts_ + order_[i]];
        blocks_[s / 32][i][s % 32 / 8] |= bit << (s % 8 * 8);
      }
    }
  }
  counts_.resize(blocks_.empty() ? 1 : blocks_.size() * 32);
}

void FactSampler::draw(Random& random, std::vector<std::uint32_t>& drawn) const {
  drawn.resize(facts_);
  std::uint32_t* out = drawn.data();
  for (const Stratum& stratum : strata_) {
    for (std::uint32_t i = 0; i < stratum.size; ++i) *out++ = stratum.begin + below(random, stratum.size);
  }
}

std::span<const std::uint32_t> FactSampler::counts(std::span<const std::uint32_t> drawn) {
  if (blocks_.empty()) {
    std::uint32_t count = 0;
    for (const std::uint32_t i : drawn) count += column_[i];
    counts_[0] = count;
  } else {
    std::fill(counts_.begin(), counts_.end(), 0U);
    for (std::size_t block = 0; block < blocks_.size(); ++block) {
      add_block(blocks_[block], drawn, std::span(counts_).subspan(block * 32, 32));
    }
  }
  return std::span(counts_).first(evaluations_);
}

void FactSampler::add_block(const std::vector<Words>& block, std::span<const std::uint32_t> drawn,
                            std::span<std::uint32_t> counts) {
  while (!drawn.empty()) {
    const auto piece = drawn.first(std::min<std::size_t>(drawn.size(), 255));
    drawn = drawn.subspan(piece.size());
    std::uint64_t a = 0, b = 0, c = 0, d = 0;
    for (const std::uint32_t i : piece) {
      const Words& words = block[i];
      a += words[0];
      b += words[1];
      c += words[2];
      d += words[3];
    }
    const Words sums{a, b, c, d};
    for (std::size_t s = 0; s < 32; ++s) counts[s] += static_cast<std::uint8_t>(sums[s / 8] >> (s % 8 * 8));
  }
}

}  // namespace stet::report
