// Where a backward pass puts gradients in one flat buffer: every parameter at its place in the table, or, where
// matrices train by a low-rank change alone, only what trains, without room for what nobody reads.
//
// Of W = W0 + s B A the gradients of the factors need no gradient of W: with x [n, in] what the matrix is given and
// g [n, out] the gradient of what it gives,
//   dB = s g^T (x A^T)        dA = s (g B)^T x,
// which takes 4 n r (in + out) operations instead of 2 n in out, and no memory for [out, in].
#pragma once

#include <stet/model/parameters.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace stet {

/// The factors of a matrix, for the backward pass.
struct FactorPlace {
  std::int64_t rank;
  double scale;
  std::int64_t a, b;  ///< where A [rank, in] and, right behind it, B [out, rank] begin in the flat factors
};

class GradientLayout {
 public:
  /// Every parameter at its offset in the table. Those whose `trains` entry is false (empty: none) get no gradient.
  explicit GradientLayout(const ParameterTable& table, const std::vector<bool>& trains = {});
  /// What trains alone, in the order of the table; of a matrix with factors [dA, dB] if it is one of a block's, else
  /// (embeddings, the head) the dense gradient.
  GradientLayout(const ParameterTable& table, const std::vector<bool>& trains,
                 const std::map<std::size_t, FactorPlace>& factors);

  /// Whether the buffer is like one of weights.
  [[nodiscard]] bool whole() const noexcept { return whole_; }
  [[nodiscard]] std::int64_t elements() const noexcept { return elements_; }
  /// Where parameter i begins, or would if it had a gradient: rises with i.
  [[nodiscard]] std::int64_t begin(std::size_t i) const { return places_[i].begin; }
  /// Whether there is room for its own, dense gradient.
  [[nodiscard]] bool dense(std::size_t i) const { return places_[i].dense; }
  /// Its factors, if their gradients are wanted in its place.
  [[nodiscard]] const std::optional<FactorPlace>& factors(std::size_t i) const { return places_[i].factors; }

 private:
  struct Place {
    std::int64_t begin;
    bool dense;
    std::optional<FactorPlace> factors;
  };
  std::vector<Place> places_;
  std::int64_t elements_ = 0;
  bool whole_ = false;
};

/// A buffer of layout.elements(), to be added to; and the flat factors, if the layout has some.
struct GradientTarget {
  const at::Tensor& gradients;
  const GradientLayout& layout;
  const at::Tensor& factors;
};

}  // namespace stet
