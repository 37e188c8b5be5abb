#!/bin/sh
# Makes what the Python tests need: build/venv, build/venv222 with an MLflow client of the 2.x series, build/venv-kserve with KServe's SDK.
# Does nothing when the requirements have not changed since.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$root/build"

# $1: the folder below build, $2: its requirements below tests.
make_venv() {
    venv="$root/build/$1"
    wanted="$root/tests/$2"
    stamp="$venv/requirements.installed"
    if [ -f "$stamp" ] && cmp -s "$stamp" "$wanted"; then
        return
    fi
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$stamp"
}

make_venv venv requirements.txt
make_venv venv222 requirements-mlflow2.txt
make_venv venv-kserve requirements-kserve.txt
