#include <stet/experiment/run_config.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>
#include <stet/config/schema.hpp>
#include <stet/data/shard_index.hpp>
#include <stet/data/world_schemas.hpp>
#include <stet/text/tokenizer.hpp>

#include <algorithm>

namespace stet {

namespace {

using config::Limits;
using config::Schema;
using config::Value;

Schema<DataConfig> data_schema() {
  Schema<DataConfig> schema("data", "the world");
  schema.choice("world", &DataConfig::world,
                {{"synthetic", WorldKind::synthetic}, {"entity-questions", WorldKind::entity_questions}}, "which world")
      .table("synthetic", &DataConfig::synthetic, synthetic_world_schema())
      .table("entity_questions", &DataConfig::entity_questions, entity_questions_schema())
      .field("path", &DataConfig::path, "folder of EntityQuestions")
      .field("tokenizer", &DataConfig::tokenizer, "tokenizer.json for an EntityQuestions world; empty: one is trained on its text");
  return schema;
}

Schema<PretrainConfig> pretrain_schema() {
  Schema<PretrainConfig> schema("pretrain", "training of the base models");
  schema.field("epochs", &PretrainConfig::epochs, "passes over the world's facts", Limits{.min = 1})
      .field("texts_per_sequence", &PretrainConfig::texts_per_sequence, "texts laid end to end as one sequence", Limits{.min = 1})
      .field("seed", &PretrainConfig::seed, "of initial weights and order")
      .field("shards", &PretrainConfig::shards, "folder of token shards (stet data build) added to each epoch; empty: none")
      .table("train", &PretrainConfig::train, TrainOptions::schema());
  return schema;
}

Schema<SlickOptions> slick_schema() {
  Schema<SlickOptions> schema("slick", "labelling of facts by few-shot answers");
  schema
      .choice("rule", &SlickOptions::rule, {{"slick", KnowledgeRule::slick}, {"always_never", KnowledgeRule::always_never}},
              "slick: Gekhman et al.; always_never: of the samples alone")
      .field("prompts", &SlickOptions::prompts, "few-shot blocks a relation", Limits{.min = 1})
      .field("shots", &SlickOptions::shots, "examples a block", Limits{.min = 0})
      .field("samples", &SlickOptions::samples, "sampled answers a block", Limits{.min = 0})
      .field("greedy", &SlickOptions::greedy, "one greedy answer a block")
      .field("temperature", &SlickOptions::temperature, "of the samples", Limits{.min = 0})
      .field("top_k", &SlickOptions::top_k, "tokens that samples are drawn from; 0: all", Limits{.min = 0})
      .field("seed", &SlickOptions::seed, "of shots and samples");
  return schema;
}

Schema<PhaseConfig> phase_schema() {
  Schema<PhaseConfig> schema("phase", "a stretch of training");
  schema.field("name", &PhaseConfig::name, "its name", Limits{.required = true})
      .field("sets", &PhaseConfig::sets, "fact sets trained on together", Limits{.required = true})
      .field("epochs", &PhaseConfig::epochs, "passes; with until = plateau at most", Limits{.min = 1})
      .choice("until", &PhaseConfig::until, {{"epochs", Until::epochs}, {"plateau", Until::plateau}}, "what ends it")
      .field("patience", &PhaseConfig::patience, "epochs without a better validation accuracy", Limits{.min = 1})
      .field("min_epochs", &PhaseConfig::min_epochs, "at least so many", Limits{.min = 1});
  return schema;
}

Schema<EvaluateConfig> evaluate_schema() {
  Schema<EvaluateConfig> schema("evaluate", "scoring");
  schema.field("batch_size", &EvaluateConfig::batch_size, "facts at a time", Limits{.min = 1})
      .field("every_epochs", &EvaluateConfig::every_epochs, "evaluate all sets after so many epochs, and at each phase's end", Limits{.min = 1});
  return schema;
}

Schema<CheckpointConfig> checkpoint_schema() {
  Schema<CheckpointConfig> schema("checkpoint", "how often");
  schema.field("seconds", &CheckpointConfig::seconds, "between checkpoints", Limits{.min = 0, .unit = "s"})
      .field("keep", &CheckpointConfig::keep, "whole checkpoints kept", Limits{.min = 1})
      .field("keep_weights", &CheckpointConfig::keep_weights, "a finished run keeps its model, for `stet export` and `stet generate`");
  return schema;
}

Schema<RunConfig> run_schema() {
  Schema<RunConfig> schema("experiment", "one arm");
  schema.table("data", &RunConfig::data, data_schema())
      .table("model", &RunConfig::model, ModelConfig::schema())
      .table("pretrain", &RunConfig::pretrain, pretrain_schema())
      .table("sets", &RunConfig::sets, sets_schema())
      .table("slick", &RunConfig::slick, slick_schema())
      .table("train", &RunConfig::train, TrainOptions::schema())
      .table("evaluate", &RunConfig::evaluate, evaluate_schema())
      .table("checkpoint", &RunConfig::checkpoint, checkpoint_schema())
      .table("phase", &RunConfig::phases, phase_schema());
  for (const char* key : {"regularizer", "freeze", "probe"}) schema.leave(key);
  return schema;
}

std::vector<PluginUse> read_uses(const Value& root, const std::string& kind, const std::vector<PhaseConfig>& phases) {
  std::vector<PluginUse> uses;
  const Value* tables = root.find(kind);
  if (tables == nullptr) return uses;
  if (tables->kind() != Value::Kind::table) {
    throw error_at(*tables, kind + " is not a table").expected("[" + kind + ".NAME] tables");
  }
  std::vector<std::string> names;
  for (const PhaseConfig& phase : phases) names.push_back(phase.name);
  for (const auto& [key, table] : tables->members()) {
    if (table.kind() != Value::Kind::table) throw error_at(table, kind + "." + key + " is not a table");
    PluginUse use{key, key, {}, table, table};
    if (const Value* plugin = table.find("plugin")) use.plugin = plugin->as_string();
    if (const Value* in = table.find("phases")) {
      for (const Value& item : in->items()) {
        if (std::find(names.begin(), names.end(), item.as_string()) == names.end()) {
          throw error_at(item, "no phase is named '" + item.as_string() + "'").hint(suggestion(item.as_string(), names));
        }
        use.phases.push_back(item.as_string());
      }
    }
    bool active = true;
    if (const Value* enabled = table.find("enabled")) active = enabled->as_boolean();
    for (const char* own : {"plugin", "phases", "enabled"}) use.parameters.erase(own);
    if (active) uses.push_back(std::move(use));
  }
  return uses;
}

Value write_uses(const std::vector<PluginUse>& uses) {
  Value table = Value::table();
  for (const PluginUse& use : uses) {
    Value entry = use.parameters;
    entry.set("plugin", use.plugin);
    if (!use.phases.empty()) {
      Value phases = Value::array();
      for (const std::string& phase : use.phases) phases.items().emplace_back(phase);
      entry.set("phases", phases);
    }
    table.set(use.key, entry);
  }
  return table;
}

}  // namespace

bool PluginUse::acts_in(const std::string& phase) const {
  return phases.empty() || std::find(phases.begin(), phases.end(), phase) != phases.end();
}

RunConfig read_run_config(const Value& table) {
  RunConfig config = run_schema().read(table);
  if (!config.data.path.empty()) config.data.entity_questions.path = config.data.path;
  if (!config.data.tokenizer.empty() && config.data.world != WorldKind::entity_questions) {
    throw error_at(*table.find("data")->find("tokenizer"), "a synthetic world makes its own tokenizer, a word each")
        .expected("data.tokenizer with world = \"entity-questions\" alone");
  }
  const Value* phases = table.find("phase");
  if (config.phases.empty()) throw error_at(table, "the experiment has no phase").expected("at least one [[phase]]");
  const std::vector<std::string> trainable = {"known", "unknown"};
  for (std::size_t i = 0; i < config.phases.size(); ++i) {
    const PhaseConfig& phase = config.phases[i];
    const Value& source = phases->items()[i];
    for (std::size_t k = 0; k < i; ++k) {
      if (config.phases[k].name == phase.name) throw error_at(source, "two phases are named '" + phase.name + "'");
    }
    if (phase.name == "base" || phase.name.empty()) throw error_at(source, "a phase cannot be named '" + phase.name + "'");
    if (phase.sets.empty()) throw error_at(source, "phase '" + phase.name + "' trains on no set");
    for (const std::string& set : phase.sets) {
      if (std::find(trainable.begin(), trainable.end(), set) == trainable.end()) {
        throw error_at(source, "phase '" + phase.name + "' cannot train on '" + set + "'")
            .expected("known or unknown: the facts of other sets are never trained on")
            .received(set);
      }
    }
    if (phase.until == Until::plateau && config.sets.validation == 0) {
      throw error_at(source, "phase '" + phase.name + "' ends at a plateau but there is no validation set").hint("set sets.validation");
    }
  }
  if (const Value* sets = table.find("sets")) check_sets(config.sets, *sets);
  config.regularizers = read_uses(table, "regularizer", config.phases);
  config.freezes = read_uses(table, "freeze", config.phases);
  config.probes = read_uses(table, "probe", config.phases);
  for (const PhaseConfig& phase : config.phases) {
    const auto acts = [&phase](const PluginUse& use) { return use.acts_in(phase.name); };
    if (std::count_if(config.freezes.begin(), config.freezes.end(), acts) > 1) {
      throw error_at(*table.find("freeze"), "two freeze strategies act in phase '" + phase.name + "'").expected("at most one");
    }
  }
  return config;
}

Value resolve(const RunConfig& config) {
  Value value = run_schema().resolve(config);
  if (!config.regularizers.empty()) value.set("regularizer", write_uses(config.regularizers));
  if (!config.freezes.empty()) value.set("freeze", write_uses(config.freezes));
  if (!config.probes.empty()) value.set("probe", write_uses(config.probes));
  return value;
}

Value data_identity_of(const RunConfig& config) {
  Value data = *run_schema().resolve(config).find("data");
  for (const char* key : {"path", "tokenizer"}) data.erase(key);  // where the data lies is not what it is
  data.find("entity_questions")->erase("path");
  data.erase(config.data.world == WorldKind::synthetic ? "entity_questions" : "synthetic");
  if (Value* synthetic = data.find("synthetic")) {  // keys that came later: their defaults are what was before
    if (config.data.synthetic.new_relation.empty()) synthetic->erase("new_relation");
    if (config.data.synthetic.frequency_exponent == 0.0) synthetic->erase("frequency_exponent");
    if (config.data.synthetic.records == 0) synthetic->erase("records");
  }
  if (Value* real = data.find("entity_questions")) {
    if (config.data.entity_questions.base_from == EntityQuestionsSplit::train) real->erase("base_from");
    if (config.data.entity_questions.new_from == EntityQuestionsSplit::train) real->erase("new_from");
    data.set("files", config.data.all_files);
  }
  return data;
}

Value labels_identity_of(const RunConfig& config) {
  Value identity = Value::table();
  identity.set("slick", *run_schema().resolve(config).find("slick"));
  identity.set("data", data_identity_of(config));
  return identity;
}

Value base_identity_of(const RunConfig& config) {
  const Value all = run_schema().resolve(config);
  Value identity = Value::table();
  identity.set("data", data_identity_of(config));
  for (const char* key : {"model", "pretrain"}) identity.set(key, *all.find(key));
  Value& data = *identity.find("data");
  if (!config.data.tokenizer.empty()) data.set("tokenizer", Tokenizer::load(config.data.tokenizer).hash());
  Value& pretrain = *identity.find("pretrain");
  pretrain.erase("shards");
  if (!config.pretrain.shards.empty()) pretrain.set("shards", ShardIndex::read(config.pretrain.shards).checksum());
  if (Value* synthetic = data.find("synthetic")) {  // new facts never touch the pre-training text
    for (const char* key : {"new_entities", "new_keys", "overlap", "answer_region", "new_per_entity", "new_relation"}) synthetic->erase(key);
  }
  if (data.find("files") != nullptr) data.set("files", config.data.base_files);
  if (Value* real = data.find("entity_questions"); real != nullptr && config.data.entity_questions.base_from != config.data.entity_questions.new_from) {
    for (const char* key : {"new_from", "new_per_relation"}) real->erase(key);
  }
  for (const char* key : {"bucket_megabytes", "replica_check_steps"}) pretrain.find("train")->erase(key);
  return identity;
}

}  // namespace stet
