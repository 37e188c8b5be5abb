#!/bin/sh
# Installs what a bare Debian or Ubuntu lacks: the system's packages, and the pinned npm packages.
# Does nothing, and needs no network, when everything is there.
set -eu
cd "$(dirname "$0")/.."

packages="
gcc g++ make cmake ninja-build pkg-config ccache git python3 python3-venv nodejs npm
libuv1-dev node-llhttp libnghttp2-dev libgnutls28-dev libcurl4-gnutls-dev libsqlite3-dev libpq-dev zlib1g-dev
libsimdjson-dev libyaml-dev libprotobuf-c-dev protobuf-c-compiler libxgboost-dev liblinear-dev librdkafka-dev libcmocka-dev
curl openssl util-linux chromium nghttp2-client
"
missing=""
for p in $packages; do
    case "$p" in
    # A tool that is there already, from wherever, will do.
    nodejs) command -v node >/dev/null 2>&1 && continue ;;
    gcc | g++ | make | cmake | git | python3 | npm | curl | openssl | ccache) command -v "$p" >/dev/null 2>&1 && continue ;;
    ninja-build) command -v ninja >/dev/null 2>&1 && continue ;;
    chromium) { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null 2>&1 && continue ;;
    util-linux) command -v unshare >/dev/null 2>&1 && continue ;;
    python3-venv) python3 -c 'import venv, ensurepip' >/dev/null 2>&1 && continue ;;
    esac
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
    echo "deps: installing$missing"
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq
    # shellcheck disable=SC2086
    $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# node_modules is what package-lock.json says, or it is made again.
stamp=node_modules/.ingot-lock
if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
    echo "deps: npm ci"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    cp package-lock.json "$stamp"
fi
