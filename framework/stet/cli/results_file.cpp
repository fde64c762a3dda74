#include <stet/cli/results_file.hpp>

#include <stet/base/files.hpp>
#include <stet/base/strings.hpp>
#include <stet/cli/captured_process.hpp>
#include <stet/cli/machine.hpp>
#include <stet/report/render.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <set>

namespace stet {

namespace {

std::string commit_of(const std::filesystem::path& file) {
  const std::string folder = std::filesystem::absolute(file).parent_path().string();
  const CapturedProcess head = run_captured({"git", "-C", folder, "rev-parse", "--short=10", "HEAD"}, {}, 10);
  if (head.code != 0) return "unknown (no git repository)";
  std::string commit = head.out.substr(0, head.out.find('\n'));
  const CapturedProcess changes = run_captured({"git", "-C", folder, "status", "--porcelain", "--untracked-files=no"}, {}, 10);
  return changes.code == 0 && !changes.out.empty() ? commit + " with uncommitted changes" : commit;
}

struct Cost {
  int finished = 0;
  double seconds = 0;  // of one core: wall time times ranks
  std::set<std::string> hosts;
};

void add(Cost& cost, const std::filesystem::path& task) {
  if (!Workspace::finished(task)) return;
  const auto json = nlohmann::json::parse(read_file(task / "finished.json"));
  ++cost.finished;
  cost.seconds += json.at("seconds").get<double>() * json.at("ranks").get<double>();
  cost.hosts.insert(json.at("host").get<std::string>());
}

}  // namespace

void write_results_file(const std::filesystem::path& folder, const Plan& plan, const Workspace& workspace, const report::Table& table) {
  Cost runs, bases;
  for (const PlannedRun& run : plan.runs) add(runs, workspace.run_folder(run));
  for (const PlannedBase& base : plan.bases) add(bases, workspace.base_folder(base));
  const MachineReport machine = inspect_machine(false);
  std::string text = report::to_markdown(table);
  text += fmt::format("\n### Made by\n\n`stet run {}`\n\n", plan.file.string());
  text += fmt::format("- commit {}\n- {} of {} runs on {} of {} base models\n", commit_of(plan.file), runs.finished, plan.runs.size(), bases.finished,
                      plan.bases.size());
  text += fmt::format("- computing time, of one core: {} for the runs, {} for the base models\n", format_duration(runs.seconds), format_duration(bases.seconds));
  text += fmt::format("- {}, {} cores, libtorch {}, {}\n", machine.cpu, machine.cores, machine.torch_version, machine.blas);
  if (plan.table.certification && std::filesystem::exists(workspace.folder() / "certification.md")) {
    text += "\n### Base models\n\n" + read_file(workspace.folder() / "certification.md");
  }
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / (plan.name + ".md"), text);
  write_file_atomically(folder / (plan.name + ".csv"), report::to_csv(table));
}

}  // namespace stet
