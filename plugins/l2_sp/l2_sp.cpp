// L2-SP (Li, Grandvalet & Davoine 2018): a quadratic penalty towards a starting point instead of towards zero. Formula
// and parameters: README.md.
#include <stet/plugin.hpp>

namespace {

struct Parameters {
  double strength = 0.01;
  std::string reference = "base";
};

/// gradient += strength * (value - reference); returns the sum of squared differences.
template <class T>
double pull(const T* __restrict__ values, const T* __restrict__ reference, T* __restrict__ gradient, std::int64_t count,
            T strength) {
  double squares = 0;
#pragma omp simd reduction(+ : squares)
  for (std::int64_t i = 0; i < count; ++i) {
    const T difference = values[i] - reference[i];
    gradient[i] += strength * difference;
    squares += static_cast<double>(difference) * static_cast<double>(difference);
  }
  return squares;
}

class L2Sp final : public stet::Regularizer {
 public:
  explicit L2Sp(const Parameters& parameters) : parameters_(parameters) {}

  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }

  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (parameters_.strength == 0) return 0;  // not a bit of the gradient may change
    const at::Tensor& reference = context.snapshots.get(parameters_.reference);
    return context.values.scalar_type() == at::kDouble ? add<double>(context, reference) : add<float>(context, reference);
  }

 private:
  template <class T>
  [[nodiscard]] double add(const stet::WeightContext& context, const at::Tensor& reference) const {
    const T* const values = context.values.data_ptr<T>();
    const T* const start = reference.data_ptr<T>();
    T* const gradient = context.gradients.data_ptr<T>();
    double squares = 0;
    for (std::size_t i = 0; i < context.table.size(); ++i) {
      if (!context.trains[i]) continue;
      const auto [offset, count] = std::pair(context.table[i].offset, context.table[i].count);
      squares += pull(values + offset, start + offset, gradient + offset, count, static_cast<T>(parameters_.strength));
    }
    return 0.5 * parameters_.strength * squares;
  }

  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("l2_sp", "1.0", "stet") {
  using stet::config::Limits;
  registrar.regularizer<L2Sp>(
      "l2_sp", "pulls the weights that train towards a snapshot (Li et al. 2018)",
      stet::config::Schema<Parameters>("regularizer.l2_sp")
          .field("strength", &Parameters::strength, "alpha: the penalty is alpha/2 times the squared distance", Limits{.min = 0})
          .field("reference", &Parameters::reference, "snapshot: \"base\", or the name of a finished phase"));
}
