// Choices at random that are functions of a seed alone: the same on all ranks, in every phase and after a restart.
#pragma once

#include <stet/model/torch.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace stet {

/// 0..n-1 in a random order: [n] int64. n >= 1.
[[nodiscard]] at::Tensor random_permutation(std::int64_t n, std::uint64_t seed);

/// uint8 [shape] with exactly `ones` ones (at most the number of elements) at random places; a mask of
/// TrainableSelection. `purpose` keeps draws with one seed apart: "count_matched_random.model.norm.weight".
[[nodiscard]] at::Tensor random_mask(at::IntArrayRef shape, std::int64_t ones, std::uint64_t seed,
                                     const std::string& purpose);

/// Deals `wanted` (at most the sum of `sizes`) out in proportion to the sizes: each gets its share rounded down, and
/// what is left goes to the largest remainders, among equals to the first. Where the size is 0 the share is 0; the
/// shares add up to `wanted`.
[[nodiscard]] std::vector<std::int64_t> proportional_shares(const std::vector<std::int64_t>& sizes,
                                                            std::int64_t wanted);

}  // namespace stet
