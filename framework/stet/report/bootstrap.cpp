#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/report/bootstrap.hpp>

#include <algorithm>
#include <array>
#include <numeric>

namespace stet::report {

namespace {

/// Uniform in [0, n), exactly (Lemire's rejection), from 32 bits: half the random bits of Random::below.
std::uint32_t below(Random& random, std::uint32_t n) {
  std::uint64_t product = std::uint64_t{random.bits32()} * n;
  if (static_cast<std::uint32_t>(product) < n) {
    const std::uint32_t threshold = (0U - n) % n;
    while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{random.bits32()} * n;
  }
  return static_cast<std::uint32_t>(product >> 32);
}

/// One run made ready for resampling. Facts are sorted by stratum, and the outcomes that the measure needs are stored
/// by fact in blocks of 32 evaluations, one byte each: adding a drawn fact is four 64-bit additions, whose byte lanes
/// cannot overflow within 255 facts.
class Sampler {
 public:
  Sampler(const Trajectory& trajectory, Measure measure) : measure_(measure), facts_(trajectory.facts) {
    check(trajectory, "bootstrap");
    std::vector<std::uint32_t> order(facts_);
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return trajectory.stratum[a] < trajectory.stratum[b]; });
    for (std::uint32_t i = 0; i < facts_; ++i) {
      const bool opens = i == 0 || trajectory.stratum[order[i]] != trajectory.stratum[order[i - 1]];
      if (opens) strata_.push_back({i, 0});
      ++strata_.back().size;
    }
    std::uint32_t begin = trajectory.first;
    std::uint32_t end = trajectory.evaluations;
    if (measure == Measure::final_accuracy) begin = end - 1;
    if (measure == Measure::start_accuracy) end = begin + 1;
    evaluations_ = end - begin;
    if (evaluations_ == 1) {
      column_.resize(facts_);
      for (std::uint32_t i = 0; i < facts_; ++i) {
        column_[i] = trajectory.correct[std::size_t{begin} * facts_ + order[i]];
      }
    } else {
      blocks_.resize((evaluations_ + 31) / 32, std::vector<Words>(facts_));
      for (std::uint32_t s = 0; s < evaluations_; ++s) {
        for (std::uint32_t i = 0; i < facts_; ++i) {
          const std::uint64_t bit = trajectory.correct[std::size_t{begin + s} * facts_ + order[i]];
          blocks_[s / 32][i][s % 32 / 8] |= bit << (s % 8 * 8);
        }
      }
    }
    counts_.resize(blocks_.empty() ? 1 : blocks_.size() * 32);
  }

  /// Facts with replacement within each stratum, as positions in the sorted order.
  void draw(Random& random, std::vector<std::uint32_t>& drawn) const {
    drawn.resize(facts_);
    std::uint32_t* out = drawn.data();
    for (const Stratum& stratum : strata_) {
      for (std::uint32_t i = 0; i < stratum.size; ++i) *out++ = stratum.begin + below(random, stratum.size);
    }
  }

  [[nodiscard]] double value(std::span<const std::uint32_t> drawn) {
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
    return measure_of_counts(std::span(counts_).first(evaluations_), drawn.size(), measure_);
  }

 private:
  using Words = std::array<std::uint64_t, 4>;
  struct Stratum {
    std::uint32_t begin, size;
  };

  static void add_block(const std::vector<Words>& block, std::span<const std::uint32_t> drawn,
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

  Measure measure_;
  std::uint32_t facts_, evaluations_ = 0;
  std::vector<Stratum> strata_;
  std::vector<std::uint8_t> column_;        // [facts], for measures of a single evaluation
  std::vector<std::vector<Words>> blocks_;  // [ceil(evaluations / 32)][facts]
  std::vector<std::uint32_t> counts_;       // of the last value()
};

/// Linear interpolation between order statistics (type 7 of Hyndman and Fan 1996).
double quantile(std::span<const double> sorted, double probability) {
  const double position = probability * static_cast<double>(sorted.size() - 1);
  const auto below_index = static_cast<std::size_t>(position);
  const std::size_t above_index = std::min(below_index + 1, sorted.size() - 1);
  const double weight = position - static_cast<double>(below_index);
  return sorted[below_index] + weight * (sorted[above_index] - sorted[below_index]);
}

/// `value_of_run(run, random)` resamples the facts of one run and gives its value.
template <class ValueOfRun>
Estimate resample(std::vector<double> per_seed, const BootstrapOptions& options, ValueOfRun value_of_run) {
  STET_ASSERT(options.draws > 0 && options.confidence > 0 && options.confidence < 1);
  const auto runs = static_cast<std::uint32_t>(per_seed.size());
  std::vector<double> means(options.draws);
  for (std::uint32_t draw = 0; draw < options.draws; ++draw) {
    Random random(options.seed, "bootstrap", draw);
    double sum = 0;
    for (std::uint32_t i = 0; i < runs; ++i) sum += value_of_run(below(random, runs), random);
    means[draw] = sum / runs;
  }
  std::sort(means.begin(), means.end());
  Estimate estimate;
  estimate.mean = std::accumulate(per_seed.begin(), per_seed.end(), 0.0) / runs;
  estimate.low = quantile(means, (1 - options.confidence) / 2);
  estimate.high = quantile(means, (1 + options.confidence) / 2);
  estimate.per_seed = std::move(per_seed);
  return estimate;
}

}  // namespace

Estimate hierarchical_bootstrap(std::span<const Trajectory* const> runs, Measure which,
                                const BootstrapOptions& options) {
  STET_ASSERT(!runs.empty());
  std::vector<Sampler> samplers;
  std::vector<double> per_seed;
  for (const Trajectory* run : runs) {
    samplers.emplace_back(*run, which);
    per_seed.push_back(measure(*run, which));
  }
  std::vector<std::uint32_t> drawn;
  return resample(std::move(per_seed), options, [&](std::uint32_t run, Random& random) {
    samplers[run].draw(random, drawn);
    return samplers[run].value(drawn);
  });
}

Estimate paired_difference(std::span<const Trajectory* const> a, std::span<const Trajectory* const> b, Measure which,
                           const BootstrapOptions& options) {
  STET_ASSERT(!a.empty() && a.size() == b.size());
  struct Pair {
    Sampler a, b;
    bool same_facts;
  };
  std::vector<Pair> pairs;
  std::vector<double> per_seed;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool same_facts = a[i]->fact_ids == b[i]->fact_ids && a[i]->stratum == b[i]->stratum;
    pairs.push_back({Sampler(*a[i], which), Sampler(*b[i], which), same_facts});
    per_seed.push_back(measure(*a[i], which) - measure(*b[i], which));
  }
  std::vector<std::uint32_t> drawn;
  return resample(std::move(per_seed), options, [&](std::uint32_t run, Random& random) {
    Pair& pair = pairs[run];
    pair.a.draw(random, drawn);
    const double left = pair.a.value(drawn);
    if (!pair.same_facts) pair.b.draw(random, drawn);
    return left - pair.b.value(drawn);
  });
}

}  // namespace stet::report
