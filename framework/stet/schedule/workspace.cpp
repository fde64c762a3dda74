#include <stet/schedule/workspace.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/file/file_calls.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/log.hpp>
#include <stet/config/document.hpp>
#include <stet/hugging_face/own_adapter.hpp>
#include <stet/outcomes/outcomes_file.hpp>
#include <stet/run/record/model_folder.hpp>

#include <array>
#include <utility>

namespace stet {

Workspace::Workspace(std::filesystem::path root, std::string experiment)
    : root_(std::move(root)), folder_(root_ / experiment) {
  file_calls::make_folders(folder_ / "runs");
  file_calls::make_folders(root_ / ".bases");
}

std::filesystem::path Workspace::base_folder(const PlannedBase& base) const { return root_ / ".bases" / base.identity; }
std::filesystem::path Workspace::labels_folder(const PlannedLabels& labels, const PlannedBase& base) const {
  return base_folder(base) / ("slick-" + labels.identity);
}
std::filesystem::path Workspace::run_folder(const PlannedRun& run) const {
  return folder_ / "runs" / run.folder_name();
}

std::vector<PlannedTask> Workspace::tasks(const Plan& plan) const {
  using Kind = PlannedTask::Kind;
  std::vector<PlannedTask> tasks;
  tasks.reserve(plan.bases.size() + plan.labels.size() + plan.runs.size());
  const auto add = [&tasks](Kind kind, std::size_t base, const auto& planned, std::filesystem::path folder) {
    tasks.push_back({kind, base, planned.identity, task_name(planned), std::move(folder), &planned.config, nullptr});
  };
  for (std::size_t i = 0; i < plan.bases.size(); ++i) add(Kind::base, i, plan.bases[i], base_folder(plan.bases[i]));
  for (const PlannedLabels& one : plan.labels)
    add(Kind::labels, one.base, one, labels_folder(one, plan.bases[one.base]));
  for (const PlannedRun& run : plan.runs) {
    add(Kind::run, run.base, run, run_folder(run));
    tasks.back().run = &run;
  }
  return tasks;
}

void Workspace::announce(const PlannedRun& run) const noexcept {
  try {
    const std::filesystem::path known = root_ / ".runs";
    if (std::filesystem::exists(known / run.identity)) return;
    file_calls::make_folders(known);
    if (!run.inputs.members().empty()) {
      config::Value alike = config::Value::table();
      alike.set("identity", run.identity);
      alike.set("inputs", run.inputs);
      write_file_atomically(known / ("like-" + run.likeness), config::to_toml(alike));
    }
    write_file_atomically(known / run.identity, (folder_.filename() / "runs" / run.folder_name()).string() + "\n");
  } catch (const std::exception&) {
    log::warning("{} is finished, but other experiments will not find it: {}", task_name(run),
                 current_error(ErrorKind::data).what());
  }
}

std::optional<Workspace::Alike> Workspace::last_alike(const PlannedRun& run) const {
  const std::filesystem::path known = root_ / ".runs" / ("like-" + run.likeness);
  if (run.inputs.members().empty() || !std::filesystem::exists(known)) return std::nullopt;
  const config::Value alike = config::parse(read_file(known), known.string());
  const config::Value *identity = alike.find("identity"), *inputs = alike.find("inputs");
  if (identity == nullptr || inputs == nullptr) return std::nullopt;
  PlannedRun other = run;
  other.identity = identity->as_string();
  // It becomes part of a path.
  if (other.identity.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw Error(ErrorKind::data, "the record of a run's inputs was altered")
        .at(known.string())
        .expected("an identity of hexadecimal digits")
        .received("'" + other.identity + "'")
        .hint("remove the file");
  }
  if (!task::finished(run_folder(other)) && !finished_elsewhere(other)) return std::nullopt;
  return Alike{other.identity, *inputs};
}

std::optional<std::filesystem::path> Workspace::finished_elsewhere(const PlannedRun& run) const {
  const std::filesystem::path known = root_ / ".runs" / run.identity;
  if (!std::filesystem::exists(known)) return std::nullopt;
  std::string line = read_file(known);
  line.resize(line.find_last_not_of('\n') + 1);
  if (line.empty()) return std::nullopt;
  const std::filesystem::path theirs = contained_path(root_, line, known.string());
  if (theirs == run_folder(run) || !task::finished(theirs)) return std::nullopt;
  if (run.config.checkpoint.keep_weights && !task::holds_model(theirs)) return std::nullopt;
  return theirs;
}

bool Workspace::adopt(const PlannedRun& run) const {
  const std::optional<std::filesystem::path> found = finished_elsewhere(run);
  if (!found) return false;
  const std::filesystem::path &theirs = *found, mine = run_folder(run);
  report::OutcomeRecord outcomes = finished_outcomes(theirs);
  outcomes.arm = run.arm;  // the one thing that its identity does not hold
  file_calls::make_folders(mine);
  for (const char* name : {"run.toml", "metrics.jsonl", "measurements.csv", "manifest.txt", own_adapter_file}) {
    if (std::filesystem::exists(theirs / name)) copy_file_atomically(stays_within(theirs, theirs / name), mine / name);
  }
  if (run.config.checkpoint.keep_weights) {
    for (const char* name : own_model_files) copy_file_atomically(stays_within(theirs, theirs / name), mine / name);
    // Says which token ends a text, where that token has an unusual name.
    if (std::filesystem::exists(theirs / "tokenizer_config.json"))
      copy_file_atomically(stays_within(theirs, theirs / "tokenizer_config.json"), mine / "tokenizer_config.json");
  }
  report::save_outcomes(mine / "outcomes.safetensors", outcomes);
  task::copy_record(theirs, mine, hash_file(mine / "outcomes.safetensors"));  // which have another arm's name
  return true;
}

namespace {
constexpr std::array files_of_run = {"outcomes.safetensors"};
}

report::OutcomeRecord finished_outcomes(const std::filesystem::path& run) {
  const std::filesystem::path file = run / "outcomes.safetensors";
  try {
    report::OutcomeRecord outcomes = report::load_outcomes(stays_within(run, file));
    task::refuse_altered(run, files_of_run);
    return outcomes;
  } catch (Error& error) {
    throw error.hint("remove the folder " + run.string() + "; `stet run` then makes the run again");
  }
}

}  // namespace stet
