#!/usr/bin/env bash
# check.sh links|shell|format|alone [FILE...]
#   links   every link in Markdown to a file of this repository leads to one, and its #heading is there
#   shell   shellcheck finds nothing in the shell scripts
#   format  clang-format 14 would change nothing
#   alone   every source and header under framework/stet and plugins (or FILE...) compiles by itself, with the flags of a configured build
#           (STET_BUILD_DIR, or build/): in a unity group, or behind the precompiled header, a missing include is not noticed
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command=${1:?links, shell, format or alone}
shift

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
  local scripts=(stet .ci/run experiments/slurm/make)
  while read -r script; do scripts+=("$script"); done < <(files_of '*.sh')
  shellcheck "${scripts[@]}"
}

# Other versions format otherwise.
check_format() {
  local formatter=clang-format-14
  command -v $formatter >/dev/null || { echo "$formatter is not installed" >&2; return 1; }
  git ls-files '*.hpp' '*.cpp' | xargs -P "$(nproc)" -n 40 $formatter --dry-run --Werror
}

# All but what includes libtorch through headers of ours anyway are compiled without a precompiled header; those have that one header, and what it
# includes, precompiled: 2 s a file instead of 7. A header that its source includes first is compiled alone with it.
check_alone() {
  local build=${STET_BUILD_DIR:-build} scratch torch=stet/model/torch.hpp compiler flags files made
  # The flags of the program: all rooms' include folders, and all warnings.
  compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
  flags=$(sed -n '/stet-engine\.dir/ {s/^ *"command": "//; s/\\//g; s/",*$//; p; q}' "$build/compile_commands.json")
  [ -n "$flags" ] || { echo "no flags in $build/compile_commands.json: configure a build there" >&2; return 1; }
  for made in "$build"/framework/*/; do flags+=" -I$made"; done  # headers that CMake makes
  compiler+=$(sed -E 's/ -(Winvalid-pch|g|O[0-3s])( |$)/ /g; s/ -(include|o|c) [^ ]+//g' <<<" ${flags#*" $compiler "}" | sed "s|^ $compiler||")
  scratch=$(mktemp -d)
  # shellcheck disable=SC2064  # this folder
  trap "rm -rf '$scratch'" EXIT
  echo "#include <$torch>" >"$scratch/torch.hpp"
  # shellcheck disable=SC2086  # one argument a word
  $compiler -Iframework -Iplugins -x c++-header "$scratch/torch.hpp" -o "$scratch/torch.hpp.gch" || return 1
  files=$(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else files_of 'framework/stet/*.?pp' 'plugins/*.?pp'; fi)
  # Each with 1 if it includes the header of libtorch, however indirectly.
  # shellcheck disable=SC2046  # no name has blanks
  awk -v torch="framework/$torch" -v wanted="$files" '
    /^#include [<"]/ {
      name = $2; gsub(/[<>"]/, "", name)
      path = name ~ /^stet\// ? "framework/" name : name ~ /\// ? "plugins/" name : dir(FILENAME) name
      includes[FILENAME] = includes[FILENAME] " " path
      if (!(FILENAME in first)) first[FILENAME] = path
    }
    function dir(file) { sub(/[^\/]*$/, "", file); return file }
    function uses(file,   list, n, i) {
      if (file == torch) return 1
      if (file in known) return known[file]
      known[file] = 0
      n = split(includes[file], list, " ")
      for (i = 1; i <= n; ++i) if (uses(list[i])) return known[file] = 1
      return 0
    }
    END {
      n = split(wanted, files, "\n")
      for (i = 1; i <= n; ++i) asked[files[i]]
      for (i = 1; i <= n; ++i) {
        source = files[i]
        if (sub(/\.hpp$/, ".cpp", source) && source in asked && first[source] == files[i]) continue
        print uses(files[i]), files[i]
      }
    }' $(files_of 'framework/stet/*.?pp' 'plugins/*.?pp') >"$scratch/files"
  # shellcheck disable=SC2016  # xargs hands over the arguments
  xargs -P "${STET_JOBS:-$(nproc)}" -L 1 sh -c '
    precompiled=; [ "$3" = 0 ] || precompiled="-Winvalid-pch -include $2/torch.hpp"
    case $4 in *.hpp) set -- "$1" "$2" "$3" "$4" "-include $4 -x c++ /dev/null" ;; *) set -- "$1" "$2" "$3" "$4" "$4" ;; esac
    $1 -Iframework -Iplugins $precompiled -fsyntax-only $5 || { echo "$4 does not compile alone" >&2; exit 1; }' sh "$compiler" "$scratch" <"$scratch/files" ||
    return 1
  echo "$(wc -l <"$scratch/files") files compile alone"
}

case $command in
  links) check_links ;;
  shell) check_shell ;;
  format) check_format ;;
  alone) check_alone "$@" ;;
  *) echo "links, shell, format or alone" >&2; exit 2 ;;
esac
