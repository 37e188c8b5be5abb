/* rollout_fixture.h - a database in memory (audit, monitor, rollout and event tables only) and made-up labelled traffic for the tests of rollouts. */
#ifndef INGOT_TESTS_UNIT_CORE_ROLLOUT_FIXTURE_H
#define INGOT_TESTS_UNIT_CORE_ROLLOUT_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/sqlite/sqlite.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/rollout/rollout.h"
#include "num/metrics.h"
#include "num/rng.h"
#include "sql_gen.h"

#define DAY TIME_US_PER_DAY
#define T0 (INT64_C(986083200) * TIME_US_PER_S) /* 2001-04-01 */

struct fixture {
    struct arena *arena;
    struct op op;
    struct db *db;
    struct rng rng;
};

static inline void fixture_open(struct fixture *f)
{
    f->arena = arena_create(LIMIT_MIB(512));
    op_init(&f->op, f->arena);
    f->op.now_us = T0;
    rng_seed(&f->rng, 4711);
    struct sql_migration own[16];
    int count = 0;
    for (int i = 0; i < sql_migration_count; i++) {
        int number = sql_migrations[i].number;
        if ((number < 10 || (number >= 50 && number < 60) || (number >= 60 && number < 70) || number == 100) && count < 16)
            own[count++] = sql_migrations[i];
    }
    if (sqlite_open_with(&f->op, ":memory:", own, count, &f->db))
        fail_msg("%s", f->op.msg);
}

static inline void fixture_close(struct fixture *f)
{
    db_close(f->db);
    arena_destroy(f->arena);
}

#define assert_ok(f, call)                                                                                                             \
    do {                                                                                                                           \
        if ((call) != OK)                                                                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, (f)->op.msg ? (f)->op.msg : "failed without a text");                         \
    } while (0)
#define assert_err(f, call, want)                                                                                                      \
    do {                                                                                                                           \
        assert_int_equal((call), (want));                                                                                          \
        assert_non_null((f)->op.msg);                                                                                              \
        op_clear(&(f)->op);                                                                                                        \
    } while (0)

/* A flight-like request: a true probability around 0.2, and a score that is it, moved by `bias` on the log-odds scale. */
static inline void draw_request(struct rng *rng, double bias, float *ret_score, bool *ret_label)
{
    double odds = -1.6 + 0.9 * rng_normal(rng);
    *ret_label = rng_f64(rng) < 1 / (1 + exp(-odds));
    *ret_score = (float)(1 / (1 + exp(-(odds + bias))));
}

#endif
