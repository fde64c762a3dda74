#!/usr/bin/env bash
# scenario.sh PROGRAM FOLDER NAME: one story of a batch job under a real, throw-away Slurm (lab.sh), told by `stet submit`.
# Each ends with a table.csv that is byte for byte the one of a run that nothing interrupted (`reference`, made first).
#
#   reference        the uninterrupted run, without Slurm
#   two_nodes        a rank on each of two nodes
#   time_limit       the clock stops the job, it is requeued until all is done
#   requeue          scontrol requeue while it trains
#   preemption       another partition's job takes its nodes
#   scancel          stet cancel, then submitted again
#   killed_rank      one of two ranks on two nodes is killed
#   lost_node        a node's slurmd is killed, and the node set down
#   stopped_rank     a rank is stopped: the watchdog ends the life, the next goes on
#   array            three tasks share the runs, behind a job for the base model
#   successor        where requeueing is refused, another job goes on
#   full_disk        a write finds no room, in every life: each gets further
#   deaf_controller  slurmctld does not answer: neither status nor cancel takes that for an empty queue; and a job whose
#                    `stet submit` died before it was noted is known as soon as it begins
#   no_progress      a job whose process dies again and again is not requeued for ever
set -euo pipefail
program=$1 work=$2 name=$3
here=$(cd "$(dirname "$0")" && pwd)
experiment=$here/experiment.toml
reference=$work/reference/slurm/table.csv
unset "${!SLURM_@}" 2>/dev/null || true
export OMP_NUM_THREADS=1

fail() { echo "FAILED: $*" >&2; exit 1; }

if [ "$name" = reference ]; then
  rm -rf "$work/reference"
  "$program" run "$experiment" --out "$work/reference" --jobs 2
  exit
fi
[ -s "$reference" ] || fail "no reference: run the scenario 'reference' first"

out=$work/$name folder=$work/$name/slurm
rm -rf "$out"
mkdir -p "$out"
LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/stet-lab.XXXX")/lab
export LAB_DIR LAB_REQUEUE_DELAY=5 LAB_KILLWAIT=5
# One node of many cores: the story is about jobs, not about who gets which core.
export LAB_CPUS=4
if [ "$name" = deaf_controller ]; then
  export LAB_EXTRA=$'MessageTimeout=2\nSlurmctldTimeout=30'
fi
if [ "$name" = preemption ]; then
  export LAB_PART=$'PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 PreemptMode=REQUEUE State=UP\nPartitionName=high Nodes=ALL MaxTime=INFINITE PriorityTier=9 PreemptMode=OFF State=UP'
  export LAB_EXTRA=$'PreemptType=preempt/partition_prio\nPreemptMode=REQUEUE'
