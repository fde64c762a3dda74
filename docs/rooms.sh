#!/usr/bin/env bash
# rooms.sh check|update: the picture of the rooms in docs/design.md, made from who includes whom under framework/stet/.
# An arrow goes from a room to one that it includes; arrows that follow from others are left out. A unit is a header, with its source if
# it has one, or a source without a header. `check` fails if the page shows another picture, or if a file has over 300 lines, a folder over
# 15 units, a room over 3,500 lines; `update` writes the picture.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command=${1:?check or update}
page=$here/design.md
cd "$here/../framework/stet"

picture() {
  local rooms=(*/)
  printf '```mermaid\ngraph TD\n'
  for room in "${rooms[@]%/}"; do
    printf '  %s["%s<br/>%d units"]\n' "$room" "$room" "$(find "$room" -name '*.?pp' | sed 's/\.[ch]pp$//' | sort -u | wc -l)"
  done
  for room in "${rooms[@]%/}"; do
    grep -rhoE '^#include <stet/[a-z]+/' "$room" | sed 's/.*stet\///; s/\///' | sort -u | grep -vx "$room" | sed "s/^/$room /" || true
  done | awk '
    { uses[$1, $2] = 1; rooms[$1]; rooms[$2] }
    END {
      # reach[a, b]: from a by one arrow or more
      for (pair in uses) reach[pair] = 1
      for (via in rooms) for (a in rooms) if ((a, via) in reach) for (b in rooms) if ((via, b) in reach) reach[a, b] = 1
      for (pair in uses) {
        split(pair, p, SUBSEP); needed = 1
        for (via in rooms) if ((p[1], via) in uses && (via, p[2]) in reach) needed = 0
        if (needed) print "  " p[1] " --> " p[2]
      }
    }' | sort
  printf '```\n'
}

begin='<!-- rooms.sh: begin -->' end='<!-- rooms.sh: end -->'
made=$(picture)
page_with() { awk -v begin="$begin" -v end="$end" -v made="$made" '$0 == begin {print; print made; skip = 1} $0 == end {skip = 0} !skip' "$page"; }
if ! grep -qxF "$begin" "$page" || ! grep -qxF "$end" "$page"; then
  echo "docs/design.md has no place for the picture: '$begin' and '$end'" >&2
  exit 1
fi
case $command in
  update) text=$(page_with); printf '%s\n' "$text" > "$page" ;;
  check)
    if ! diff <(page_with) "$page" >&2; then
      echo "docs/design.md shows other rooms than framework/stet has: docs/rooms.sh update" >&2
      exit 1
    fi
    large=$(
      find . -name '*.?pp' -exec wc -l {} + | awk '$2 != "total" && $1 > 300 {print $2 ": " $1 " lines"}'
      find . -name '*.?pp' | sed 's/\.[ch]pp$//' | sort -u | sed 's/\/[^/]*$//' | uniq -c | awk '$1 > 15 {print $2 ": " $1 " units"}'
      for room in */; do find "$room" -name '*.?pp' -exec cat {} + | wc -l | awk -v room="$room" '$1 > 3500 {print room ": " $1 " lines"}'; done
    )
    if [ -n "$large" ]; then
      printf 'too large (a file 300 lines, a folder 15 units, a room 3,500 lines):\n%s\n' "$large" >&2
      exit 1
    fi ;;
  *) echo "check or update" >&2; exit 2 ;;
esac
