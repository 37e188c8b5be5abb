#!/bin/sh
# Fuzzes under clang's libFuzzer with ASan and UBSan: run.sh [TARGET...], all targets when none is named.
# FUZZ_SECONDS (60) is the time for each. What is found new stays in build/fuzz/corpus; the kept seeds in
# tests/fuzz/corpus are read and never written. A crash leaves its input in build/fuzz and ends the run.
set -eu
cd "$(dirname "$0")/../.."
seconds=${FUZZ_SECONDS:-60}
if ! command -v clang >/dev/null 2>&1 || ! echo 'int main(void){return 0;}' | clang -x c -fsanitize=address,fuzzer-no-link -o /dev/null - 2>/dev/null; then
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    $sudo apt-get install -y -qq --no-install-recommends clang llvm "libclang-rt-$(apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p')-dev" >/dev/null
fi
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
[ $# -gt 0 ] || set -- $(for f in tests/fuzz/fuzz_*.c; do basename "$f" .c; done)
cmake --build build/fuzz --target "$@"
for target in "$@"; do
    name=${target#fuzz_}
    mkdir -p "build/fuzz/corpus/$name"
    echo "== $target, $seconds s"
    "build/fuzz/$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix=build/fuzz/ "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"build/fuzz/$target.log" 2>&1 ||
        { tail -n 40 "build/fuzz/$target.log"; exit 1; }
    grep -E "^Done|number_of_executed_units" "build/fuzz/$target.log" | head -n 1
done