fi
end() {
  status=$?
  if [ "$status" != 0 ]; then
    { squeue -l; sinfo -N -l; grep -v debug "$LAB_DIR/log/slurmctld.log" | tail -n 30; } >&2 || true
    tail -n +1 "$folder"/slurm/*.out "$out"/submit.log 2>/dev/null | tail -n 80 >&2 || true
  fi
  "$here/lab.sh" stop || true
  rm -rf "$(dirname "$LAB_DIR")"
  exit "$status"
}
trap end EXIT
"$here/lab.sh" start
eval "$("$here/lab.sh" env)"
export OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_mpi_yield_when_idle=1 # ranks that spin beside other work keep each other from working

submit() { "$program" submit "$experiment" --out "$out" --time 30 --margin 5 "$@" 2>&1 | tee -a "$out/submit.log"; }
job() { sed -n 's/.*"job":"\([0-9]*\)".*/\1/p' "$folder/slurm/submissions.jsonl" | tail -n 1; }
state() { scontrol show job -o "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | head -n 1; }
log() { cat "$folder"/slurm/*.out 2>/dev/null || true; }

until_true() {  # SECONDS WHAT COMMAND...
  local limit=$1 what=$2 begin=$SECONDS
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $((SECONDS - begin)) -lt "$limit" ] || fail "not within $limit s: $what"
    sleep 0.1
  done
}
# A run (not the base) has a checkpoint: the job is in the middle of its work.
under_way() { compgen -G "$folder/runs/*/checkpoints/step-*" >/dev/null; }
begun() { compgen -G "$out/.bases/*/checkpoints/step-*" >/dev/null || under_way; }
is() { [ "$(state "$1")" = "$2" ]; }
lives() { log | grep -c ' life [0-9]* begins' || true; }
second_life() { [ "$(lives)" -ge 2 ]; }
finished() { [ -s "$folder/table.csv" ] && ! squeue -h -t RUNNING,PENDING,COMPLETING | grep -q .; }

done_and_same() {
  until_true 400 "the table" finished
  cmp "$folder/table.csv" "$reference" || fail "another table than that of the uninterrupted run"
  ! compgen -G "$folder/runs/*/*.tmp*" >/dev/null || fail "a half-written file was left"
  echo "the same table, after $(lives) lives"
}
rank_pid() { # of the rank on node N
  local p
  for p in $(pgrep -x stet-engine || true); do
    if tr '\0' '\n' 2>/dev/null <"/proc/$p/environ" | grep -cx "SLURMD_NODENAME=$1\|SLURM_CONF=$SLURM_CONF" | grep -qx 2; then
      echo "$p"
      return
    fi
  done
  fail "no rank on $1"
}

case $name in
  two_nodes)
    submit --nodes 2
    done_and_same
    log | grep -q "on n\[1-2\]" || fail "the log does not name the nodes"
    "$program" status "$folder" | tee "$out/status"
    grep -q "1/1 bases, 4/4 runs" "$out/status" || fail "status"
    ;;
  time_limit)
    # 60 s a life, stopped 55 s before its end.
    "$program" submit "$experiment" --out "$out" --time 1 --margin 55 --cores 1
    done_and_same
    second_life || fail "one life was enough: the clock was not heard"
    log | grep -q "stopped by the clock" || fail "no word of the clock"
    ;;
  requeue)
    submit --nodes 2
    until_true 180 "a checkpoint" begun
    scontrol requeue "$(job)"
    until_true 180 "a second life" second_life
    done_and_same
    ;;
  preemption)
    submit
    until_true 180 "a checkpoint" begun
    sbatch --parsable --partition=high --exclusive --nodes=2 --time=1 --output=/dev/null --wrap "sleep 3"
    until_true 180 "a second life" second_life
    done_and_same
    ;;
  scancel)
    submit --nodes 2
    until_true 180 "a checkpoint" begun
    "$program" cancel "$folder" | grep cancelled
    until_true 120 "the end of the job" is "$(job)" CANCELLED
    "$program" cancel "$folder" | grep "no job is in the queue"
    submit --nodes 2
    done_and_same
    ;;
  killed_rank)
    submit --nodes 2
    until_true 180 "a checkpoint" begun
    kill -KILL "$(rank_pid n2)"
    until_true 180 "a second life" second_life
    done_and_same
    grep -qx n2 "$folder/slurm/nodes-that-killed" || fail "the node that killed a rank was not noted"
    ;;
  lost_node)
    submit
    until_true 180 "a checkpoint" begun
    node=$(squeue -h -j "$(job)" -o %N)
    kill -KILL "$(cat "$LAB_DIR/run/$node.pid")"
    scontrol update nodename="$node" state=down reason=test
    until_true 180 "a second life" second_life
    done_and_same
    ;;
  stopped_rank)
    submit --nodes 2 --hang-timeout 5
    until_true 180 "a checkpoint" begun
    pid=$(rank_pid n2)
    kill -STOP "$pid"
    until_true 240 "a second life" second_life
    kill -KILL "$pid" 2>/dev/null || true
    done_and_same
    ;;
  array)
    submit --array 3 --at-once 2
    done_and_same
    for run in "$folder"/runs/*; do [ -s "$run/finished.json" ] || fail "$run is not finished"; done
    ;;
  successor)
    "$program" submit "$experiment" --out "$out" --time 1 --margin 55 --cores 1 -- --no-requeue
    done_and_same
    log | grep -q "requeueing is not allowed here: job [0-9]* goes on" || fail "no word of the next job"
    second_life || fail "one life was enough"
    [ "$(lives)" = "$(find "$folder/slurm" -name '*.out' | wc -l)" ] || fail "not a job a life"
    [ "$(grep -c . "$folder/slurm/submissions.jsonl")" = "$(lives)" ] || fail "not every job was noted"
    ;;
  full_disk)
    STET_FAULT=io:ENOSPC:write=150 submit --ranks-per-node 1
    done_and_same
    second_life || fail "no write failed"
    log | grep -q "ended with an error of files or checkpoints (code [35]), which may pass" || fail "no word of why"
    ;;
  deaf_controller)
    submit -- --hold
    id=$(job)
    rm "$folder/slurm/submissions.jsonl"
    "$program" status "$folder" && fail "status knows a job that nobody noted"
    scontrol release "$id"
    until_true 180 "a checkpoint" begun
    "$program" status "$folder" | tee "$out/status"
    grep -q "job $id  *RUNNING" "$out/status" || fail "status does not know the job that noted itself"
    kill -STOP "$(pgrep -x slurmctld -P "$(cat "$LAB_DIR/run/slurmctld.pid")" || cat "$LAB_DIR/run/slurmctld.pid")"
    for command in status cancel; do
      code=0
      "$program" "$command" "$folder" >"$out/$command" 2>&1 || code=$?
      cat "$out/$command"
      [ "$code" = 2 ] || fail "$command ended with $code"
      grep -q "Slurm does not answer" "$out/$command" || fail "$command does not say so"
    done
    kill -CONT "$(pgrep -x slurmctld -P "$(cat "$LAB_DIR/run/slurmctld.pid")" || cat "$LAB_DIR/run/slurmctld.pid")"
    done_and_same
    ;;
  no_progress)
    # Its process dies at the first step of every run, in every life.
    STET_FAULT=kill:step=1 submit --ranks-per-node 1
    until_true 300 "its end" is "$(job)" FAILED
    log | grep -q "3 lives got no further: not requeued" || fail "no word of why"
    [ "$(lives)" -le 5 ] || fail "$(lives) lives"
    ;;
  *) fail "no scenario '$name'" ;;
esac
