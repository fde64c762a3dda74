// What a run has done so far: everything that its checkpoint holds and its results are written from.
#pragma once

#include <stet/base/clock.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>
#include <stet/evaluate/evaluation.hpp>
#include <stet/outcomes/outcomes_file.hpp>

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace stet {

struct RunState {
  std::size_t phase = 0;        ///< index of the phase under way
  bool in_phase = false;        ///< whether it was begun
  std::uint64_t position = 0;   ///< sequences seen in this phase
  std::int64_t step = 0;        ///< optimizer steps of the run
  double best_validation = -1;  ///< of this phase
  std::int64_t bad_epochs = 0;  ///< epochs since then
  bool phase_over = false;      ///< a plateau ended it
  TimeSpent spent;              ///< in earlier attempts
  report::OutcomeRecord outcomes;
  std::vector<std::string>
      older_metrics;  ///< lines of metrics.jsonl in a checkpoint of an older stet; else empty (MetricsLog keeps them)
  std::vector<std::string> measurements;  ///< lines of measurements.csv
  std::set<std::string> acted;  ///< keys of regularizers whose term was not 0 at some step, or that replaced weights
  std::vector<std::string> fact_arrays;  ///< "SET/KEY" of what record_facts() has recorded

  /// At the start of a phase's training.
  void begin_phase();

  /// Appends one evaluation.
  void record(std::int32_t phase_index, float epoch, const std::vector<TokenizedSet>& sets,
              const std::vector<SetScore>& scores);

  /// Per-fact values of the evaluation recorded last, as extra array `key` of the set; one value a fact (assertion).
  /// Evaluations before the first recorded one hold 0, those left out later the value before them.
  void record_facts(const std::string& set, const std::string& key, std::span<const float> values);
  /// Gives every array of record_facts() a row for the evaluation recorded last, by the rule above. Call after each
  /// evaluation.
  void complete_facts();

  void save_to(Checkpoint& checkpoint) const;
  void load_from(const Checkpoint& checkpoint);
};

}  // namespace stet
