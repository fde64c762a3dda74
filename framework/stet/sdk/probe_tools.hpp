// What many probes need: when to measure, on which facts, which weights to compare with, which layer.
#pragma once

#include <stet/plugin/probe.hpp>
#include <stet/sdk/similarity.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// At which of its evaluations a probe measures.
enum class ProbeTime {
  always,  ///< every one
  phases,  ///< the first, and each phase's last
  ends,    ///< the first and the last
  start,   ///< the first
};
[[nodiscard]] bool is_due(ProbeTime when, const ProbeContext& context) noexcept;
/// The names of a key `when`.
[[nodiscard]] std::vector<std::pair<std::string, ProbeTime>> probe_times();
/// The names of a key `position`.
[[nodiscard]] std::vector<std::pair<std::string, ProbePosition>> probe_positions();

/// Throws Error (config), naming the probe ("probe.cka"), if there is no fact set of this name.
void require_set(const ProbeContext& context, const std::string& probe, const std::string& set);
/// The same for a set of examples (Examples::sets).
void require_examples(const ProbeContext& context, const std::string& probe, const std::string& set);
/// The facts of a set. Throws Error (config) if there is no such set or it is empty.
[[nodiscard]] std::vector<ProbeFact> facts_of(const ProbeContext& context, const std::string& probe,
                                              const std::string& set);

/// The snapshot that a probe compares with.
class ReferenceWeights {
 public:
  ReferenceWeights(std::string probe, std::string name) : probe_(std::move(probe)), name_(std::move(name)) {}
  /// Null, with one warning in all, as long as there is no snapshot of this name: a phase has none before its end.
  [[nodiscard]] const at::Tensor* find(const Snapshots& snapshots);

 private:
  std::string probe_, name_;
  bool warned_ = false;
};

/// What hidden_states and neurons are given for a key `limit`, of which 0 stands for all facts.
[[nodiscard]] std::size_t fact_limit(std::int64_t limit) noexcept;

/// The layer that a key `layer` stands for: itself, or for -1 the middle one, L / 2 rounded up (14 of 28). Throws Error
/// (config) if it is beyond the model.
[[nodiscard]] int chosen_layer(const ProbeContext& context, const std::string& probe, std::int64_t layer);

/// The numbers of facts, from 0, by what they have in common.
using FactGroups = std::map<std::uint32_t, std::vector<std::int64_t>>;
enum class FactGrouping {
  relation,  ///< facts of one relation
  set,       ///< all facts: one group, 0
};
/// The names of a key that says how facts are grouped.
[[nodiscard]] std::vector<std::pair<std::string, FactGrouping>> fact_groupings();
/// The group of a fact.
[[nodiscard]] std::uint32_t group_of(const ProbeFact& fact, FactGrouping by) noexcept;
/// The first `limit` facts in their groups, in order.
[[nodiscard]] FactGroups groups_of(const std::vector<ProbeFact>& facts, FactGrouping by,
                                   std::size_t limit = fact_limit(0));

/// Of each row of a [n, d] the nearest row of b [m, d] in the group of the same key, see nearest_by_cosine. `where` is
/// its number in b; -1, with similarities of 0, if b has none in the group.
[[nodiscard]] Nearest nearest_in_group(const at::Tensor& a, const FactGroups& groups_of_a, const at::Tensor& b,
                                       const FactGroups& groups_of_b);

/// The tokens of each fact's subject, without repetitions.
[[nodiscard]] std::vector<Tokens> subject_tokens(const std::vector<ProbeFact>& facts);
/// Mean input embedding of each subject's tokens, with repetitions: [facts, d] kDouble. `weights`: flat.
[[nodiscard]] at::Tensor subject_embeddings(const Transformer& model, const at::Tensor& weights,
                                            const std::vector<ProbeFact>& facts);

/// Hidden states of facts under the present weights and under a reference's, which are computed once.
struct StatesNowAndThen {
  std::vector<at::Tensor> now, then;  ///< L + 1 tensors [facts, d]
};
class ReferenceStates {
 public:
  /// `probe`: "probe.drift", for messages. `reference`: the snapshot. `limit`: of each set the first so many facts; 0:
  /// all.
  ReferenceStates(const std::string& probe, const std::string& reference, ProbePosition position, std::int64_t limit)
      : probe_(probe), reference_(probe, reference), position_(position), limit_(fact_limit(limit)) {}
  /// Nothing as long as there is no such snapshot (see ReferenceWeights). Throws Error (config) if there is no such set
  /// or it is empty.
  [[nodiscard]] std::optional<StatesNowAndThen> of(const ProbeContext& context, const std::string& set);

 private:
  std::string probe_;
  ReferenceWeights reference_;
  ProbePosition position_;
  std::size_t limit_;
  std::map<std::string, std::vector<at::Tensor>> then_;  // constants, by set
};

}  // namespace stet
