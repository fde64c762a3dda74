#include <stet/batch/scheduler_options.hpp>

#include <stet/base/error.hpp>

#include <array>
#include <string_view>

namespace stet::batch {

namespace {

struct Ours {
  std::string_view name, letter, hint;
};

constexpr std::array ours = {
    Ours{"--job-name", "-J", "a job is named as its experiment: --set 'experiment.name=\"NAME\"'"},
    Ours{"--output", "-o", "logs lie in the folder of results, where stet status finds them: --out FOLDER"},
    Ours{"--error", "-e", "errors go into the job's log, where stet status finds them"},
    Ours{"--open-mode", "", "a log has all lives of its job"},
    Ours{"--array", "-a", "stet submit --array N, --at-once N"},
    Ours{"--nodes", "-N", "stet submit --nodes N"},
    Ours{"--ntasks", "-n", "stet submit --nodes N --ranks-per-node N"},
    Ours{"--ntasks-per-node", "", "stet submit --ranks-per-node N"},
    Ours{"--cpus-per-task", "-c", "stet submit --cores N"},
    Ours{"--signal", "", "stet submit --margin SECONDS"},
    Ours{"--wrap", "", "the job's script is stet's: stet submit --dry prints it"},
};

/// What stands before a value: "--partition" of "--partition=gpu", "-p" of "-p gpu" and "-pgpu".
std::string_view name_of(std::string_view option) {
  return option.starts_with("--") ? option.substr(0, option.find_first_of("= ")) : option.substr(0, 2);
}

}  // namespace

std::vector<std::string> scheduler_options(const std::vector<std::string>& words) {
  std::vector<std::string> options;
  for (const std::string& word : words) {
    if (word.starts_with('-')) {
      options.push_back(word);
    } else if (!options.empty() && options.back().find_first_of("= ") == std::string::npos) {
      options.back() += (options.back().starts_with("--") ? "=" : " ") + word;
    } else {
      throw Error(ErrorKind::config, "a word behind -- belongs to no option of sbatch")
          .received(word)
          .hint("a value with blanks is one word: -- '--comment=two words'");
    }
  }
  for (const std::string& option : options) {
    for (const Ours& own : ours) {
      if (name_of(option) != own.name && name_of(option) != own.letter) continue;
      throw Error(ErrorKind::config, "stet sets this option of sbatch itself")
          .received(option)
          .hint(std::string(own.hint));
    }
  }
  return options;
}

std::string partition_of(const std::vector<std::string>& options) {
  std::string partition;
  for (const std::string& option : options) {  // the last one counts, as with sbatch
    const std::string_view name = name_of(option);
    if (name != "--partition" && name != "-p") continue;
    partition = option.substr(name.size());
    if (partition.starts_with('=') || partition.starts_with(' ')) partition.erase(0, 1);
  }
  return partition;
}

}  // namespace stet::batch
