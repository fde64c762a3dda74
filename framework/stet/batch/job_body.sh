#!/bin/bash
# What a batch script does after its settings (job_script.cpp): srun, and another life where one is due. Slurm's traps
# (SIGTERM to srun kills the ranks at once; an array's own id requeues all of its tasks; a signal to this script ends it
# before it can ask for another life) are avoided by starting srun in the foreground and trapping nothing.
# shellcheck disable=SC2154  # folder, script, stet, run, start, margin, requeue, most_idle, note: set above

me=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
me=${me:-$SLURM_JOB_ID}
log=$folder/slurm/$SLURM_JOB_NAME-$me.out
state=$folder/slurm/.$me.state # what is done so far, lives without progress, why the last one ended
known=$folder/slurm/submissions.jsonl
say() { echo "stet job $me: $*"; }

# What is done so far: finished tasks, and the checkpoints of those under way.
progress() {
  find "$folder/runs" "${folder%/*}/.bases" \( -name finished.json -o -name 'step-*' ! -name '*.tmp' \) 2>/dev/null |
    LC_ALL=C sort | cksum
}

# A job that `stet status` and `stet cancel` shall know of.
note_job() { # ID
  grep -qsF "\"job\":\"$1\"" "$known" || printf '{"job":"%s",%s}\n' "$1" "$note" >>"$known"
}

mkdir -p "$folder/slurm"
note_job "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}"
done_before=$(progress) idle=0 last=
if [ -r "$state" ]; then
  { read -r seen && read -r idle && read -r last; } <"$state"
  [ "$seen" = "$done_before" ] || idle=0
fi
first_line=$(($(wc -l <"$log" 2>/dev/null || echo 0) + 1))
say "life $((${SLURM_RESTART_COUNT:-0} + 1)) begins $(date '+%F %T') on $SLURM_JOB_NODELIST; stet $("$stet" --version)${last:+; the last one $last}"

# The end by the clock; the signal that was asked for above is the second way to hear of it.
ends=${SLURM_JOB_END_TIME:-}
[ -n "$ends" ] || ends=$(date -d "$(squeue -h -j "$SLURM_JOB_ID" -o %e 2>/dev/null)" +%s 2>/dev/null)
[ -z "$ends" ] || export STET_STOP_AT=$((ends - margin))

srun "${start[@]}" "$stet" "${run[@]}"
rc=$?

again() { # WHY
  local now task=()
  now=$(progress)
  if [ "$now" = "$done_before" ]; then idle=$((idle + 1)); else idle=0; fi
  printf '%s\n' "$now" "$idle" "$1" >"$state"
  if [ "$requeue" = no ]; then
    say "$1; not requeued, as asked: sbatch $script goes on"
    exit "$rc"
  fi
  if [ "$idle" -ge "$most_idle" ]; then
    say "$1; $idle lives got no further: not requeued"
    exit "$rc"
  fi
  say "$1; asks to be requeued"
  if scontrol requeue "$me"; then
    sleep 300 # Slurm ends this script meanwhile
    exit "$rc"
  fi
  # This job's own script: the file may be another submission's by now.
  own=$folder/slurm/.$me.sbatch
  scontrol write batch_script "$SLURM_JOB_ID" "$own" >/dev/null 2>&1 && [ -s "$own" ] || own=$script
  [ -z "${SLURM_ARRAY_TASK_ID:-}" ] || task=(--array="$SLURM_ARRAY_TASK_ID")
  if next=$(sbatch --parsable --dependency=afterany:"$SLURM_JOB_ID" "${task[@]}" "$own"); then
    note_job "$next"
    say "requeueing is not allowed here: job $next goes on"
  else
    say "neither requeued nor submitted again: sbatch $script goes on"
  fi
  exit "$rc"
}

case $rc in
  0)
    say "ends $(date '+%F %T')"
    rm -f "$state"
    exit 0
    ;;
  75) again "was stopped and has a checkpoint" ;;
  [35]) again "ended with an error of files or checkpoints (code $rc), which may pass" ;; # or not: most_idle
  [1-6]) ;;                                                                              # what stet itself refuses
  *) # 7, a signal's number, or what a launcher makes of the ranks that were left
    tail -n "+$first_line" "$log" 2>/dev/null |
      sed -n 's/^srun: error: \([^ :]*\): task.*: \(Killed\|Segmentation fault\|Bus error\|Aborted\).*/\1/p' |
      LC_ALL=C sort -u >>"$folder/slurm/nodes-that-killed"
    again "lost a process (code $rc)"
    ;;
esac
say "ends $(date '+%F %T') with code $rc: another life would end alike"
tail -n "+$first_line" "$log" 2>/dev/null | grep -a -m3 -A4 '^error: ' # the first: later ones follow from them
exit "$rc"
