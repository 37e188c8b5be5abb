#include "unit/core/track/fixture.h"

#include "core/track/crowd.h"
#include "core/track/metric.h"

#include <math.h>

#define RUNS 60
#define POINTS 200

static struct str ids[RUNS];

/* Run i has the label i % 7 as a parameter, but for each thirteenth; each eleventh has no points; some are NaN. */
static int world_open(void **state)
{
    fixture_open(state);
    struct fixture *f = *state;
    static struct track_metric m[POINTS];
    for (size_t i = 0; i < RUNS; i++) {
        struct track_run r;
        struct track_kv param = {STR("lr"), str_from(op_printf(&f->op, "0.%zu", i % 7))}, tag = {STR("id"), str_from(op_printf(&f->op, "%zu", i))};
        assert_ok(&f->op, track_run_create(&f->op, f->db, 0, str_from(op_printf(&f->op, "run-%zu", i)), STR("me"), 1000 + (int64_t)i, &tag, 1, &r));
        for (size_t k = 0; k < POINTS; k++)
            m[k] = (struct track_metric){.key = STR("loss"), .value = (i + k) % 17 ? sin((double)(i * k)) + (double)i : (double)NAN, .time_ms = 5000 + 10 * (int64_t)(k + i), .step = (int64_t)k};
        struct track_batch b = {.run_id = r.run_id, .params = &param, .param_count = i % 13 != 0, .metrics = m, .metric_count = i % 11 ? POINTS - i : 0};
        assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
        ids[i] = r.run_id;
    }
    return 0;
}

static void same(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))))
            fail_msg("value %zu: %.17g, not %.17g", i, a[i], b[i]);
}

/* What compare_chart says of up to 100 runs, crowd_read says as well. */
static void agree(struct fixture *f, const struct crowd_query *q)
{
    struct compare_chart c = {.run_ids = ids, .run_count = RUNS, .metric = q->metric, .axis = q->axis, .log = q->log, .limited = q->limited, .from = q->from, .to = q->to, .points = q->points,
                              .smoothing = q->smoothing > 0 ? COMPARE_EMA : COMPARE_RAW, .strength = q->smoothing, .group = q->group, .group_key = q->group_key};
    struct compare_lines want;
    struct crowd got;
    assert_ok(&f->op, compare_chart(&f->op, f->db, NULL, &c, &want));
    assert_ok(&f->op, crowd_read(&f->op, f->db, NULL, q, &got));
    assert_true(got.groups == want.len && got.len == want.len && got.runs == RUNS && got.from == want.from && got.to == want.to);
    for (size_t i = 0; i < got.len; i++) {
        const struct compare_line *a = &got.lines[i], *b = want.p;
        while (b < want.p + want.len && (!a->group.p != !b->group.p || !str_eq(a->group, b->group)))
            b++;
        assert_true(b < want.p + want.len && a->len == b->len && a->run_count == b->run_count);
        assert_true(i == 0 || a->run_count <= got.lines[i - 1].run_count);
        same(a->x, b->x, a->len);
        same(a->mean, b->mean, a->len);
        same(a->min, b->min, a->len);
        same(a->max, b->max, a->len);
        same(a->std, b->std, a->len);
        same(a->stderr_, b->stderr_, a->len);
        if (q->smoothing > 0)
            same(a->smooth, b->smooth, a->len);
        assert_memory_equal(a->count, b->count, a->len * sizeof *a->count);
    }
}

static void like_charts(void **state)
{
    struct fixture *f = *state;
    struct crowd_query q = {.runs = {.run_ids = ids, .run_count = RUNS}, .metric = STR("loss"), .points = 37, .group = COMPARE_BY_PARAM, .group_key = STR("lr")};
    agree(f, &q);
    q.points = 1000, q.smoothing = 0.7;
    agree(f, &q);
    q.axis = SAMPLE_TIME, q.limited = true, q.from = 5100, q.to = 6200;
    agree(f, &q);
    q.axis = SAMPLE_RELATIVE, q.limited = false, q.log = true, q.smoothing = 0;
    agree(f, &q);
    q.metric = STR("unknown");
    agree(f, &q);
}

/* As many groups as runs: the largest are told, all are counted. */
static void cut(void **state)
{
    struct fixture *f = *state;
    struct run_query search = {.all_experiments = true, .view = TRACK_VIEW_ACTIVE, .max_results = RUNS};
    struct crowd_query q = {.runs = {.search = &search}, .metric = STR("loss"), .points = 5, .group = COMPARE_BY_TAG, .group_key = STR("id")};
    struct crowd c;
    assert_ok(&f->op, crowd_read(&f->op, f->db, NULL, &q, &c));
    assert_true(c.groups == RUNS && c.runs == RUNS && c.len == LIMIT_TRACK_CROWD_GROUPS);
    assert_str(c.lines[0].group, "59"); /* the newest run comes first */
    search.filter = STR("params.lr = '0.3'");
    assert_ok(&f->op, crowd_read(&f->op, f->db, NULL, &q, &c));
    assert_true(c.groups == c.len && c.runs == c.len && c.len == 8); /* 3, 10, 17 ... 59, without 52 */
    search.filter = STR("attributes.run_name = 'nobody'");
    assert_ok(&f->op, crowd_read(&f->op, f->db, NULL, &q, &c));
    assert_true(c.len == 0 && c.runs == 0);
}

static void refused(void **state)
{
    struct fixture *f = *state;
    struct crowd c;
    struct crowd_query good = {.runs = {.run_ids = ids, .run_count = 1}, .metric = STR("loss"), .points = 8, .group = COMPARE_BY_PARAM, .group_key = STR("lr")}, q;
#define bad(part, ...)                                                                      \
    do {                                                                                    \
        q = good;                                                                           \
        __VA_ARGS__;                                                                        \
        assert_fails(&f->op, crowd_read(&f->op, f->db, NULL, &q, &c), E_INVALID, part);     \
    } while (0)
    bad("'run_ids' must name", q.runs.run_count = 0);
    bad("'points' must be", q.points = 0);
    bad("'points' must be", q.points = LIMIT_TRACK_CHART_POINTS + 1);
    bad("'range' must be two", q.limited = true; q.from = 2; q.to = 1);
    bad("'range' must begin above", q.limited = true; q.log = true; q.to = 1);
    bad("'smoothing'", q.smoothing = 1);
}

int main(void)
{
#define crowd_test(name) cmocka_unit_test_setup_teardown(name, world_open, fixture_close)
    const struct CMUnitTest tests[] = {crowd_test(like_charts), crowd_test(cut), crowd_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
