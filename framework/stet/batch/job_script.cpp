#include <stet/batch/job_script.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <job_body.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet::batch {

namespace {

/// Words of bash.
std::string quoted(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + shell_word(word);
  return text;
}

/// A line `#SBATCH ...`. sbatch splits it at blanks outside of quotation marks.
std::string directive(const std::string& option) {
  if (option.find_first_of("\n\r\"'\\#") != std::string::npos) {
    throw Error(ErrorKind::config, "an option of sbatch cannot hold a line break, a quotation mark, a backslash or a #")
        .received(option)
        .hint("the job's name is the experiment's, and its log lies in the folder of results (--out)");
  }
  const std::size_t equal = option.find('=');
  if (option.find(' ') == std::string::npos || !option.starts_with("--") || equal == std::string::npos)
    return "#SBATCH " + option + "\n";
  return "#SBATCH " + option.substr(0, equal + 1) + "\"" + option.substr(equal + 1) + "\"\n";
}

/// A folder in --output, where % begins a pattern.
std::string without_patterns(const std::string& path) {
  std::string text;
  for (const char c : path) text += c == '%' ? std::string("%%") : std::string(1, c);
  return text;
}

std::string directives(const JobRequest& r) {
  std::string text;
  const auto add = [&text](const std::string& option) { text += directive(option); };
  add("--job-name=" + r.name);
  add(fmt::format("--nodes={}", r.nodes));
  add(fmt::format("--ntasks-per-node={}", r.ranks ? r.ranks_per_node : 1));
  add(fmt::format("--cpus-per-task={}", r.cores_per_rank));
  if (r.megabytes_per_core > 0) add(fmt::format("--mem-per-cpu={}M", r.megabytes_per_core));
  add(fmt::format("--time={}", r.minutes));
  add(fmt::format("--signal=USR2@{}", r.margin));  // to the ranks, not to this script; the clock comes first
  if (r.array_tasks > 0) {
    add(fmt::format("--array=0-{}{}", r.array_tasks - 1,
                    r.array_at_once > 0 ? fmt::format("%{}", r.array_at_once) : ""));
  }
  add(r.requeue ? "--requeue" : "--no-requeue");
  add("--open-mode=append");
  add("--output=" + without_patterns((r.folder / "slurm").string()) +
      (r.array_tasks > 0 ? "/%x-%A_%a.out" : "/%x-%j.out"));
  if (!r.avoid.empty()) add("--exclude=" + join(r.avoid, ","));
  for (const std::string& option : r.options) add(option);
  return text;
}

}  // namespace

std::string job_script(const JobRequest& r) {
  std::vector<std::string> start = {"--kill-on-bad-exit=1", fmt::format("--cpus-per-task={}", r.cores_per_rank)};
  if (r.ranks) {
    start.insert(start.end(), {"--mpi=pmix", fmt::format("--ntasks={}", r.nodes * r.ranks_per_node)});
  } else {
    start.insert(start.end(), {"--mpi=none", "--ntasks=1", "--nodes=1"});
  }
  std::string made_by = r.made_by;
  std::replace_if(
      made_by.begin(), made_by.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');  // one comment
  std::string text =
      "#!/bin/bash\n# Made by: " + made_by +
      "\n# It may be kept, changed, and submitted again with sbatch: what is finished is not done twice.\n";
  text += directives(r);
  text += "\nfolder=" + shell_word(r.folder.string()) + "\n";
  text += "script=" + shell_word(r.script.string()) + "\n";
  text += "note=" + shell_word(r.note) + "\n";
  text += "stet=" + shell_word(r.program) + "\n";
  text += "run=(" + quoted(r.run) + ")\n";
  text += "start=(" + quoted(start) + ")\n";
  text += fmt::format("margin={} requeue={} most_idle={}\n", r.margin, r.requeue ? "yes" : "no", r.idle_lives);
  return text + job_body;
}  // namespace

}  // namespace stet::batch
