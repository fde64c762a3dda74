#include <stet/experiment/workspace.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/host_identity.hpp>
#include <stet/config/document.hpp>
#include <stet/experiment/model_folder.hpp>
#include <stet/report/outcomes_file.hpp>
#include <stet/text/json.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace stet {

namespace {
/// Temporary files of AtomicFile. Whoever calls holds the task's lock, so they are nobody's.
void remove_half_written(const std::filesystem::path& task) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(task)) {
    if (entry.is_regular_file() && entry.path().filename().string().find(".tmp.") != std::string::npos) files.push_back(entry.path());
  }
  for (const std::filesystem::path& file : files) std::filesystem::remove(file);
}
}  // namespace

Workspace::Workspace(std::filesystem::path root, std::string experiment)
    : root_(std::move(root)), folder_(root_ / experiment) {
  std::filesystem::create_directories(folder_ / "runs");
  std::filesystem::create_directories(root_ / ".bases");
}

std::filesystem::path Workspace::base_folder(const PlannedBase& base) const { return root_ / ".bases" / base.identity; }
std::filesystem::path Workspace::labels_folder(const PlannedLabels& labels, const PlannedBase& base) const {
  return base_folder(base) / ("slick-" + labels.identity);
}
std::filesystem::path Workspace::run_folder(const PlannedRun& run) const { return folder_ / "runs" / run.folder_name(); }

void Workspace::announce(const PlannedRun& run) const {
  std::filesystem::create_directories(root_ / ".runs");
  write_file_atomically(root_ / ".runs" / run.identity, (folder_.filename() / "runs" / run.folder_name()).string() + "\n");
  if (run.inputs.members().empty()) return;
  config::Value alike = config::Value::table();
  alike.set("identity", run.identity);
  alike.set("inputs", run.inputs);
  write_file_atomically(root_ / ".runs" / ("like-" + run.likeness), config::to_toml(alike));
}

std::optional<Workspace::Alike> Workspace::last_alike(const PlannedRun& run) const {
  const std::filesystem::path known = root_ / ".runs" / ("like-" + run.likeness);
  if (run.inputs.members().empty() || !std::filesystem::exists(known)) return std::nullopt;
  const config::Value alike = config::parse(read_file(known), known.string());
  const config::Value *identity = alike.find("identity"), *inputs = alike.find("inputs");
  if (identity == nullptr || inputs == nullptr) return std::nullopt;
  PlannedRun other = run;
  other.identity = identity->as_string();
  if (!finished(run_folder(other)) && !finished_elsewhere(other)) return std::nullopt;
  return Alike{other.identity, *inputs};
}

std::optional<std::filesystem::path> Workspace::finished_elsewhere(const PlannedRun& run) const {
  const std::filesystem::path known = root_ / ".runs" / run.identity;
  if (!std::filesystem::exists(known)) return std::nullopt;
  std::string line = read_file(known);
  line.resize(line.find_last_not_of('\n') + 1);
  const std::filesystem::path theirs = root_ / line;
  if (line.empty() || theirs == run_folder(run) || !finished(theirs)) return std::nullopt;
  if (run.config.checkpoint.keep_weights && !holds_model(theirs)) return std::nullopt;
  return theirs;
}

bool Workspace::adopt(const PlannedRun& run) const {
  const std::optional<std::filesystem::path> found = finished_elsewhere(run);
  if (!found) return false;
  const std::filesystem::path &theirs = *found, mine = run_folder(run);
  report::RunOutcomes outcomes = report::load_outcomes(theirs / "outcomes.safetensors");
  outcomes.arm = run.arm;  // the one thing that its identity does not hold
  std::filesystem::create_directories(mine);
  for (const char* name : {"run.toml", "metrics.jsonl", "measurements.csv", "manifest.txt"}) {
    if (std::filesystem::exists(theirs / name)) copy_file_atomically(theirs / name, mine / name);
  }
  if (run.config.checkpoint.keep_weights) {
    for (const char* name : own_model_files) copy_file_atomically(theirs / name, mine / name);
    // Says which token ends a text, where that token has an unusual name.
    if (std::filesystem::exists(theirs / "tokenizer_config.json")) copy_file_atomically(theirs / "tokenizer_config.json", mine / "tokenizer_config.json");
  }
  report::save_outcomes(mine / "outcomes.safetensors", outcomes);
  write_file_atomically(mine / "finished.json", read_file(theirs / "finished.json"));
  return true;
}

