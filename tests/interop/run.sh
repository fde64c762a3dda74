#!/usr/bin/env bash
# run.sh BUILD_DIR: what stet writes, read by the libraries that others use (transformers, tokenizers, safetensors), and the other way round.
# The label `interop`; asked for by name, since it needs several gigabytes from PyPI. The virtual environment stays in BUILD_DIR/interop-venv, or
# STET_INTEROP_VENV names one that has what tests/fixtures/requirements.txt lists.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) build=$(cd "$1" && pwd)
venv=${STET_INTEROP_VENV:-$build/interop-venv}
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  # The CPU's wheels have no index of their own everywhere; PyPI's run as well, and bring more.
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/../fixtures/requirements.txt"
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/stet-interop.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Templates that may not be in this repository, from a package that has them; of it nothing is installed.
mkdir "$work/trl" "$work/chat"
"$venv/bin/pip" download --quiet --disable-pip-version-check --no-deps -d "$work/trl" trl==1.16.0
OMP_NUM_THREADS=1 "$venv/bin/python" "$here/chat.py" "$build/bin/interop_chat_tokens" "$work/chat" "$work"/trl/trl-*.whl
OMP_NUM_THREADS=1 "$venv/bin/python" "$here/check.py" "$build/bin/stet" "$work"
