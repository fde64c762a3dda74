// The base model of an experiment: pre-trained from its world's text, certified, cached by hash; or one that others
// trained ([base]), which is looked at once and read where it lies.
#pragma once

#include <stet/model/transformer.hpp>
#include <stet/plan/eligible_facts.hpp>
#include <stet/plan/plan.hpp>
#include <stet/plan/world_source.hpp>
#include <stet/run/record/progress.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/train/training_data.hpp>
#include <stet/world/world.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace stet {

/// A finished base model. Immutable; shared by the runs that start from it.
struct BaseModel {
  Tokenizer tokenizer;
  Transformer model;
  at::Tensor weights;  ///< flat, kFloat
  Recall recall;
  std::string certification;  ///< Table 0, Markdown
};

/// A base of random weights that is said to know every fact; its vocabulary is the tokenizer's. With [base], that
/// model. For who asks what sets a run would draw or what it would cost, before anything is trained.
[[nodiscard]] BaseModel untrained_base(const World& world, const RunConfig& config);

/// Collective. Trains the base in `folder` (resuming if it was begun), certifies it and writes it; with [base] reads
/// it, and writes what it is. `world`: that of `base.config`. Throws Stopped.
void train_base(const PlannedBase& base, const World& world, const std::filesystem::path& folder,
                Communicator& communicator, const ProgressSink& progress);

/// Reads a finished base. Throws Error (data) if the files do not fit the configuration.
[[nodiscard]] std::unique_ptr<BaseModel> load_base(const PlannedBase& base, const World& world,
                                                   const std::filesystem::path& folder);

}  // namespace stet
