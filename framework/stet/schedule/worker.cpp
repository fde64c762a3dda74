#include <stet/schedule/worker.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>
#include <stet/comm/watchdog.hpp>
#include <stet/run/knowledge_labels.hpp>
#include <stet/run/run_executor.hpp>
#include <stet/schedule/task_deaths.hpp>

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

namespace stet {

namespace {

/// What became of a task: it was finished (or had failed) before, was done now, or must wait.
enum class Turn { done, worked, busy };

class Worker {
 public:
  Worker(const Plan& plan, const Workspace& workspace, PluginRegistry& registry, Communicator& communicator,
         const WorkOptions& options, const ProgressSink& progress)
      : plan_(plan),
        workspace_(workspace),
        registry_(registry),
        communicator_(communicator),
        options_(options),
        progress_(progress),
        watchdog_(communicator.recorder(), options.hang_timeout, [this](const Error& error) { lose(error); }) {
    communicator_.recorder().note_fatal_signals();
    find_suspects();
  }

  WorkerResult run(SharedCounter* counter) {
    try {
      if (counter != nullptr) take_drawn(*counter);
      take_what_is_left();
    } catch (const Stopped&) {
      result_.stopped = true;
    }
    return result_;
  }

 private:
  /// The tasks that this group draws, bases first; labels are taken when their base is ready. A run whose base is not
  /// finished is left for later.
  void take_drawn(SharedCounter& counter) {
    const auto bases = static_cast<std::int64_t>(plan_.bases.size()),
               runs = static_cast<std::int64_t>(plan_.runs.size());
    while (true) {
      const std::int64_t drawn =
          std::stoll(communicator_.broadcast_text(communicator_.rank() == 0 ? std::to_string(counter.next()) : "", 0));
      if (drawn >= bases + runs) return;
      if (drawn < bases) {
        (void)attempt_base(plan_.bases[static_cast<std::size_t>(drawn)]);
      } else if (const PlannedRun& run = plan_.runs[static_cast<std::size_t>(drawn - bases)];
                 !suspects_.contains(run.arm)) {
        (void)attempt_run(run);
      }
    }
  }

