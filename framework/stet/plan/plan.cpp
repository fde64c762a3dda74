#include <stet/plan/plan.hpp>

#include <stet/base/error.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>
#include <stet/config/schema.hpp>
#include <stet/plan/arms.hpp>
#include <stet/plan/input_content.hpp>
#include <stet/report/table_spec.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace stet {

namespace {

using config::Value;

/// Raised when the meaning of a run changes without its configuration changing, so that old results are not reused.
constexpr int run_format = 1;

/// More would be planned for minutes, and is a slip of the finger.
constexpr double most_seeds = 1000;

struct Header {
  std::string name, title;
  std::int64_t seeds = report::least_seeds, base_models = 1, ranks_per_run = 0;
  std::vector<std::string> plugins;
};

config::Schema<Header> header_schema() {
  using config::Limits;
  config::Schema<Header> schema("experiment", "name, seeds");
  schema.field("name", &Header::name, "folder of the results", Limits{.required = true})
      .field("title", &Header::title, "one line")
      .field("seeds", &Header::seeds, "runs of every arm; a claim gets a verdict from 6 on",
             Limits{.min = 1, .max = most_seeds})
      .field("base_models", &Header::base_models, "base models; seeds are dealt to them in turn",
             Limits{.min = 1, .max = most_seeds})
      .field("ranks_per_run", &Header::ranks_per_run, "MPI ranks that train one run together; 0: all of the job",
             Limits{.min = 0})
      .field("plugins", &Header::plugins, "folders with plugins, relative to this file");
  return schema;
}

/// Whether a plugin's file lies in the installation's folder, links resolved.
bool is_installed(const LoadedPlugin& plugin) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(PluginRegistry::installed_folder(), error);
  return !error && plugin.real.parent_path() == folder;
}

/// Fills in a plugin's defaults and adds its version to what the run depends on.
void resolve_uses(std::vector<PluginUse>& uses, Value& versions, PluginRegistry& registry, const auto& offer) {
  for (PluginUse& use : uses) {
    try {
      use.parameters = offer(use.plugin).resolve(use.parameters);
    } catch (Error& error) {
      const config::Source& source = use.written.source();
      if (error.where().empty() && !source.file.empty())
        error.at(source.line > 0 ? fmt::format("{}:{}:{}", source.file, source.line, source.column) : source.file);
      throw;
    }
    const LoadedPlugin* origin = registry.origin(use.plugin);
    STET_ASSERT(origin != nullptr);
    Value facts = Value::table();
    facts.set("version", origin->facts.version);
    facts.set("author", origin->facts.author);
    // The installation's plugins are known by their version. Of any other file nobody vouches that another formula has
    // another version.
    const bool elsewhere =
        registry.communicator().broadcast_text(is_installed(*origin) ? "" : "elsewhere", 0) == "elsewhere";
    if (elsewhere) facts.set("bytes", origin->hash);
    versions.set(use.plugin, facts);
  }
}

/// See PlannedRun::inputs.
Value inputs_of(const RunConfig& config, const Value& base, const Value& versions) {
  Value inputs = Value::table();
  if (const Value* files = base.find("data")->find("files"); files != nullptr)
    inputs.set("data", config::config_hash(config.data.all_files));
  if (const Value* tokenizer = base.find("data")->find("tokenizer")) inputs.set("tokenizer", *tokenizer);
  const Value* pretrain = base.find("pretrain");
  if (const Value* shards = pretrain != nullptr ? pretrain->find("shards") : nullptr) inputs.set("shards", *shards);
  if (const Value* given = base.find("base")) inputs.set("base", *given->find("content"));
  for (const auto& [name, facts] : versions.members()) {
    if (const Value* bytes = facts.find("bytes")) inputs.set("plugin " + name, *bytes);
  }
  return inputs;
}

