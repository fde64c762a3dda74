#!/usr/bin/env bash
# lab.sh - a throw-away Slurm cluster on one machine, without systemd,
# without cgroups, without a database, in one temporary directory.
#
#   lab.sh start            start the daemons, wait until every node is idle
#   lab.sh env              print the export lines:  eval "$(lab.sh env)"
#   lab.sh status           squeue, sinfo and the daemons' pids
#   lab.sh stop             cancel jobs, stop the daemons, remove the directory
#   lab.sh with CMD ARG...  start, run CMD in that environment, stop; CMD's exit status
#   lab.sh selftest         with: 2 Open MPI ranks through sbatch, on 1 and on 2 "nodes"
#   lab.sh packages         the Debian packages it needs
#
# Settings (environment):
#   LAB_DIR     directory of the cluster        (default ${TMPDIR:-/tmp}/slurmlab.<uid>)
#   LAB_NODES   number of slurmd daemons        (default 2: n1, n2)
#   LAB_CPUS    CPUs that each node claims      (default 2; may be more than the machine has)
#   LAB_PORT    first of LAB_NODES+1 TCP ports  (default: a free range)
#   LAB_AUTH    munge | none                    (default munge)
#   LAB_MPI     value of MpiDefault             (default pmix)
#   LAB_KILLWAIT  seconds from SIGTERM to SIGKILL at the time limit (default 5; Slurm's own default: 30)
#   LAB_EXTRA   more lines for slurm.conf, e.g. $'PreemptType=preempt/partition_prio'
#   LAB_PART    partition lines, replaces the default one
#   LAB_KEEP    1: `stop` leaves the directory (logs) in place
#   LAB_REQUEUE_DELAY  seconds (plus one) that a requeued job waits (default 5; Slurm's own default: 120)
#   LAB_UTS     1: each slurmd in its own UTS namespace (default: when the kernel allows it)
#   LAB_PROCTRACK, LAB_TASK   default linuxproc and task/none: no cgroups
#
# It runs as root or as an ordinary user; jobs run as that same user.
# shellcheck disable=SC2015,SC2016,SC2086,SC2119,SC2120  # lists in plain variables; "a, or else b" on purpose
set -euo pipefail

LAB_DIR=${LAB_DIR:-${TMPDIR:-/tmp}/slurmlab.$(id -u)}
LAB_NODES=${LAB_NODES:-2}
LAB_CPUS=${LAB_CPUS:-2}
LAB_AUTH=${LAB_AUTH:-munge}
LAB_MPI=${LAB_MPI:-pmix}
LAB_KILLWAIT=${LAB_KILLWAIT:-5}
LAB_REQUEUE_DELAY=${LAB_REQUEUE_DELAY:-5}
LAB_EXTRA=${LAB_EXTRA:-}
LAB_KEEP=${LAB_KEEP:-0}
LAB_PROCTRACK=${LAB_PROCTRACK:-linuxproc}
LAB_TASK=${LAB_TASK:-task/none}
LAB_PART=${LAB_PART:-"PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE OverSubscribe=NO State=UP"}
PACKAGES="slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge libpmix-dev openmpi-bin libopenmpi-dev"
export PATH=$PATH:/usr/sbin:/sbin
CONF=$LAB_DIR/slurm.conf

# Each slurmd in its own UTS namespace, with the host name n<i>: Open MPI names its shared-memory
# segments by host name and local rank, so 2+2 ranks on two "nodes" with one host name would collide.
# It also gets a private /etc/hosts which knows these names: failing look-ups cost seconds per mpirun.
if [ "$(id -u)" = 0 ]; then UNSHARE="unshare --uts"
else UNSHARE="unshare --user --map-user=$(id -u) --map-group=$(id -g) --keep-caps --uts"; fi
if $UNSHARE --mount sh -c 'mount --bind /etc/hosts /etc/hosts && hostname n1' 2>/dev/null; then
  UNSHARE="$UNSHARE --mount"; BIND_HOSTS="mount --bind '$LAB_DIR/hosts' /etc/hosts"; LAB_UTS=${LAB_UTS:-1}
else                      # not as root, or in a chroot (its / is no mount point), or in a restricted container
  BIND_HOSTS=:; LAB_UTS=${LAB_UTS:-0}
fi

die() { echo "lab: $*" >&2; exit 1; }

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

