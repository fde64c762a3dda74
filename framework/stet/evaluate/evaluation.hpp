// Scores facts: is the greedy answer exactly right, and how probable is the right answer?
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/data/batch.hpp>
#include <stet/model/transformer.hpp>
#include <stet/plugin/probe.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/world/fact_sets.hpp>
#include <stet/world/world.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace stet {

/// A set of facts in one wording, tokenized: prompt + answer + end.
struct TokenizedSet {
  std::string name;
  std::vector<Fact> facts;
  std::vector<TokenSequence> sequences;          ///< one a fact
  std::vector<std::int32_t> subject_end;         ///< position of the subject's last token
  std::vector<std::int32_t> subject_begin = {};  ///< of its first; empty: 0 for every fact
};

/// `wording` gives each fact its text, for instance its relation's probe.
[[nodiscard]] TokenizedSet tokenize_set(std::string name, std::span<const Fact> facts, const Tokenizer& tokenizer,
                                        const std::function<const std::string&(const Fact&)>& wording);

/// Throws Error (data), naming set, fact and both lengths, if a fact's text is longer than `context` tokens. Not
/// collective, and the same on every rank: called before ranks share the work.
void check_lengths(const TokenizedSet& set, std::int64_t context);

struct SetScore {
  std::vector<std::uint8_t> correct;      ///< greedy decoding gives the whole answer and then ends
  std::vector<float> probability;         ///< of the whole answer with its end
  std::vector<std::int32_t> first_token;  ///< the most probable first token of an answer
  /// Of the model's own answer: the product of its greedy tokens' probabilities along the right answer, up to and with
  /// the first token that differs. Where the answer is right this is `probability`; where it is wrong, what the model
  /// would write after its first wrong token is not counted, so it is an upper bound then.
  std::vector<float> confidence = {};
  std::vector<float> entropy = {};           ///< nats, of the distribution of the answer's first token
  std::vector<double> log_probability = {};  ///< log of `probability`, which may be too small for a float
  std::vector<float> not_attempted = {};     ///< 0 or 1, where answers are judged as they are written; else empty
  [[nodiscard]] double accuracy() const;
};

/// Collective. Throws as check_lengths() does. Batches are dealt to ranks and are the same for any number of ranks, so
/// the result is, too. Greedy decoding is not run: an answer is greedily right exactly if each of its tokens is the
/// arg-max after those before it.
[[nodiscard]] SetScore score(const Transformer& model, const at::Tensor& weights, const TokenizedSet& set,
                             Communicator& communicator, std::size_t batch_size = 128);

/// Hidden states of the first `limit` facts at the given position: L + 1 tensors [facts, d]. Not collective.
[[nodiscard]] std::vector<at::Tensor> hidden_states(const Transformer& model, const at::Tensor& weights,
                                                    const TokenizedSet& set, ProbePosition position, std::size_t limit);

/// Feed-forward neurons (Transformer::neurons) of the first `limit` facts: L tensors [facts, feed_forward]. Not
/// collective.
[[nodiscard]] std::vector<at::Tensor> neurons(const Transformer& model, const at::Tensor& weights,
                                              const TokenizedSet& set, ProbePosition position, std::size_t limit);

/// The facts of a set as a probe sees them.
[[nodiscard]] std::vector<ProbeFact> probe_facts(const TokenizedSet& set);

}  // namespace stet
