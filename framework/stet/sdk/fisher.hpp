// The diagonal of the Fisher information of a language model's answers, by four estimators (van de Ven 2025, arXiv
// 2502.11756).
//
// The log-likelihood of an example is the *sum* of log p over its answer tokens, each given the true tokens before it;
// so the gradient of an example is that of a sum, not of a mean. F is a mean over examples.
#pragma once

#include <stet/config/schema.hpp>
#include <stet/plugin/check_context.hpp>
#include <stet/plugin/examples.hpp>

#include <cstdint>
#include <string>

namespace stet {

enum class FisherEstimator {
  exact,      ///< every token of the vocabulary at every answer position, weighted by its probability
  sampled,    ///< tokens drawn from the model's own distribution: an unbiased estimate of `exact`
  empirical,  ///< the true tokens: another quantity, which vanishes where the model is sure and right
  batched,    ///< the square of a mini-batch's mean gradient: a frequent mistake, kept for comparison
};

struct FisherOptions {
  FisherEstimator fisher = FisherEstimator::sampled;
  std::string set = "known";
  std::int64_t limit = 256;               ///< the set's first so many examples; 0: all
  std::int64_t samples = 1;               ///< sampled: draws an example
  std::int64_t batch = 32;                ///< batched: examples a mini-batch
  std::int64_t largest_vocabulary = 256;  ///< exact: above it, refused
  std::uint64_t seed = 1;                 ///< sampled
};

/// Adds the keys of these options to the schema of a plugin whose parameters are derived from FisherOptions, and
/// returns it.
template <class P>
config::Schema<P>& add_fisher_fields(config::Schema<P>& schema) {
  using config::Limits;
  const auto member = []<class M>(M FisherOptions::*pointer) -> M P::* { return pointer; };
  return schema
      .choice("fisher", member(&FisherOptions::fisher),
              {{"exact", FisherEstimator::exact},
               {"sampled", FisherEstimator::sampled},
               {"empirical", FisherEstimator::empirical},
               {"batched", FisherEstimator::batched}},
              "estimator: over all tokens, drawn from the model, the true tokens, or (wrong) a mini-batch's mean "
              "gradient squared")
      .field("set", member(&FisherOptions::set), "whose examples; not \"held\"")
      .field("limit", member(&FisherOptions::limit), "the set's first so many examples; 0: all",
             Limits{.min = 0, .unit = "examples"})
      .field("samples", member(&FisherOptions::samples), "fisher = \"sampled\": draws for each example",
             Limits{.min = 1, .max = 65536})
      .field("batch", member(&FisherOptions::batch), "fisher = \"batched\": size of a mini-batch",
             Limits{.min = 1, .unit = "examples"})
      .field("largest_vocabulary", member(&FisherOptions::largest_vocabulary),
             "fisher = \"exact\": refuse larger vocabularies, since every token costs a backward pass",
             Limits{.min = 2})
      .field("seed", member(&FisherOptions::seed), "of the draws");
}

/// For check(): throws Error (config) if there is no such set, or the vocabulary is too large for the exact estimator.
void check_fisher(const FisherOptions& options, const CheckContext& context);

/// Collective. F [n] in kDouble, the same bits on every number of ranks that divides the micro-shards. `weights` are
/// left alone. Throws Error (config) if there is no such set, or the vocabulary is too large for the exact estimator.
[[nodiscard]] at::Tensor diagonal_fisher(const FisherOptions& options, const Examples& examples,
                                         const at::Tensor& weights, std::int64_t vocabulary);

}  // namespace stet
