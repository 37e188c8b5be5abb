/* alert_fixture.h - a database with an experiment, rules and looks; time is the op's own. */
#ifndef INGOT_TESTS_ALERT_FIXTURE_H
#define INGOT_TESTS_ALERT_FIXTURE_H

#include "unit/core/webhook/hooks_fixture.h"

#include <math.h>

#include "core/alert/alert.h"
#include "core/alert/watch.h"
#include "core/track/experiment.h"
#include "core/track/metric.h"
#include "core/track/run.h"

struct world {
    struct hooks h; /* first: the fixtures' functions see it */
    struct alerts *alerts;
    int64_t experiment;
};

static inline int world_open(void **state)
{
    void *inner = NULL;
    hooks_open(&inner);
    struct world *w = calloc(1, sizeof *w);
    w->h = *(struct hooks *)inner;
    free(inner);
    w->alerts = alerts_create(w->h.f.db, w->h.hooks);
    *state = w;
    return 0;
}

static inline int world_close(void **state)
{
    struct world *w = *state;
    struct hooks *h = malloc(sizeof *h);
    alerts_destroy(w->alerts);
    *h = w->h;
    free(w);
    void *inner = h;
    return hooks_close(&inner);
}

#define world_test(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

static inline struct op *world_op(struct world *w)
{
    return &w->h.f.op;
}

static inline struct alert_rule world_rule(struct world *w, struct alert_rule rule, const char *url)
{
    struct alert_rule made;
    rule.points = rule.points ? rule.points : 1;
    struct alert_receiver to = {.url = url ? str_from(url) : (struct str){0}};
    assert_ok(world_op(w), alert_rule_add(world_op(w), w->alerts, &rule, &to, &made));
    return made;
}

static inline struct str world_run(struct world *w, int64_t experiment)
{
    struct track_run r;
    assert_ok(world_op(w), track_run_create(world_op(w), w->h.f.db, experiment, STR("run"), STR("me"), 1, NULL, 0, &r));
    return r.run_id;
}

static inline void world_log(struct world *w, struct str run, const char *key, double value, int64_t time_ms, int64_t step)
{
    struct track_metric m = {.key = str_from(key), .value = value, .time_ms = time_ms, .step = step};
    struct track_batch b = {.run_id = run, .metrics = &m, .metric_count = 1};
    assert_ok(world_op(w), metric_log_batch(world_op(w), w->h.f.db, &b));
}

static inline struct alert_look world_look(struct world *w)
{
    struct alert_look all = {0}, one;
    do {
        assert_ok(world_op(w), alert_look(world_op(w), w->alerts, 0, &one));
        all.fired += one.fired;
        all.resolved += one.resolved;
    } while (one.more);
    return all;
}

static inline size_t world_alerts(struct world *w, enum alert_which which, struct alert **ret)
{
    size_t n = 0;
    assert_ok(world_op(w), alert_list(world_op(w), w->alerts, STR(""), which, 0, 1000, ret, &n));
    return n;
}

#endif
