#!/usr/bin/env bash
# versions.sh check|update [PLUGINS_FOLDER [LIST [TOOLS_FOLDER]]]: whether a plugin's source changed and its version did not. Results of the
# installation's plugins are known by their version alone, so that such a change would leave results of the old formula in use.
# LIST has a line "name version hash" a plugin; the hash is of its *.cpp and *.hpp and of the stet/sdk/*.hpp that it includes, with
# those that they include, and the sources beside them.
# shellcheck disable=SC2046,SC2086  # lists of files without blanks
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command=${1:?check or update}
plugins=${2:-$here/../../plugins}
list=${3:-$here/versions.txt}
tools=$(cd "${4:-$here/../../framework/stet/sdk}" && pwd)
cd "$plugins"

# The files of tools/ that FILE... include, with theirs, and the sources beside these headers: names within tools/.
tools_of() {
  local found header files=""
  found=$(included_tools "$@")
  while [ "$found" != "$files" ]; do
    files=$found
    for header in $(grep '\.hpp$' <<< "$files" || true); do
      if [ -f "$tools/${header%.hpp}.cpp" ]; then found+=$'\n'${header%.hpp}.cpp; fi
    done
    if [ -n "$found" ]; then found+=$'\n'$(cd "$tools" && included_tools $found); fi
    found=$(sed '/^$/d' <<< "$found" | sort -u)
  done
  printf '%s\n' $files
}
included_tools() { sed -n 's/^#include <stet\/sdk\/\([^>]*\)>.*/\1/p' "$@" | sort -u; }

current() {
  local folder name version files used
  for folder in */; do
    name=${folder%/}
    version=$(cat "$name"/*.cpp 2>/dev/null | sed -n 's/^STET_PLUGIN("[^"]*", "\([^"]*\)".*/\1/p')
    if [ -z "$version" ]; then continue; fi
    files=$(find "$name" -name '*.cpp' -o -name '*.hpp' | sort)
    used=$(tools_of $files)
    printf '%s %s %s\n' "$name" "$version" "$( { sha256sum $files; if [ -n "$used" ]; then cd "$tools" && sha256sum $used; fi; } | sha256sum | cut -c1-32)"
  done
}

now=$(current)
if [ "$command" = update ]; then
  printf '%s\n' "$now" > "$list"
  exit 0
fi
code=0
while read -r name version hash; do
  read -r _ old_version old_hash < <(grep "^$name " "$list" || echo "$name - -")
  if [ "$version $hash" = "$old_version $old_hash" ]; then continue; fi
  code=1
  if [ "$version" = "$old_version" ]; then
    echo "plugins/$name: the source changed and the version is still $version: raise it in STET_PLUGIN(\"$name\", ...) (or leave it, if no result can differ)."
  else
    echo "plugins/$name: version $version is not in the list (there: $old_version)."
  fi
done <<< "$now"
while read -r name _; do
  if ! grep -q "^$name " <<< "$now"; then echo "plugins/$name is in the list and not there any more."; code=1; fi
done < "$list"
if [ "$code" != 0 ]; then echo "Then: tests/plugins/versions.sh update"; fi
exit $code
