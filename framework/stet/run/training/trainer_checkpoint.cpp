#include <stet/run/training/trainer_checkpoint.hpp>

#include <string>

namespace stet {

void save_trainer(const Trainer& trainer, const at::Tensor& weights, Checkpoint& checkpoint) {
  const OptimizerState& optimizer = trainer.optimizer();
  checkpoint.tensors["weights"] = weights;
  checkpoint.tensors["moment1"] = optimizer.first;
  checkpoint.tensors["moment2"] = optimizer.second;
  if (optimizer.factors.defined()) checkpoint.tensors["factors"] = optimizer.factors;
  checkpoint.metadata["optimizer_step"] = std::to_string(optimizer.step);
}

OptimizerState load_trainer(const Checkpoint& checkpoint, at::Tensor& weights) {
  weights.copy_(checkpoint.tensors.at("weights"));
  OptimizerState optimizer{checkpoint.tensors.at("moment1").clone(), checkpoint.tensors.at("moment2").clone(),
                           checkpoint.step};
  // A base model's checkpoint of an older stet has the step as its own alone.
  const auto step = checkpoint.metadata.find("optimizer_step");
  if (step != checkpoint.metadata.end()) optimizer.step = std::stoll(step->second);
  const auto factors = checkpoint.tensors.find("factors");
  if (factors != checkpoint.tensors.end()) optimizer.factors = factors->second.clone();
  return optimizer;
}

}  // namespace stet
