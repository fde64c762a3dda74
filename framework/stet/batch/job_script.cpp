#include <stet/batch/job_script.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <fmt/format.h>

namespace stet::batch {

namespace {

/// One word for bash.
std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789-_./=:,+@%") == std::string::npos;
  if (plain) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string quoted(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + quoted(word);
  return text;
}

/// A line `#SBATCH ...`. sbatch splits it at blanks outside of quotation marks.
std::string directive(const std::string& option) {
  if (option.find_first_of("\n\r\"") != std::string::npos)
    throw Error(ErrorKind::config, "an option of sbatch cannot hold a line break or a quotation mark").received(option);
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

/// What follows the settings. Slurm's traps (SIGTERM to srun kills the ranks at once; an array's own id requeues all of
/// its tasks; a signal to this script ends it before it can ask for another life) are avoided by starting srun in the
/// foreground and trapping nothing.
constexpr const char* body = R"(
me=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}; me=${me:-$SLURM_JOB_ID}
log=$folder/slurm/$SLURM_JOB_NAME-$me.out
state=$folder/slurm/.$me.state    # what is done so far, lives without progress, why the last one ended
say() { echo "stet job $me: $*"; }

# What is done so far: finished tasks, and the checkpoints of those under way.
progress() {
  find "$folder/runs" "${folder%/*}/.bases" \( -name finished.json -o -name 'step-*' ! -name '*.tmp' \) 2>/dev/null | LC_ALL=C sort | cksum
}

mkdir -p "$folder/slurm"
done_before=$(progress) idle=0 last=
if [ -r "$state" ]; then { read -r seen; read -r idle; read -r last; } <"$state"; [ "$seen" = "$done_before" ] || idle=0; fi
first_line=$(($(wc -l <"$log" 2>/dev/null || echo 0) + 1))
say "life $((${SLURM_RESTART_COUNT:-0} + 1)) begins $(date '+%F %T') on $SLURM_JOB_NODELIST; $("$stet" --version)${last:+; the last one $last}"

# The end by the clock; the signal above is the second way to hear of it.
ends=${SLURM_JOB_END_TIME:-}
[ -n "$ends" ] || ends=$(date -d "$(squeue -h -j "$SLURM_JOB_ID" -o %e 2>/dev/null)" +%s 2>/dev/null)
[ -z "$ends" ] || export STET_STOP_AT=$((ends - margin))

srun "${start[@]}" "$stet" "${run[@]}"
rc=$?

again() {
#WHY local now task = () now = $(progress) if["$now" = "$done_before"];
  then idle = $((idle + 1));
  else idle = 0;
  fi
  printf '%s\n' "$now" "$idle" "$1" >"$state"
  if [ "$requeue" = no ];
  then say "$1; not requeued, as asked: sbatch $script goes on";
  exit $rc;
  fi if["$idle" - ge "$most_idle"];
  then say "$1; $idle lives got no further: not requeued";
  exit $rc;
  fi say "$1; requeued" if scontrol requeue "$me";
  then sleep 300;
  exit $rc;
  fi #Slurm ends this script meanwhile[-z "${SLURM_ARRAY_TASK_ID:-}"] || task =
      (--array = "$SLURM_ARRAY_TASK_ID") if next = $(sbatch-- parsable-- dependency = afterany
                                                     : "$SLURM_JOB_ID"
                                                       "${task[@]}"
                                                       "$script");
  then say "requeueing is not allowed here: job $next goes on" else say
      "neither requeued nor submitted again: sbatch $script goes on" fi exit $rc
}

case $rc in
  0) say "ends $(date '+%F %T')"; rm -f "$state"; exit 0 ;;
  75) again "was stopped and has a checkpoint" ;;
  7 | 13[4-9] | 14[0-9])
    tail -n "+$first_line" "$log" 2>/dev/null | sed -n 's/^srun: error: \([^ :]*\): task.*: \(Killed\|Segmentation fault\|Bus error\|Aborted\|Exited with exit code 7\).*/\1/p' |
      LC_ALL=C sort -u >>"$folder/slurm/nodes-that-killed"
    again "lost a process (code $rc)" ;;
esac
say "ends $(date '+%F %T') with code $rc: another life would end alike"
tail -n "+$first_line" "$log" 2>/dev/null | grep -a -A4 '^error: ' | tail -n 5
exit $rc
)";

}  // namespace

std::string job_script(const JobRequest& r) {
  std::vector<std::string> start = {"--kill-on-bad-exit=1", fmt::format("--cpus-per-task={}", r.cores_per_rank)};
  if (r.ranks) {
    start.insert(start.end(), {"--mpi=pmix", fmt::format("--ntasks={}", r.nodes * r.ranks_per_node)});
  } else {
    start.insert(start.end(), {"--mpi=none", "--ntasks=1", "--nodes=1"});
  }
  std::string text = "#!/bin/bash\n# Made by: " + r.made_by +
                     "\n# It may be kept, changed, and submitted again with sbatch: what is finished is not done twice.\n";
  text += directives(r);
  text += "\nfolder=" + quoted(r.folder.string()) + "\n";
  text += "script=" + quoted(r.script.string()) + "\n";
  text += "stet=" + quoted(r.program) + "\n";
  text += "run=(" + quoted(r.run) + ")\n";
  text += "start=(" + quoted(start) + ")\n";
  text += fmt::format("margin={} requeue={} most_idle={}\n", r.margin, r.requeue ? "yes" : "no", r.idle_lives);
  return text + body;
}  // namespace

}  // namespace stet::batch
