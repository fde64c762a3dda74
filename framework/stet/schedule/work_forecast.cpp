#include <stet/schedule/work_forecast.hpp>

#include <stet/schedule/work_left.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <utility>

namespace stet {

namespace {

struct Mean {
  double sum = 0, count = 0;
  void add(double value) {
    sum += value;
    ++count;
  }
  [[nodiscard]] std::optional<double> value() const { return count > 0 ? std::optional(sum / count) : std::nullopt; }
};

constexpr std::array<double, 3> usual = {6, 1, 1};  ///< of a base, labels, a run, in runs
constexpr double enough = 0.02;                     ///< of a task under way, to tell from it what all of it will take

std::size_t index_of(ForecastTask::Kind kind) { return static_cast<std::size_t>(kind); }

/// What tasks take, as far as that is known.
class Costs {
 public:
  Costs(std::span<const ForecastTask> tasks, const std::map<std::string, Progress>& active) {
    std::array<Mean, 3> under_way;
    for (const ForecastTask& task : tasks) {
      if (!task.costs) continue;
      const auto found = active.find(task.identity);
      if (task.seconds) {
        like_[{task.kind, task.like}].add(*task.seconds);
        kinds_[index_of(task.kind)].add(*task.seconds);
      } else if (found != active.end() && found->second.fraction > enough && found->second.seconds > 0) {
        under_way[index_of(task.kind)].add(found->second.seconds / found->second.fraction);
      }
    }
    Mean of_a_run;
    for (std::size_t kind = 0; kind < usual.size(); ++kind) {
      if (kinds_[kind].count == 0) kinds_[kind] = under_way[kind];
      if (const auto seconds = kinds_[kind].value()) of_a_run.add(*seconds / usual[kind]);
    }
    known_ = of_a_run.count > 0;
    for (std::size_t kind = 0; kind < usual.size(); ++kind) {
      if (kinds_[kind].count == 0) kinds_[kind].add(of_a_run.value().value_or(1) * usual[kind]);
    }
  }

  [[nodiscard]] bool known() const noexcept { return known_; }  ///< else in runs instead of seconds
  [[nodiscard]] double of(const ForecastTask& task) const {
    if (task.seconds) return *task.seconds;
    const auto found = like_.find({task.kind, task.like});
    return found != like_.end() ? *found->second.value() : *kinds_[index_of(task.kind)].value();
  }

 private:
  std::map<std::pair<ForecastTask::Kind, std::string>, Mean> like_;
  std::array<Mean, 3> kinds_;
  bool known_ = false;
};

}  // namespace

Forecast forecast(std::span<const ForecastTask> tasks, std::span<const Progress> active, int processes) {
  std::map<std::string, Progress> under_way;
  for (const Progress& progress : active) under_way[progress.identity] = progress;
  const Costs costs(tasks, under_way);
  double done = 0;
  std::vector<WorkLeft> by_base(1);  // first the runs under way, which wait for nothing
  for (const ForecastTask& task : tasks) {
    if (!task.costs) continue;
    if (by_base.size() < task.base + 2) by_base.resize(task.base + 2);
    const auto found = under_way.find(task.identity);
    const double share = task.seconds ? 1 : found != under_way.end() ? std::clamp(found->second.fraction, 0.0, 1.0) : 0;
    const double cost = costs.of(task), rest = cost * (1 - share);
    done += cost * share;
    if (rest == 0) continue;
    WorkLeft& of = by_base[task.kind == ForecastTask::Kind::run && share > 0 ? 0 : task.base + 1];
    switch (task.kind) {
      case ForecastTask::Kind::base: of.base = rest; break;
      case ForecastTask::Kind::labels: of.labels += rest; break;
      case ForecastTask::Kind::run: of.runs.push_back(rest);
    }
  }
  const double left = total_seconds(by_base);
  Forecast result{.fraction = done + left > 0 ? done / (done + left) : 1};
  if (costs.known()) result.left = elapsed_seconds(by_base, std::max(processes, 1));
  return result;
}

WorkForecast::WorkForecast(const Plan& plan, const Workspace& workspace, std::string session)
    : session_(std::move(session)) {
  for (PlannedTask& task : workspace.tasks(plan)) {
    const RunConfig& config = *task.config;
    const std::string size = fmt::format("{} x {}, {} epochs", config.model.width, config.model.layers,
                                         config.base.given() ? 0 : config.pretrain.epochs);
    const bool copied = task.run != nullptr && !task::finished(task.folder) && workspace.finished_elsewhere(*task.run);
    tasks_.push_back({.kind = task.kind,
                      .identity = std::move(task.identity),
                      .like = task.run != nullptr ? task.run->arm : size,
                      .costs = !copied,
                      .base = task.base});
    folders_.push_back(std::move(task.folder));
  }
}

Forecast WorkForecast::look(std::span<const Progress> active, int processes) {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    ForecastTask& task = tasks_[i];
    if (!task.costs || task.seconds) continue;
    if (task::finished(folders_[i])) {
      try {
        task.seconds = task::record(folders_[i]).spent.wall;
      } catch (const std::exception&) {
        task.costs = false;  // who makes the table says what is wrong with the file
      }
    } else if (task::failure(folders_[i], session_)) {
      task.costs = false;
    }
  }
  return forecast(tasks_, active, processes);
}

}  // namespace stet