  void take_what_is_left() {
    while (true) {
      bool worked = false, waiting = false;
      const auto note = [&](Turn turn) {
        worked = worked || turn == Turn::worked;
        waiting = waiting || turn == Turn::busy;
        return turn == Turn::worked;
      };
      for (const PlannedBase& base : plan_.bases) note(attempt_base(base));
      for (const PlannedLabels& labels : plan_.labels) note(attempt_labels(labels));
      for (const bool suspect : {false, true}) {
        if (suspect && waiting) break;  // the others are not through yet
        for (const PlannedRun& run : plan_.runs) {
          if (suspects_.contains(run.arm) != suspect) continue;
          if (note(attempt_run(run)) && any_base_open()) break;  // look at the bases again
        }
      }
      if (!worked && (!waiting || options_.leave_when_claimed)) return;
      if (!worked) {
        if (agreed(stop_requested())) throw Stopped{};
        if (options_.while_waiting) options_.while_waiting();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    }
  }

  /// Arms that went wrong in an earlier session, as rank 0 sees it: where they end the group or the job, the others are
  /// done by then.
  void find_suspects() {
    std::string names;
    if (communicator_.rank() == 0) {
      for (const PlannedRun& run : plan_.runs) {
        const std::filesystem::path folder = workspace_.run_folder(run);
        if (!task::finished(folder) && is_suspect(folder)) names += run.arm + '\n';
      }
    }
    for (const std::string& name : split(communicator_.broadcast_text(names, 0), '\n')) suspects_.insert(name);
  }

  Turn attempt_base(const PlannedBase& base) {
    return attempt(workspace_.base_folder(base), task_name(base), [&](const std::filesystem::path& folder) {
      train_base(base, world_of(base.config), folder, communicator_, progress_);
    });
  }

  /// What a task needs: another task's results.
  enum class Need { ready, open, failed };
  Need need(const std::filesystem::path& folder) const {
    if (agreed(task::finished(folder))) return Need::ready;
    return agreed(has_failed(folder)) ? Need::failed : Need::open;
  }

  Turn attempt_labels(const PlannedLabels& labels) {
    const PlannedBase& base = plan_.bases[labels.base];
    if (const Need base_is = need(workspace_.base_folder(base)); base_is != Need::ready)
      return base_is == Need::open ? Turn::busy : Turn::done;
    return attempt(workspace_.labels_folder(labels, base), task_name(labels), [&](const std::filesystem::path& folder) {
      label_facts(labels, base_of(labels.base), world_of(labels.config), folder, communicator_, progress_);
    });
  }

  Turn attempt_run(const PlannedRun& run) {
    if (options_.bases_only) return Turn::done;
    const PlannedBase& planned = plan_.bases[run.base];
    std::vector<std::filesystem::path> needed = {workspace_.base_folder(planned)};
    if (run.labels) needed.push_back(workspace_.labels_folder(plan_.labels[*run.labels], planned));
    for (const std::filesystem::path& folder : needed) {
      if (const Need is = need(folder); is != Need::ready) return is == Need::open ? Turn::busy : Turn::done;
    }
    const Turn turn = attempt(workspace_.run_folder(run), task_name(run), [&](const std::filesystem::path& folder) {
      bool adopted = false;
      collectively(communicator_, [&] {
        if (communicator_.rank() == 0) adopted = workspace_.adopt(run);
      });
      if (agreed(adopted)) return;
      const BaseModel& base = base_of(run.base);
      std::optional<KnowledgeLabels> labels;
      if (run.labels) collectively(communicator_, [&] { labels = load_labels(needed[1]); });
      RunExecutor(run, base, world_of(run.config), labels ? &*labels : nullptr, registry_, communicator_, folder,
                  progress_)
          .execute();
    });
    if (communicator_.rank() == 0 && task::finished(workspace_.run_folder(run))) workspace_.announce(run);
    return turn;
  }

  /// Rank 0's answer, for all: what it sees on disk decides.
  bool agreed(bool mine) const { return communicator_.broadcast_text(mine ? "1" : "", 0) == "1"; }

  bool any_base_open() const {
    bool open = false;
    for (const PlannedBase& base : plan_.bases) open = open || !task::finished(workspace_.base_folder(base));
    return agreed(open);
  }

  template <class Task>
  Turn attempt(const std::filesystem::path& folder, const std::string& name, const Task& task) {
    if (agreed(task::finished(folder) || has_failed(folder))) {
      if (communicator_.rank() == 0) task::tidy(folder);
      return Turn::done;
    }
    if (agreed(stop_requested())) throw Stopped{};
    std::optional<FileLock> lock;
    try {
      if (!task::claim(communicator_, folder, lock)) return Turn::busy;
    } catch (...) {
      return failed(folder, name, current_error(ErrorKind::data));
    }
    if (agreed(task::finished(folder))) return Turn::done;  // by another process, between the look and the claim
    fault_point("schedule.claim");
    const double begin = watch_.seconds();
    bool stopped = false;
    std::optional<Error> failure;
    {
      const std::lock_guard guard(task_mutex_);
      task_folder_ = folder;
      task_name_ = name;
    }
    try {
      collectively(communicator_, [&] {
        if (communicator_.rank() != 0) return;
        if (std::optional<Error> verdict = judge_last_death(folder, options_.session)) throw *verdict;
      });
      communicator_.recorder().begin_task(flight_folder(folder), communicator_.rank(), communicator_.size());
      communicator_.barrier();  // every rank's page is there
      collectively(communicator_, [&] {
        try {
          task(folder);
        } catch (const Stopped&) {  // decided by all ranks
          stopped = true;
        }
      });
    } catch (...) {
      failure = current_error(ErrorKind::internal);
    }
    // An error of MPI's that the ranks could not tell each other of.
    const bool cut_off = failure && failure->kind() == ErrorKind::communication && !failure->is_known_to_all() &&
                         communicator_.size() > 1;
    if (failure && (communicator_.broken() || cut_off)) lose(*failure);
    communicator_.recorder().end_task();
    if (communicator_.rank() == 0) forget_deaths(folder);
    result_.span_seconds = watch_.seconds();
    if (stopped) throw Stopped{};
    result_.busy_seconds += result_.span_seconds - begin;
    if (!failure) {
      fault_point("schedule.done");
      ++result_.finished;
      if (communicator_.rank() == 0) log::debug("finished: {}", name);
      return Turn::worked;
    }
    return failed(folder, name, *failure);
  }

  /// In this session, as far as this rank sees.
  bool has_failed(const std::filesystem::path& folder) const {
    return failed_.contains(folder) || task::failure(folder, options_.session).has_value();
  }

  Turn failed(const std::filesystem::path& folder, const std::string& name, const Error& error) {
    ++result_.failed;
    if (result_.first_error == 0) result_.first_error = error.exit_code();
    failed_.insert(folder);
    if (communicator_.rank() == 0) record(folder, name, error);
    return Turn::worked;
  }

  /// A failure that cannot be written down (a full disk) is at least said.
  void record(const std::filesystem::path& folder, const std::string& name, const Error& error) const noexcept {
    try {
      task::mark_failed(folder, options_.session, error);
    } catch (const std::exception& unwritten) {
      log::error("{}: the failure cannot be recorded: {}", name, unwritten.what());
    }
    log::error("{} failed: {}", name, error.what());
  }

  /// The group's ranks cannot come together any more. On any thread; does not return.
  void lose(const Error& error) {
    {
      const std::lock_guard guard(task_mutex_);
      if (!task_folder_.empty()) record(task_folder_, task_name_, error);
    }
    if (options_.leave) options_.leave(error.exit_code());
    communicator_.abort(error.exit_code());
  }

  const World& world_of(const RunConfig& config) {
    const World* world = nullptr;
    collectively(communicator_, [&] { world = &worlds_.of(config); });
    return *world;
  }

  const BaseModel& base_of(std::size_t index) {
    if (!base_ || base_index_ != index) {
      base_.reset();
      collectively(communicator_, [&] {
        const PlannedBase& base = plan_.bases[index];
        base_ = load_base(base, worlds_.of(base.config), workspace_.base_folder(base));
      });
      base_index_ = index;
    }
    return *base_;
  }

  const Plan& plan_;
  const Workspace& workspace_;
  PluginRegistry& registry_;
  Communicator& communicator_;
  const WorkOptions& options_;
  const ProgressSink& progress_;
  std::set<std::string> suspects_;          // arms
  std::set<std::filesystem::path> failed_;  // here: where the disk is full, it stands nowhere else
  WorkerResult result_;
  Worlds worlds_;
  std::unique_ptr<BaseModel> base_;
  std::size_t base_index_ = 0;
  Stopwatch watch_;
  std::mutex task_mutex_;  // the watchdog's thread may ask which task hangs
  std::filesystem::path task_folder_;
  std::string task_name_;
  Watchdog watchdog_;  // last: it looks at what is above
};

}  // namespace

WorkerResult work_on(const Plan& plan, const Workspace& workspace, PluginRegistry& registry, Communicator& communicator,
                     const WorkOptions& options, const ProgressSink& progress, SharedCounter* counter) {
  return Worker(plan, workspace, registry, communicator, options, progress).run(counter);
}

}  // namespace stet
