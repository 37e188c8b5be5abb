#include "unit/core/track/fixture.h"

#include "core/track/index.h"
#include "core/track/metric.h"
#include "core/track/overlay.h"

#include <math.h>

#define POINTS 3000

static double value_at(size_t run, size_t i)
{
    return sin((double)(i * (run + 1)) / 50) + (i == 1234 ? 50 : 0) - (i == 2111 ? 70 : 0);
}

static struct str new_run(struct fixture *f, const char *name, size_t run, size_t points)
{
    static struct track_metric m[POINTS];
    struct track_run r;
    assert_ok(&f->op, track_run_create(&f->op, f->db, 0, str_from(name), STR("me"), 1000 + (int64_t)run, NULL, 0, &r));
    for (size_t i = 0; i < points; i++)
        m[i] = (struct track_metric){.key = STR("loss"), .value = value_at(run, i), .time_ms = 5000 + 10 * (int64_t)i, .step = (int64_t)i};
    for (size_t i = 0; i < points; i += 1000) {
        struct track_batch b = {.run_id = r.run_id, .metrics = m + i, .metric_count = points - i < 1000 ? points - i : 1000};
        assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    }
    return r.run_id;
}

static struct overlay lines_of(struct fixture *f, const struct overlay_query *q)
{
    struct overlay o;
    assert_ok(&f->op, overlay_read(&f->op, f->db, NULL, q, &o));
    assert_true(o.points <= o.lines * q->points && o.start[o.lines] == o.points);
    return o;
}

static bool holds(const struct overlay *o, size_t line, double x, double y)
{
    for (size_t i = o->start[line]; i < o->start[line + 1]; i++)
        if (o->x[i] == x && o->y[i] == y)
            return true;
    return false;
}

/* However few points: both peaks, the first and the last are among them, in order, and each is a point that was logged. */
static void peaks(void **state)
{
    struct fixture *f = *state;
    struct str ids[] = {new_run(f, "a", 0, POINTS), new_run(f, "b", 1, POINTS), new_run(f, "c", 2, 0), new_run(f, "d", 3, 7)};
    for (size_t points = 4; points < 100; points += 13) {
        struct overlay_query q = {.runs.run_ids = ids, .runs.run_count = 4, .metric = STR("loss"), .points = points};
        struct overlay o = lines_of(f, &q);
        assert_int_equal(o.lines, 4);
        assert_true(o.from == 0 && o.to == POINTS - 1);
        for (size_t line = 0; line < 2; line++) {
            assert_true(holds(&o, line, 1234, value_at(line, 1234)) && holds(&o, line, 2111, value_at(line, 2111)));
            assert_true(o.x[o.start[line]] == 0 && o.x[o.start[line + 1] - 1] == POINTS - 1);
            for (size_t i = o.start[line]; i < o.start[line + 1]; i++) {
                assert_true(o.y[i] == value_at(line, (size_t)o.x[i]));
                assert_true(i == o.start[line] || o.x[i] > o.x[i - 1]);
            }
        }
        assert_int_equal(o.start[3], o.start[2]);
        assert_true(o.start[4] - o.start[3] == (points < 7 ? o.start[4] - o.start[3] : 7));
        assert_str(o.names[1], "b");
    }
}

/* The part asked for, of that part the peaks; other axes. */
static void parts(void **state)
{
    struct fixture *f = *state;
    struct str id = new_run(f, "a", 0, POINTS);
    struct overlay_query q = {.runs.run_ids = &id, .runs.run_count = 1, .metric = STR("loss"), .points = 10, .limited = true, .from = 100, .to = 1300};
    struct overlay o = lines_of(f, &q);
    assert_true(o.from == 100 && o.to == 1300 && holds(&o, 0, 1234, value_at(0, 1234)));
    q.axis = SAMPLE_TIME, q.from = 5000 + 12000, q.to = 5000 + 12500;
    o = lines_of(f, &q);
    assert_true(o.from == 17000 && o.to == 17500 && holds(&o, 0, 17340, value_at(0, 1234)));
    q.axis = SAMPLE_RELATIVE, q.from = 12000, q.to = 12500;
    o = lines_of(f, &q);
    assert_true(holds(&o, 0, 12340, value_at(0, 1234)));
    q.from = 9e6, q.to = 9.1e6;
    o = lines_of(f, &q);
    assert_true(o.points == 0 && isnan(o.from));
    q = (struct overlay_query){.runs.run_ids = &id, .runs.run_count = 1, .metric = STR("loss"), .points = 12, .log = true};
    o = lines_of(f, &q);
    assert_true(o.from == 1 && o.to == POINTS - 1); /* 0 has no logarithm */
}

