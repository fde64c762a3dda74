#include <stet/cli/commands.hpp>

#include <stet/base/error.hpp>
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>
#include <stet/cli/display.hpp>
#include <stet/cli/workers.hpp>
#include <stet/experiment/results.hpp>
#include <stet/experiment/worker.hpp>
#include <stet/report/render.hpp>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace stet {

namespace {

int cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

std::string session_name() {
  const char* given = std::getenv("STET_SESSION");
  return given != nullptr ? given : fmt::format("{}-{}", ::getpid(), std::chrono::system_clock::now().time_since_epoch().count());
}

/// A worker tells its parent how far it is through a small file; losing an update is harmless.
void write_status(const std::filesystem::path& file, const Progress& progress) {
  const std::string temporary = file.string() + ".new";
  std::ofstream(temporary) << progress.fraction << ' ' << progress.tokens_per_second << ' ' << progress.task;
  std::error_code ignored;
  std::filesystem::rename(temporary, file, ignored);
}

/// Status folders whose owner was killed. On another machine it may live: its display then misses some updates, no more.
void remove_dead_status_folders(const std::filesystem::path& folder) {
  constexpr std::string_view prefix = ".status-";
  std::vector<std::filesystem::path> dead;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && ::kill(std::atoi(name.c_str() + prefix.size()), 0) != 0 && errno == ESRCH) dead.push_back(entry.path());
  }
  std::error_code ignored;
  for (const std::filesystem::path& path : dead) std::filesystem::remove_all(path, ignored);
}

/// Weight of a base model in the progress, in runs. Only for the display.
constexpr double base_weight = 6;

void show(Display& display, const PlanStatus& status, const std::vector<Progress>& active) {
  double done = base_weight * status.bases_finished + status.runs_finished + status.failed, rate = 0;
  std::string tasks;
  for (const Progress& progress : active) {
    done += progress.fraction * (progress.task.starts_with("base ") ? base_weight : 1.0);
    rate += progress.tokens_per_second;
    tasks += (tasks.empty() ? "" : ", ") + progress.task;
  }
  display.update(done, base_weight * status.bases + status.runs,
                 fmt::format("{}/{} bases, {}/{} runs [{}]", status.bases_finished, status.bases, status.runs_finished, status.runs, tasks), rate);
}

/// Starts workers on the experiment and watches the folder until they are done.
int run_with_workers(const Options& options, const Plan& plan, const Workspace& workspace, int jobs) {
  const std::string session = session_name();
  ::setenv("STET_SESSION", session.c_str(), 1);
  const std::filesystem::path status_folder = workspace.folder() / fmt::format(".status-{}", ::getpid());
  std::filesystem::create_directories(status_folder);
  ::setenv("STET_STATUS_FOLDER", status_folder.c_str(), 1);
  std::vector<std::string> arguments = {"run", options.file.string(), "--worker", "--out", options.out.string()};
  for (const std::string& assignment : options.overrides) arguments.insert(arguments.end(), {"--set", assignment});
  if (options.verbose) arguments.insert(arguments.begin(), "--verbose");
  WorkerProcesses workers;
  for (int i = 0; i < jobs; ++i) workers.start(arguments);
  bool forwarded = false;
  {
    Display display;
    int bases = -1, runs = -1;
    while (workers.poll() > 0) {
      if (stop_requested() && !forwarded) {
        display.line("stopping: the workers finish their step and write a checkpoint");
        workers.signal(SIGTERM);
        forwarded = true;
      }
      const PlanStatus status = status_of(plan, workspace, session);
      if (bases >= 0 && (status.bases_finished != bases || status.runs_finished != runs)) {
        display.line(fmt::format("finished {}/{} bases, {}/{} runs", status.bases_finished, status.bases, status.runs_finished, status.runs));
      }
      bases = status.bases_finished;
      runs = status.runs_finished;
      std::vector<Progress> active;
      std::error_code ignored;
      for (const auto& entry : std::filesystem::directory_iterator(status_folder, ignored)) {
        Progress progress;
        std::ifstream in(entry.path());
        if (in >> progress.fraction >> progress.tokens_per_second && std::getline(in >> std::ws, progress.task)) active.push_back(progress);
      }
      show(display, status, active);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(status_folder, ignored);
  int code = 0;
  for (const int worker : workers.exit_codes()) {
    if (worker != 0 && (code == 0 || code == exit_resumable)) code = worker;
  }
  // The workers have said each failure when it happened.
  const PlanStatus status = status_of(plan, workspace, session);
  if (status.failed > 0) log::error("{} of {} tasks failed; the message is in failed.json of each folder", status.failed, status.bases + status.runs);
  if (code > 128) {
    throw Error(ErrorKind::communication, fmt::format("a worker process was killed by signal {}", code - 128))
        .hint("run the same command again: it goes on where it was");
  }
  return code;
}

}  // namespace

int run_command(const Options& options, Session& session) {
  Communicator& world = session.world();
  install_stop_handlers();
  PluginRegistry registry(world, PluginRegistry::usual_search(plugin_folders(options.file)));
  const Plan plan = make_plan(options.file, options.overrides, registry);
  const Workspace workspace(options.out, plan.name);
  int code = 0;
  if (options.worker || world.size() > 1 || session.uses_mpi()) {
    ProgressSink sink;
    Display display;
    const std::string name = session_name();
    if (const char* folder = std::getenv("STET_STATUS_FOLDER"); options.worker && folder != nullptr) {
      const std::filesystem::path file = std::filesystem::path(folder) / std::to_string(::getpid());
      sink = [file](const Progress& progress) { write_status(file, progress); };
    } else if (world.rank() == 0) {
      sink = [&](const Progress& progress) { show(display, status_of(plan, workspace, name), {progress}); };
    }
    try {
      const std::string shared = world.broadcast_text(name, 0);
      code = work_on(plan, workspace, registry, world, shared, sink).first_error;
    } catch (const Stopped&) {
      code = exit_resumable;
    }
    if (options.worker || world.rank() != 0) return code;
  } else {
    remove_dead_status_folders(workspace.folder());
    const PlanStatus status = status_of(plan, workspace, "");
    const int open = status.runs - status.runs_finished + status.bases - status.bases_finished;
    const int jobs = std::min(options.jobs > 0 ? options.jobs : cores(), std::max(open, 1));
    log::info("{}: {} base models, {} runs ({} finished); {} worker processes; results in {}", plan.title, status.bases, status.runs,
              status.runs_finished, jobs, workspace.folder().string());
    if (status.runs_finished < status.runs) code = run_with_workers(options, plan, workspace, jobs);
  }
  if (code == exit_resumable) {
    log::info("stopped; the same command goes on from here");
    return code;
  }
  const report::Table table = compute_results(plan, workspace);
  write_results(plan, workspace, table);
  fmt::print("{}", report::to_terminal(table));
  log::info("table.md, table.tex and table.csv are in {}", workspace.folder().string());
  return code;
}

int table_command(const Options& options, Session& session) {
  PluginRegistry registry(session.world(), PluginRegistry::usual_search(plugin_folders(options.file)));
  const Plan plan = make_plan(options.file, options.overrides, registry);
  const Workspace workspace(options.out, plan.name);
  const report::Table table = compute_results(plan, workspace);
  write_results(plan, workspace, table);
  const std::string text = options.format == "markdown" ? report::to_markdown(table)
                           : options.format == "latex"  ? report::to_latex(table)
                           : options.format == "csv"    ? report::to_csv(table)
                                                        : report::to_terminal(table);
  fmt::print("{}", text);
  return 0;
}

}  // namespace stet
