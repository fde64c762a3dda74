#include <stet/cli/commands/commands.hpp>

#include <stet/base/log.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/cli/child_process.hpp>
#include <stet/cli/workers.hpp>
#include <stet/config/document.hpp>
#include <stet/plan/check/data_present.hpp>
#include <stet/plan/check/plan_check.hpp>
#include <stet/plan/check/shards_check.hpp>
#include <stet/schedule/changed_inputs.hpp>
#include <stet/schedule/cost_estimate.hpp>
#include <stet/schedule/ensemble.hpp>
#include <stet/schedule/plan_status.hpp>
#include <stet/schedule/worker.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <set>

namespace stet {

namespace {

/// Times steps of every arm and says what is left.
void print_costs(const Options& options, const Plan& plan, const Workspace& workspace, PluginRegistry& registry,
                 const PlanStatus& status) {
  const CostEstimate estimate = estimate_cost(plan, workspace, registry);
  const int workers = worker_count(options.jobs, status);
  const double elapsed = elapsed_seconds(estimate.left, workers);
  const double busy = total_seconds(estimate.left) / workers;  // if all could be divided
  double labels = 0;
  bool any_base = false;
  for (const WorkLeft& of : estimate.left) labels += of.labels, any_base = any_base || of.base > 0;
  print_shown("  model: {} parameters; memory of one process about {}\n",
              format_count(static_cast<double>(estimate.first_base.parameters)), format_bytes(estimate.memory_bytes));
  const double pretraining = estimate.first_base.tokens_per_second;  // 0: of a base that is given
  print_shown("  speed, measured now on one core: {}fine-tuning {} tokens/s\n",
              pretraining > 0 ? fmt::format("pre-training {} tokens/s, ", format_count(pretraining)) : "",
              format_count(estimate.first.tokens_per_second));
  if (!plan.labels.empty())
    print_shown("  labels (SLiCK): {} of processor time for those that are left\n", format_duration(labels));
  print_shown(
      "  time: {} a base model, {} a run of the first arm; about {} for what is left with {} worker processes (a phase "
      "that ends at a plateau counted half way between its shortest and longest)\n",
      format_duration(estimate.first_base.seconds), format_duration(estimate.first.run_seconds),
      format_duration(elapsed), workers);
  if (elapsed > 1.25 * busy && workers > 1) {
    print_shown("  a task is one worker's: {} cannot be divided, so {} workers are busy {:.0f} % of that time\n",
                any_base ? "a base model" : "a run", workers, 100 * busy / elapsed);
  }
}

}  // namespace

int plan_command(const Options& options, Session& session) {
  PluginRegistry registry(session.world(),
                          PluginRegistry::usual_search(plugin_folders(options.file, options.overrides)));
  Plan plan = make_plan(options.file, options.overrides, registry);
  Communicator& world = session.world();
  if (!options.resolved) {
    collectively(world, [&] {
      check_data_present(plan);
      if (world.rank() == 0) check_shards(plan, Workspace::inputs_file(options.out));
      const int ranks = session.uses_mpi() ? world.size() / group_count(world.size(), plan.ranks_per_run) : 1;
      tell(check_plan(plan, registry, ranks), world);
    });
  }
  if (world.rank() != 0) return 0;
  if (options.resolved) {
    config::Value all = plan.document;
    config::Value arms = config::Value::array();
    for (std::size_t a = 0; a < plan.arms.size(); ++a) {
      config::Value arm = resolve(plan.runs[a].config);  // the first seed's runs come first, one an arm
      config::Value named = config::Value::table();
      named.set("name", plan.arms[a].first);
      named.set("label", plan.arms[a].second);
      for (const auto& [key, value] : arm.members()) named.set(key, value);
      arms.items().push_back(std::move(named));
    }
    for (const char* key : {"data", "prompt", "base", "model", "pretrain", "sets", "train", "evaluate", "checkpoint",
                            "phase", "regularizer", "freeze", "probe", "sweep"}) {
      all.erase(key);
    }
    all.set("arm", arms);
    print_shown("{}", config::to_toml(all));
    return 0;
  }
  const Workspace workspace(options.out, plan.name);
  settle_inputs(options, plan, workspace, *make_single_process());  // rank 0 alone comes here
  const PlanStatus status = status_of(plan, workspace, "");
  print_shown("{}\n  file {}, results {}\n", plan.title, plan.file.string(), workspace.folder().string());
  print_shown("  base models: {} ({} finished)\n", status.bases, status.bases_finished);
  for (const PlannedBase& base : plan.bases) {
    print_shown("    base {} {} {}\n", base.index + 1, base.identity.substr(0, 10),
                task::finished(workspace.base_folder(base)) ? "finished"
                : base.config.base.given()
                    ? "to read from " + base.config.base.folder +
                          (base.config.base.adapter.empty() ? "" : " with the adapter " + base.config.base.adapter)
                    : "to train");
  }
  print_shown("  runs: {} ({} finished)\n", status.runs, status.runs_finished);
  for (const PlannedRun& run : plan.runs) {
    const bool finished = task::finished(workspace.run_folder(run));
    const std::optional<std::filesystem::path> elsewhere = finished ? std::nullopt : workspace.finished_elsewhere(run);
    print_shown("    {} {}\n", run.folder_name(),
                finished    ? "finished"
                : elsewhere ? "to copy from " + elsewhere->string()
                            : "to run");
  }
  std::set<std::uint64_t> seeds;
  for (const PlannedRun& run : plan.runs) seeds.insert(run.seed);
  if (seeds.size() < report::least_seeds && report::claims_anything(plan.table)) {
    print_shown("  seeds: {}; the table's claims get a verdict from {} on\n", seeds.size(), report::least_seeds);
  }
  if (options.no_estimate) return 0;
  const auto time_steps = [&] { print_costs(options, plan, workspace, registry, status); };
  if (session.uses_mpi()) {
    time_steps();
  } else {
    run_in_child(world, time_steps);  // plugins' hooks are called
  }
  return 0;
}

void tell(const std::vector<std::string>& notes, const Communicator& world) {
  for (const std::string& note : notes) {
    if (world.rank() == 0) log::warning("data: {}", note);
  }
}

void settle_inputs(const Options& options, Plan& plan, const Workspace& workspace, Communicator& world) {
  const std::size_t trusted = options.trust_versions ? trust_versions(plan, workspace, world) : 0;
  if (world.rank() != 0 || options.worker) return;
  if (trusted > 0)
    log::info("runs that other bytes of the same plugin versions made stand for {} of {} (--trust-versions)", trusted,
              plan.runs.size());
  for (const std::string& line : changed_inputs(plan, workspace)) log::info("{}", line);
}

}  // namespace stet
