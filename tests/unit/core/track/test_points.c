/* What is stored packed is what was logged, whatever the order, and exactly once. */
#include "unit/core/track/fixture.h"

#include "core/track/metric.h"
#include "core/track/points.h"
#include "core/track/store.h"

#include <math.h>
#include <stdlib.h>

#define MANY 12000

struct all {
    struct page_point p[2 * MANY];
    size_t n;
};
struct ask {
    int64_t series;
    const struct page_point *after;
    size_t max;
    struct all *all;
};

static const struct sql counts = {"counts", "SELECT points FROM track_series ORDER BY id DESC LIMIT 1", -1, 0, 1};
static const struct sql newest = {"newest", "SELECT id FROM track_series ORDER BY id DESC LIMIT 1", -1, 0, 1};
static const struct sql sizes = {"sizes", "SELECT max(points), count(*) FROM track_chunk", -1, 0, 2};
static const struct sql run_old = {
    "run_old", "INSERT INTO track_run (id, uuid, experiment, name, user_id, status, start_ms, artifact_uri) VALUES (1, 'u', 0, '', '', 1, 0, '')", -1, 0, -1};
static const struct sql series_old = {"series_old", "INSERT INTO track_series (id, run, key, value, is_nan, time_ms, step, points) VALUES (?1, 1, ?2, 0, 0, 0, ?3, ?3)", -1, 3, -1};
static const struct sql log_old = {"log_old", "INSERT INTO track_point (series, time_ms, step, value, is_nan) VALUES (?1, ?2, ?3, ?4, ?5)", -1, 5, -1};
static const struct sql left_old = {"left_old", "SELECT count(*) FROM track_point", -1, 0, 1};

static enum err take(struct op *op, void *arg, const struct page_point *p, size_t n)
{
    (void)op;
    struct all *a = arg;
    assert_true(a->n + n <= ARRAY_LEN(a->p));
    memcpy(a->p + a->n, p, n * sizeof *p);
    a->n += n;
    return OK;
}

static enum err read_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct ask *a = arg;
    a->all->n = 0;
    return points_read(op, tx, a->series, a->after, a->max, take, a->all);
}

struct number {
    const struct sql *sql;
    struct db_val v[2];
    size_t n;
};

static enum err number_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct number *x = arg;
    return db_query_one(op, tx, x->sql, DB_NO_ARGS, x->v, x->n);
}

static int64_t number(struct op *op, struct db *db, const struct sql *sql)
{
    struct number x = {.sql = sql, .n = 1};
    assert_ok(op, db_read(op, db, number_tx, &x));
    return x.v[0].i;
}

static int compare(const void *a, const void *b)
{
    return page_point_compare(a, b);
}

/* Everything, and what stands behind some of the points, as a sorted array without duplicates says. */
static void check(struct op *op, struct db *db, int64_t series, struct all *want)
{
    static struct all got;
    qsort(want->p, want->n, sizeof want->p[0], compare);
    size_t n = 0;
    for (size_t i = 0; i < want->n; i++)
        if (!n || page_point_compare(&want->p[n - 1], &want->p[i]))
            want->p[n++] = want->p[i];
    want->n = n;
    assert_ok(op, db_read(op, db, read_tx, &(struct ask){series, NULL, SIZE_MAX, &got}));
    assert_int_equal(got.n, n);
    assert_memory_equal(got.p, want->p, n * sizeof want->p[0]);
    assert_int_equal(number(op, db, &counts), n);
    for (size_t i = 0; i < n; i += 1 + n / 7) {
        size_t max = i % 2 ? 50 : SIZE_MAX, rest = n - i - 1 < max ? n - i - 1 : max;
        assert_ok(op, db_read(op, db, read_tx, &(struct ask){series, &want->p[i], max, &got}));
        assert_int_equal(got.n, rest);
        assert_memory_equal(got.p, want->p + i + 1, rest * sizeof want->p[0]);
    }
}

