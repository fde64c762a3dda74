#include <stet/plan/run_config.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>
#include <stet/config/identity_schema.hpp>
#include <stet/data/shard_index.hpp>
#include <stet/plan/world_source.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/world/world_schemas.hpp>

#include <algorithm>

namespace stet {

namespace {

using config::every_part;
using config::IdentityPart;
using config::Limits;
using config::no_part;
using config::Value;

/// The hashes that InputContent found, of the files that `part` depends on.
std::optional<Value> files_of(const DataConfig& data, IdentityPart part) {
  if (data.world == WorldKind::synthetic) return std::nullopt;
  return part == IdentityPart::base ? data.base_files : data.all_files;
}
std::optional<Value> tokenizer_of(const DataConfig& data, IdentityPart) {
  if (data.tokenizer.empty()) return std::nullopt;
  return Value(Tokenizer::load(data.tokenizer).hash());
}
std::optional<Value> shards_of(const PretrainConfig& pretrain, IdentityPart) {
  if (pretrain.shards.empty()) return std::nullopt;
  return Value(ShardIndex::read(pretrain.shards).checksum());
}

config::IdentitySchema<DataConfig> data_schema() {
  using Id = config::Identity<DataConfig>;
  const auto made_up = [](const DataConfig& data) { return data.world == WorldKind::synthetic; };
  const auto real = [](const DataConfig& data) { return data.world == WorldKind::entity_questions; };
  const auto own = [](const DataConfig& data) { return data.world == WorldKind::facts; };
  config::IdentitySchema<DataConfig> schema("data", "the world");
  // Of files it counts what they hold, and not where they lie.
  schema
      .choice("world", &DataConfig::world, every_part,
              {{"synthetic", WorldKind::synthetic},
               {"entity-questions", WorldKind::entity_questions},
               {"facts", WorldKind::facts}},
              "which world; facts: questions of your own")
      .table("synthetic", &DataConfig::synthetic, Id(no_part).and_if(every_part, made_up), synthetic_world_schema())
      .table("entity_questions", &DataConfig::entity_questions, Id(no_part).and_if(every_part, real),
             entity_questions_schema())
      .table("facts", &DataConfig::facts, Id(no_part).and_if(every_part, own), facts_schema())
      .field("path", &DataConfig::path, no_part, "folder of EntityQuestions")
      .derived("files", every_part, files_of)
      .field("tokenizer", &DataConfig::tokenizer, no_part,
             "tokenizer.json for an EntityQuestions world; empty: one is trained on its text")
      .derived("tokenizer", IdentityPart::base, tokenizer_of);
  return schema;
}

config::IdentitySchema<PretrainConfig> pretrain_schema() {
  config::IdentitySchema<PretrainConfig> schema("pretrain", "training of the base models");
  schema
      .field("epochs", &PretrainConfig::epochs, every_part, "passes over the world's facts",
             Limits{.min = 1, .max = 1e6})
      .field("texts_per_sequence", &PretrainConfig::texts_per_sequence, every_part,
             "texts laid end to end as one sequence", Limits{.min = 1, .max = 1e9})
      .field("seed", &PretrainConfig::seed, every_part, "of initial weights and order")
      .field("shards", &PretrainConfig::shards, no_part,
             "folder of token shards (stet data build) added to each epoch; empty: none")
      .derived("shards", every_part, shards_of)
      .table("train", &PretrainConfig::train, every_part, TrainOptions::schema());
  return schema;
}

config::IdentitySchema<SlickOptions> slick_schema() {
  config::IdentitySchema<SlickOptions> schema("slick", "labelling of facts by few-shot answers");
  schema
      .choice("rule", &SlickOptions::rule, every_part,
              {{"slick", KnowledgeRule::slick}, {"always_never", KnowledgeRule::always_never}},
              "slick: Gekhman et al.; always_never: of the samples alone")
      .field("prompts", &SlickOptions::prompts, every_part, "few-shot blocks a relation", Limits{.min = 1})
      .field("shots", &SlickOptions::shots, every_part, "examples a block", Limits{.min = 0})
      .field("samples", &SlickOptions::samples, every_part, "sampled answers a block", Limits{.min = 0})
      .field("greedy", &SlickOptions::greedy, every_part, "one greedy answer a block")
      .field("temperature", &SlickOptions::temperature, every_part, "of the samples", Limits{.min = 0})
      .field("top_k", &SlickOptions::top_k, every_part, "tokens that samples are drawn from; 0: all", Limits{.min = 0})
      .field("seed", &SlickOptions::seed, every_part, "of shots and samples")
      .field("separator", &SlickOptions::separator, config::Identity<SlickOptions>(every_part).came_later(),
             "between the examples of a block, and behind an answer; empty: what pre-training puts between texts, with "
             "[base] a line's end");
  return schema;
}

config::IdentitySchema<PhaseConfig> phase_schema() {
  config::IdentitySchema<PhaseConfig> schema("phase", "a stretch of training");
  schema.field("name", &PhaseConfig::name, every_part, "its name", Limits{.required = true})
      .field("sets", &PhaseConfig::sets, every_part, "fact sets trained on together", Limits{.required = true})
      .field("epochs", &PhaseConfig::epochs, every_part, "passes; with until = plateau at most",
             Limits{.min = 1, .max = 1e6})
      .choice("until", &PhaseConfig::until, every_part, {{"epochs", Until::epochs}, {"plateau", Until::plateau}},
              "what ends it")
      .field("patience", &PhaseConfig::patience, every_part, "epochs without a better validation accuracy",
             Limits{.min = 1})
      .field("min_epochs", &PhaseConfig::min_epochs, every_part, "at least so many", Limits{.min = 1});
  return schema;
}

config::IdentitySchema<EvaluateConfig> evaluate_schema() {
  config::IdentitySchema<EvaluateConfig> schema("evaluate", "scoring");
  schema
      .choice("match", &EvaluateConfig::match, config::Identity<EvaluateConfig>(every_part).came_later(),
              {{"exact", AnswerMatch::exact}, {"normalized", AnswerMatch::normalized}},
              "what counts as right: exactly the answer and then the end, or one of the accepted ones but for case, "
              "punctuation and articles")
      .field("batch_size", &EvaluateConfig::batch_size, every_part, "facts at a time", Limits{.min = 1})
      .field("every_epochs", &EvaluateConfig::every_epochs, every_part,
             "evaluate all sets after so many epochs, and at each phase's end", Limits{.min = 1});
  return schema;
}

config::IdentitySchema<CheckpointConfig> checkpoint_schema() {
  config::IdentitySchema<CheckpointConfig> schema("checkpoint", "how often");
  schema.field("seconds", &CheckpointConfig::seconds, no_part, "between checkpoints", Limits{.min = 0, .unit = "s"})
      .field("keep", &CheckpointConfig::keep, no_part, "whole checkpoints kept", Limits{.min = 1})
      .field("asynchronous", &CheckpointConfig::asynchronous, no_part,
             "train on while a checkpoint is written, from a copy in memory")
      .field("keep_weights", &CheckpointConfig::keep_weights, no_part,
             "a finished run keeps its model, for `stet export` and `stet generate`");
  return schema;
}

config::IdentitySchema<RunConfig> run_schema() {
  using Id = config::Identity<RunConfig>;
  const auto by_slick = [](const RunConfig& config) { return config.sets.labels == Labels::slick; };
  const auto made_here = [](const RunConfig& config) { return !config.base.given(); };
  config::IdentitySchema<RunConfig> schema("experiment", "one arm");
  schema.table("data", &RunConfig::data, every_part, data_schema())
      .table("prompt", &RunConfig::prompt, Id(every_part).came_later(), prompt_schema())
      .table("base", &RunConfig::base, Id(IdentityPart::base).came_later(), base_schema())
      .table("model", &RunConfig::model, Id(no_part).and_if(IdentityPart::base, made_here), ModelConfig::schema())
      .table("pretrain", &RunConfig::pretrain, Id(no_part).and_if(IdentityPart::base, made_here), pretrain_schema())
      .table("sets", &RunConfig::sets, IdentityPart::run, sets_schema())
      .table("slick", &RunConfig::slick, Id(IdentityPart::labels).and_if(IdentityPart::run, by_slick), slick_schema())
      .table("train", &RunConfig::train, IdentityPart::run, TrainOptions::schema())
      .table("evaluate", &RunConfig::evaluate, IdentityPart::run, evaluate_schema())
      .table("checkpoint", &RunConfig::checkpoint, no_part, checkpoint_schema())
      .table("phase", &RunConfig::phases, IdentityPart::run, phase_schema());
  for (const char* key : {"regularizer", "freeze", "probe"}) schema.leave(key);
  return schema;
}

/// What [base] decides of the rest.
void read_base(const Value& table, RunConfig& config) {
  find_base_folders(*table.find("base"), config.base);
  for (const char* key : {"model", "pretrain"}) {
    if (const Value* own = table.find(key))
      throw error_at_key(*own, fmt::format("[{}] has no meaning beside [base]", key))
          .expected("a model from base.folder, or one that the experiment pre-trains")
          .received("both")
          .hint(fmt::format("leave out [{}]: the folder says what the model is", key));
  }
  if (const Value* tokenizer = table.find("data")->find("tokenizer"))
    throw error_at_key(*tokenizer, "data.tokenizer has no meaning beside [base]: the folder has its own");
  const Value* sets = table.find("sets");
  if (config.sets.labels != Labels::slick) {
    throw error_at(sets != nullptr && sets->find("labels") != nullptr ? *sets->find("labels") : *table.find("base"),
                   "what a model from base.folder knows can only be asked")
        .expected("sets.labels = \"slick\"")
        .received("recall of the statements of a pre-training that the experiment did not make");
  }
  // Nothing was asked about in a pre-training that we have not seen.
  if (sets == nullptr || sets->find("subjects") == nullptr) config.sets.subjects = Subjects::all;
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
          throw error_at(item, "no phase is named '" + item.as_string() + "'")
              .hint(suggestion(item.as_string(), names));
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

Value with_uses(Value value, const RunConfig& config) {
  if (!config.regularizers.empty()) value.set("regularizer", write_uses(config.regularizers));
  if (!config.freezes.empty()) value.set("freeze", write_uses(config.freezes));
  if (!config.probes.empty()) value.set("probe", write_uses(config.probes));
  return value;
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
  if (config.base.given()) read_base(table, config);
  const Value& data = *table.find("data");
  if (config.data.world == WorldKind::facts) config.data.facts.files = find_facts_files(data, config.base.given());
  config.prompt.check_all(table, config.base.given());
  const Value* phases = table.find("phase");
  if (config.phases.empty()) throw error_at(table, "the experiment has no phase").expected("at least one [[phase]]");
  const std::vector<std::string> trainable = {"known", "unknown"};
  for (std::size_t i = 0; i < config.phases.size(); ++i) {
    const PhaseConfig& phase = config.phases[i];
    const Value& source = phases->items()[i];
    for (std::size_t k = 0; k < i; ++k) {
      if (config.phases[k].name == phase.name) throw error_at(source, "two phases are named '" + phase.name + "'");
    }
    if (phase.name == "base" || phase.name.empty())
      throw error_at(source, "a phase cannot be named '" + phase.name + "'");
    if (phase.sets.empty()) throw error_at(source, "phase '" + phase.name + "' trains on no set");
    for (const std::string& set : phase.sets) {
      if (std::find(trainable.begin(), trainable.end(), set) == trainable.end()) {
        throw error_at(source, "phase '" + phase.name + "' cannot train on '" + set + "'")
            .expected("known or unknown: the facts of other sets are never trained on")
            .received(set)
            .hint(suggestion(set, trainable));
      }
    }
    if (phase.until == Until::plateau && config.sets.validation == 0) {
      throw error_at(source, "phase '" + phase.name + "' ends at a plateau but there is no validation set")
          .hint("set sets.validation");
    }
  }
  if (const Value* sets = table.find("sets")) check_sets(config.sets, *sets);
  config.regularizers = read_uses(table, "regularizer", config.phases);
  config.freezes = read_uses(table, "freeze", config.phases);
  config.probes = read_uses(table, "probe", config.phases);
  for (const PhaseConfig& phase : config.phases) {
    const auto acts = [&phase](const PluginUse& use) { return use.acts_in(phase.name); };
    if (std::count_if(config.freezes.begin(), config.freezes.end(), acts) > 1) {
      throw error_at(*table.find("freeze"), "two freeze strategies act in phase '" + phase.name + "'")
          .expected("at most one");
    }
  }
  return config;
}

Value resolve(const RunConfig& config) { return with_uses(run_schema().resolve(config), config); }

Value base_identity_of(const RunConfig& config, config::Content content) {
  return run_schema().identity(config, IdentityPart::base, content);
}

Value labels_identity_of(const RunConfig& config, config::Content content) {
  return run_schema().identity(config, IdentityPart::labels, content);
}

Value run_identity_of(const RunConfig& config, config::Content content) {
  return with_uses(run_schema().identity(config, IdentityPart::run, content), config);
}

}  // namespace stet
