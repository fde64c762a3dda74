#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>
#include <stet/sdk/random_choice.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace stet {

at::Tensor random_permutation(std::int64_t n, std::uint64_t seed) {
  const KeyedPermutation image(static_cast<std::uint64_t>(n), seed);
  at::Tensor order = at::empty({n}, at::kLong);
  auto* const to = order.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<std::int64_t>(image(static_cast<std::uint64_t>(i)));
  return order;
}

at::Tensor random_mask(at::IntArrayRef shape, std::int64_t ones, std::uint64_t seed, const std::string& purpose) {
  at::Tensor mask = at::empty(shape, at::kByte);
  const KeyedPermutation place(static_cast<std::uint64_t>(mask.numel()), seed, Random(0, purpose).bits64());
  auto* const bytes = mask.data_ptr<std::uint8_t>();
  at::parallel_for(0, mask.numel(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      bytes[k] = place(static_cast<std::uint64_t>(k)) < static_cast<std::uint64_t>(ones) ? 1 : 0;
    }
  });
  return mask;
}

std::vector<std::int64_t> proportional_shares(const std::vector<std::int64_t>& sizes, std::int64_t wanted) {
  __extension__ using Wide = __int128;
  const std::int64_t available = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
  STET_ASSERT(wanted <= available);
  std::vector<std::int64_t> shares(sizes.size()), remainders(sizes.size(), -1);
  std::int64_t left = wanted;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) continue;
    const Wide product = Wide{sizes[i]} * wanted;
    shares[i] = static_cast<std::int64_t>(product / available);
    remainders[i] = static_cast<std::int64_t>(product % available);
    left -= shares[i];
  }
  std::vector<std::size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
  for (std::size_t k = 0; left > 0; ++k, --left) ++shares[order[k]];
  return shares;
}

}  // namespace stet
