#!/usr/bin/env bash
# coverage.sh [report]: the share of each room's lines that the tests with the labels unit and plugins reach, one line a room.
# Builds in build-coverage/ (preset `coverage`, the programs of these tests alone) and runs the tests; `report` only reads what is there.
# Needs nothing but gcov, which comes with the compiler. What only e2e, mpi and fault reach counts as not reached: most of cli.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build-coverage status=0

case ${1:-} in
  report) ;;
  '')
    cmake --preset coverage >/dev/null
    mapfile -t programs < <(ninja -C $build -t targets all | sed -n 's/^\(bin\/test_[a-z_]*\): CXX_EXECUTABLE.*/\1/p')
    ninja -C $build -j "${STET_JOBS:-$(nproc)}" program "${programs[@]}"
    find $build -name '*.gcda' -delete
    ctest --preset coverage -L '^(unit|plugins)$' -j "$(nproc)" || status=$?
    ;;
  *) echo "nothing, or report" >&2; exit 2 ;;
esac

# All units in one call: a header's line counts as reached if any unit reaches it.
find $build/framework $build/plugins -name '*.gcno' -not -name 'cmake_pch*' -not -path '*stet_pch_*' -print0 | xargs -0 gcov -n 2>/dev/null |
  awk '
    /^File / { room = ""; if (match($0, /framework\/stet\/[a-z]+\//)) { room = substr($0, RSTART + 15, RLENGTH - 16) } else if (/\/plugins\//) { room = "plugins/" } }
    /^Lines executed:/ && room != "" {
      split($0, part, /[:% ]+/)  # Lines executed:83.33% of 12
      lines[room] += part[5]; reached[room] += part[3] * part[5] / 100; room = ""
    }
    END {
      for (room in lines) {
        printf "%-14s %5.1f %%  of %6d lines\n", room, 100 * reached[room] / lines[room], lines[room]
        all += lines[room]; all_reached += reached[room]
      }
      if (all == 0) { print "no counts: build and run the tests first" > "/dev/stderr"; exit 1 }
      printf "%-14s %5.1f %%  of %6d lines\n", "~all", 100 * all_reached / all, all
    }' | sort | sed 's/^~all/all /'
exit "$status"
