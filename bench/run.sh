#!/bin/sh
# Every benchmark, each with its peer in the same run. Names on the command line limit the run. Figures go to build/bench/*.json.
set -eu
cd "$(dirname "$0")/.."
sh tests/venv.sh >/dev/null
cmake --preset release >/dev/null
for bench in "${@:-}"; do
    [ -n "$bench" ] || continue
    build/venv/bin/python "bench/$bench/run.py"
done
if [ $# -eq 0 ]; then
    for script in bench/*/run.py; do
        build/venv/bin/python "$script"
    done
fi
