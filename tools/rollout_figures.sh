#!/bin/sh
# Prints the simulated error rates and delays that docs/rollout.md quotes: tools/rollout_figures.sh [BUILD FOLDER]
set -eu
build=${1:-build/dev}
for test in core_rollout_test_decide core_rollout_test_units core_rollout_test_shadow core_rollout_test_trial num_test_bandit \
            num_test_experiment num_test_sketch; do
    "$build/unit_$test" 2>/dev/null | grep -E 'simulation|runs|loses|mismatch' || { echo "$test printed no figures" >&2; exit 1; }
done
