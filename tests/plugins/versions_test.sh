#!/usr/bin/env bash
# The plugins are those of versions.txt; and a changed source, of a plugin or of what it shares, is noticed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/versions.sh" check
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$here/../../plugins" "$here/../../framework/stet/sdk" "$copy"
expect() {  # WHAT NAMES...: the check fails and names exactly these plugins
  local what=$1 said
  shift
  if said=$("$here/versions.sh" check "$copy/plugins" "$here/versions.txt" "$copy/sdk"); then echo "$what: not noticed"; exit 1; fi
  if [ "$(sed -n 's/^plugins\/\([a-z0-9_]*\):.*/\1/p' <<< "$said" | tr '\n' ' ')" != "$* " ]; then echo "$what: $said"; exit 1; fi
}
echo "// another formula" >> "$copy/plugins/replay/replay.cpp"
expect "a plugin's source" replay
cp "$here/../../plugins/replay/replay.cpp" "$copy/plugins/replay/replay.cpp"
echo "// another estimate" >> "$copy/sdk/fisher.cpp"
expect "a shared source" ewc online_ewc
cp "$here/../../framework/stet/sdk/fisher.cpp" "$copy/sdk/fisher.cpp"
echo "// another state" >> "$copy/sdk/state.hpp"  # some include it themselves, some by way of others
expect "a shared header" ewc l2_sp mas online_ewc self_distillation synaptic_intelligence
