#include "unit/core/track/fixture.h"

#include "base/hash.h"
#include "core/track/history.h"
#include "core/track/metric.h"

#include <math.h>

enum { N = 1000 };

static struct track_run new_run(struct fixture *f)
{
    struct track_run r;
    assert_ok(&f->op, track_run_create(&f->op, f->db, 0, STR("r"), STR("me"), 1000, NULL, 0, &r));
    return r;
}

static void log_points(struct fixture *f, struct str run, const struct track_metric *m, size_t n)
{
    for (size_t i = 0; i < n; i += 1000) {
        struct track_batch b = {.run_id = run, .metrics = m + i, .metric_count = n - i < 1000 ? n - i : 1000};
        assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    }
}

static void every_bit(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r = new_run(f);
    static struct track_metric m[N];
    for (int i = 0; i < N; i++) {
        uint64_t bits;
        double v;
        do {
            hash_random(&bits, sizeof bits);
            memcpy(&v, &bits, sizeof v);
        } while (!isfinite(v));
        m[i] = (struct track_metric){.key = STR("x"), .value = i ? v : -0.0, .time_ms = i, .step = i};
    }
    m[5].value = (double)NAN;
    log_points(f, r.run_id, m, N);
    struct series_cache *cache = series_cache_create(LIMIT_MIB(1));
    for (int turn = 0; turn < 2; turn++) { /* without a cache, then with one */
        struct history_page p;
        struct str token = STR("");
        size_t seen = 0;
        do {
            assert_ok(op, history_page(op, f->db, turn ? cache : NULL, r.run_id, STR("x"), 333, token, &p));
            for (size_t i = p.from; i < p.from + p.len; i++, seen++) {
                double v = series_value(&p.series, i);
                if (seen == 5)
                    assert_true(isnan(v));
                else
                    assert_memory_equal(&v, &m[seen].value, sizeof v);
                assert_int_equal(series_time_ms(&p.series, i), seen);
            }
            token = p.next_token;
            series_release(&p.series);
        } while (token.len);
        assert_int_equal(seen, N);
    }
    series_cache_destroy(cache);
}

static void what_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r = new_run(f);
    struct history_page p;
    assert_ok(op, history_page(op, f->db, NULL, STR("nobody"), STR("x"), 0, STR(""), &p));
    assert_int_equal(p.len, 0);
    assert_ok(op, history_page(op, f->db, NULL, r.run_id, STR("x"), 7, STR(""), &p));
    assert_true(p.len == 0 && p.next_token.len == 0);
    assert_fails(op, history_page(op, f->db, NULL, r.run_id, STR("x"), -1, STR(""), &p), E_INVALID, "It must be a positive integer");
    assert_fails(op, history_page(op, f->db, NULL, r.run_id, STR("x"), 1, STR("abc"), &p), E_INVALID, "could not base64-decode");
}

/* A token names a point, so a page goes on where the last one ended though points came in before and behind it. */
static void pages_stay_put(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r = new_run(f);
    static struct track_metric m[10];
    for (int i = 0; i < 10; i++)
        m[i] = (struct track_metric){.key = STR("x"), .value = i, .time_ms = 10 * i, .step = i};
    log_points(f, r.run_id, m, 10);
    struct history_page p;
    assert_ok(op, history_page(op, f->db, NULL, r.run_id, STR("x"), 4, STR(""), &p));
    series_release(&p.series);
    struct track_metric late[] = {{.key = STR("x"), .value = 77, .time_ms = 5, .step = 99}, {.key = STR("x"), .value = 78, .time_ms = 500, .step = 99}};
    log_points(f, r.run_id, late, 2);
    assert_ok(op, history_page(op, f->db, NULL, r.run_id, STR("x"), 0, p.next_token, &p));
    assert_int_equal(p.len, 7);
    assert_true(series_value(&p.series, p.from) == 4 && series_value(&p.series, p.from + 6) == 78);
    series_release(&p.series);
}

static void several_runs(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run a = new_run(f), b = new_run(f);
    static struct track_metric m[9];
    for (int i = 0; i < 9; i++)
        m[i] = (struct track_metric){.key = STR("x"), .value = i, .time_ms = i, .step = 8 - i};
    log_points(f, a.run_id, m, 9);
    log_points(f, b.run_id, m, 2);
    struct str ids[] = {b.run_id, STR("nobody"), a.run_id, a.run_id};
    struct history_points p[4];
    assert_ok(op, history_first(op, f->db, NULL, ids, 4, STR("x"), 8, p));
    assert_true(p[0].len == 2 && p[1].len == 0 && p[2].len == 6 && p[3].len == 0);
    assert_true(p[2].p[5].value == 5 && p[2].p[5].time_ms == 5 && p[2].p[5].step == 3);
    assert_ok(op, history_sample(op, f->db, NULL, ids, 4, STR("x"), (struct sample_range){0}, 3, p));
    assert_true(p[0].len == 2 && p[1].len == 0 && p[2].len == 3 && p[3].len == 3);
    assert_true(p[2].p[0].step == 0 && p[2].p[0].value == 8 && p[2].p[1].step == 3 && p[2].p[2].step == 8);
    assert_ok(op, history_sample(op, f->db, NULL, ids, 4, STR("x"), (struct sample_range){true, 8, 9}, 3, p));
    assert_true(p[0].len == 1 && p[2].len == 1 && p[2].p[0].value == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(every_bit), fixture_test(what_is_not_there), fixture_test(pages_stay_put), fixture_test(several_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