/* Logs in batches of random sizes; every fifth batch is sent twice. */
static void log_order(struct fixture *f, int order)
{
    static struct all want;
    static struct track_metric m[1000];
    struct op *op = &f->op;
    struct track_run r;
    assert_ok(op, track_run_create(op, f->db, 0, STR("r"), STR("me"), 1000, NULL, 0, &r));
    want.n = 0;
    srandom((unsigned)order + 1);
    for (int64_t at = 0; at < MANY;) {
        size_t n = order == 4 ? 1000 : 1 + (size_t)random() % 90;
        for (size_t i = 0; i < n && at < MANY; i++, at++) {
            int64_t x = random() % 30000, t = order == 0 ? at : order == 1 ? MANY - at : order == 2 ? x : at + x % 40;
            double v = at % 97 == 0 ? (double)NAN : at % 3 ? (double)at / 7 : -0.0;
            m[i] = (struct track_metric){.key = STR("k"), .value = v, .time_ms = t, .step = order == 3 ? x : order == 1 ? t : at / 2};
            want.p[want.n++] = (struct page_point){t, m[i].step, isnan(v) ? 0 : store_from_f64(v), isnan(v)};
            if (i + 1 == n || at + 1 == MANY) {
                struct track_batch b = {.run_id = r.run_id, .metrics = m, .metric_count = i + 1};
                for (int turn = 0; turn < (at % 5 ? 1 : 2); turn++)
                    assert_ok(op, metric_log_batch(op, f->db, &b));
            }
        }
    }
    check(op, f->db, number(op, f->db, &newest), &want);
    struct number size = {.sql = &sizes, .n = 2};
    assert_ok(op, db_read(op, f->db, number_tx, &size));
    assert_in_range(size.v[0].i, 1, LIMIT_TRACK_CHUNK_POINTS);
    assert_true(size.v[1].i < MANY / 100 * (order + 1)); /* few points in a chunk would be none */
}

static void any_order(void **state)
{
    for (int order = 0; order < 5; order++)
        log_order(*state, order);
}

static enum err old_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct all *all = arg;
    enum err e = db_exec(op, tx, &run_old, DB_NO_ARGS, NULL);
    for (int64_t s = 1; !e && s <= 3; s++) {
        size_t n = s == 1 ? 0 : s == 2 ? 2 : 5000;
        e = db_exec(op, tx, &series_old, DB_ARGS(DB_I64(s), DB_TEXT(str_from(op_printf(op, "k%lld", (long long)s))), DB_I64((int64_t)n)), NULL);
        all->n = 0;
        for (size_t i = 0; !e && i < n; i++) {
            struct page_point p = {(int64_t)i / 2, (int64_t)i, i % 5 ? store_from_f64((double)i / 3) : 0, i % 5 == 0};
            all->p[all->n++] = p;
            e = db_exec(op, tx, &log_old, DB_ARGS(DB_I64(s), DB_I64(p.time_ms), DB_I64(p.step), DB_I64(p.value), DB_I64(p.is_nan)), NULL);
        }
    }
    return e;
}

/* A database with one row per point is taken along. */
static void old_database(void **state)
{
    struct fixture *f = *state;
    static struct all want;
    assert_ok(&f->op, db_write(&f->op, f->db, old_tx, &want));
    assert_ok(&f->op, points_upgrade(&f->op, f->db));
    assert_int_equal(number(&f->op, f->db, &left_old), 0);
    check(&f->op, f->db, 3, &want);
    static struct all none;
    assert_ok(&f->op, db_read(&f->op, f->db, read_tx, &(struct ask){2, NULL, SIZE_MAX, &none}));
    assert_int_equal(none.n, 2);
    assert_ok(&f->op, db_read(&f->op, f->db, read_tx, &(struct ask){1, NULL, SIZE_MAX, &none}));
    assert_int_equal(none.n, 0);
    struct track_metric m = {.key = STR("k3"), .value = 4.0 / 3, .time_ms = 2, .step = 4}; /* there already */
    struct track_batch b = {.run_id = STR("u"), .metrics = &m, .metric_count = 1, .single = true};
    assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    check(&f->op, f->db, 3, &want);
    assert_ok(&f->op, points_upgrade(&f->op, f->db));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(any_order), fixture_test(old_database)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
