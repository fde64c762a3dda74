// The control to plugins/freeze: as many elements train as a named selection has, but drawn at random. Formula:
// README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/parameter_selection.hpp>
#include <stet/sdk/random_choice.hpp>

#include <numeric>

namespace {

struct Parameters {
  std::vector<std::string> train;
  std::optional<std::vector<std::string>> within;
  bool biases = true;
  std::uint64_t seed = 0;
};

constexpr const char* owner = "freeze.count_matched_random";

class CountMatchedRandom final : public stet::FreezeStrategy {
 public:
  explicit CountMatchedRandom(const Parameters& parameters)
      : parameters_(parameters),
        matched_(parameters.train, owner),
        within_(parameters.within.value_or(std::vector<std::string>{"name:*"}), owner) {
    stet::require_some(parameters.train, owner, "train");
    if (parameters.within) stet::require_some(*parameters.within, owner, "within");
  }

  void check(const stet::CheckContext& context) const override {
    static_cast<void>(counts(context.table, context.vocabulary_known));
  }

  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    const auto [wanted, sizes] = counts(table, true);
    const std::vector<std::int64_t> quotas = stet::proportional_shares(sizes, wanted);
    stet::TrainableSelection selection{std::vector<bool>(table.size(), false), {}};
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (quotas[i] == 0) continue;
      selection.trains[i] = true;
      if (quotas[i] == table[i].count) continue;
      selection.masks[i] =
          stet::random_mask(table[i].shape, quotas[i], parameters_.seed, "count_matched_random." + table[i].name);
    }
    return selection;
  }

 private:
  struct Counts {
    std::int64_t wanted = 0;          // elements
    std::vector<std::int64_t> sizes;  // of each parameter those to draw from
  };

  /// Throws for selectors that match nothing; with `sizes_known` also where there is too little to draw from.
  [[nodiscard]] Counts counts(const stet::ParameterTable& table, bool sizes_known) const {
    const std::vector<bool> named = matched_.of(
        table, [this](const stet::ParameterInfo& parameter) { return parameters_.biases || !parameter.bias; });
    const std::vector<bool> drawn_from = within_.matrices(table);
    Counts counts;
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (named[i]) counts.wanted += table[i].count;
      counts.sizes.push_back(drawn_from[i] ? table[i].count : 0);
    }
    const auto available = std::accumulate(counts.sizes.begin(), counts.sizes.end(), std::int64_t{0});
    if (sizes_known && counts.wanted > available) {
      throw stet::Error(stet::ErrorKind::config, std::string(owner) + ": there is too little to draw from")
          .expected("matrices with at least " + std::to_string(counts.wanted) + " elements in 'within'")
          .received(std::to_string(available));
    }
    return counts;
  }

  Parameters parameters_;
  stet::ParameterSelection matched_, within_;
};

}  // namespace

STET_PLUGIN("count_matched_random", "1.0", "stet") {
  registrar
      .freeze_strategy<CountMatchedRandom>(
          "count_matched_random", "trains as many elements as are named, drawn at random",
          stet::config::Schema<Parameters>("freeze.count_matched_random")
              .field("train", &Parameters::train, "selectors of the parameters whose elements are counted",
                     stet::config::Limits{.required = true})
              .field("within", &Parameters::within, "selectors of the matrices to draw from; without it: all matrices")
              .field("biases", &Parameters::biases, "biases are counted with their layers, as freeze trains them")
              .field("seed", &Parameters::seed, "of the draw"))
      .example("train = [\"attention\"]");
}
