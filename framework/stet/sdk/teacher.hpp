// Whose answers a model is held to: a snapshot's, or those of a moving average of the model itself; or, as controls,
// the same answers without their knowledge. A member of a regularizer on outputs that hands its hooks on.
#pragma once

#include <stet/plugin/regularizer.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// What is made of the teacher's distribution.
enum class TeacherTarget {
  teacher,   ///< it is the target
  permuted,  ///< over a permuted vocabulary, one permutation for the whole run
  uniform,   ///< 1/V for every token; no teacher is asked, and there need be none
};
/// The names of a key `target`.
[[nodiscard]] std::vector<std::pair<std::string, TeacherTarget>> teacher_targets();

struct TeacherOptions {
  std::string name = "base";  ///< a snapshot; or "ema", an average
  double ema_decay = 0.99;    ///< what of the average a step leaves, 0 to 1
  TeacherTarget target = TeacherTarget::teacher;
  std::uint64_t permutation_seed = 1;
};

class Teacher {
 public:
  /// The name that stands for the average, and under which its weights are saved.
  static constexpr const char* average_name = "ema";

  /// `owner`: the plugin's name in messages ("regularizer.self_distillation").
  Teacher(std::string owner, TeacherOptions options) : owner_(std::move(owner)), options_(std::move(options)) {}

  /// Throws Error (config) if it is a snapshot that does not exist when a phase needs it. `key`: of the plugin's table.
  void check(const CheckContext& context, const std::string& key) const;
  /// What a step would not find is refused here, where every rank refuses it: Error (config) for a snapshot, Error
  /// (checkpoint) for the average of a phase that goes on. The average begins at the present weights.
  void begin_phase(const PhaseContext& context, bool resumed);
  void after_step(const WeightContext& context);
  void end_phase() { average_ = at::Tensor(); }

  /// The target's logits [P, V] at the batch's rows, without gradient. Between begin_phase and end_phase.
  [[nodiscard]] at::Tensor logits(const OutputContext& context);

  [[nodiscard]] PluginState save() const;
  void load(const PluginState& state);

 private:
  [[nodiscard]] bool is_average() const { return options_.name == average_name; }

  std::string owner_;
  TeacherOptions options_;
  at::Tensor average_;      // flat; defined in a phase of "ema"
  at::Tensor permutation_;  // [V]: at i stands the logit of token permutation_[i]
};

}  // namespace stet
