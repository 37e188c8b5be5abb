/* A sample by the heads of chunks is the sample of all points, bit for bit, or says that it cannot tell. */
#include "unit/core/track/fixture.h"

#include "core/track/heads.h"
#include "core/track/history.h"
#include "core/track/metric.h"
#include "core/track/points.h"
#include "core/track/series.h"

#include <math.h>
#include <stdlib.h>

#define MANY 26000

enum shape { RISING, EQUAL_STEPS, ONE_TIME, FALLING, DISORDERED, LATE, SHAPES };

struct ask {
    int64_t series;
    struct sample_range range;
    size_t max, n;
    bool done;
    struct history_point *p;
};

static enum err heads_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct ask *a = arg;
    return heads_sample(op, tx, a->series, a->range, a->max, a->p, &a->n, &a->done);
}

static enum err take(struct op *op, void *arg, const struct page_point *p, size_t n)
{
    return series_add_all(op, arg, p, n);
}

/* All points, and the sample of them. */
static enum err all_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct ask *a = arg;
    AUTO(series) struct series s = {0};
    size_t *at = arena_array(op->arena, a->max, size_t);
    enum err e = series_create(op, MANY, &s);
    if (!e)
        e = points_read(op, tx, a->series, NULL, SIZE_MAX, take, &s);
    if (!e)
        e = sample_rows(op, &s, a->range, a->max, at, &a->n);
    for (size_t i = 0; !e && i < a->n; i++)
        a->p[i] = (struct history_point){series_value(&s, at[i]), series_time_ms(&s, at[i]), series_step(&s, at[i])};
    return e;
}

static void same(const struct history_point *a, const struct history_point *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(&a[i].value, &b[i].value, sizeof a[i].value);
        assert_true(a[i].time_ms == b[i].time_ms && a[i].step == b[i].step);
    }
}

/* The i-th of a series' points. Between the times of two there is room for late ones. */
static struct track_metric point(enum shape shape, int64_t i)
{
    struct track_metric m = {.key = STR("k"), .value = i % 53 == 0 ? (double)NAN : i % 7 ? (double)(random() % 1000) / 3 : -0.0, .time_ms = 10 * i, .step = i};
    if (shape == EQUAL_STEPS)
        m.step = i / 700 * 3; /* they go on from one chunk to the next */
    if (shape == ONE_TIME)
        m.time_ms = 5; /* then the order is that of steps by itself */
    if (shape == FALLING)
        m.step = -i;
    if (shape == DISORDERED)
        m.step = i % 4000 == 3999 ? i - 1500 : i;
    return m;
}

static struct str log_shape(struct fixture *f, enum shape shape, int64_t many)
{
    static struct track_metric m[1000];
    struct track_run r;
    assert_ok(&f->op, track_run_create(&f->op, f->db, 0, STR("r"), STR("me"), 1000, NULL, 0, &r));
    for (int64_t at = 0; at < many;) {
        size_t n = 0;
        for (size_t want = 1 + (size_t)random() % 1000; n < want && at < many; at++)
            m[n++] = point(shape, at);
        struct track_batch b = {.run_id = r.run_id, .metrics = m, .metric_count = n};
        assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    }
    if (shape == LATE) { /* in the tail still */
        struct track_metric late = {.key = STR("k"), .value = 7, .time_ms = 5001, .step = 500};
        struct track_batch b = {.run_id = r.run_id, .metrics = &late, .metric_count = 1, .single = true};
        assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    }
    return r.run_id;
}

static struct sample_range any_range(enum shape shape, int64_t many)
{
    int64_t a = random() % (many + 200) - 100, n = random() % 3 ? random() % (many + 1) : random() % 5;
    if (shape == FALLING)
        a = -a - n;
    return random() % 3 ? (struct sample_range){true, a, a + n} : (struct sample_range){0};
}

static struct series_name find(struct fixture *f, struct str run_id);