/// What PlannedRun::likeness is the hash of.
Value without_inputs(const PlannedRun& run, const Value& named_base, const Value& named_run, std::int64_t index) {
  Value like = run.resolved;
  Value base = named_base;
  base.set("index", index);
  like.set("base", base);
  like.set("config", named_run);
  Value versions = *like.find("plugins");
  for (const auto& [name, facts] : run.resolved.find("plugins")->members())
    static_cast<void>(versions.find(name)->erase("bytes"));
  like.set("plugins", versions);
  return like;
}

}  // namespace

std::string PlannedRun::folder_name() const {
  std::string name = fmt::format("{}-s{}-{}", arm, seed, identity.substr(0, 10));
  std::replace(name.begin(), name.end(), '/', '_');  // of a swept path
  return name;
}

std::string task_name(const PlannedBase& base) { return fmt::format("base {}", base.index + 1); }
std::string task_name(const PlannedLabels& labels) { return fmt::format("labels of base {}", labels.base + 1); }
std::string task_name(const PlannedRun& run) { return fmt::format("{} seed {}", run.arm, run.seed); }

std::vector<std::filesystem::path> plugin_folders(const std::filesystem::path& file,
                                                  const std::vector<std::string>& overrides) {
  const Value document = config::load(file, overrides);
  std::vector<std::filesystem::path> folders;
  const Value* experiment = document.find("experiment");
  if (experiment == nullptr) return folders;
  static_cast<void>(header_schema().read(*experiment));  // for its messages
  const Value* list = experiment->find("plugins");
  if (list == nullptr) return folders;
  for (const Value& entry : list->items()) {
    folders.push_back(config::named_path(entry));
    std::error_code ignored;
    if (std::filesystem::is_directory(folders.back(), ignored)) continue;
    throw error_at(entry, "experiment.plugins names a folder that does not exist")
        .expected("a folder, relative to the experiment file (with --set: to the present folder)")
        .received(folders.back().string());
  }
  return folders;
}

std::size_t plan_labels(Plan& plan, std::size_t base, const RunConfig& config) {
  Value value = labels_identity_of(config);
  value.set("base", plan.bases.at(base).identity);
  const std::string identity = config::config_hash(value);
  for (std::size_t i = 0; i < plan.labels.size(); ++i) {
    if (plan.labels[i].identity == identity) return i;
  }
  plan.labels.push_back({identity, base, config});
  return plan.labels.size() - 1;
}

