// A freeze strategy says which parameters train. The others get no gradient, no optimizer state and no weight decay,
// and are checked to be bit-identical at the end.
#pragma once

#include <stet/plugin/context.hpp>

#include <cstdint>
#include <map>
#include <vector>

namespace stet {

/// A matrix W [out, in] that trains as W = W0 + scale * B A, with A [rank, in] and B [out, rank] (LoRA, Hu et al. 2021,
/// arXiv 2106.09685). W0 is its value at the start of the phase. The engine keeps A and B, trains them in the matrix's
/// place, and writes W after every step: whoever reads the weights sees the merged ones.
struct LowRank {
  std::int64_t rank;    ///< at least 1; above min(out, in) it is allowed, and of no use
  double scale;         ///< finite, not 0. alpha / rank in the paper, alpha / sqrt(rank) for rsLoRA
  std::uint64_t seed;   ///< A starts uniform in +-1/sqrt(in), a function of (seed, parameter name); B starts at 0
  bool decays = false;  ///< AdamW's weight decay acts on A and B
};

struct TrainableSelection {
  std::vector<bool> trains;  ///< one entry a parameter of the table
  /// Optional element masks (uint8, 1 trains, same shape as the parameter) for parameters that train in part.
  ElementMasks masks;
  /// Optional: matrices (2-D) that train by a low-rank change alone. `trains` is true for them, and they have no mask.
  std::map<std::size_t, LowRank> low_rank = {};
};

class FreezeStrategy {
 public:
  virtual ~FreezeStrategy() = default;
  /// Called before anything trains, by `stet plan` and `stet run`, on an object that is used for nothing else: throws
  /// Error (config), for instance context.error(key, ...), for what the experiment file alone shows to be wrong. Not
  /// collective.
  virtual void check(const CheckContext& /*context*/) const {}
  /// Called once a phase; must be a function of the table and the plugin's parameters alone.
  [[nodiscard]] virtual TrainableSelection select(const ParameterTable& table) const = 0;
};

}  // namespace stet