/* Returns how many samples the heads gave. */
static size_t compare(struct fixture *f, enum shape shape, int64_t many, size_t rounds)
{
    static struct history_point got[3000], want[3000];
    struct op *op = &f->op;
    struct str run_id = log_shape(f, shape, many);
    int64_t series = find(f, run_id).id;
    size_t done = 0;
    for (size_t i = 0; i < rounds; i++) {
        size_t max = random() % 4 ? 1 + (size_t)random() % 40 : 1 + (size_t)random() % 2999;
        struct ask a = {.series = series, .range = any_range(shape, many), .max = max, .p = got}, b = a;
        b.p = want;
        assert_ok(op, db_read(op, f->db, heads_tx, &a));
        assert_ok(op, db_read(op, f->db, all_tx, &b));
        if (!a.done)
            continue;
        done++;
        assert_int_equal(a.n, b.n);
        same(got, want, b.n);
    }
    return done;
}

struct finding {
    struct str run_id;
    struct series_name name;
    bool found;
};

static enum err find_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct finding *x = arg;
    return series_find(op, tx, x->run_id, STR("k"), &x->name, &x->found);
}

static struct series_name find(struct fixture *f, struct str run_id)
{
    struct finding x = {.run_id = run_id};
    assert_ok(&f->op, db_read(&f->op, f->db, find_tx, &x));
    assert_true(x.found);
    return x.name;
}

static void all_shapes(void **state)
{
    struct fixture *f = *state;
    srandom(3);
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        size_t done = compare(f, shape, MANY, 60);
        assert_int_equal(done, shape <= ONE_TIME ? 60 : 0);
    }
    for (int64_t many = 1; many < 3000; many += 400)
        for (enum shape shape = 0; shape < SHAPES; shape++)
            compare(f, shape, many, 8);
}

/* Over history_sample: the same with and without what is kept, also when points come in between, and several runs at once. */
static void by_history(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct series_cache *cache = series_cache_create(LIMIT_MIB(8));
    struct str ids[SHAPES + 1];
    for (enum shape shape = 0; shape < SHAPES; shape++)
        ids[shape] = log_shape(f, shape, MANY);
    ids[SHAPES] = STR("nobody");
    for (int turn = 0; turn < 5; turn++) {
        struct sample_range range = turn == 3 ? (struct sample_range){true, 5000, 25990} : (struct sample_range){0};
        struct history_points got[SHAPES + 1], want[SHAPES + 1];
        assert_true(heads_pay(MANY, 9));
        assert_ok(op, history_sample(op, f->db, cache, ids, SHAPES + 1, STR("k"), range, 9, got));
        for (enum shape shape = 0; shape < SHAPES; shape++) {
            struct ask a = {.series = find(f, ids[shape]).id, .range = range, .max = 9, .p = arena_array(op->arena, 9, struct history_point)};
            assert_ok(op, db_read(op, f->db, all_tx, &a));
            want[shape] = (struct history_points){a.p, a.n};
            assert_int_equal(got[shape].len, want[shape].len);
            same(got[shape].p, want[shape].p, a.n);
        }
        assert_int_equal(got[SHAPES].len, 0);
        struct track_metric next = {.key = STR("k"), .value = turn, .time_ms = 1000000 + turn, .step = MANY + turn};
        for (enum shape shape = 0; turn > 0 && shape < SHAPES; shape++) {
            struct track_batch b = {.run_id = ids[shape], .metrics = &next, .metric_count = 1, .single = true};
            assert_ok(op, metric_log_batch(op, f->db, &b));
        }
    }
    struct series_cache_stats stats;
    series_cache_stats(cache, &stats);
    assert_int_equal(stats.loads, SHAPES - FALLING); /* only those whose heads do not tell were read whole, once */
    assert_true(stats.hits >= SHAPES); /* the second turn */
    series_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(all_shapes), fixture_test(by_history)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
