// stet status, stet cancel: what has become of what was submitted. What is finished stands in the tasks' folders; Slurm
// is asked for its jobs alone.
#include <stet/cli/commands/commands.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/file_lock.hpp>
#include <stet/base/files.hpp>
#include <stet/base/log.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/batch/slurm.hpp>
#include <stet/batch/submission.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace stet {

namespace {

namespace fs = std::filesystem;

/// The experiments under `folder` for which something was submitted: itself, or the folders in it.
std::vector<fs::path> submitted_under(const fs::path& folder) {
  if (fs::exists(folder / "slurm" / "submissions.jsonl")) return {folder};
  std::vector<fs::path> found;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (fs::exists(entry.path() / "slurm" / "submissions.jsonl")) found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  if (found.empty())
    throw Error(ErrorKind::config, "nothing was submitted here")
        .at(folder.string())
        .hint("stet submit EXPERIMENT.toml; its folder of results is runs/NAME unless --out names another");
  return found;
}

/// Whether some process holds the task now: a lock's file is written anew every few seconds.
bool under_way(const fs::path& task) {
  std::error_code error, none;
  const auto beat = fs::last_write_time(task / "lock", error);
  if (error) return false;
  const auto failed = fs::last_write_time(task / "failed.json", none);
  if (!none && failed >= beat) return false;  // its process let go of it after that
  const std::chrono::duration<double> age = fs::file_time_type::clock::now() - beat;
  return age.count() < 5 * FileLock::beat_seconds;
}

struct Count {
  int finished = 0, all = 0;
  std::vector<std::string> running, failed;  // names; failures with their message
  void add(const fs::path& folder, const std::string& name) {
    ++all;
    if (task::finished(folder)) {
      ++finished;
    } else if (under_way(folder)) {
      running.push_back(name);
    } else if (const std::optional<task::Failure> failure = task::last_failure(folder)) {
      failed.push_back(name + ": " + failure->message.substr(0, failure->message.find('\n')));
    }
  }
};

void print_tasks(const fs::path& folder, const batch::Submission& last, Session& session) {
  PluginRegistry registry(session.world(), PluginRegistry::usual_search(plugin_folders(last.file, last.overrides)));
  const Plan plan = make_plan(last.file, last.overrides, registry);
  const Workspace workspace(folder.parent_path().empty() ? "." : folder.parent_path(), plan.name);
  Count bases, labels, runs;
  for (const PlannedTask& task : workspace.tasks(plan)) {
    Count& count = task.kind == PlannedTask::Kind::base     ? bases
                   : task.kind == PlannedTask::Kind::labels ? labels
                                                            : runs;
    count.add(task.folder, task.name);
  }
  const std::size_t failed = bases.failed.size() + labels.failed.size() + runs.failed.size();
  const std::size_t running = bases.running.size() + labels.running.size() + runs.running.size();
  print_shown("  finished: {}/{} bases, {}/{} runs; {} tasks under way, {} failed\n", bases.finished, bases.all,
              runs.finished, runs.all, running, failed);
  for (const Count* count : {&bases, &labels, &runs}) {
    if (!count->running.empty()) print_shown("  under way: {}\n", join(count->running, ", "));
    for (const std::string& text : count->failed) print_shown("  failed: {}\n", text);
  }
}

void print_jobs(const fs::path& folder, const std::vector<batch::Submission>& submitted, const batch::Slurm& slurm) {
  std::size_t over = 0;
  for (std::size_t i = 0; i < submitted.size(); ++i) {
    const batch::Submission& submission = submitted[i];
    for (const batch::JobState& job : slurm.states(submission.job)) {
      if (!job.alive() && i + 4 < submitted.size()) {
        ++over;
        continue;
      }
      const std::string name = submission.script.stem().string();
      const fs::path log =
          batch::log_file(folder, submission.array ? name.substr(0, name.rfind("-array")) : name, job.id);
      print_shown("  job {:<10} {:<10} {}{}{}{}\n", job.id, job.state, submission.what,
                  job.reason.empty() ? "" : " (" + job.reason + ")", job.nodes.empty() ? "" : " on " + job.nodes,
                  job.state == "RUNNING" && !job.time_left.empty() ? ", " + job.time_left + " left" : "");
      if (fs::exists(log)) print_shown("      {}\n", log.string());
    }
  }
  if (over > 0) print_shown("  ({} older jobs are over)\n", over);
}

}  // namespace

int status_command(const Options& options, Session& session) {
  const std::vector<fs::path> folders = submitted_under(options.out);
  std::optional<batch::Slurm> slurm;
  std::string no_slurm;
  try {
    slurm.emplace();
  } catch (const Error& error) {
    no_slurm = error.message();
  }
  int code = 0;
  for (const fs::path& folder : folders) {
    print_shown("{}\n", folder.string());
    std::vector<batch::Submission> submitted;
    try {
      submitted = batch::submissions(folder);
    } catch (const Error& error) {  // the others' are told all the same
      log::error("{}", error.what());
      code = error.exit_code();
    }
    if (submitted.empty()) continue;
    try {
      print_tasks(fs::absolute(folder).lexically_normal(), submitted.back(), session);
    } catch (const Error& error) {
      print_shown("  its tasks cannot be counted: {}\n", error.message());
    }
    if (slurm) {
      try {
        print_jobs(fs::absolute(folder).lexically_normal(), submitted, *slurm);
      } catch (const Error& error) {
        log::error("{}", error.what());
        code = error.exit_code();
      }
    } else {
      print_shown("  {} jobs were submitted; {}\n", submitted.size(), no_slurm);
    }
  }
  return code;
}

int cancel_command(const Options& options) {
  const batch::Slurm slurm;
  for (const fs::path& folder : submitted_under(options.out)) {
    std::vector<std::string> jobs;
    for (const batch::Submission& submission : batch::submissions(folder)) {
      const std::vector<batch::JobState> states = slurm.states(submission.job);
      if (std::any_of(states.begin(), states.end(), [](const batch::JobState& job) { return job.alive(); }))
        jobs.push_back(submission.job);
    }
    if (jobs.empty()) {
      print_shown("{}: no job is in the queue\n", folder.string());
      continue;
    }
    slurm.cancel(jobs);
    print_shown("{}: cancelled {}; what is done stays, and stet submit goes on from there\n", folder.string(),
                join(jobs, ", "));
  }
  return 0;
}

}  // namespace stet
