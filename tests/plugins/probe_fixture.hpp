// A small model with three fact sets and a set of texts, in float64, as a run shows them to probes.
#pragma once

#include "support.hpp"

#include <stet/run/probe_context.hpp>
#include <stet/sdk/probe_tools.hpp>
#include <stet/train/example_store.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace stet::testing {

class ProbeTest : public PluginTest {
 protected:
  static constexpr std::int32_t begin_token = 0, end_token = 22;

  static ModelConfig config() {
    ModelConfig config = small_config();
    config.vocabulary = 23;
    config.init_scale = 0.4;
    return config;
  }

  ProbeTest() {
    snapshots_.weights["base"] = base_;
    sets_ = {{"known", {}, {}, {}, {}}, {"unknown", {}, {}, {}, {}}, {"held", {}, {}, {}, {}}};
    add("known", {1, 2}, 0, {15});
    add("held", {1, 3}, 0, {16});
    add("held", {4, 5, 6}, 0, {17, 18});
    add("held", {7}, 1, {18});
    add("held", {8, 9}, 1, {15, 16});
    add("held", {10, 11}, 0, {19});
    add("unknown", {3, 1}, 0, {15});
    add("unknown", {12, 13}, 1, {17});
    add("unknown", {4, 5}, 0, {18, 15});
    add("unknown", {7}, 1, {19});
  }

  TokenizedSet& set(const std::string& name) {
    for (TokenizedSet& one : sets_) {
      if (one.name == name) return one;
    }
    throw std::runtime_error(name);
  }
  /// Tokens: begin, subject, relation (20 or 21) | answer, end.
  void add(const std::string& name, const std::vector<std::int32_t>& subject, std::uint32_t relation,
           const std::vector<std::int32_t>& answer) {
    TokenizedSet& to = set(name);
    TokenSequence sequence;
    sequence.ids = {begin_token};
    sequence.ids.insert(sequence.ids.end(), subject.begin(), subject.end());
    to.subject_begin.push_back(1);
    to.subject_end.push_back(static_cast<std::int32_t>(subject.size()));
    sequence.ids.push_back(20 + static_cast<std::int32_t>(relation));
    sequence.loss_begin = static_cast<std::uint32_t>(sequence.ids.size());
    sequence.ids.insert(sequence.ids.end(), answer.begin(), answer.end());
    sequence.ids.push_back(end_token);
    to.facts.push_back({to.facts.size(), relation, "s", "a"});
    to.sequences.push_back(std::move(sequence));
  }

  /// The context of an evaluation under `weights`. What is added to sets_ later is not seen in `examples`.
  ProbeContext context(const at::Tensor& weights) {
    if (!examples_) {
      examples_ = std::make_unique<ExampleStore>(model_, *alone_, 4);
      for (const TokenizedSet& one : sets_) examples_->add(one.name, [&one] { return one.sequences; });
      examples_->add("neutral", [] {
        return std::vector<TokenSequence>{{{2, 4, 6, 8}, 1, 0}, {{3, 6, 9}, 1, 0}, {{5, 10, 15, 20}, 1, 0}};
      });
    }
    return make_probe_context(model_, weights, snapshots_, sets_, *examples_);
  }
  /// A context whose hidden states under `base_` are `then`, under any other weights `now`, for every set.
  ProbeContext with_states(const std::vector<at::Tensor>& then, const std::vector<at::Tensor>& now) {
    ProbeContext made = context(weights_);
    made.hidden_states = [this, then, now](const std::string&, const at::Tensor& under, ProbePosition, std::size_t) {
      return under.equal(base_) ? then : now;
    };
    return made;
  }
  std::unique_ptr<Probe> make(const std::string& probe, const std::string& text = "") {
    return registry_.probe(probe).create(toml(text));
  }

  /// Logits [answer tokens, V] of one sequence alone.
  at::Tensor answer_logits(const TokenSequence& sequence, const at::Tensor& weights) const {
    const std::vector<std::int32_t> offsets = {0, static_cast<std::int32_t>(sequence.ids.size())};
    std::vector<std::int32_t> positions;
    for (std::size_t t = 0; t < sequence.ids.size(); ++t) positions.push_back(static_cast<std::int32_t>(t));
    const at::Tensor hidden = model_.forward(weights, {sequence.ids, offsets, positions}, nullptr, nullptr);
    const auto begin = static_cast<std::int64_t>(sequence.loss_begin) - 1;
    return hidden.narrow(0, begin, static_cast<std::int64_t>(sequence.ids.size()) - 1 - begin)
        .matmul(model_.head(weights).t());
  }
  static at::Tensor targets(const TokenSequence& sequence) {
    return at::tensor(std::vector<std::int64_t>(sequence.ids.begin() + sequence.loss_begin, sequence.ids.end()));
  }

  /// The value of a measurement that must be there exactly once.
  static double value(const std::vector<Measurement>& measured, const std::string& name, int layer = -1,
                      const std::string& set = "held") {
    double found = std::nan("");
    for (const Measurement& m : measured) {
      if (m.name != name || m.layer != layer || m.set != set) continue;
      EXPECT_TRUE(std::isnan(found)) << name << " is there twice";
      found = m.value;
    }
    EXPECT_FALSE(std::isnan(found)) << name << ", layer " << layer << ", " << set << " is not there";
    return found;
  }
  static bool has_value(const std::vector<Measurement>& measured, const std::string& name, int layer = -1) {
    for (const Measurement& m : measured) {
      if (m.name == name && m.layer == layer) return true;
    }
    return false;
  }
  static std::vector<float> per_fact(Probe& probe, const ProbeContext& context, const std::string& name,
                                     const std::string& set = "held") {
    for (const FactMeasurement& m : probe.measure_facts(context)) {
      if (m.name == name && m.set == set) return m.values;
    }
    ADD_FAILURE() << "no per-fact '" << name << "' of " << set;
    return {};
  }

  const Transformer model_{config()};
  const at::Tensor base_ = initial_values(model_.table(), model_.config(), 3, at::kDouble);
  const at::Tensor weights_ = base_ + 0.1 * initial_values(model_.table(), model_.config(), 4, at::kDouble);
  std::vector<TokenizedSet> sets_;
  std::unique_ptr<ExampleStore> examples_;
  MapSnapshots snapshots_;
};

}  // namespace stet::testing
