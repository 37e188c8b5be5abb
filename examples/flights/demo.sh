#!/bin/sh
# The whole loop on real flights: validate, features, train, evaluate, register, deploy, live traffic, monitoring, retraining,
# a promoted canary and a rolled-back one. Everything it prints is kept under build/demo (summary.json, report.html).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/examples/flights
demo=$root/build/demo
PATH=$root/build/release:$PATH
export PATH
# The test suite may ask for a shorter season; figures in the documentation are from the whole one.
live_start=${DEMO_START:-2001-04-01T00:00:00Z}
live_split=${DEMO_SPLIT:-2001-06-12T00:00:00Z}
live_end=${DEMO_END:-2001-07-01T00:00:00Z}

step() { printf '\n\033[1m%s\033[0m\n' "$1" >&3; }
exec 3>&1

mkdir -p "$demo/out"
rm -rf "$demo/server" "$demo/out"/*

# Two workspaces of the same pipeline: one for the first model, one that the server retrains in. They share one cache.
workspace() {
    mkdir -p "$1/data"
    [ -f "$1/data/flights.parquet" ] || ln "$root/node_modules/vega-datasets/data/flights-3m.parquet" "$1/data/flights.parquet" 2>/dev/null ||
        cp "$root/node_modules/vega-datasets/data/flights-3m.parquet" "$1/data/flights.parquet"
    for file in dvc.yaml params.yaml suite.yaml features.yaml; do
        cmp -s "$here/$file" "$1/$file" || cp "$here/$file" "$1/$file"
    done
}
workspace "$demo/pipeline"
workspace "$demo/retrain"
mkdir -p "$demo/retrain/.dvc"
printf '[cache]\n    dir = ../../pipeline/.dvc/cache\n' >"$demo/retrain/.dvc/config"

ingot server --listen 127.0.0.1:0 --data "$demo/server" >"$demo/out/server.out" 2>"$demo/out/server.log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT INT TERM
for _ in $(seq 100); do
    INGOT_SERVER=$(sed -n 's/^listening on //p' "$demo/out/server.out")
    [ -z "$INGOT_SERVER" ] || break
    sleep 0.05
done
[ -n "$INGOT_SERVER" ] || { echo "demo: the server did not start:" >&2; cat "$demo/out/server.log" >&2; exit 1; }
export INGOT_SERVER
started=$(date +%s)

step "1. Validate"
cd "$demo/pipeline"
ingot data query "select date, delay, distance, case when row_number() over () % 500000 = 7 then null else origin end as origin,
    case when row_number() over () % 600000 = 11 then 'nowhere' else destination end as destination,
    from 'data/flights.parquet' limit 1000000" --out "$demo/out/poisoned.parquet" >/dev/null
if ingot data validate "$demo/out/poisoned.parquet" --suite suite.yaml --out "$demo/out/poisoned.json"; then
    echo "demo: the poisoned file passed its validation" >&2
    exit 1
fi

step "2-5. Pipeline: validate, features, train, evaluate, register"
ingot run --out "$demo/out/run.json"
# What each stage said of itself, in this run or in the one whose results stand.
for stage in validate features train@xgboost train@logistic evaluate register; do
    log=.dvc/tmp/ingot/logs/$stage.log
    [ ! -f "$log" ] || grep -v -e '^  ok' -e '^  run ' "$log" | tail -n 4 | sed 's/^/    /'
done

step "5. Deploy"
version=$(sed -n 's/.*"version": \([0-9]*\).*/\1/p' registered.json)
sed "s|WORKSPACE|$demo/retrain|" "$here/endpoint.yaml" >"$demo/out/endpoint.yaml"
ingot features apply features.yaml
ingot deploy create flights-delay --model flights-delay --version "$version" --view flights_delay --config "$demo/out/endpoint.yaml"

step "6-8. Live, watched, retrained"
ingot replay --data data/flights.parquet --view features.yaml --endpoint flights-delay --start "$live_start" --end "$live_split" \
    --out "$demo/out/replay1.json"

step "8. A broken candidate"
sed 's/label: delay >= 15/label: delay < 15/' features.yaml >"$demo/out/broken-features.yaml"
ingot features join --view "$demo/out/broken-features.yaml" --data data/flights.parquet --start 2001-03-01T00:00:00Z --end 2001-04-01T00:00:00Z \
    --out "$demo/out/broken-frame.parquet"
sed 's/2001-01-29/2001-03-01/; s/fit_start: .*/fit_start: 2001-03-01T00:00:00Z/; s/rounds: .*/rounds: 20/' params.yaml >"$demo/out/broken-params.yaml"
ingot train --frame "$demo/out/broken-frame.parquet" --params "$demo/out/broken-params.yaml" --learner xgboost --experiment flights \
    --tracking-uri "$INGOT_SERVER" --run-name broken --package-out "$demo/out/broken"
ingot model register flights-delay --package "$demo/out/broken" --out "$demo/out/broken.json"
broken=$(sed -n 's/.*"version": \([0-9]*\).*/\1/p' "$demo/out/broken.json")
ingot deploy canary flights-delay --version "$broken" --start "$live_split"
ingot replay --data data/flights.parquet --view features.yaml --endpoint flights-delay --start "$live_split" --end "$live_end" \
    --labels-from "$live_start" --no-warm --flush --out "$demo/out/replay2.json"

step "Report"
ingot deploy flush flights-delay
for what in windows alerts rollouts retrains; do
    ingot deploy history flights-delay --what "$what" --json >"$demo/out/$what.json"
done
ingot deploy predictions flights-delay --out "$demo/predictions.parquet"
ingot audit list --limit 1000 --json >"$demo/out/audit.json"
ingot audit verify
cp "$demo/pipeline/frame.parquet" "$demo/frame.parquet"
ingot report flights "$demo" --seconds "$(($(date +%s) - started))"
echo "open $demo/report.html in a browser"