pick_ports() {            # LAB_NODES+1 consecutive ports that nothing listens on
  local base p ok
  for _ in $(seq 50); do
    base=${LAB_PORT:-$((20000 + RANDOM % 10000))}; ok=1
    for ((p = base; p <= base + LAB_NODES; p++)); do port_free "$p" || ok=0; done
    if [ $ok = 1 ]; then echo "$base"; return; fi
    [ -z "${LAB_PORT:-}" ] || die "port $LAB_PORT..+$LAB_NODES in use"
  done
  die "no free ports"
}

daemon() {                # daemon NAME CMD...: own session, pid recorded, output to the log directory
  local name=$1; shift
  setsid "$@" </dev/null >"$LAB_DIR/log/$name.out" 2>&1 &
  echo $! >"$LAB_DIR/run/$name.pid"
}

alive() { [ -s "$LAB_DIR/run/$1.pid" ] && kill -0 "$(cat "$LAB_DIR/run/$1.pid")" 2>/dev/null; }

ours() {                  # pids of this cluster's daemons, and of its jobs' processes ($1 = jobs: only these)
  local f p
  for f in $(grep -lzxF -e "SLURM_CONF=$CONF" /proc/[0-9]*/environ 2>/dev/null || true); do
    p=${f#/proc/}; p=${p%/environ}
    [ "$p" != "$$" ] && [ "$p" != "$BASHPID" ] && [ "$p" != "$PPID" ] || continue
    case $(cat "/proc/$p/comm" 2>/dev/null || true) in
      munged|slurmctld|slurmd) [ "${1:-}" = jobs ] || echo "$p" ;;
      slurmstepd) ;;
      *) if grep -qzxF -e "SLURM_CLUSTER_NAME=lab" "/proc/$p/environ" 2>/dev/null; then echo "$p"; fi ;;
    esac
  done
  # slurmstepd overwrites its environment with its title: know it by its open log file
  for f in $(grep -lx slurmstepd /proc/[0-9]*/comm 2>/dev/null || true); do
    p=${f#/proc/}; p=${p%/comm}
    if readlink "/proc/$p/fd/"* 2>/dev/null | grep -qF -e "$LAB_DIR/log/"; then echo "$p"; fi
  done
}

until_empty() {           # SECONDS CMD...: poll CMD until it prints nothing
  local end=$((SECONDS + $1)); shift
  while [ -n "$("$@" 2>/dev/null)" ]; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}

