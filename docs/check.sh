#!/usr/bin/env bash
# check.sh links|shell|format: whether every link in Markdown to a file of this repository leads to one (and its #heading is there), and whether shellcheck finds
# nothing in the shell scripts, and clang-format 14 would change nothing.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command=${1:?links, shell or format}

files_of() { git ls-files "$@" 2>/dev/null || find . -name "${1#*/}" -not -path './build*'; }

# The anchors of a page, as GitHub makes them: lower case, blanks to hyphens, other signs gone.
anchors() { sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }

# shellcheck disable=SC2016  # three back quotes begin and end a block of code
check_links() {
  local code=0 page target path anchor
  while read -r page; do
    while read -r target; do
      case $target in http*|mailto:*) continue ;; esac
      path=${target%%#*}; anchor=; case $target in *#*) anchor=${target#*#} ;; esac
      path=${path:+$(dirname "$page")/$path}; path=${path:-$page}
      if [ ! -e "$path" ]; then
        echo "$page: no such file: $target"; code=1
      elif [ -n "$anchor" ] && ! anchors "$path" | grep -qxF "$anchor"; then
        echo "$page: no such heading: $target"; code=1
      fi
    done < <(sed '/^```/,/^```/d' "$page" | grep -oE '\]\([^) ]+\)' | sed 's/^](//; s/)$//')
  done < <(files_of '*.md')
  return $code
}

check_shell() {
  command -v shellcheck >/dev/null || { echo "shellcheck is not installed" >&2; return 1; }
  local scripts=(stet .ci/run)
  while read -r script; do scripts+=("$script"); done < <(files_of '*.sh')
  shellcheck "${scripts[@]}"
}

# Other versions format otherwise.
check_format() {
  local formatter=clang-format-14
  command -v $formatter >/dev/null || { echo "$formatter is not installed" >&2; return 1; }
  git ls-files '*.hpp' '*.cpp' | xargs -P "$(nproc)" -n 40 $formatter --dry-run --Werror
}

case $command in
  links) check_links ;;
  shell) check_shell ;;
  format) check_format ;;
  *) echo "links, shell or format" >&2; exit 2 ;;
esac