Plan make_plan(const std::filesystem::path& file, const std::vector<std::string>& overrides, PluginRegistry& registry) {
  Plan plan;
  plan.file = file;
  plan.document = config::load(file, overrides);
  const Value* experiment = plan.document.find("experiment");
  if (experiment == nullptr)
    throw error_at(plan.document, "no [experiment] table").expected("[experiment] with a name");
  const Header header = header_schema().read(*experiment);
  if (!is_printable(header.title))
    throw error_at(*experiment, "experiment.title has control characters")
        .received(terminal_text(header.title))
        .hint("it is shown as it is above the table: leave them out");
  if (!is_folder_name(header.name)) {
    throw error_at(*experiment, "experiment.name is not a plain folder name").received("'" + header.name + "'");
  }
  plan.name = header.name;
  plan.ranks_per_run = header.ranks_per_run;
  plan.title = header.title.empty() ? header.name : header.title;
  const std::vector<Arm> arms = expand_arms(config::load(file), plan.document, overrides);
  for (const Arm& arm : arms) plan.arms.emplace_back(arm.name, arm.label);

  struct Expanded {
    RunConfig config;
    Value versions = Value::table();
    Value base = Value::table();  // its identity but for the index
    Value run = Value::table();   // the same of a run, but for base, seed and plugins
    Value named_base = Value::table(), named_run = Value::table(), inputs = Value::table();  // for likeness
  };
  std::vector<std::vector<Expanded>> expanded;  // by arm; one, or one a folder of base.folders
  InputContent content(registry.communicator());
  for (const Arm& arm : arms) {
    Expanded e{read_run_config(arm.table)};
    resolve_uses(
        e.config.regularizers, e.versions,
        registry, [&](const std::string& n) -> auto& { return registry.regularizer(n); });
    resolve_uses(
        e.config.freezes, e.versions,
        registry, [&](const std::string& n) -> auto& { return registry.freeze_strategy(n); });
    resolve_uses(
        e.config.probes, e.versions, registry, [&](const std::string& n) -> auto& { return registry.probe(n); });
    const std::vector<std::string>& folders = e.config.base.folders;
    if (e.config.base.given() && header.base_models > 1) {
      throw error_at(*experiment->find("base_models"), "a model from base.folder is one base for all seeds")
          .expected("experiment.base_models = 1; base.folders gives the seeds several")
          .received(std::to_string(header.base_models));
    }
    if (folders.size() > static_cast<std::size_t>(header.seeds)) {
      throw error_at(*experiment, "fewer seeds than models in base.folders")
          .expected(fmt::format("experiment.seeds of {} or more", folders.size()))
          .received(std::to_string(header.seeds));
    }
    std::vector<Expanded>& of_arm = expanded.emplace_back();
    for (std::size_t k = 0; k < std::max<std::size_t>(folders.size(), 1); ++k) {
      Expanded& one = of_arm.emplace_back(e);
      if (!folders.empty()) one.config.base.folder = folders[k];
      content.fill(one.config);
      one.base = base_identity_of(one.config);
      one.named_base = base_identity_of(one.config, config::Content::named);
      one.run = run_identity_of(one.config);
      one.named_run = run_identity_of(one.config, config::Content::named);
      one.inputs = inputs_of(one.config, one.base, one.versions);
    }
  }
  std::map<std::string, std::size_t> bases;
  for (std::int64_t seed = 1; seed <= header.seeds; ++seed) {
    const std::int64_t index = (seed - 1) % header.base_models;
    for (std::size_t a = 0; a < arms.size(); ++a) {
      const std::size_t of_folder = static_cast<std::size_t>(seed - 1) % expanded[a].size();
      const Expanded& e = expanded[a][of_folder];
      Value base_value = e.base;
      base_value.set("index", index);
      base_value.set("format", run_format);
      const std::string base_hash = config::config_hash(base_value);
      const auto [found, added] = bases.emplace(base_hash, plan.bases.size());
      if (added) plan.bases.push_back({base_hash, index + static_cast<std::int64_t>(of_folder), e.config});

      PlannedRun run{arms[a].name,
                     static_cast<std::uint64_t>(seed),
                     found->second,
                     std::nullopt,
                     e.config,
                     Value::table(),
                     "",
                     e.inputs,
                     ""};
      if (run.config.sets.labels == Labels::slick) run.labels = plan_labels(plan, run.base, run.config);
      run.resolved.set("config", e.run);
      run.resolved.set("plugins", e.versions);
      run.resolved.set("base", base_hash);
      run.resolved.set("seed", seed);
      run.resolved.set("format", run_format);
      run.identity = config::config_hash(run.resolved);
      run.likeness = config::config_hash(without_inputs(run, e.named_base, e.named_run, index));
      plan.runs.push_back(std::move(run));
    }
  }
  std::vector<std::string> sets = expanded[0][0].config.sets.names();  // a table's column needs its set in every arm
  for (const std::vector<Expanded>& of_arm : expanded) {
    const std::vector<std::string> own = of_arm.front().config.sets.names();
    std::erase_if(sets, [&own](const std::string& set) { return std::find(own.begin(), own.end(), set) == own.end(); });
  }
  const Value* table = plan.document.find("table");
  if (table == nullptr) throw error_at(plan.document, "no [table]").expected("[table] with [[table.column]] entries");
  plan.table = report::read_table_spec(*table, plan.arms, sets);
  if (plan.table.title.empty()) plan.table.title = plan.title;
  return plan;
}

}  // namespace stet
