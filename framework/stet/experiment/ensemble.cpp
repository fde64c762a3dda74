#include <stet/experiment/ensemble.hpp>

#include <stet/base/error.hpp>

#include <array>

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

EnsembleResult work_in_groups(const Plan& plan, const Workspace& workspace, PluginRegistry& registry, Communicator& world,
                              std::int64_t ranks_per_run, const std::string& session, const ProgressSink& progress) {
  const int groups = group_count(world.size(), ranks_per_run);
  const int ranks = world.size() / groups;
  const std::unique_ptr<Communicator> group = world.split(world.rank() / ranks);
  const std::unique_ptr<SharedCounter> counter = groups > 1 ? world.make_counter() : nullptr;
  const WorkerResult mine = work_on(plan, workspace, registry, *group, session, progress, counter.get());
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
