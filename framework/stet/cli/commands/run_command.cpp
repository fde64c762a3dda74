#include <stet/cli/commands/commands.hpp>

#include <stet/base/error.hpp>
#include <stet/base/log.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/cli/display.hpp>
#include <stet/cli/published_results.hpp>
#include <stet/cli/workers.hpp>
#include <stet/plan/check/data_present.hpp>
#include <stet/plan/check/plan_check.hpp>
#include <stet/plan/check/shards_check.hpp>
#include <stet/plan/check/table_check.hpp>
#include <stet/report/render/render.hpp>
#include <stet/schedule/ensemble.hpp>
#include <stet/schedule/plan_status.hpp>
#include <stet/schedule/results.hpp>
#include <stet/schedule/status_board.hpp>
#include <stet/schedule/work_forecast.hpp>
#include <stet/schedule/worker.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace stet {

namespace {

std::string session_name() {
  const char* given = std::getenv("STET_SESSION");
  return given != nullptr
             ? given
             : fmt::format("{}-{}", ::getpid(), std::chrono::system_clock::now().time_since_epoch().count());
}

WorkOptions work_options(const Options& options, const std::string& session) {
  return {.session = session,
          .hang_timeout = options.hang_timeout,
          .bases_only = options.bases_only,
          .leave_when_claimed = options.leave};
}

void show(Display& display, const PlanStatus& status, WorkForecast& forecast, const std::vector<Progress>& active,
          int processes) {
  double rate = 0;
  std::string tasks;
  for (const Progress& progress : active) {
    rate += progress.tokens_per_second;
    tasks += (tasks.empty() ? "" : ", ") + progress.task;
  }
  const auto [fraction, left] = forecast.look(active, processes);
  display.update(fraction, left,
                 fmt::format("{}/{} bases, {}/{} runs [{}]", status.bases_finished, status.bases, status.runs_finished,
                             status.runs, tasks),
                 rate);
}

/// A finished run is not made again for the model that it was not asked to keep.
void warn_of_missing_models(const Plan& plan, const Workspace& workspace) {
  const auto lacks_model = [&](const PlannedRun& run) {
    const std::filesystem::path folder = workspace.run_folder(run);
    return run.config.checkpoint.keep_weights && task::finished(folder) && !task::holds_model(folder);
  };
  const auto count = std::count_if(plan.runs.begin(), plan.runs.end(), lacks_model);
  if (count > 0)
    log::warning(
        "{} runs were finished without checkpoint.keep_weights; those whose folders you remove are made again and keep "
        "their models",
        count);
}

/// Tells how well the processes were used, if there were several and something was done.
void report_use(int processes, const std::string& kind, double busy) {
  if (processes > 1)
    log::info("{} {} were busy {:.1f} % of the time until their last task ended", processes, kind, 100 * busy);
}

/// Starts workers on the experiment and watches the folder until they are done.
int run_with_workers(const Options& options, const Plan& plan, const Workspace& workspace, int jobs) {
  const std::string session = session_name();
  ::setenv("STET_SESSION", session.c_str(), 1);
  StatusBoard board(StatusBoard::usual_folder(workspace.folder()), "parent");
  board.create();
  ::setenv("STET_STATUS_FOLDER", board.folder().c_str(), 1);
  std::vector<std::string> arguments = {"run", options.file.string(), "--worker", "--out", options.out.string()};
  arguments.insert(arguments.end(), {"--hang-timeout", fmt::format("{}", options.hang_timeout)});
  if (options.bases_only) arguments.emplace_back("--bases-only");
  if (options.leave) arguments.emplace_back("--leave");
  for (const std::string& assignment : options.overrides) arguments.insert(arguments.end(), {"--set", assignment});
  if (options.trust_versions) arguments.emplace_back("--trust-versions");
  if (options.verbose) arguments.insert(arguments.begin(), "--verbose");
  WorkerProcesses workers;
  for (int i = 0; i < jobs; ++i) workers.start(arguments);
  bool forwarded = false;
  Replacements replacements(static_cast<int>(plan.bases.size() + plan.labels.size() + plan.runs.size()));
  {
    Display display;
    WorkForecast forecast(plan, workspace, session);
    int bases = -1, runs = -1;
    while (true) {
      const std::size_t running = workers.poll();
      if (stop_requested() && !forwarded) {
        display.line("stopping: the workers finish their step and write a checkpoint");
        workers.signal(SIGTERM);
        forwarded = true;
      }
      if (take_save_request()) workers.signal(SIGUSR1);
      if (options.hang_timeout > 0 && workers.end_stopped(options.hang_timeout) > 0) {
        display.line(fmt::format("a worker process was stopped for {:.0f} s: ended, another takes its task",
                                 options.hang_timeout));
      }
      const PlanStatus status = status_of(plan, workspace, session);
      const int wanted = forwarded ? 0 : replacements.wanted(workers.ended(), board, status);
      if (wanted > 0) display.line("a worker process ended early; another takes its place");
      for (int i = 0; i < wanted; ++i) workers.start(arguments);
      if (bases >= 0 && (status.bases_finished != bases || status.runs_finished != runs)) {
        display.line(fmt::format("finished {}/{} bases, {}/{} runs", status.bases_finished, status.bases,
                                 status.runs_finished, status.runs));
      }
      bases = status.bases_finished;
      runs = status.runs_finished;
      show(display, status, forecast, board.progress(), jobs);
      if (running == 0 && wanted == 0) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }
  const WorkAccount account = board.account();
  board.remove();
  // The workers have said each failure when it happened.
  const PlanStatus status = status_of(plan, workspace, session);
  if (status.failed > 0)
    log::error("{} of {} tasks failed; the message is in failed.json of each folder", status.failed,
               status.bases + status.runs);
  int code = status.first_error;
  for (const WorkerProcesses::Ended& worker : workers.ended()) {
    if (worker.code == exit_resumable && code == 0) code = worker.code;
  }
  if (code == 0 && status.runs_finished < status.runs) {  // workers died in no task: their end is all there is to say
    for (const auto& [process, ended] : workers.ended()) {
      if (ended > 128) {
        throw Error(ErrorKind::communication, fmt::format("a worker process was killed by signal {}", ended - 128))
            .hint("run the same command again: it goes on where it was");
      }
      if (ended != 0 && code == 0) code = ended;
    }
  }
  if (account.span_seconds > 0) report_use(jobs, "worker processes", account.busy_seconds / account.span_seconds);
  return code;
}

/// Works as one of the processes that run_with_workers() started.
int run_as_worker(const Options& options, const Plan& plan, const Workspace& workspace, PluginRegistry& registry,
                  Communicator& world) {
  ProgressSink sink;
  std::optional<StatusBoard> board;
  if (const char* folder = std::getenv("STET_STATUS_FOLDER")) {
    board.emplace(folder, std::to_string(::getpid()));
    sink = [&board](const Progress& progress) { board->publish(progress); };
  }
  const WorkerResult result = work_on(plan, workspace, registry, world, work_options(options, session_name()), sink);
  if (board) board->publish(WorkAccount{result.busy_seconds, result.span_seconds});
  return result.stopped ? exit_resumable : result.first_error;
}

/// Works as the ranks that a launcher started: all on one run, or in groups.
int run_with_ranks(const Options& options, const Plan& plan, const Workspace& workspace, PluginRegistry& registry,
                   Communicator& world) {
  const std::int64_t ranks_per_run = options.ranks_per_run.value_or(plan.ranks_per_run);
  const int groups = group_count(world.size(), ranks_per_run);
  const std::string session = world.broadcast_text(session_name(), 0);
  const std::filesystem::path folder = world.broadcast_text(StatusBoard::usual_folder(workspace.folder()).string(), 0);
  StatusBoard board(folder, "rank-" + std::to_string(world.rank()));
  collectively(world, [&] {
    if (world.rank() != 0) return;
    StatusBoard::remove_dead(workspace.folder());
    board.create();
  });
  std::optional<Display> display;
  std::optional<WorkForecast> forecast;
  if (world.rank() == 0) {
    display.emplace();
    forecast.emplace(plan, workspace, session);
  }
  const ProgressSink sink = [&](const Progress& progress) {
    board.publish(progress);
    if (display) show(*display, status_of(plan, workspace, session), *forecast, board.progress(), groups);
  };
  if (world.rank() == 0 && groups > 1) {
    log::info("{}: {} groups of {} ranks, each with a run of its own", plan.title, groups, world.size() / groups);
  }
  const EnsembleResult result =
      work_in_groups(plan, workspace, registry, world, ranks_per_run, folder, work_options(options, session), sink);
  if (world.rank() == 0) {
    display.reset();
    board.remove();
    if (groups > 1) log::info("{} groups finished {} tasks, {} failed", groups, result.finished, result.failed);
    report_use(groups, "groups", result.busy);
  }
  return result.stopped ? exit_resumable : result.first_error;
}

}  // namespace

int run_command(const Options& options, Session& session) {
  Communicator& world = session.world();
  read_stop_time();
  install_stop_handlers();  // again: MPI may have put its own in their place
  PluginRegistry registry(world, PluginRegistry::usual_search(plugin_folders(options.file, options.overrides)));
  Plan plan = make_plan(options.file, options.overrides, registry);
  if (!options.worker) {  // by the parent
    collectively(world, [&] {
      check_data_present(plan);
      if (world.rank() == 0) check_shards(plan, Workspace::inputs_file(options.out));
      const std::int64_t ranks = options.ranks_per_run.value_or(plan.ranks_per_run);
      tell(check_plan(plan, registry, session.uses_mpi() ? world.size() / group_count(world.size(), ranks) : 1), world);
    });
  }
  const Workspace workspace(options.out, plan.name);
  settle_inputs(options, plan, workspace, world);
  int code = 0;
  if (options.worker) return run_as_worker(options, plan, workspace, registry, world);
  if (world.rank() == 0) warn_of_missing_models(plan, workspace);
  if (session.uses_mpi()) {
    code = run_with_ranks(options, plan, workspace, registry, world);
    if (world.rank() != 0) return code;
  } else {
    StatusBoard::remove_dead(workspace.folder());
    const PlanStatus status = status_of(plan, workspace, "");
    const int jobs = worker_count(options.jobs, status);
    log::info("{}: {} base models, {} runs ({} finished); {} worker processes; results in {}", plan.title, status.bases,
              status.runs, status.runs_finished, jobs, workspace.folder().string());
    if (status.runs_finished < status.runs) code = run_with_workers(options, plan, workspace, jobs);
  }
  if (code == exit_resumable) {
    const std::string reason = stop_reason();
    log::info("stopped{}; the same command goes on from here", reason.empty() ? "" : " by " + reason);
    return code;
  }
  if (options.bases_only || options.leave) {
    const PlanStatus status = status_of(plan, workspace, "");
    if (options.bases_only) log::info("{} of {} base models are there", status.bases_finished, status.bases);
    if (options.bases_only || status.runs_finished < status.runs) {
      if (!options.bases_only)
        log::info("{} of {} runs are finished; the rest is in other processes' hands", status.runs_finished,
                  status.runs);
      return code;
    }
  }
  const report::Table table = compute_results(plan, workspace);
  print_shown("{}", report::to_terminal(table));  // first: the folder may be one that can only be read, or full
  keep_results(plan, workspace, table);
  if (!options.results.empty()) publish_results(options.results, plan, workspace, table);
  log::info("table.md, table.tex and table.csv are in {}", workspace.folder().string());
  return code;
}

int table_command(const Options& options, Session& session) {
  PluginRegistry registry(session.world(),
                          PluginRegistry::usual_search(plugin_folders(options.file, options.overrides)));
  Plan plan = make_plan(options.file, options.overrides, registry);
  check_table(plan);
  const Workspace workspace(options.out, plan.name);
  settle_inputs(options, plan, workspace, session.world());
  const report::Table table = compute_results(plan, workspace);
  try {
    write_results(plan, workspace, table);
  } catch (const Error& error) {  // a folder that one may only read, or a full disk, can still show its table
    log::warning("the table is not written into {}: {}", workspace.folder().string(), error.message());
  }
  if (!options.results.empty()) publish_results(options.results, plan, workspace, table);
  const std::string text = options.format == "markdown" ? report::to_markdown(table)
                           : options.format == "latex"  ? report::to_latex(table)
                           : options.format == "csv"    ? report::to_csv(table)
                                                        : report::to_terminal(table);
  fmt::print("{}", text);
  return 0;
}

}  // namespace stet
