#!/bin/sh
# Makes build/venv with what the Python tests need. Does nothing when the requirements have not changed since.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
venv="$root/build/venv"
stamp="$venv/requirements.installed"
if [ -f "$stamp" ] && cmp -s "$stamp" "$root/tests/requirements.txt"; then
    exit 0
fi
mkdir -p "$root/build"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$root/tests/requirements.txt"
cp "$root/tests/requirements.txt" "$stamp"