/* A short line is smoothed point by point; a constant stays what it is. */
static void smoothed(void **state)
{
    struct fixture *f = *state;
    struct str id = new_run(f, "a", 0, 40);
    struct overlay_query q = {.runs.run_ids = &id, .runs.run_count = 1, .metric = STR("loss"), .points = 40, .smoothing = 0.9};
    struct overlay o = lines_of(f, &q);
    double sum = 0, weight = 0;
    assert_int_equal(o.points, 40);
    for (size_t i = 0; i < 40; i++) {
        sum = sum * 0.9 + value_at(0, i);
        weight = weight * 0.9 + 1;
        assert_true(fabs(o.y[i] - sum / weight) < 1e-12);
    }
}

/* With columns in memory and without: the same runs in the same order. */
static void found(void **state)
{
    struct fixture *f = *state;
    struct run_index *index = run_index_create(LIMIT_MIB(16));
    new_run(f, "a", 0, 5);
    struct str gone = new_run(f, "gone", 1, 5);
    new_run(f, "b", 2, 5);
    assert_ok(&f->op, track_run_delete(&f->op, f->db, gone));
    for (int i = 0; i < 2; i++) {
        struct str order = STR("attributes.run_name ASC");
        struct run_query search = {.all_experiments = true, .view = TRACK_VIEW_ACTIVE, .max_results = 10, .index = i ? index : NULL};
        struct overlay_query q = {.runs.search = &search, .metric = STR("loss"), .points = 8};
        struct overlay o = lines_of(f, &q);
        assert_int_equal(o.lines, 2);
        assert_str(o.names[0], "b"); /* the newest first */
        search.order_by = &order, search.order_count = 1;
        o = lines_of(f, &q);
        assert_str(o.names[0], "a");
        assert_true(o.start[2] == 10 && o.y[7] == value_at(2, 2));
        search.filter = STR("attributes.run_name = 'b'");
        o = lines_of(f, &q);
        assert_true(o.lines == 1 && o.points == 5);
        search.max_results = LIMIT_TRACK_OVERLAY_RUNS + 1;
        assert_fails(&f->op, overlay_read(&f->op, f->db, NULL, &q, &o), E_INVALID, "'runs' must be");
    }
    run_index_destroy(index);
}

static void refused(void **state)
{
    struct fixture *f = *state;
    struct str id = new_run(f, "a", 0, 5), nobody = STR("nobody");
    struct overlay o;
    struct overlay_query good = {.runs.run_ids = &id, .runs.run_count = 1, .metric = STR("loss"), .points = 8}, q;
#define bad(code, part, ...)                                                                \
    do {                                                                                    \
        q = good;                                                                           \
        __VA_ARGS__;                                                                        \
        assert_fails(&f->op, overlay_read(&f->op, f->db, NULL, &q, &o), code, part);        \
    } while (0)
    bad(E_INVALID, "'run_ids' must name", q.runs.run_count = 0);
    bad(E_INVALID, "'points' must be", q.points = 3);
    bad(E_INVALID, "'points' must be", q.points = LIMIT_TRACK_CHART_POINTS + 1);
    struct str *many = test_calloc(LIMIT_TRACK_OVERLAY_RUNS, sizeof *many);
    for (size_t i = 0; i < LIMIT_TRACK_OVERLAY_RUNS; i++)
        many[i] = id;
    bad(E_INVALID, "at most 100 for 10000 runs", q.runs.run_ids = many; q.runs.run_count = LIMIT_TRACK_OVERLAY_RUNS; q.points = 101);
    test_free(many);
    bad(E_INVALID, "'range' must be two", q.limited = true; q.from = 2; q.to = 1);
    bad(E_INVALID, "'range' must begin above", q.limited = true; q.log = true; q.to = 1);
    bad(E_INVALID, "'smoothing'", q.smoothing = 1);
    bad(E_NOT_FOUND, "Run with id=nobody not found", q.runs.run_ids = &nobody);
}

int main(void)
{
#define overlay_test(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {overlay_test(peaks), overlay_test(parts), overlay_test(smoothed), overlay_test(found), overlay_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
