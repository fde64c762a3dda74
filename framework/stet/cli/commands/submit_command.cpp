// stet submit: an experiment as a job, or an array of them, for Slurm.
#include <stet/cli/commands/commands.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/file/temporary_folder.hpp>
#include <stet/base/files.hpp>
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>
#include <stet/batch/job_script.hpp>
#include <stet/batch/scheduler_options.hpp>
#include <stet/batch/secrets.hpp>
#include <stet/batch/slurm.hpp>
#include <stet/batch/submission.hpp>
#include <stet/cli/child_process.hpp>
#include <stet/plan/check/data_present.hpp>
#include <stet/plan/check/plan_check.hpp>
#include <stet/plan/check/shards_check.hpp>
#include <stet/schedule/cost_estimate.hpp>
#include <stet/schedule/ensemble.hpp>
#include <stet/schedule/plan_status.hpp>
#include <stet/schedule/work_left.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace stet {

namespace {

namespace fs = std::filesystem;
using batch::JobRequest;

/// What a job needs, measured here: the submitting machine stands for the nodes.
struct Needs {
  double seconds = 0;          ///< until all is done, with the job's processes
  double memory_bytes = 0;     ///< of a process
  double margin_seconds = 60;  ///< to end a step and write a checkpoint, twice over
};

/// Bytes a second that reach the disk under `folder`.
double write_speed(const fs::path& folder) {
  constexpr std::size_t size = std::size_t{16} << 20U;
  fs::create_directories(folder);
  const fs::path file = folder / ".write-speed";
  const Stopwatch watch;
  write_file_atomically(file, std::string(size, 'x'));
  const double seconds = std::max(watch.seconds(), 1e-3);
  fs::remove(file);
  return static_cast<double>(size) / seconds;
}

Needs measure(const Plan& plan, const Workspace& workspace, PluginRegistry& registry, Communicator& world, bool dry,
              int processes) {
  const TemporaryFolder answer;
  run_in_child(world, [&] {  // plugins' hooks are called
    const CostEstimate estimate = estimate_cost(plan, workspace, registry);
    const double checkpoint =
        static_cast<double>(estimate.first_base.parameters) * 4 * 4 + estimate.first.snapshot_bytes;
    write_file_atomically(
        answer.path() / "needs",
        fmt::format("{} {} {}", elapsed_seconds(estimate.left, processes), estimate.memory_bytes,
                    20 + 2 * (std::max(estimate.first_base.step_seconds, estimate.first.step_seconds) +
                              checkpoint / write_speed(dry ? answer.path() : workspace.folder()))));
  });
  Needs needs;
  std::istringstream(read_file(answer.path() / "needs")) >> needs.seconds >> needs.memory_bytes >> needs.margin_seconds;
  return needs;
}

std::vector<std::string> run_arguments(const Options& options, const Plan& plan) {
  std::vector<std::string> words = {"run", fs::absolute(plan.file).string(), "--out",
                                    fs::absolute(options.out).string()};
  for (const std::string& assignment : options.overrides) words.insert(words.end(), {"--set", assignment});
  if (options.trust_versions) words.emplace_back("--trust-versions");
  words.insert(words.end(), {"--hang-timeout", fmt::format("{}", options.hang_timeout)});
  return words;
}

bool asks_for_ranks(const Options& options) {
  return options.nodes > 1 || options.ranks_per_node > 0 || options.ranks_per_run.has_value();
}

std::int64_t ranks_a_node(const Options& options) {
  if (options.ranks_per_node > 0) return options.ranks_per_node;
  return options.nodes == 1 ? std::max<std::int64_t>(1, options.ranks_per_run.value_or(1)) : 1;
}

/// One job, or an array with its job for the base models; sized by what is left.
std::vector<JobRequest> make_requests(const Options& options, const Plan& plan, const Workspace& workspace,
                                      const PlanStatus& status, PluginRegistry& registry, Communicator& world,
                                      const batch::Slurm* slurm) {
  const std::int64_t open_bases = status.bases - status.bases_finished, open_runs = status.runs - status.runs_finished;
  const std::vector<std::string> given = batch::scheduler_options(options.scheduler_options);
  const std::string partition = batch::partition_of(given);
  JobRequest job;
  job.name = plan.name;
  job.folder = fs::absolute(workspace.folder());
  job.program = (fs::read_symlink("/proc/self/exe").parent_path() / "stet").string();
  job.run = run_arguments(options, plan);
  job.made_by = options.command_line;
  job.ranks = asks_for_ranks(options);
  if (job.ranks && options.array)
    throw Error(ErrorKind::config, "an array is made of jobs of one process each")
        .received("--array together with --nodes, --ranks-per-node or --ranks-per-run");
  if (slurm != nullptr && job.ranks && !slurm->has_pmix())
    throw Error(ErrorKind::config, "this Slurm cannot start MPI ranks by PMIx")
        .expected("pmix among those that `srun --mpi=list` names")
        .hint(
            "ask the cluster's administrators, or leave out --nodes and --ranks-per-run: worker processes on one node");
  job.nodes = options.nodes;
  const std::optional<std::int64_t> nodes = slurm == nullptr ? std::nullopt : slurm->nodes(partition);
  if (nodes && *nodes < job.nodes)
    throw Error(ErrorKind::config, "the job would wait for ever: the partition has fewer nodes")
        .at("--nodes")
        .expected(fmt::format("at most {}", *nodes))
        .received(std::to_string(job.nodes))
        .hint("sinfo names the partitions; stet submit FILE -- --partition=NAME takes another");
  job.requeue = options.requeue;
  job.options = given;
  job.avoid = batch::nodes_that_killed(job.folder);
  const std::int64_t largest = slurm == nullptr ? 0 : slurm->cores_of_a_node(partition).value_or(0);
  const auto on_a_node = [largest](std::int64_t cores) { return largest > 0 ? std::min(cores, largest) : cores; };
  std::int64_t processes = 0;
  if (job.ranks) {
    job.ranks_per_node = ranks_a_node(options);
    job.cores_per_rank = std::max<std::int64_t>(options.cores, 1);
    processes = job.nodes * job.ranks_per_node;
    if (options.ranks_per_run)
      job.run.insert(job.run.end(), {"--ranks-per-run", std::to_string(*options.ranks_per_run)});
  } else {
    job.cores_per_rank = options.cores > 0 ? options.cores : on_a_node(options.array ? 1 : open_runs);
    processes = job.cores_per_rank;
  }
  std::int64_t tasks = 0;
  if (options.array) {
    tasks = *options.array > 0 ? std::min(*options.array, open_runs) : open_runs;
    processes = tasks * job.cores_per_rank;
    job.array_at_once = options.array_at_once;
    if (job.array_at_once > 0) processes = std::min(processes, job.array_at_once * job.cores_per_rank);
  }
  job.minutes = options.minutes;
  job.margin = options.margin;
  if (options.minutes == 0) {
    const Needs needs = measure(plan, workspace, registry, world, options.dry,
                                static_cast<int>(std::min<std::int64_t>(processes, 1 << 20)));
    if (job.margin == 0) job.margin = static_cast<std::int64_t>(std::ceil(needs.margin_seconds));
    job.minutes =
        static_cast<std::int64_t>(std::ceil((1.5 * needs.seconds + 120 + static_cast<double>(job.margin)) / 60));
    job.megabytes_per_core = static_cast<std::int64_t>(std::ceil(1.2 * needs.memory_bytes / 1e6)) + 200;
    if (job.ranks) job.megabytes_per_core = (job.megabytes_per_core + job.cores_per_rank - 1) / job.cores_per_rank;
    const std::optional<std::int64_t> most = slurm == nullptr ? std::nullopt : slurm->longest_minutes(partition);
    if (most && *most < job.minutes) job.minutes = *most;
  }
  if (options.margin >= job.minutes * 60)
    throw Error(ErrorKind::config, "the margin leaves the job no time")
        .at("--margin")
        .expected(fmt::format("less than the {} s of a life", job.minutes * 60))
        .received(std::to_string(options.margin));
  if (job.margin == 0) job.margin = 60;
  job.margin = std::min(job.margin, std::max<std::int64_t>(job.minutes * 60 - 5, 1));
  const auto with_workers = [](JobRequest request) {
    if (!request.ranks) request.run.insert(request.run.end(), {"--jobs", std::to_string(request.cores_per_rank)});
    return request;
  };
  if (tasks == 0) return {with_workers(job)};
  std::vector<JobRequest> requests;
  if (open_bases > 0 || !plan.labels.empty()) {
    JobRequest bases = job;
    bases.name += "-bases";
    bases.run.emplace_back("--bases-only");
    if (options.cores == 0) bases.cores_per_rank = on_a_node(std::max<std::int64_t>(open_bases, 1));
    requests.push_back(with_workers(std::move(bases)));
  }
  job.run.emplace_back("--leave");
  const std::int64_t most = slurm == nullptr ? tasks : slurm->largest_array().value_or(tasks);
  for (std::int64_t begin = 0; begin < tasks; begin += most) {
    JobRequest part = job;
    part.array_tasks = std::min(most, tasks - begin);
    requests.push_back(with_workers(std::move(part)));
  }
  return requests;
}

std::string what_it_is(const JobRequest& request) {
  if (request.array_tasks > 0) return fmt::format("array of {}", request.array_tasks);
  return request.name.ends_with("-bases") &&
                 std::find(request.run.begin(), request.run.end(), "--bases-only") != request.run.end()
             ? "base models"
             : "all that is left";
}

std::string size_of(const JobRequest& r) {
  std::string text =
      r.ranks ? fmt::format("{} node{} x {} rank{} of {} core{}", r.nodes, r.nodes == 1 ? "" : "s", r.ranks_per_node,
                            r.ranks_per_node == 1 ? "" : "s", r.cores_per_rank, r.cores_per_rank == 1 ? "" : "s")
              : fmt::format("{} worker process{} on one node", r.cores_per_rank, r.cores_per_rank == 1 ? "" : "es");
  if (r.array_tasks > 0) text = fmt::format("{} tasks, each {}", r.array_tasks, text);
  return text + fmt::format("; {} min a life, stops {} s before its end", r.minutes, r.margin);
}

void tell_of_jobs_before(const batch::Slurm& slurm, const fs::path& folder) {
  for (const batch::Submission& before : batch::submissions(folder)) {
    for (const batch::JobState& state : slurm.states(before.job)) {
      if (!state.alive()) continue;
      log::warning("job {} for this folder is {}: it and the new one share what is left", before.job, state.state);
      break;
    }
  }
}

}  // namespace

