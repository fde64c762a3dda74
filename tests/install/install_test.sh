#!/usr/bin/env bash
# Installs the build into an empty folder, moves it, runs the program there, and builds a plugin against it.
#   install_test.sh BUILD_FOLDER PLUGIN_SOURCE
set -euo pipefail
build=$1 plugin=$2
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
die() { printf 'FAILED: %s\n' "$*"; exit 1; }

cmake --install "$build" --prefix "$scratch/first" >"$scratch/install.log" || die "cmake --install"
mv "$scratch/first" "$scratch/moved"  # nothing may remember where it was installed
home=$scratch/moved

for file in "$home"/bin/stet-engine "$home"/lib/*.so "$home"/lib/stet-plugins/*.so; do
  libraries=$(ldd "$file")
  ! grep 'not found' <<<"$libraries" || die "$file lacks libraries"
  ! grep -F "$build" <<<"$libraries" || die "$file still uses the build folder"
done
version=$("$home/bin/stet" --version) || die "stet --version"
[[ $version == *[0-9].[0-9]* ]] || die "stet --version says '$version'"
doctor=$("$home/bin/stet" doctor) || die "stet doctor"
[[ $doctor == *"one rank is one thread"* ]] || die "the launcher's choices do not reach the engine: $doctor"

{
  cmake -S "$plugin" -B "$scratch/outside" -G Ninja -Dstet_DIR="$home/lib/cmake/stet" -DCMAKE_BUILD_TYPE=Release &&
    cmake --build "$scratch/outside"
} >"$scratch/plugin.log" 2>&1 || { cat "$scratch/plugin.log"; die "a plugin does not build against the installation"; }
list=$(STET_PLUGIN_PATH=$scratch/outside "$home/bin/stet" plugin info outside) || die "stet plugin info: $list"
[[ $list == *"weight of the uniform target"* ]] || die "stet plugin info says '$list'"
echo "installed, moved, run; a plugin built and loaded"
