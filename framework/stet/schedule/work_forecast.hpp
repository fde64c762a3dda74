// How much of an experiment's work is done, and how long the rest will take, from what its tasks have taken so far. For
// the display of a running experiment; what one that has not begun will cost, `estimate_cost` measures.
#pragma once

#include <stet/checkpoint/stopping.hpp>
#include <stet/plan/plan.hpp>
#include <stet/run/record/progress.hpp>
#include <stet/schedule/workspace.hpp>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace stet {

/// A base model, its labels, or a run.
struct ForecastTask {
  using Kind = PlannedTask::Kind;
  Kind kind = Kind::run;
  std::string identity;             ///< as in Progress
  std::string like;                 ///< tasks of a kind that share it should cost the same: of one arm, of one size
  std::optional<double> seconds{};  ///< what it took, of the wall; empty: not finished
  bool costs = true;                ///< false: it failed, or its result is copied
  std::size_t base = 0;             ///< number of the base that it is, or stands on
};

struct Forecast {
  double fraction = 0;           ///< of the work, 0..1
  std::optional<double> left{};  ///< seconds; empty: nothing has been learnt yet
};

/// A task that is not finished costs what those like it took on average; where none is finished, what others of its
/// kind took, then what those under way seem to take; a kind of which nothing is known yet goes by the kinds that are
/// (a base model is taken for six runs). `processes` take the tasks as elapsed_seconds() says, those under way first.
[[nodiscard]] Forecast forecast(std::span<const ForecastTask> tasks, std::span<const Progress> active, int processes);

/// The tasks of a plan, and what has become of them.
class WorkForecast {
 public:
  /// `session`: as in Workspace::failure.
  WorkForecast(const Plan& plan, const Workspace& workspace, std::string session);

  /// Looks which tasks have ended since the last call.
  [[nodiscard]] Forecast look(std::span<const Progress> active, int processes);

 private:
  std::string session_;
  std::vector<ForecastTask> tasks_;
  std::vector<std::filesystem::path> folders_;  ///< of tasks_
};

}  // namespace stet
