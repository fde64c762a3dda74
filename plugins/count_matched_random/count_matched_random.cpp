// The control to plugins/freeze: as many elements train as a named selection has, but drawn at random. Formula:
// README.md.
#include <common/selector.hpp>

#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>
#include <stet/plugin.hpp>

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

namespace {

struct Parameters {
  std::vector<std::string> train;
  std::optional<std::vector<std::string>> within;
  bool biases = true;
  std::uint64_t seed = 0;
};

class CountMatchedRandom final : public stet::FreezeStrategy {
 public:
  explicit CountMatchedRandom(const Parameters& parameters)
      : parameters_(parameters),
        matched_(parameters.train, owner),
        within_(parameters.within.value_or(std::vector<std::string>{"name:*"}), owner) {
    if (parameters.train.empty() || (parameters.within && parameters.within->empty())) {
      throw stet::Error(stet::ErrorKind::config, std::string(owner) + ": nothing is left to train")
          .received(parameters.train.empty() ? "train = []" : "within = []");
    }
  }

  void check(const stet::CheckContext& context) const override {
    static_cast<void>(counts(context.table, context.vocabulary_known));
  }

  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    const auto [drawn_from, wanted, available] = counts(table, true);
    stet::TrainableSelection selection{std::vector<bool>(table.size(), false), {}};
    const std::vector<std::int64_t> quotas = share(table, drawn_from, wanted, available);
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (quotas[i] == 0) continue;
      selection.trains[i] = true;
      if (quotas[i] < table[i].count) selection.masks[i] = draw(table[i], quotas[i]);
    }
    return selection;
  }

 private:
  struct Counts {
    std::vector<bool> drawn_from;  // one a parameter
    std::int64_t wanted = 0, available = 0;
  };

  /// Throws for selectors that match nothing; with `sizes_known` also where there is too little to draw from.
  [[nodiscard]] Counts counts(const stet::ParameterTable& table, bool sizes_known) const {
    const std::vector<bool> named = matched_.of(
        table, [this](const stet::ParameterInfo& parameter) { return parameters_.biases || !parameter.bias; });
    std::vector<bool> drawn_from = within_.of(
        table, [](const stet::ParameterInfo& parameter) { return parameter.shape.size() == 2; }, "matrix");
    std::int64_t wanted = 0, available = 0;
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (named[i]) wanted += table[i].count;
      if (drawn_from[i]) available += table[i].count;
    }
    if (sizes_known && wanted > available) {
      throw stet::Error(stet::ErrorKind::config, std::string(owner) + ": there is too little to draw from")
          .expected("matrices with at least " + std::to_string(wanted) + " elements in 'within'")
          .received(std::to_string(available));
    }
    return {std::move(drawn_from), wanted, available};
  }

  /// Every matrix trains the same share of its elements; what rounding leaves goes to the largest remainders, in the
  /// order of the table where they are equal. The quotas add up to `wanted`.
  static std::vector<std::int64_t> share(const stet::ParameterTable& table, const std::vector<bool>& drawn_from,
                                         std::int64_t wanted, std::int64_t available) {
    __extension__ using Wide = __int128;
    std::vector<std::int64_t> quotas(table.size()), remainders(table.size(), -1);
    std::int64_t left = wanted;
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (!drawn_from[i]) continue;
      const Wide product = Wide{table[i].count} * wanted;
      quotas[i] = static_cast<std::int64_t>(product / available);
      remainders[i] = static_cast<std::int64_t>(product % available);
      left -= quotas[i];
    }
    std::vector<std::size_t> order(table.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
    for (std::size_t k = 0; left > 0; ++k, --left) ++quotas[order[k]];
    return quotas;
  }

  /// A mask with exactly `quota` ones.
  [[nodiscard]] at::Tensor draw(const stet::ParameterInfo& parameter, std::int64_t quota) const {
    const auto count = static_cast<std::uint64_t>(parameter.count);
    const stet::KeyedPermutation place(count, parameters_.seed,
                                       stet::Random(0, "count_matched_random." + parameter.name).bits64());
    at::Tensor mask = at::empty(parameter.shape, at::kByte);
    auto* const bytes = mask.data_ptr<std::uint8_t>();
    at::parallel_for(0, parameter.count, 1 << 15, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) {
        bytes[k] = place(static_cast<std::uint64_t>(k)) < static_cast<std::uint64_t>(quota) ? 1 : 0;
      }
    });
    return mask;
  }

  static constexpr const char* owner = "freeze.count_matched_random";

  Parameters parameters_;
  stet::freeze::Selection matched_, within_;
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
