#include <stet/experiment/worker.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/log.hpp>
#include <stet/experiment/knowledge_labels.hpp>
#include <stet/experiment/run_executor.hpp>

#include <chrono>
#include <thread>

namespace stet {

namespace {

/// What became of a task: it was finished (or had failed) before, was done now, or must wait.
enum class Turn { done, worked, busy };

class Worker {
 public:
  Worker(const Plan& plan, const Workspace& workspace, PluginRegistry& registry, Communicator& communicator, const std::string& session,
         const ProgressSink& progress)
      : plan_(plan), workspace_(workspace), registry_(registry), communicator_(communicator), session_(session), progress_(progress) {}

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
  /// The tasks that this group draws, bases first; labels are taken when their base is ready. A run whose base is not finished is left for later.
  void take_drawn(SharedCounter& counter) {
    const auto bases = static_cast<std::int64_t>(plan_.bases.size()), runs = static_cast<std::int64_t>(plan_.runs.size());
    while (true) {
      const std::int64_t drawn = std::stoll(communicator_.broadcast_text(communicator_.rank() == 0 ? std::to_string(counter.next()) : "", 0));
      if (drawn >= bases + runs) return;
      if (drawn < bases) {
        (void)attempt_base(plan_.bases[static_cast<std::size_t>(drawn)]);
      } else {
        (void)attempt_run(plan_.runs[static_cast<std::size_t>(drawn - bases)]);
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
      for (const PlannedRun& run : plan_.runs) {
        if (note(attempt_run(run)) && any_base_open()) break;  // look at the bases again
      }
      if (!worked && !waiting) return;
      if (!worked) {
        if (agreed(stop_requested())) throw Stopped{};
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    }
  }

  Turn attempt_base(const PlannedBase& base) {
    return attempt(workspace_.base_folder(base), task_name(base),
                   [&](const std::filesystem::path& folder) { train_base(base, folder, communicator_, progress_); });
  }

  /// What a task needs: another task's results.
  enum class Need { ready, open, failed };
  Need need(const std::filesystem::path& folder) const {
    if (agreed(Workspace::finished(folder))) return Need::ready;
    return agreed(Workspace::failure(folder, session_).has_value()) ? Need::failed : Need::open;
  }

  Turn attempt_labels(const PlannedLabels& labels) {
    const PlannedBase& base = plan_.bases[labels.base];
    if (const Need base_is = need(workspace_.base_folder(base)); base_is != Need::ready) return base_is == Need::open ? Turn::busy : Turn::done;
    return attempt(workspace_.labels_folder(labels, base), task_name(labels),
                   [&](const std::filesystem::path& folder) { label_facts(labels, base_of(labels.base), folder, communicator_, progress_); });
  }

  Turn attempt_run(const PlannedRun& run) {
    const PlannedBase& planned = plan_.bases[run.base];
    std::vector<std::filesystem::path> needed = {workspace_.base_folder(planned)};
    if (run.labels) needed.push_back(workspace_.labels_folder(plan_.labels[*run.labels], planned));
    for (const std::filesystem::path& folder : needed) {
      if (const Need is = need(folder); is != Need::ready) return is == Need::open ? Turn::busy : Turn::done;
    }
    return attempt(workspace_.run_folder(run), task_name(run), [&](const std::filesystem::path& folder) {
      bool adopted = false;
      collectively(communicator_, [&] {
        if (communicator_.rank() == 0) adopted = workspace_.adopt(run);
      });
      if (agreed(adopted)) return;
      const BaseModel& base = base_of(run.base);
      std::optional<KnowledgeLabels> labels;
      if (run.labels) collectively(communicator_, [&] { labels = load_labels(needed[1]); });
      RunExecutor(run, base, labels ? &*labels : nullptr, registry_, communicator_, folder, progress_).execute();
      collectively(communicator_, [&] {
        if (communicator_.rank() == 0) workspace_.announce(run);
      });
    });
  }

  /// Rank 0's answer, for all: what it sees on disk decides.
  bool agreed(bool mine) const { return communicator_.broadcast_text(mine ? "1" : "", 0) == "1"; }

  bool any_base_open() const {
    bool open = false;
    for (const PlannedBase& base : plan_.bases) open = open || !Workspace::finished(workspace_.base_folder(base));
    return agreed(open);
  }

  template <class Task>
  Turn attempt(const std::filesystem::path& folder, const std::string& name, const Task& task) {
    if (agreed(Workspace::finished(folder) || Workspace::failure(folder, session_).has_value())) {
      if (communicator_.rank() == 0) Workspace::tidy(folder);
      return Turn::done;
    }
    if (agreed(stop_requested())) throw Stopped{};
    std::optional<FileLock> lock;
    if (!Workspace::claim(communicator_, folder, lock)) return Turn::busy;
    if (agreed(Workspace::finished(folder))) return Turn::done;  // by another process, between the look and the claim
    const double begin = watch_.seconds();
    const auto account = [&] {
      result_.span_seconds = watch_.seconds();
      result_.busy_seconds += result_.span_seconds - begin;
    };
    try {
      task(folder);
      account();
      ++result_.finished;
      if (communicator_.rank() == 0) log::debug("finished: {}", name);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::communication) throw;  // the group itself is broken
      account();
      ++result_.failed;
      if (result_.first_error == 0) result_.first_error = error.exit_code();
      if (communicator_.rank() == 0) {
        Workspace::mark_failed(folder, session_, error.what(), error.exit_code());
        log::error("{} failed: {}", name, error.what());
      }
    }
    return Turn::worked;
  }

  const BaseModel& base_of(std::size_t index) {
    if (!base_ || base_index_ != index) {
      base_.reset();
      collectively(communicator_, [&] { base_ = load_base(plan_.bases[index], workspace_.base_folder(plan_.bases[index])); });
      base_index_ = index;
    }
    return *base_;
  }

  const Plan& plan_;
  const Workspace& workspace_;
  PluginRegistry& registry_;
  Communicator& communicator_;
  const std::string& session_;
  const ProgressSink& progress_;
  WorkerResult result_;
  std::unique_ptr<BaseModel> base_;
  std::size_t base_index_ = 0;
  Stopwatch watch_;
};

}  // namespace

WorkerResult work_on(const Plan& plan, const Workspace& workspace, PluginRegistry& registry, Communicator& communicator,
                     const std::string& session, const ProgressSink& progress, SharedCounter* counter) {
  return Worker(plan, workspace, registry, communicator, session, progress).run(counter);
}

PlanStatus status_of(const Plan& plan, const Workspace& workspace, const std::string& session) {
  PlanStatus status;
  const auto look = [&](const std::filesystem::path& folder, const std::string& name, int& finished) {
    if (Workspace::finished(folder)) {
      ++finished;
    } else if (const std::optional<std::string> message = Workspace::failure(folder, session)) {
      ++status.failed;
      status.failures.push_back(name + ": " + *message);
    }
  };
  for (const PlannedBase& base : plan.bases) {
    ++status.bases;
    look(workspace.base_folder(base), task_name(base), status.bases_finished);
  }
  for (const PlannedLabels& labels : plan.labels) {
    int finished = 0;  // not part of what is counted
    look(workspace.labels_folder(labels, plan.bases[labels.base]), task_name(labels), finished);
  }
  for (const PlannedRun& run : plan.runs) {
    ++status.runs;
    look(workspace.run_folder(run), task_name(run), status.runs_finished);
  }
  return status;
}

}  // namespace stet
