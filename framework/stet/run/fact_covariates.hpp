// What facts are like before fine-tuning: what analyses take out of forgetting before they speak of interference, and
// what sets are matched on.
#pragma once

#include <stet/evaluate/evaluation.hpp>
#include <stet/outcomes/outcomes_file.hpp>
#include <stet/run/base_model.hpp>

#include <span>
#include <vector>

namespace stet {

/// Each [facts]. The tokens of a name are those of " " + subject, whatever the wording.
struct FactCovariates {
  std::vector<double> name_length;       ///< tokens
  std::vector<double> log_frequency;     ///< mean over name tokens of log(1 + showings of base facts in an epoch whose
                                         ///< subject has the token)
  std::vector<double> answer_frequency;  ///< share of the relation's base facts with this answer
  std::vector<double> name_likelihood;   ///< log-likelihood of the name in the wording of fine-tuning, under the base
  std::vector<double> base_margin;       ///< log-likelihood of answer and end in that wording, under the base
};

/// Collective. `world` is the arm's, with the base's facts.
[[nodiscard]] FactCovariates base_covariates(const BaseModel& base, const World& world, std::span<const Fact> facts,
                                             Communicator& communicator);

/// For each of `facts`, the share of its name's tokens that occur in a subject of `others` (0 if there are none).
[[nodiscard]] std::vector<double> token_overlap(const Tokenizer& tokenizer, std::span<const Fact> facts,
                                                std::span<const Fact> others);

/// For each of `facts`, the largest cosine between the mean input embedding of its name and those of the names of
/// `others`, under the base (0 if there are none).
[[nodiscard]] std::vector<double> embedding_cosine(const BaseModel& base, std::span<const Fact> facts,
                                                   std::span<const Fact> others);

/// Collective. Writes the extra arrays token_overlap, log_frequency, answer_frequency, name_length, base_margin and
/// embedding_cosine, [N] each, of the sets held and unknown. The others, for overlap and cosine: the unknown facts for
/// held ones, the held facts for unknown ones.
void record_covariates(const BaseModel& base, const World& world, std::span<const TokenizedSet> sets,
                       Communicator& communicator, report::OutcomeRecord& outcomes);

}  // namespace stet
