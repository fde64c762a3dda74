// The tiny model, data and training run that the conformance kit tries plugins on. It trains as every run does
// (run/training/fine_tuning.hpp).
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/evaluate/evaluation.hpp>
#include <stet/model/transformer.hpp>
#include <stet/run/training/fine_tuning.hpp>
#include <stet/train/snapshot_store.hpp>
#include <stet/train/trainer.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace stet {

/// Immutable; any number of runs may use one.
class ConformanceBench {
 public:
  ConformanceBench();

  [[nodiscard]] const Transformer& model() const noexcept { return model_; }
  [[nodiscard]] const TrainOptions& options() const noexcept { return options_; }
  [[nodiscard]] const TrainingData& data() const noexcept { return data_; }
  /// Flat weights, a function of the seed. Seed 1 is the base.
  [[nodiscard]] at::Tensor weights(std::uint64_t seed, at::ScalarType type) const;
  /// "base", and "earlier" as if a phase of that name had ended. New copies.
  [[nodiscard]] SnapshotStore snapshots(at::ScalarType type) const;
  /// The first block and the token embedding are frozen, all else trains; `masked`: of one matrix every other element
  /// alone.
  [[nodiscard]] TrainableSelection partly_frozen(bool masked = false) const;
  /// "known", "unknown", "held", "validation": a few facts each.
  [[nodiscard]] const std::vector<TokenizedSet>& sets() const noexcept { return sets_; }

  /// The sets, and a few texts each as "neutral", "pretraining", "pretraining_not_held" and
  /// "self_generated". The bench must outlive the store.
  void fill(ExampleStore& store) const;

  static constexpr const char* phase = "main";
  static constexpr const char* second_phase = "later";
  static constexpr std::int64_t shards = 4;  ///< micro-shards

 private:
  Transformer model_;
  TrainOptions options_;
  TrainingData data_;
  std::vector<TokenizedSet> sets_;
};

/// One training run in float32, of one or more phases of at most total_steps steps each. All members but the accessors
/// are collective.
class BenchRun {
 public:
  static constexpr int total_steps = 8;

  /// `regularizer` may be null: plain fine-tuning. `seed` of the starting weights.
  BenchRun(const ConformanceBench& bench, Communicator& communicator, std::unique_ptr<Regularizer> regularizer,
           const TrainableSelection& selection = {}, std::uint64_t seed = 1);

  void begin(const std::string& phase = ConformanceBench::phase);
  void train(int steps);
  /// The phase's end; another may begin then.
  void end();
  /// Writes a checkpoint as the engine does, and goes on from one, within its phase, in a run that has not begun.
  void save(const std::filesystem::path& folder);
  void resume(const std::filesystem::path& folder);
  /// Tensors of the plugin's own in the last save().
  [[nodiscard]] std::size_t saved_tensors() const noexcept { return saved_tensors_; }

  /// Whether weights were replaced at the end of a phase.
  [[nodiscard]] bool replaced() const noexcept { return replaced_; }

  [[nodiscard]] const at::Tensor& weights() const noexcept { return tuning_.weights(); }
  [[nodiscard]] const SnapshotStore& snapshots() const noexcept { return tuning_.snapshots(); }
  /// Of all phases; after resume() of those steps alone that followed.
  [[nodiscard]] const std::vector<StepReport>& reports() const noexcept { return reports_; }
  /// Hash of the weights, and every loss with all its bits.
  [[nodiscard]] std::string digest() const;

 private:
  const ConformanceBench& bench_;
  Communicator& communicator_;
  FineTuning tuning_;
  Sampler sampler_;
  std::string phase_;
  std::uint64_t position_ = 0;
  bool replaced_ = false;
  std::size_t saved_tensors_ = 0;
  std::vector<StepReport> reports_;
};

/// Where two flat buffers first differ, as a parameter's name; empty if they are equal bit for bit.
[[nodiscard]] std::string first_difference(const ParameterTable& table, const at::Tensor& a, const at::Tensor& b);

}  // namespace stet
