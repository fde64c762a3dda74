#!/usr/bin/env bash
# run.sh [SECONDS [TARGET...]]: builds the preset `fuzz` and fuzzes each target (all, if none is named) for SECONDS (600), from its committed corpus
# and what earlier calls found. Works in build-fuzz/fuzz/TARGET (STET_FUZZ_BUILD/fuzz/TARGET): corpus/, findings/, log. A line a target on stdout;
# ends with 1 if anything was found. STET_FUZZ_JOBS targets at a time (1).
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-600}
shift || true
build=${STET_FUZZ_BUILD:-$PWD/build-fuzz}
[ $# -gt 0 ] || for file in tests/fuzz/*_fuzz.cpp; do name=${file##*/}; set -- "$@" "${name%_fuzz.cpp}"; done

cmake --preset fuzz -B "$build" >/dev/null
cmake --build "$build" -j "${STET_JOBS:-$(nproc)}" --target "${@/#/fuzz_}" | tail -n 1

# Leaks are errors; nothing is suppressed.
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:allocator_may_return_null=0
export UBSAN_OPTIONS=print_stacktrace=1
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# One target: its summary, and 1 if it found something. A finding ends libFuzzer; it goes on after it, with the time that is left.
fuzz() {
  local name=$1 folder=$build/fuzz/$1 begin=$SECONDS code=0 executions=0 coverage=0 found left
  mkdir -p "$folder/corpus" "$folder/findings"
  find "$folder/findings" -type f -delete
  : >"$folder/log"
  while left=$((seconds - SECONDS + begin)); [ "$left" -gt 0 ]; do
    code=0
    "$build/bin/fuzz_$name" -max_total_time="$left" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
      -artifact_prefix="$folder/findings/" "$folder/corpus" "tests/fuzz/corpus/$name" >"$folder/round" 2>&1 || code=$?
    cat "$folder/round" >>"$folder/log"
    executions=$((executions + $(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/round" | tail -n 1 | grep . || echo 0)))
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$folder/round" | tail -n 1)
    [ "$code" -ne 0 ] || break
    # What every start meets again, a seed that fails, say, would be found without end.
    [ "$(find "$folder/findings" -type f | wc -l)" -lt 10 ] || break
  done
  rm -f "$folder/round"
  found=$(find "$folder/findings" -type f | wc -l)
  [ "$code" -eq 0 ] || [ "$found" -gt 0 ] || found="stopped with $code:"
  echo "$name: $executions executions, $((SECONDS - begin)) s, coverage ${coverage:-0} edges, $found findings"
  [ "$found" = 0 ]
}
export build seconds
export -f fuzz
printf '%s\n' "$@" | xargs -P "${STET_FUZZ_JOBS:-1}" -I{} bash -c 'set -euo pipefail; SECONDS=0; fuzz {}' || { echo "findings are in $build/fuzz/TARGET/findings" >&2; exit 1; }
