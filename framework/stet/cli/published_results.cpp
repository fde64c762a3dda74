#include <stet/cli/published_results.hpp>

#include <stet/base/captured_process.hpp>
#include <stet/base/clock.hpp>
#include <stet/base/files.hpp>
#include <stet/base/strings.hpp>
#include <stet/cli/machine.hpp>
#include <stet/report/render/render.hpp>

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace stet {

namespace {

/// Of the repository that the experiment's file lies in. What is written there under `results` changes no run.
std::string commit_of(const std::filesystem::path& file, const std::filesystem::path& results) {
  const std::string folder = std::filesystem::absolute(file).parent_path().string();
  const auto git = [&folder](std::vector<std::string> words) {
    words.insert(words.begin(), {"git", "-C", folder});
    return run_captured(words, {}, 10);
  };
  const CapturedProcess head = git({"rev-parse", "--short=10", "HEAD"});
  if (head.code != 0) return "unknown (no git repository)";
  const std::vector<std::string> status = {"status", "--porcelain", "--untracked-files=no", "--", ":/"};
  std::vector<std::string> without = status;
  without.push_back(":(exclude)" + std::filesystem::absolute(results).lexically_normal().string());
  CapturedProcess changes = git(without);
  if (changes.code != 0) changes = git(status);  // the results lie outside the repository
  const std::string commit = head.out.substr(0, head.out.find('\n'));
  return changes.code == 0 && !changes.out.empty() ? commit + " with uncommitted changes" : commit;
}

struct Cost {
  int finished = 0;
  double seconds = 0;                            // of one core
  std::vector<std::pair<double, double>> spans;  // of the wall: begin, end
};

void add(Cost& cost, const std::filesystem::path& task) {
  if (!task::finished(task)) return;
  const task::Record record = task::record(task);
  ++cost.finished;
  cost.seconds += record.spent.processor * record.ranks;
  cost.spans.emplace_back(record.ended - record.spent.wall, record.ended);
}

}  // namespace

void publish_results(const std::filesystem::path& folder, const Plan& plan, const Workspace& workspace,
                     const report::Table& table) {
  Cost runs, bases, labels;
  for (const PlannedTask& task : workspace.tasks(plan)) {
    using Kind = PlannedTask::Kind;
    add(task.kind == Kind::run ? runs : task.kind == Kind::base ? bases : labels, task.folder);
  }
  const MachineReport machine = inspect_machine(false);
  std::string text = report::to_markdown(table);
  text += fmt::format("\n### Made by\n\n`stet run {}`\n\n", shell_word(plan.file.string()));
  text += fmt::format("- commit {}\n- {} of {} runs on {} of {} base models\n", commit_of(plan.file, folder),
                      runs.finished, plan.runs.size(), bases.finished, plan.bases.size());
  std::vector<std::pair<double, double>> spans = runs.spans;
  for (const Cost* cost : {&bases, &labels}) spans.insert(spans.end(), cost->spans.begin(), cost->spans.end());
  const std::string labelling =
      plan.labels.empty() ? "" : fmt::format("{} for labels by SLiCK, ", format_duration(labels.seconds));
  text += fmt::format(
      "- wall time {}; processor time {} for the runs, {}{} for the base models (those shared with other files "
      "included)\n",
      format_duration(covered_seconds(std::move(spans))), format_duration(runs.seconds), labelling,
      format_duration(bases.seconds));
  text += fmt::format("- {}, {} cores, libtorch {}, {}\n", machine.arithmetic.cpu, machine.cores,
                      machine.arithmetic.torch_version, machine.arithmetic.blas);
  if (plan.table.certification && std::filesystem::exists(workspace.folder() / "certification.md")) {
    text += "\n### Base models\n\n" + read_file(workspace.folder() / "certification.md");
  }
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / (plan.name + ".md"), text);
  write_file_atomically(folder / (plan.name + ".csv"), report::to_csv(table));
}

}  // namespace stet
