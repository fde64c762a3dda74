#include <stet/schedule/ensemble.hpp>

#include <stet/base/error.hpp>
#include <stet/base/log.hpp>
#include <stet/base/repeat.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

namespace stet {

int group_count(int ranks, std::int64_t ranks_per_run) {
  if (ranks_per_run == 0) return 1;
  if (ranks_per_run > ranks || ranks % ranks_per_run != 0) {
    throw Error(ErrorKind::config, "the ranks of the job cannot be divided into groups of ranks_per_run")
        .expected("a divisor of " + std::to_string(ranks) + ", the number of ranks")
        .received("ranks_per_run = " + std::to_string(ranks_per_run))
        .hint("--ranks-per-run overrides [experiment] ranks_per_run");
  }
  return static_cast<int>(ranks / ranks_per_run);
}

namespace {

/// Which groups of a job are through, and how: "group-G.done", or "group-G.lost" with an exit code.
class GroupRoster {
 public:
  GroupRoster(std::filesystem::path board, int groups, int mine)
      : board_(std::move(board)), groups_(groups), mine_(mine) {}

  void done() const noexcept { note(mine_, ".done", 0); }
  void lost(int exit_code) const noexcept { lost(mine_, exit_code); }
  [[nodiscard]] bool any_lost() const {
    for (int group = 0; group < groups_; ++group) {
      if (there(group, ".lost")) return true;
    }
    return false;
  }
  /// Until each group is through. `look` is called meanwhile with those that are not.
  template <class Look>
  void wait_for_all(const Look& look) const {
    while (true) {
      bool all = true;
      for (int group = 0; group < groups_; ++group) {
        if (there(group, ".done") || there(group, ".lost")) continue;
        all = false;
        look(group);
      }
      if (all) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  void lost(int group, int exit_code) const noexcept { note(group, ".lost", exit_code); }
  /// Of the first group that was lost.
  [[nodiscard]] int exit_code() const {
    for (int group = 0; group < groups_; ++group) {
      if (int code = 0; std::ifstream(file(group, ".lost")) >> code) return code;
    }
    return static_cast<int>(ErrorKind::communication);
  }

 private:
  [[nodiscard]] std::filesystem::path file(int group, const char* end) const {
    return board_ / fmt::format(".group-{}{}", group, end);
  }
  [[nodiscard]] bool there(int group, const char* end) const {
    std::error_code ignored;
    return std::filesystem::exists(file(group, end), ignored);
  }
  void note(int group, const char* end, int code) const noexcept {
    try {
      std::ofstream(file(group, end)) << code << '\n';
    } catch (const std::exception&) {
      // Without a board nobody can wait for anybody: the job ends with the first group that is lost.
    }
  }

  std::filesystem::path board_;
  int groups_, mine_;
};

/// Every rank's sign of life: a file on the board that is written anew all the time. It shows a stopped process also
/// where it works on no task, which is where the watchdogs look. Times are the file system's.
class SignsOfLife {
 public:
  SignsOfLife(std::filesystem::path board, int rank, double timeout)
      : board_(std::move(board)), rank_(rank), timeout_(timeout) {
    if (timeout_ <= 0) return;
    static_cast<void>(beat());
    std::error_code ignored;
    began_ = std::filesystem::last_write_time(file(rank_), ignored);
    thread_ = repeat_every(std::clamp(timeout_ / 60, 0.2, 10.0), [this] { return beat(); });
  }
  SignsOfLife(const SignsOfLife&) = delete;
  SignsOfLife& operator=(const SignsOfLife&) = delete;

  /// The first of `ranks` ranks from `begin` on that has shown none for the time-out, measured by this rank's own (one
  /// that never showed any: since this rank began); -1: none.
  [[nodiscard]] int missing(int begin, int ranks) const {
    if (timeout_ <= 0) return -1;
    std::error_code error;
    const auto now = std::filesystem::last_write_time(file(rank_), error);
    if (error) return -1;
    for (int rank = begin; rank < begin + ranks; ++rank) {
      auto seen = std::filesystem::last_write_time(file(rank), error);
      if (error || seen < began_) seen = began_;  // none yet, or an earlier session's
      if (std::chrono::duration<double>(now - seen).count() > timeout_) return rank;
    }
    return -1;
  }

 private:
  [[nodiscard]] std::filesystem::path file(int rank) const { return board_ / fmt::format(".rank-{}.alive", rank); }
  bool beat() {
    std::ofstream(file(rank_)) << count_++ << '\n';
    return true;
  }

  std::filesystem::path board_;
  int rank_;
  double timeout_;
  std::filesystem::file_time_type began_;
  std::uint64_t count_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace

EnsembleResult work_in_groups(const Plan& plan, const Workspace& workspace, PluginRegistry& registry,
                              Communicator& world, std::int64_t ranks_per_run, const std::filesystem::path& board,
                              WorkOptions options, const ProgressSink& progress) {
  const int groups = group_count(world.size(), ranks_per_run);
  const int ranks = world.size() / groups;
  const int mine_begin = world.rank() / ranks * ranks;
  const double patience = 2 * options.hang_timeout;  // the watchdogs of tasks, which know more, come first
  const SignsOfLife life(board, world.rank(), world.size() > 1 ? patience : 0);
  const auto say_silent = [&](int rank, const char* what) {
    log::error("rank {} does not run: no sign of life for {:g} s; {}", rank, patience, what);
  };
  const GroupRoster roster(board, groups, world.rank() / ranks);
  const auto wait_for_all = [&] {
    roster.wait_for_all([&](int waited_for) {
      const int silent = life.missing(waited_for * ranks, ranks);
      if (silent < 0) return;
      say_silent(silent, "its group is given up");
      roster.lost(waited_for, static_cast<int>(ErrorKind::communication));
    });
  };
  const auto end_job = [&] {
    wait_for_all();
    world.abort(roster.exit_code());
  };
  std::atomic<bool> leaving = false;
  options.leave = [&](int exit_code) {
    leaving = true;
    roster.lost(exit_code);
    if (groups > 1)
      log::warning("the ranks of this group are lost to each other; the other groups go on, then the job ends");
    end_job();
  };
  // Who waits for what another group has claimed looks whether that group's ranks still run. One that is stopped
  // between the claim and the task's beginning is seen by no watchdog; these come first where there is one.
  options.while_waiting = [&] {
    for (int other = 0; other < groups; ++other) {
      const int silent = other * ranks == mine_begin ? -1 : life.missing(other * ranks, ranks);
      if (silent < 0) continue;
      say_silent(silent, "what its group has claimed cannot be finished: the job ends");
      world.abort(static_cast<int>(ErrorKind::communication));
    }
  };
  // Who waits in a collective cannot look: this thread does, for the ranks that may keep this one waiting.
  std::atomic<bool> all_meet = true;
  const std::jthread watch = repeat_every(0.5, [&] {
    if (leaving) return false;
    const bool all = all_meet;
    const int silent = all ? life.missing(0, world.size()) : life.missing(mine_begin, ranks);
    if (silent < 0) return true;
    say_silent(silent, all ? "the job ends" : "its group is given up");
    if (all)
      world.abort(static_cast<int>(ErrorKind::communication));
    else
      options.leave(static_cast<int>(ErrorKind::communication));
    return false;
  });
  const std::unique_ptr<Communicator> group = world.split(world.rank() / ranks);
  const std::unique_ptr<SharedCounter> counter = groups > 1 ? world.make_counter() : nullptr;
  all_meet = false;
  const WorkerResult mine = work_on(plan, workspace, registry, *group, options, progress, counter.get());
  if (group->rank() == 0) roster.done();
  if (groups > 1) wait_for_all();  // before the ranks meet
  if (roster.any_lost()) end_job();
  all_meet = true;
  EnsembleResult result;
  const bool speaks = group->rank() == 0;
  std::array<std::int64_t, 3> counts{speaks ? mine.finished : 0, speaks ? mine.failed : 0, mine.stopped ? 1 : 0};
  std::array<double, 2> seconds{speaks ? mine.busy_seconds : 0, speaks ? mine.span_seconds : 0};
  world.all_reduce_sum(counts);
  world.all_reduce_sum(seconds);
  for (const std::string& code : world.all_gather(std::to_string(mine.first_error))) {
    if (result.first_error == 0) result.first_error = std::stoi(code);
  }
  result.finished = static_cast<int>(counts[0]);
  result.failed = static_cast<int>(counts[1]);
  result.stopped = counts[2] > 0;
  result.busy = seconds[1] > 0 ? seconds[0] / seconds[1] : 1;
  return result;
}

}  // namespace stet