start() {
  local host user base i tool
  for tool in slurmctld slurmd sbatch; do command -v $tool >/dev/null || die "$tool missing; apt-get install $PACKAGES"; done
  [ ${#LAB_DIR} -le 60 ] || die "LAB_DIR is too long for Unix socket names (60 characters at most)"
  [ ! -e "$CONF" ] || die "$LAB_DIR exists: stop it first"
  umask 022
  mkdir -p "$LAB_DIR"/{munge,state,log,run}
  for ((i = 1; i <= LAB_NODES; i++)); do mkdir -p "$LAB_DIR/spool/n$i" "$LAB_DIR/tmp/n$i"; chmod 1777 "$LAB_DIR/tmp/n$i"; done
  host=$(hostname -s); user=$(id -un); base=$(pick_ports)
  {
    echo "ClusterName=lab"
    echo "SlurmctldHost=$host(127.0.0.1)"
    echo "SlurmctldPort=$base"
    echo "SlurmUser=$user"
    echo "SlurmdUser=$user"
    if [ "$LAB_AUTH" = munge ]; then
      echo "AuthType=auth/munge"; echo "CredType=cred/munge"
      echo "AuthInfo=socket=$LAB_DIR/munge/socket,cred_expire=$LAB_REQUEUE_DELAY"
    else
      echo "AuthType=auth/none"; echo "CredType=cred/none"
      echo "AuthInfo=cred_expire=$LAB_REQUEUE_DELAY"
    fi
    cat <<C
StateSaveLocation=$LAB_DIR/state
SlurmdSpoolDir=$LAB_DIR/spool/%n
# two slurmd on one host: PMIx makes <TmpFS>/spmix_appdir_<uid>_<job>.<step>; %n keeps them apart
TmpFS=$LAB_DIR/tmp/%n
SlurmctldPidFile=$LAB_DIR/run/slurmctld.self.pid
SlurmdPidFile=$LAB_DIR/run/slurmd.%n.self.pid
SlurmctldLogFile=$LAB_DIR/log/slurmctld.log
SlurmdLogFile=$LAB_DIR/log/slurmd.%n.log
# no cgroups, no database
ProctrackType=proctrack/$LAB_PROCTRACK
TaskPlugin=$LAB_TASK
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$LAB_DIR/log/jobcomp.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=$LAB_MPI
ReturnToService=2
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
KillWait=$LAB_KILLWAIT
CompleteWait=0
MinJobAge=600
JobRequeue=1
# a CI wants short latencies, not throughput
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
NodeName=n[1-$LAB_NODES] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((base + 1))-$((base + LAB_NODES))] CPUs=$LAB_CPUS RealMemory=2000 State=UNKNOWN
$LAB_PART
$LAB_EXTRA
C
    [ "$LAB_UTS" = 1 ] || echo "TaskProlog=$LAB_DIR/taskprolog"
  } >"$CONF"
  # without UTS namespaces: another directory per node for the segments (enough for srun, not for mpirun)
  # (the transport is named vader in Open MPI 4 and sm in Open MPI 5)
  cat >"$LAB_DIR/taskprolog" <<P
#!/bin/sh
echo "export OMPI_MCA_btl_vader_backing_directory=$LAB_DIR/tmp/\$SLURMD_NODENAME"
echo "export OMPI_MCA_btl_sm_backing_directory=$LAB_DIR/tmp/\$SLURMD_NODENAME"
P
  chmod 755 "$LAB_DIR/taskprolog"
  { cat /etc/hosts 2>/dev/null || echo "127.0.0.1 localhost"; for ((i = 1; i <= LAB_NODES; i++)); do echo "127.0.0.1 n$i"; done; } >"$LAB_DIR/hosts"
  # slurmd looks for a mounted cgroup file system even if nothing uses it, and fails where there is none
  # (chroot, some containers). Since 24.05 it can be told not to; before, a named plugin skips the search.
  case $(slurmd -V) in
    *" 22."*|*" 23."*|*" 24.02."*) echo "CgroupPlugin=cgroup/v1" ;;
    *) echo "CgroupPlugin=disabled" ;;
  esac >"$LAB_DIR/cgroup.conf"
  # NodeName with one node must not have a range
  [ "$LAB_NODES" != 1 ] || sed -i "s/n\[1-1\]/n1/; s/Port=\[\([0-9]*\)-[0-9]*\]/Port=\1/" "$CONF"
  export SLURM_CONF=$CONF

  if [ "$LAB_AUTH" = munge ]; then
    (umask 077; head -c 128 /dev/urandom >"$LAB_DIR/munge/key")
    daemon munged munged --foreground --force --num-threads=2 \
      --key-file="$LAB_DIR/munge/key" --socket="$LAB_DIR/munge/socket" --pid-file="$LAB_DIR/munge/pid" \
      --log-file="$LAB_DIR/log/munged.log" --seed-file="$LAB_DIR/munge/seed"
    for i in $(seq 50); do [ -S "$LAB_DIR/munge/socket" ] && break; sleep 0.1; done
    [ -S "$LAB_DIR/munge/socket" ] || { tail -5 "$LAB_DIR"/log/munged.*; die "munged did not start"; }
  fi
  if [ "$LAB_UTS" = 1 ]; then daemon slurmctld $UNSHARE sh -c "$BIND_HOSTS; exec slurmctld -D"   # it looks the names up, too
  else daemon slurmctld slurmctld -D; fi
  for ((i = 1; i <= LAB_NODES; i++)); do
    if [ "$LAB_UTS" = 1 ]; then
      daemon "n$i" $UNSHARE sh -c "hostname n$i; $BIND_HOSTS; exec slurmd -D -N n$i"
    else
      daemon "n$i" slurmd -D -N "n$i"
    fi
  done
  for i in $(seq 300); do
    [ "$(sinfo -h -N -o '%N %t' 2>/dev/null | grep -c ' idle$' || true)" -ge "$LAB_NODES" ] && return 0
    sleep 0.1
  done
  tail -n 20 "$LAB_DIR"/log/*.out >&2; stop || true; die "the nodes did not become idle"
}

stop() {
  [ -e "$CONF" ] || return 0
  export SLURM_CONF=$CONF
  local p
  if alive slurmctld; then
    timeout 5 scancel --quiet --user="$(id -un)" 2>/dev/null || true
    until_empty $((LAB_KILLWAIT + 5)) timeout 5 squeue -h || true
    until_empty 2 ours jobs || true
  fi
  for p in "$LAB_DIR"/run/n[0-9]*.pid "$LAB_DIR/run/slurmctld.pid"; do
    p=$(basename "$p" .pid); alive "$p" && kill "$(cat "$LAB_DIR/run/$p.pid")" || true
  done
  until_empty 5 daemons_but_munged || true
  alive munged && kill "$(cat "$LAB_DIR/run/munged.pid")" || true
  until_empty 2 ours || true
  for p in $(ours); do
    echo "lab: SIGKILL to left-over $p ($(cat "/proc/$p/comm" 2>/dev/null || true))" >&2
    kill -9 "$p" 2>/dev/null || true
  done
  [ "$LAB_KEEP" = 1 ] && mv "$CONF" "$CONF.stopped" || rm -rf "$LAB_DIR"
}

daemons_but_munged() { ours | grep -vxF -e "$(cat "$LAB_DIR/run/munged.pid" 2>/dev/null || echo -)" || true; }

print_env() {
  echo "export SLURM_CONF=$CONF"
  # ranks on n1 and n2 are "remote" to each other: let the TCP transport use the loopback
  echo "export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo"
  # mpirun (not srun) needs these when run as root
  [ "$(id -u)" != 0 ] || echo "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"
}

with() {
  local rc=0
  start
  trap 'stop' EXIT
  eval "$(print_env)"
  "$@" || rc=$?
  trap - EXIT
  stop
  return $rc
}

selftest() {              # seconds each; every sbatch line must end COMPLETED with the right sum
  local d rc=0; d=$(mktemp -d); export LAB_T=$d LAB_UTS
  cat >"$d/ring.c" <<'C'
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
int main(int c, char **v) {
  int r, n, s = 0; MPI_Init(&c, &v); MPI_Comm_rank(MPI_COMM_WORLD, &r); MPI_Comm_size(MPI_COMM_WORLD, &n);
  int one = r + 1; MPI_Allreduce(&one, &s, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  printf("rank %d of %d on %s sum %d\n", r, n, getenv("SLURMD_NODENAME"), s);
  MPI_Finalize(); return s == n * (n + 1) / 2 ? 0 : 3; }
C
  mpicc -o "$d/ring" "$d/ring.c"
  with bash -uc '
    bad=0
    one() {               # RANKS SBATCH-ARGS... -- COMMAND: poll; `sbatch --wait` itself polls at 2, 12, 22... s
      local n=$1 id st; shift
      id=$(sbatch --parsable --time=2 -o $LAB_T/out "${@:1:$#-1}" --wrap "${@: -1}") || { bad=1; return; }
      for i in $(seq 300); do
        st=$(scontrol show job -o $id | grep -o "JobState=[A-Z_]*"); case $st in *RUNNING|*PENDING|*COMPLETING) sleep 0.1;; *) break;; esac
      done
      if [ "$st" = JobState=COMPLETED ] && [ "$(grep -c "of $n on n[0-9]* sum $((n * (n + 1) / 2))$" $LAB_T/out)" = $n ]; then echo "  ok: $*"
      else echo "  FAILED ($st): $*"; head -20 $LAB_T/out; bad=1; fi
    }
    one 2 -N1 -n2 "srun --mpi=pmix $LAB_T/ring"
    [ '"$LAB_NODES"' = 1 ] || one 2 -N2 -n2 "srun --mpi=pmix $LAB_T/ring"
    [ '"$LAB_NODES"' = 1 ] || one 4 -N2 -n4 "srun --mpi=pmix $LAB_T/ring"
    one 2 -N1 -n2 "mpirun $LAB_T/ring"
    [ '"$LAB_NODES"' = 1 ] || one 2 -N2 -n2 "mpirun $LAB_T/ring"
    [ '"$LAB_NODES"' = 1 ] || [ '"$LAB_UTS"' = 0 ] || one 4 -N2 -n4 "mpirun $LAB_T/ring"
    exit $bad' || rc=$?
  rm -rf "$d"
  [ $rc = 0 ] && echo "selftest: ok" || echo "selftest: FAILED ($rc)"
  return $rc
}

status() { export SLURM_CONF=$CONF; sinfo -N -l; squeue; head -50 "$LAB_DIR"/run/*.pid; }

case ${1:-} in
  start|stop|status|selftest) "$1" ;;
  env) print_env ;;
  with) shift; [ $# -gt 0 ] || die "with what?"; with "$@" ;;
  packages) echo "$PACKAGES" ;;
  *) sed -n '2,30p' "$0"; exit 2 ;;
esac
