#include <stet/batch/slurm.hpp>

#include <stet/base/captured_process.hpp>
#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/batch/secrets.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace stet::batch {

namespace {

constexpr double patience = 60;  // seconds; a busy controller answers slowly

CapturedProcess call(const std::vector<std::string>& words) { return run_captured(words, {}, patience); }

/// The value of `Key=value` or `Key = value` in what scontrol prints.
std::string value_of(const std::string& text, std::string_view key) {
  for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
    if (at > 0 && text[at - 1] != ' ' && text[at - 1] != '\n') continue;
    std::size_t from = at + key.size();
    while (from < text.size() && text[from] == ' ') ++from;
    if (from >= text.size() || text[from] != '=') continue;
    ++from;
    while (from < text.size() && text[from] == ' ') ++from;
    return text.substr(from, text.find_first_of(" \n", from) - from);
  }
  return "";
}

/// What sinfo prints of a partition (of all, if it is empty), line by line.
std::vector<std::string> sinfo(const char* format, const std::string& partition) {
  std::vector<std::string> words = {"sinfo", "-h", "-o", format};
  if (!partition.empty()) words.push_back("--partition=" + partition);
  return split(call(words).out, '\n');
}

}  // namespace

bool JobState::alive() const {
  static constexpr std::array over = {"COMPLETED",     "CANCELLED", "FAILED",   "TIMEOUT", "NODE_FAIL",
                                      "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "REVOKED", "GONE"};
  return std::none_of(over.begin(), over.end(), [this](const char* name) { return state == name; });
}

Slurm::Slurm() {
  const CapturedProcess sbatch = call({"sbatch", "--version"});
  if (sbatch.code == 0) return;
  Error error(ErrorKind::config, sbatch.code == 127 ? "Slurm's commands are not here" : "Slurm does not answer");
  error.expected("sbatch, squeue, scontrol and scancel in PATH");
  const std::string said = sbatch.err + sbatch.out;
  if (!trimmed(said).empty()) error.received(std::string(trimmed(said)));
  throw error.hint("submit from a login node of the cluster; `stet submit --dry` writes the script anywhere");
}

std::string Slurm::submit(const std::filesystem::path& script, const std::vector<std::string>& options) const {
  // sbatch keeps a copy of the environment with the job, and hands it to every node.
  std::vector<std::string> words = {"env"};
  for (const std::string& name : secrets_in_environment()) words.insert(words.end(), {"-u", name});
  words.insert(words.end(), {"sbatch", "--parsable"});
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(script.string());
  const CapturedProcess sbatch = call(words);
  const std::string id = sbatch.out.substr(0, sbatch.out.find_first_of(";\n"));
  if (sbatch.code != 0 || !whole_number<std::int64_t>(id)) {
    throw Error(ErrorKind::config, "sbatch refuses the job")
        .at(script.string())
        .received(sbatch.timed_out ? "no answer" : std::string(trimmed(sbatch.err.empty() ? sbatch.out : sbatch.err)))
        .hint("options of sbatch go behind --: stet submit FILE -- --partition=NAME --account=NAME");
  }
  return id;
}

std::vector<JobState> parse_states(const std::string& lines) {
  std::vector<JobState> states;
  for (const std::string& line : split(lines, '\n')) {
    const std::vector<std::string> parts = split(line, '|');
    if (parts.size() < 5) continue;
    states.push_back({parts[0], parts[1], parts[2] == "None" ? "" : parts[2], parts[3], parts[4]});
  }
  return states;
}

std::vector<JobState> Slurm::states(const std::string& job) const {
  const CapturedProcess squeue = call({"squeue", "-h", "-j", job, "-t", "all", "-o", "%i|%T|%r|%N|%L"});
  std::vector<JobState> states = parse_states(squeue.out);
  if (!states.empty()) return states;
  const CapturedProcess scontrol = call({"scontrol", "show", "job", "-o", job});
  const std::string state = scontrol.code == 0 ? value_of(scontrol.out, "JobState") : "";
  if (state.empty()) {
    const std::string said = squeue.err + scontrol.err;
    const bool unknown = said.find("Invalid job id") != std::string::npos;
    if (unknown || (squeue.code == 0 && scontrol.code == 0)) return {{job, "GONE", "", "", ""}};
    throw Error(ErrorKind::config, "Slurm does not answer")
        .expected("what squeue and scontrol know of job " + job)
        .received(squeue.timed_out ? "nothing in a minute" : std::string(trimmed(said)))
        .hint("jobs go on meanwhile; try again when `squeue` works");
  }
  const std::string reason = value_of(scontrol.out, "Reason");
  return {{job, state, reason == "None" ? "" : reason, value_of(scontrol.out, "NodeList"), ""}};
}

void Slurm::cancel(const std::vector<std::string>& jobs) const {
  std::vector<std::string> words = {"scancel"};
  words.insert(words.end(), jobs.begin(), jobs.end());
  const CapturedProcess scancel = call(words);
  if (scancel.code != 0) throw Error(ErrorKind::config, "scancel failed").received(std::string(trimmed(scancel.err)));
}

std::optional<std::int64_t> Slurm::largest_array() const {
  return whole_number<std::int64_t>(value_of(call({"scontrol", "show", "config"}).out, "MaxArraySize"));
}

bool Slurm::has_pmix() const {
  const CapturedProcess list = call({"srun", "--mpi=list"});
  return (list.out + list.err).find("pmix") != std::string::npos;
}

std::optional<std::int64_t> Slurm::cores_of_a_node(const std::string& partition) const {
  std::optional<std::int64_t> most;
  for (const std::string& line : sinfo("%c", partition)) {
    const std::optional<std::int64_t> cores =
        whole_number<std::int64_t>(line.substr(0, line.find('+')));  // "4+": of nodes that differ
    if (cores && (!most || *cores > *most)) most = cores;
  }
  return most;
}

std::optional<std::int64_t> Slurm::nodes(const std::string& partition) const {
  std::optional<std::int64_t> all;
  for (const std::string& line : sinfo("%P|%D", partition)) {  // a line a group of nodes in one state
    const std::vector<std::string> parts = split(line, '|');
    if (parts.size() != 2 || (partition.empty() && !parts[0].ends_with('*'))) continue;
    if (const std::optional<std::int64_t> count = whole_number<std::int64_t>(parts[1])) all = all.value_or(0) + *count;
  }
  return all;
}

std::optional<std::int64_t> Slurm::longest_minutes(const std::string& partition) const {
  for (const std::string& line : sinfo("%P|%l", partition)) {
    const std::vector<std::string> parts = split(line, '|');
    if (parts.size() != 2) continue;
    if (partition.empty() ? parts[0].ends_with('*') : true) return minutes_of(parts[1]);
  }
  return std::nullopt;
}

std::optional<std::int64_t> minutes_of(const std::string& time) {
  const std::size_t dash = time.find('-');
  std::int64_t days = 0;
  if (dash != std::string::npos) {
    const std::optional<std::int64_t> value = whole_number<std::int64_t>(time.substr(0, dash));
    if (!value) return std::nullopt;
    days = *value;
  }
  std::vector<std::int64_t> parts;
  for (const std::string& part : split(dash == std::string::npos ? time : time.substr(dash + 1), ':')) {
    const std::optional<std::int64_t> value = whole_number<std::int64_t>(part);
    if (!value) return std::nullopt;
    parts.push_back(*value);
  }
  if (parts.empty() || parts.size() > 3) return std::nullopt;
  if (dash != std::string::npos)  // days-hours[:minutes[:seconds]]
    return (days * 24 + parts[0]) * 60 + (parts.size() > 1 ? parts[1] : 0);
  if (parts.size() == 3) return parts[0] * 60 + parts[1];
  return parts[0];  // minutes[:seconds]
}

}  // namespace stet::batch
