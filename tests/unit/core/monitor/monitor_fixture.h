/* monitor_fixture.h - what the monitor's tests share: a database in memory and synthetic traffic with a known truth. */
#ifndef INGOT_TESTS_UNIT_CORE_MONITOR_FIXTURE_H
#define INGOT_TESTS_UNIT_CORE_MONITOR_FIXTURE_H

#include "../rollout/rollout_fixture.h"
#include "core/monitor/monitor.h"

#define FEATURES 3

/* Features of one request: normal, whole numbers 0..9, and normal plus a shift. */
static inline void draw_features(struct rng *rng, double shift, float *f)
{
    f[0] = (float)rng_normal(rng);
    f[1] = (float)rng_below(rng, 10);
    f[2] = (float)(rng_normal(rng) + shift);
}

static const struct str feature_names[FEATURES] = {STR_INIT("plain"), STR_INIT("digit"), STR_INIT("moving")};

struct reference_data {
    float *columns[FEATURES];
    float *scores;
    struct monitor_reference ref;
};

static inline void reference_make(struct rng *rng, size_t rows, struct reference_data *d)
{
    for (int f = 0; f < FEATURES; f++)
        d->columns[f] = calloc(rows + 1, sizeof(float));
    d->scores = calloc(rows + 1, sizeof(float));
    for (size_t i = 0; i < rows; i++) {
        float x[FEATURES];
        bool label;
        draw_features(rng, 0, x);
        for (int f = 0; f < FEATURES; f++)
            d->columns[f][i] = x[f];
        draw_request(rng, 0, &d->scores[i], &label);
    }
    d->ref = (struct monitor_reference){.version = 1, .features = FEATURES, .names = feature_names, .rows = rows,
                                        .columns = (const float *const *)d->columns, .scores = d->scores,
                                        .auc = 0.72, .accuracy = 0.80, .logloss = 0.44, .brier = 0.14, .ece = 0.01};
}

static inline void reference_free(struct reference_data *d)
{
    for (int f = 0; f < FEATURES; f++)
        free(d->columns[f]);
    free(d->scores);
}

#endif
