// Cosines and sines of rotary positions. A model may claim a context of 100,000 tokens and be used for twenty: tables
// grow with the positions that are asked for.
#pragma once

#include <stet/model/model_config.hpp>
#include <stet/model/torch.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace stet {

/// The angle a position turns pair i by: rope_base^(-2 i / R), with R rotating elements, stretched as RopeScaling says.
/// R / 2 numbers. `config` must be complete.
[[nodiscard]] std::vector<double> rope_frequencies(const ModelConfig& config);

/// May be used by several threads at once.
class RopeTables {
 public:
  explicit RopeTables(const ModelConfig& config);
  ~RopeTables();
  RopeTables(RopeTables&&) noexcept;
  RopeTables& operator=(RopeTables&&) noexcept;

  struct Tables {
    at::Tensor cosine, sine;  ///< [at least as many positions as asked for, R / 2]
  };
  /// `type`: kFloat or kDouble. Asking for more than model.context is a programming error.
  [[nodiscard]] Tables get(std::int64_t positions, at::ScalarType type) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stet
