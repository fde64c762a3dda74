// LoRA as a freeze strategy: named matrices train by a low-rank change alone. Formula and parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/parameter_selection.hpp>

#include <cmath>

namespace {

struct Parameters {
  std::vector<std::string> train = {"attention", "ffn"};
  std::int64_t rank = 8;
  double alpha = 16;
  bool rs = false;
  bool decay = false;
  std::uint64_t seed = 0;
};

class LoRa final : public stet::FreezeStrategy {
 public:
  explicit LoRa(const Parameters& parameters) : parameters_(parameters), chosen_(parameters.train, "freeze.lora") {
    stet::require_some(parameters.train, "freeze.lora", "train");
  }

  void check(const stet::CheckContext& context) const override {
    static_cast<void>(select(context.table));  // every selector must match something
  }

  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    stet::TrainableSelection selection{chosen_.matrices(table), {}};
    const auto rank = static_cast<double>(parameters_.rank);
    const double scale = parameters_.alpha / (parameters_.rs ? std::sqrt(rank) : rank);
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (selection.trains[i]) selection.low_rank[i] = {parameters_.rank, scale, parameters_.seed, parameters_.decay};
    }
    return selection;
  }

 private:
  Parameters parameters_;
  stet::ParameterSelection chosen_;
};

}  // namespace

STET_PLUGIN("lora", "1.2", "stet") {
  using stet::config::Limits;
  registrar.freeze_strategy<LoRa>(
      "lora", "trains a low-rank change of the named matrices",
      stet::config::Schema<Parameters>("freeze.lora")
          .field("train", &Parameters::train, "selectors of the matrices; all else is frozen")
          .field("rank", &Parameters::rank, "r, of every change", Limits{.min = 1})
          .field("alpha", &Parameters::alpha, "the change is alpha/r times B A", Limits{.min = 0, .open_min = true})
          .field("rs", &Parameters::rs, "alpha/sqrt(r) instead of alpha/r (rsLoRA)")
          .field("decay", &Parameters::decay, "train.weight_decay acts on A and B")
          .field("seed", &Parameters::seed, "of the random start of A"));
}
