// What is known before anything trains, for a plugin's check(): a mistake that the experiment file alone decides is
// refused there, and not after hours of pre-training.
#pragma once

#include <stet/config/value.hpp>
#include <stet/model/parameters.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace stet {

struct CheckContext {
  struct Phase {
    std::string name;
    std::vector<std::string> sets;  ///< trained on together
    std::int64_t epochs = 0;        ///< at most
    bool acts = false;              ///< whether this use of the plugin acts in it
  };
  struct Set {
    std::string name;
    std::int64_t size = -1;  ///< examples; -1: not known before training
    bool facts =
        false;  ///< a fact set, which is evaluated and which probes see; else texts, which are in Examples alone
  };
  /// When a snapshot must exist.
  enum class Need {
    every_phase,  ///< at the start of every phase in which the plugin acts
    first_phase,  ///< at the start of the first such phase
    some_phase,   ///< at the end of some such phase: a probe measures nothing before
  };

  std::string owner;             ///< "regularizer.ewc": the table as it is called in messages
  const config::Value& written;  ///< that table as it stands in the file, without defaults
  std::vector<Phase> phases;     ///< of the run, in their order
  std::vector<Set> sets;         ///< every set that ProbeContext::sets or Examples::sets() will name
  const ParameterTable& table;   ///< of the model
  const ModelConfig& model;
  /// False where the tokenizer is yet to be trained: then model.vocabulary, and the parameters' sizes that follow from
  /// it, are a stand-in.
  bool vocabulary_known = true;
  std::int64_t micro_shards = 0;  ///< train.micro_shards; 0: one a rank

  /// Error (config) about a key of the plugin, placed where the file says it, or at the plugin's table where the file
  /// leaves it out.
  [[nodiscard]] Error error(const std::string& key, const std::string& message) const;
  /// Throws it if there is no snapshot `name` ("base", or a phase that has ended) when it is needed.
  void require_snapshot(const std::string& key, const std::string& name, Need need = Need::every_phase) const;
  /// Throws it if there is no such fact set, or it is empty.
  void require_fact_set(const std::string& key, const std::string& name) const;
  /// The same for any set of examples.
  void require_examples(const std::string& key, const std::string& name) const;
  /// Throws it if the model has no such layer of hidden states, 0 to its number of blocks; -1 is always right.
  void require_layer(const std::string& key, std::int64_t layer) const;

 private:
  void require(const std::string& key, const std::string& name, bool facts_alone) const;
};

}  // namespace stet
