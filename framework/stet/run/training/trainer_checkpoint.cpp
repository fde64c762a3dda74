#include <stet/run/training/trainer_checkpoint.hpp>

#include <fmt/format.h>

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

namespace {
std::string change_key(std::size_t n, const char* part) { return fmt::format("change.{}.{}", n, part); }
}  // namespace

void save_changes(std::span<const LowRankChange> changes, Checkpoint& checkpoint) {
  for (std::size_t n = 0; n < changes.size(); ++n) {
    const LowRankChange& change = changes[n];
    checkpoint.tensors[change_key(n, "a")] = change.a;
    checkpoint.tensors[change_key(n, "b")] = change.b;
    checkpoint.tensors[change_key(n, "scale")] = at::full({1}, change.scale, at::kDouble);
    checkpoint.tensors[change_key(n, "parameter")] =
        at::full({1}, static_cast<std::int64_t>(change.parameter), at::kLong);
  }
}

std::vector<LowRankChange> load_changes(const Checkpoint& checkpoint) {
  std::vector<LowRankChange> changes;
  const auto tensor = [&](const char* part) { return checkpoint.tensors.at(change_key(changes.size(), part)); };
  while (checkpoint.tensors.contains(change_key(changes.size(), "a"))) {
    changes.push_back({static_cast<std::size_t>(tensor("parameter").item<std::int64_t>()),
                       tensor("scale").item<double>(), tensor("a").clone(), tensor("b").clone()});
  }
  return changes;
}

}  // namespace stet