bool Workspace::holds_model(const std::filesystem::path& task) {
  return std::all_of(own_model_files.begin(), own_model_files.end(), [&](const char* name) { return std::filesystem::exists(task / name); });
}

bool Workspace::finished(const std::filesystem::path& task) { return std::filesystem::exists(task / "finished.json"); }

std::optional<Workspace::Failure> Workspace::failure(const std::filesystem::path& task, const std::string& session) {
  if (!std::filesystem::exists(task / "failed.json")) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(read_file(task / "failed.json"));
    if (json.at("session").get<std::string>() != session) return std::nullopt;
    return Failure{json.at("message").get<std::string>(), json.at("exit_code").get<int>()};
  } catch (const std::exception&) {
    return std::nullopt;  // written half by a dying process: not a failure of this session
  }
}

bool Workspace::claim(Communicator& communicator, const std::filesystem::path& task, std::optional<FileLock>& lock) {
  std::string got;
  collectively(communicator, [&] {
    if (communicator.rank() != 0) return;
    std::filesystem::create_directories(task);
    lock = FileLock::try_acquire(task / "lock");
    got = lock ? "yes" : "";
    if (lock) remove_half_written(task);
  });
  return !communicator.broadcast_text(got, 0).empty();
}

void Workspace::tidy(const std::filesystem::path& task) noexcept {
  try {
    if (!finished(task) || !std::filesystem::exists(task / "checkpoints")) return;
    if (const std::optional<FileLock> lock = FileLock::try_acquire(task / "lock")) std::filesystem::remove_all(task / "checkpoints");
  } catch (const std::exception&) {
    // Untidy is not wrong, and one rank alone calls this: it must not fail alone.
  }
}

Workspace::Record Workspace::record(const std::filesystem::path& task) {
  const std::filesystem::path file = task / "finished.json";
  const char* const again = "it was altered; remove it, and the task is made again";
  try {
    const nlohmann::json json = parse_json(read_file(file), file.string());
    const auto wall = json.at("seconds").get<double>();
    // A task of an older stet knows its time of the wall alone.
    return {{wall, json.value("processor_seconds", wall)}, json.at("ranks").get<int>(), json.value("ended", 0.0)};
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::data, std::string("the record of a finished task cannot be read: ") + error.what()).at(file.string()).hint(again);
  } catch (Error& error) {
    error.hint(again);
    throw;
  }
}

void Workspace::mark_finished(const std::filesystem::path& task, const TimeSpent& spent, int ranks) {
  std::error_code ignored;
  std::filesystem::remove(task / "failed.json", ignored);
  const nlohmann::json json{{"seconds", spent.wall}, {"processor_seconds", spent.processor}, {"ranks", ranks}, {"time", utc_now()}, {"ended", unix_now()}, {"host", host_name()}};
  write_file_atomically(task / "finished.json", json.dump(1) + "\n");
}

void Workspace::mark_failed(const std::filesystem::path& task, const std::string& session, const Error& error) {
  nlohmann::json json{{"session", session}, {"message", error.what()}, {"exit_code", error.exit_code()}, {"time", utc_now()}, {"host", host_name()}};
  const std::pair<const char*, const std::string&> parts[] = {{"what", error.message()},      {"where", error.where()}, {"expected", error.expected()},
                                                              {"received", error.received()}, {"hint", error.hint()},   {"detail", error.detail()}};
  for (const auto& [name, part] : parts) {
    if (!part.empty()) json[name] = part;
  }
  write_file_atomically(task / "failed.json", json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace stet
