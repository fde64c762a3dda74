// The positions that a rank reads, one after another.
#pragma once

#include <stet/data/sampler.hpp>

#include <cstdint>
#include <optional>

namespace stet {

/// Of each batch, from `position` on, parts first_part .. first_part + own_parts - 1 of `parts`.
struct PositionPlan {
  std::uint64_t batch_size = 64;
  std::uint64_t position = 0;      ///< a batch's beginning
  std::uint64_t end = UINT64_MAX;  ///< no batch begins there or behind
  std::uint64_t parts = 1, first_part = 0, own_parts = 1;
};

class PositionWalk {
 public:
  PositionWalk(std::uint64_t epoch_size, const PositionPlan& plan);
  /// The position, or nothing behind the end.
  [[nodiscard]] std::optional<std::uint64_t> next();

 private:
  void enter();

  std::uint64_t epoch_size_;
  PositionPlan plan_;
  std::uint64_t begin_, at_ = 0, own_end_ = 0, batch_end_ = 0;
};

}  // namespace stet