int submit_command(const Options& options, Session& session) {
  if (session.uses_mpi()) throw Error(ErrorKind::config, "stet submit is one process: start it without mpirun or srun");
  Communicator& world = session.world();
  PluginRegistry registry(world, PluginRegistry::usual_search(plugin_folders(options.file, options.overrides)));
  Plan plan = make_plan(options.file, options.overrides, registry);
  const Workspace workspace(options.out, plan.name);
  check_data_present(plan);
  check_shards(plan, Workspace::inputs_file(options.out));
  int ranks_together = 1;
  if (asks_for_ranks(options)) {
    const auto ranks = static_cast<int>(options.nodes * ranks_a_node(options));
    ranks_together = ranks / group_count(ranks, options.ranks_per_run.value_or(plan.ranks_per_run));
  }
  tell(check_plan(plan, registry, ranks_together), world);
  const PlanStatus status = status_of(plan, workspace, "");
  if (status.runs_finished == status.runs) {
    log::info("{}: all {} runs are finished; stet table {} shows the table", plan.title, status.runs,
              shell_word(plan.file.string()));
    return 0;
  }
  std::optional<batch::Slurm> slurm;
  if (!options.dry) slurm.emplace();
  std::vector<JobRequest> requests =
      make_requests(options, plan, workspace, status, registry, world, slurm ? &*slurm : nullptr);
  const std::vector<std::string> secrets = batch::secrets_in_environment();
  if (!options.dry && !secrets.empty())
    log::info("not given to the job, since they look like secrets: {}", join(secrets, ", "));
  if (slurm) tell_of_jobs_before(*slurm, workspace.folder());
  std::string first;  // job
  for (std::size_t i = 0; i < requests.size(); ++i) {
    JobRequest& request = requests[i];
    request.script = request.folder / "slurm" /
                     (request.name + (request.array_tasks > 0 ? fmt::format("-array{}", i) : "") + ".sbatch");
    batch::Submission submission{
        "", what_it_is(request), request.script, fs::absolute(plan.file), options.overrides, request.array_tasks > 0};
    request.note = batch::note_of(submission);
    const std::string script = batch::job_script(request);
    const bool after_bases = i > 0 && requests.front().array_tasks == 0;
    if (options.dry) {
      fmt::print("{}\n# {}\n# sbatch {}{}\n\n", script, size_of(request),
                 after_bases ? "--dependency=afterok:ID_OF_THE_FIRST " : "", shell_word(request.script.string()));
      continue;
    }
    fs::create_directories(request.script.parent_path());
    write_file_atomically(request.script, script);
    submission.job =
        slurm->submit(request.script, after_bases ? std::vector<std::string>{"--dependency=afterok:" + first}
                                                  : std::vector<std::string>{});
    if (i == 0) first = submission.job;
    batch::remember(request.folder, submission);
    log::info(
        "job {}: {} of {} ({}); log {}", submission.job, what_it_is(request), plan.title, size_of(request),
        batch::log_file(request.folder, request.name, submission.job + (request.array_tasks > 0 ? "_*" : "")).string());
  }
  if (!options.dry)
    log::info("stet status {0} tells how far it is; stet cancel {0} ends it", shell_word(workspace.folder().string()));
  return 0;
}

}  // namespace stet
