// A small model, its data and a trainer's steps, for tests of the trainer and of what it uses.
#pragma once

#include "training.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

namespace stet::testing {

/// What tests of the trainer share: a model in float64, data, one process.
class SmallTraining : public ::testing::Test {
 protected:
  SmallTraining() {
    options_.learning_rate = 1e-2;
    options_.clip = 0;
  }

  static double deviation(const at::Tensor& a, const at::Tensor& b) {
    return ((a - b).abs().max() / b.abs().max()).item<double>();
  }

  const Transformer model_{testing::small_model()};
  const ParameterTable& table_ = model_.table();
  const at::Tensor start_ = initial_values(table_, model_.config(), 1, at::kDouble);
  const TrainingData data_ = testing::small_data();
  const Sampler sampler_{13, 5};
  const std::unique_ptr<Communicator> alone_ = make_single_process();
  MapSnapshots snapshots_;
  TrainOptions options_;
};

class TrainerTest : public SmallTraining {
 protected:
  TrainerTest() {
    snapshots_.weights["base"] = start_;
    options_.batch_size = 6;
    options_.replica_check_steps = 1;
  }

  struct Result {
    at::Tensor gradient;  ///< of the first step, after clipping, over what trains
    at::Tensor weights;
    std::vector<StepReport> reports;
  };

  /// `steps` steps from start_. The gradient of the first is read from the first moment.
  Result run(const TrainOptions& options, int steps, std::vector<ActiveRegularizer> regularizers = {},
             const TrainableSelection& selection = {}) {
    Result result;
    result.weights = start_.clone();
    Trainer trainer(model_, result.weights, options, *alone_);
    trainer.begin_phase(selection, std::move(regularizers), snapshots_);
    std::uint64_t position = 0;
    for (int step = 0; step < steps; ++step) {
      const BatchRange range = batch_at(position, data_.epoch_size, static_cast<std::uint64_t>(options.batch_size));
      result.reports.push_back(trainer.step(data_, sampler_, range, steps));
      position = range.end;
      if (step == 0) result.gradient = trainer.optimizer().first / (1 - options.beta1);
    }
    return result;
  }
};

}  // namespace stet::testing
