#include <stet/cli/commands/commands.hpp>

#include <stet/base/shown.hpp>
#include <stet/cli/display.hpp>
#include <stet/plan/check/data_present.hpp>
#include <stet/plan/check/plan_check.hpp>
#include <stet/run/knowledge_labels.hpp>
#include <stet/schedule/worker.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <optional>

namespace stet {

int slick_command(const Options& options, Session& session) {
  Communicator& world = session.world();
  install_stop_handlers();
  read_stop_time();
  PluginRegistry registry(world, PluginRegistry::usual_search(plugin_folders(options.file, options.overrides)));
  Plan plan = make_plan(options.file, options.overrides, registry);
  if (plan.labels.empty()) {  // the experiment draws its sets otherwise: label what its first arm would be labelled by
    for (std::size_t base = 0; base < plan.bases.size(); ++base) (void)plan_labels(plan, base, plan.bases[base].config);
  }
  collectively(world, [&] {
    check_data_present(plan);
    tell(check_plan(plan, registry, world.size(), false), world);
    plan.runs.clear();
  });
  const Workspace workspace(options.out, plan.name);
  std::unique_ptr<Display> display;
  ProgressSink sink;
  if (world.rank() == 0) {
    display = std::make_unique<Display>();
    sink = [&display](const Progress& progress) {
      std::optional<double> left;
      if (progress.fraction > 0) left = progress.seconds * (1 - progress.fraction) / progress.fraction;
      display->update(progress.fraction, left, progress.task, progress.tokens_per_second);
    };
  }
  const std::string name = world.broadcast_text(std::to_string(::getpid()), 0);
  const WorkerResult result = work_on(plan, workspace, registry, world, {name, options.hang_timeout}, sink);
  display.reset();
  if (result.stopped) return exit_resumable;
  if (result.first_error != 0) return result.first_error;
  if (world.rank() != 0) return 0;
  for (const PlannedLabels& labels : plan.labels) {
    const std::filesystem::path folder = workspace.labels_folder(labels, plan.bases[labels.base]);
    print_shown("base {}\n\n{}\n{}\n\n", labels.base + 1, load_labels(folder).table,
                (folder / "labels.safetensors").string());
  }
  return 0;
}

}  // namespace stet
