// WiSE-FT (Wortsman et al. 2022): the weights at the end of a phase are moved towards a snapshot. Formula and
// parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/weight_walk.hpp>

#include <optional>

namespace {

struct Parameters {
  double pull = 0.5;
  std::string reference = "base";
};

class WiseFt final : public stet::Regularizer {
 public:
  explicit WiseFt(const Parameters& parameters) : parameters_(parameters) {}

  void check(const stet::CheckContext& context) const override {
    if (parameters_.pull != 0) context.require_snapshot("reference", parameters_.reference);
  }

  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }
  /// Training is left alone.
  [[nodiscard]] double add_gradient(const stet::WeightContext& /*context*/) override { return 0; }

  void begin_phase(const stet::PhaseContext& context, bool /*resumed*/) override {
    // A wrong name is an error at once.
    if (parameters_.pull != 0) static_cast<void>(context.snapshots.get(parameters_.reference));
  }

  [[nodiscard]] std::optional<at::Tensor> replace_weights(const stet::WeightContext& context) override {
    if (parameters_.pull == 0) return std::nullopt;
    const at::Tensor& reference = context.snapshots.get(parameters_.reference);
    at::Tensor mixed = context.values.clone();
    for_each_trained(context, [&](std::size_t i, const stet::ParameterInfo&) {
      at::Tensor mine = context.table.view(mixed, i);
      const at::Tensor theirs = context.table.view(reference, i);
      // Exactly the snapshot; or in this form, in which equal weights keep their bits.
      const at::Tensor moved = parameters_.pull == 1 ? theirs : mine.add(theirs - mine, parameters_.pull);
      const auto mask = context.masks.find(i);
      mine.copy_(mask == context.masks.end() ? moved : at::where(mask->second.eq(1), moved, mine));
    });
    return mixed;
  }

 private:
  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("wise_ft", "1.0", "stet") {
  using stet::config::Limits;
  registrar
      .regularizer<WiseFt>(
          "wise_ft", "averages the weights at a phase's end with a snapshot (Wortsman et al. 2022)",
          stet::config::Schema<Parameters>("regularizer.wise_ft")
              .field("pull", &Parameters::pull,
                     "1 - a: 0 leaves the weights as they are, 1 puts the snapshot in their place",
                     Limits{.min = 0, .max = 1})
              .field("reference", &Parameters::reference, "snapshot: \"base\", or the name of a finished phase"))
      .strength("pull");
}
