// What many probes need: when to measure, which weights to compare with, which layer, and cosines of two families of
// vectors.
#pragma once

#include <stet/plugin/probe.hpp>

#include <cstddef>
#include <cstdint>
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

/// Similarities of each row of one family to all rows of another.
struct Nearest {
  std::vector<double> largest, mean;
  std::vector<std::int64_t> where;  ///< index of the largest, the lowest among equals
};
/// Cosines of the rows of a [n, d] with those of b [m, d], m >= 1, in float64. The cosine with a zero vector is 0.
[[nodiscard]] Nearest nearest_by_cosine(const at::Tensor& a, const at::Tensor& b);

/// Cosine of two vectors in float64; 0 if one is zero.
[[nodiscard]] double cosine(const at::Tensor& a, const at::Tensor& b);
[[nodiscard]] double mean_of(const std::vector<double>& values);
[[nodiscard]] std::vector<float> to_floats(const std::vector<double>& values);

}  // namespace stet
