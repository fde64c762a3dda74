// A small model, small data and small regularizers, for the trainer's tests in one process and in several.
#pragma once

#include <stet/base/philox.hpp>
#include <stet/train/trainer.hpp>

#include <map>
#include <string>

namespace stet::testing {

inline ModelConfig small_model() {
  ModelConfig config;
  config.vocabulary = 23;
  config.width = 24;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.feed_forward = 40;
  config.context = 16;
  config.qkv_bias = true;
  config.init_scale = 0.3;
  return config;
}

/// 13 sequences of 3 to 9 tokens, the same every epoch.
inline TrainingData small_data() {
  return {"small", 13, [](std::uint64_t /*epoch*/, std::uint64_t index) {
            Random random(3, "sequence", index);
            TokenSequence sequence;
            const std::uint64_t length = 3 + random.below(7);
            for (std::uint64_t t = 0; t < length; ++t) sequence.ids.push_back(static_cast<TokenId>(random.below(23)));
            sequence.loss_begin = 1 + static_cast<std::uint32_t>(random.below(length - 1));
            sequence.example = index;
            return sequence;
          }};
}

class MapSnapshots final : public Snapshots {
 public:
  [[nodiscard]] const at::Tensor& get(const std::string& name) const override { return weights.at(name); }
  std::map<std::string, at::Tensor> weights;
};

/// On outputs: half the squared distance of logits to the teacher's, and half the square of hidden states.
class Stay final : public Regularizer {
 public:
  explicit Stay(RowScope scope, double strength = 0.5) : scope_(scope), strength_(strength) {}
  [[nodiscard]] Site site() const override { return Site::outputs; }
  [[nodiscard]] RowScope scope() const override { return scope_; }
  [[nodiscard]] at::Tensor output_loss(const OutputContext& context) override {
    const at::Tensor distance = (context.logits - context.snapshot_logits("base")).pow(2).sum(1);
    return 0.5 * strength_ * (context.row_weights * (distance + context.hidden.pow(2).sum(1))).sum();
  }

 private:
  RowScope scope_;
  double strength_;
};

/// On outputs: the task's loss once more, composed of the weights that the engine says it has.
class TaskAgain final : public Regularizer {
 public:
  explicit TaskAgain(RowScope scope) : scope_(scope) {}
  [[nodiscard]] Site site() const override { return Site::outputs; }
  [[nodiscard]] RowScope scope() const override { return scope_; }
  [[nodiscard]] at::Tensor output_loss(const OutputContext& context) override {
    const at::Tensor losses = -at::log_softmax(context.logits, 1).gather(1, context.targets.unsqueeze(1)).squeeze(1);
    return (context.task_weights * losses).sum();
  }

 private:
  RowScope scope_;
};

/// On weights: half the squared distance to the base, times alpha.
class Pull final : public Regularizer {
 public:
  explicit Pull(double alpha) : alpha_(alpha) {}
  [[nodiscard]] Site site() const override { return Site::weights; }
  [[nodiscard]] double add_gradient(const WeightContext& context) override {
    double value = 0;
    for (std::size_t i = 0; i < context.table.size(); ++i) {
      if (!context.trains[i]) continue;
      const at::Tensor difference =
          context.table.view(context.values, i) - context.table.view(context.snapshots.get("base"), i);
      context.table.view(context.gradients, i).add_(difference, alpha_);
      value += 0.5 * alpha_ * difference.pow(2).sum().item<double>();
    }
    return value;
  }

 private:
  double alpha_;
};

}  // namespace stet::testing
