#!/bin/sh
# Every benchmark, each with its peer in the same run. Names on the command line limit the run. Figures go to build/bench/*.json.
set -eu
cd "$(dirname "$0")/.."
sh tests/venv.sh
[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
[ $# -gt 0 ] || set -- $(for script in bench/*/run.py; do basename "$(dirname "$script")"; done)
for name in "$@"; do
    build/venv/bin/python "bench/$name/run.py"
done
