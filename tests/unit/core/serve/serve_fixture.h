/* serve_fixture.h - a database in memory, a feature view with two events, a monitor, and versions made of text. */
#ifndef TESTS_CORE_SERVE_FIXTURE_H
#define TESTS_CORE_SERVE_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/linear/linear.h"
#include "adapter/sqlite/sqlite.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/audit/audit.h"
#include "core/serve/serve.h"

#define DAY_US TIME_US_PER_DAY
#define T0 (20000 * DAY_US)

static const char fixture_view[] =
    "name: v\n"
    "source: {path: x.parquet, timestamp_field: date, id: flight, available_at: date, label: delay >= 15}\n"
    "entities: [{name: origin, join_keys: [origin]}]\n"
    "aggregations: [{windows: [1h], functions: [count, rate]}]\n"
    "request: [{name: distance, expression: distance}]\n"
    "ttl: 1d\n"
    "online: true\n";

struct fixture {
    struct arena *arena;
    struct op op;
    struct db *db;
    struct feature_online *features;
    struct monitor *monitor;
    struct serve_config config;
    struct serve *serve;
    bool broken; /* the source fails */
    int fetches;
};

/* Versions 1..9 are linear models on the view's three features that answer logistic(version - 5) whatever comes in;
 * version 10 has other names, 11 one feature too few, 12 is no model, and others do not exist. */
static enum err fixture_fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    struct fixture *f = self->arg;
    f->fetches++;
    if (f->broken)
        return op_fail(op, E_IO, "the store is away");
    if (version < 1 || version > 12 || !str_eqc(model, "m"))
        return op_fail(op, E_NOT_FOUND, "no such version");
    if (version == 12) {
        *ret = (struct serve_files){.model = STR("not a model"), .reference = STR("")};
        return OK;
    }
    const char *names = version == 10 ? "\"a\",\"b\",\"c\"" : version == 11 ? "\"a\",\"b\"" : "\"origin_count_1h\",\"origin_rate_1h\",\"distance\"";
    const char *zeros = version == 11 ? "0,0" : "0,0,0", *ones = version == 11 ? "1,1" : "1,1,1";
    ret->model = str_from(op_printf(op, "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[%s],"
                                        "\"mean\":[%s],\"scale\":[%s],\"weight\":[%s],\"bias\":%lld}",
                                    names, zeros, ones, zeros, (long long)version - 5));
    ret->reference = STR("");
    return OK;
}

static inline float fixture_score(int64_t version)
{
    return (float)(1.0 / (1.0 + exp(-(double)(version - 5))));
}

/* Two flights of ORD landed at T0 - 10 min (late) and T0 - 20 min (in time). */
static void fixture_push(struct fixture *f)
{
    struct feature_table *t = NULL;
    struct feature_push_result r;
    const int64_t ids[] = {1, 2}, at[] = {T0 - 600 * TIME_US_PER_S, T0 - 1200 * TIME_US_PER_S};
    const struct str origin[] = {STR("ORD"), STR("ORD")};
    const struct str *const keys[] = {origin};
    const uint8_t labels[] = {1, 0};
    const struct feature_events events = {.n = 2, .ids = ids, .keys = keys, .available_at_us = at, .labels = labels};
    if (feature_online_apply(&f->op, f->features, str_from(fixture_view), &t) != OK ||
        feature_online_push(&f->op, f->features, t, &events, &r) != OK)
        fail_msg("%s", f->op.msg);
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_create(LIMIT_MIB(1024));
    op_init(&f->op, f->arena);
    static const struct engine_ops *const engines[] = {&linear_engine, NULL};
    if (sqlite_open(&f->op, ":memory:", &f->db) != OK || feature_online_open(&f->op, f->db, &f->features) != OK)
        fail_msg("%s", f->op.msg);
    f->monitor = monitor_create(f->db, NULL);
    fixture_push(f);
    f->config = (struct serve_config){.db = f->db, .features = f->features, .monitor = f->monitor, .engines = engines,
                                      .source = {.arg = f, .fetch = fixture_fetch}};
    if (serve_open(&f->op, &f->config, &f->serve) != OK)
        fail_msg("%s", f->op.msg);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    serve_close(f->serve);
    monitor_destroy(f->monitor);
    feature_online_close(f->features);
    db_close(f->db);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static inline void fixture_restart(struct fixture *f)
{
    serve_close(f->serve);
    f->serve = NULL;
    if (serve_open(&f->op, &f->config, &f->serve) != OK)
        fail_msg("%s", f->op.msg);
}

static inline enum err fixture_put(struct fixture *f, const char *name, const char *config, int64_t version)
{
    struct json *doc = NULL;
    op_clear(&f->op);
    if (json_parse(&f->op, str_from(config), JSON_STRICT, &doc) != OK)
        fail_msg("%s", f->op.msg);
    return serve_put(&f->op, f->serve, str_from(name), doc, version);
}

#define FIXTURE_CONFIG "{\"model\":\"m\",\"view\":\"v\"}"

#endif
