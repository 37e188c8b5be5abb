#!/bin/sh
# Pictures for the documentation, taken in a real browser of what `make demo` left: docs/images/.
set -eu
cd "$(dirname "$0")/.."
report=build/demo/report.html
[ -f "$report" ] || { echo "screenshots: there is no report yet; run \`make demo\` first" >&2; exit 1; }
browser=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$browser" ]; then
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    $sudo apt-get install -y -qq --no-install-recommends chromium >/dev/null
    browser=$(command -v chromium)
fi
mkdir -p docs/images
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
"$browser" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync \
    --hide-scrollbars --user-data-dir="$profile" --window-size=1180,2330 --screenshot="$PWD/docs/images/report.png" "file://$PWD/$report" >/dev/null 2>&1
[ -s docs/images/report.png ] || { echo "screenshots: the browser took no picture" >&2; exit 1; }
echo "docs/images/report.png"
# Every room of the web interface, on what the demo left.
sh tests/venv.sh
build/venv/bin/python tools/screenshots.py build/demo/server
