#include <stet/model/kernels/rope_tables.hpp>

#include <stet/base/error.hpp>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numbers>

namespace stet {

std::vector<double> rope_frequencies(const ModelConfig& config) {
  const std::int64_t half = config.rotated_width() / 2;
  const RopeScaling& scaling = config.rope_scaling;
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < half; ++i) {
    double frequency = std::pow(config.rope_base, -static_cast<double>(i) / static_cast<double>(half));
    if (scaling.factor != 1) {
      const double turns = static_cast<double>(scaling.original_context) * frequency / (2 * std::numbers::pi);
      const double kept =
          std::clamp((turns - scaling.low_factor) / (scaling.high_factor - scaling.low_factor), 0.0, 1.0);
      frequency = (1 - kept) * frequency / scaling.factor + kept * frequency;
    }
    frequencies.push_back(frequency);
  }
  return frequencies;
}

struct RopeTables::State {
  std::int64_t context;
  std::vector<double> frequencies;
  std::mutex mutex;
  Tables in_double, in_float;
  std::int64_t ready = 0;  // positions

  void grow(std::int64_t positions) {
    const auto half = static_cast<std::int64_t>(frequencies.size());
    std::int64_t rows = 1024;
    while (rows < positions) rows *= 2;
    rows = std::min(rows, context);
    // New tensors: who holds the old ones keeps them.
    in_double = {at::empty({rows, half}, at::kDouble), at::empty({rows, half}, at::kDouble)};
    for (std::int64_t t = 0; t < rows; ++t) {
      for (std::int64_t i = 0; i < half; ++i) {
        const double angle = static_cast<double>(t) * frequencies[static_cast<std::size_t>(i)];
        in_double.cosine.data_ptr<double>()[t * half + i] = std::cos(angle);
        in_double.sine.data_ptr<double>()[t * half + i] = std::sin(angle);
      }
    }
    in_float = {in_double.cosine.to(at::kFloat), in_double.sine.to(at::kFloat)};
    ready = rows;
  }
};

RopeTables::RopeTables(const ModelConfig& config) : state_(std::make_unique<State>()) {
  state_->context = config.context;
  state_->frequencies = rope_frequencies(config);
}
RopeTables::~RopeTables() = default;
RopeTables::RopeTables(RopeTables&&) noexcept = default;
RopeTables& RopeTables::operator=(RopeTables&&) noexcept = default;

RopeTables::Tables RopeTables::get(std::int64_t positions, at::ScalarType type) const {
  STET_ASSERT(positions <= state_->context);
  const std::lock_guard lock(state_->mutex);
  if (state_->ready < positions || state_->ready == 0) state_->grow(positions);
  return type == at::kDouble ? state_->in_double : state_->in_float;
}

}  // namespace stet
