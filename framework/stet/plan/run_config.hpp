// An experiment file as typed structs. One RunConfig is what one arm (at one sweep point) resolves to.
#pragma once

#include <stet/config/identity.hpp>
#include <stet/config/value.hpp>
#include <stet/evaluate/slick.hpp>
#include <stet/model/model_config.hpp>
#include <stet/plan/base_folder.hpp>
#include <stet/plan/prompt_config.hpp>
#include <stet/plan/sets_config.hpp>
#include <stet/train/train_options.hpp>
#include <stet/world/entity_questions_world.hpp>
#include <stet/world/facts/facts_world.hpp>
#include <stet/world/synthetic_world.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace stet {

enum class WorldKind { synthetic, entity_questions, facts };

struct DataConfig {
  WorldKind world = WorldKind::synthetic;
  SyntheticWorldOptions synthetic;
  EntityQuestionsOptions entity_questions;
  FactsOptions facts;
  std::string path;       ///< EntityQuestions folder; also --set data.path=… or STET_DATA
  std::string tokenizer;  ///< EntityQuestions: this tokenizer.json instead of one trained on the world's text
  /// EntityQuestions, facts: hash of each file, by name, as the plan found them (InputContent); of those that a base
  /// depends on, and of all.
  config::Value base_files, all_files;
};

struct PretrainConfig {
  std::int64_t epochs = 60;
  /// So many texts, another choice every epoch, are laid end to end as one sequence (cut at the context), so that the
  /// base has seen a text follow others, as in a few-shot prompt. batch_size counts such sequences.
  std::int64_t texts_per_sequence = 1;
  std::uint64_t seed = 1;  ///< of initial weights and order; base model b adds b
  std::string shards;  ///< folder of token shards (stet data build) that are trained on together with the world's text
  TrainOptions train;
};

enum class Until { epochs, plateau };

struct PhaseConfig {
  std::string name;
  std::vector<std::string> sets;  ///< trained on together
  std::int64_t epochs = 1;        ///< with until = "plateau": at most so many
  Until until = Until::epochs;    ///< plateau: until the validation accuracy has not risen for `patience` epochs
  std::int64_t patience = 2;
  std::int64_t min_epochs = 1;
};

/// When an answer counts as right.
enum class AnswerMatch {
  exact,       ///< greedy decoding gives exactly the answer, token for token, and then ends
  normalized,  ///< the first line of the greedy answer is one of the accepted ones after normalization
               ///< (answer_match.hpp)
};

struct EvaluateConfig {
  AnswerMatch match = AnswerMatch::exact;
  std::int64_t batch_size = 128;
  std::int64_t every_epochs = 1;
};

struct CheckpointConfig {
  double seconds = 15;  ///< at most so much work is lost to a kill; checked after evaluations and every few steps
  std::int64_t keep = 2;
  bool asynchronous = true;   ///< training goes on while a checkpoint is written, from a copy
  bool keep_weights = false;  ///< a finished run keeps its model, as `stet export` and `stet generate` read it
};

/// [regularizer.KEY], [freeze.KEY], [probe.KEY].
struct PluginUse {
  std::string key;                                 ///< distinguishes two uses of one class
  std::string plugin;                              ///< the registered name; by default the key
  std::vector<std::string> phases;                 ///< in which it acts; empty: all
  config::Value parameters;                        ///< the plugin's own keys
  config::Value written = config::Value::table();  ///< its table as it stands in the file, for messages

  [[nodiscard]] bool acts_in(const std::string& phase) const;
};

struct RunConfig {
  DataConfig data;
  PromptConfig prompt;
  BaseConfig base;
  ModelConfig model;  ///< with [base]: the folder's (InputContent)
  PretrainConfig pretrain;
  SetsConfig sets;
  SlickOptions slick;  ///< what a world decides (lead, separator) is filled in when facts are labelled
  TrainOptions train;
  EvaluateConfig evaluate;
  CheckpointConfig checkpoint;
  std::vector<PhaseConfig> phases;
  std::vector<PluginUse> regularizers, freezes, probes;
};

/// Reads an arm's merged table. Throws Error (config) with file, line and column: unknown keys anywhere, unknown sets
/// or phases, two freezes in one phase, no phase.
[[nodiscard]] RunConfig read_run_config(const config::Value& table);

/// Every value, defaults included. Plugin tables are given as written; the experiment resolves them through the
/// plugins.
[[nodiscard]] config::Value resolve(const RunConfig& config);

// What the things are the hash of that are made from a configuration: the keys that count for them, each as its schema
// declares (config/identity.hpp), and what the files hold that these name: EntityQuestions as InputContent found it,
// the tokenizer, the index of the shards. Throws Error (data) for a tokenizer or an index that cannot be read.

/// A base model's, but for its number.
[[nodiscard]] config::Value base_identity_of(const RunConfig& config,
                                             config::Content content = config::Content::hashed);
/// That of labels of facts, but for the base's.
[[nodiscard]] config::Value labels_identity_of(const RunConfig& config,
                                               config::Content content = config::Content::hashed);
/// A run's, but for the base's, the seed and the plugins' versions.
[[nodiscard]] config::Value run_identity_of(const RunConfig& config, config::Content content = config::Content::hashed);

}  // namespace stet
