#include "unit/core/track/fixture.h"

#include "core/track/compare.h"
#include "core/track/input.h"
#include "core/track/metric.h"

#include <math.h>

static struct str new_run(struct fixture *f, const char *name, const char *lr, const char *team)
{
    struct track_run r;
    struct track_kv tag = {STR("team"), str_from(team)}, param = {STR("lr"), str_from(lr)}, same = {STR("seed"), STR("1")};
    assert_ok(&f->op, track_run_create(&f->op, f->db, 0, str_from(name), STR("me"), 1000, &tag, 1, &r));
    struct track_kv params[] = {param, same};
    struct track_batch b = {.run_id = r.run_id, .params = lr ? params : &same, .param_count = lr ? 2 : 1};
    assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    return r.run_id;
}

static void log_values(struct fixture *f, struct str run, const double *v, size_t n, int64_t start_ms)
{
    static struct track_metric m[1000];
    for (size_t i = 0; i < n; i++)
        m[i] = (struct track_metric){.key = STR("loss"), .value = v[i], .time_ms = start_ms + 10 * (int64_t)i, .step = (int64_t)i};
    struct track_batch b = {.run_id = run, .metrics = m, .metric_count = n};
    assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
}

static const struct compare_row *row(const struct compare_rows *rows, const char *key)
{
    for (size_t i = 0; i < rows->len; i++)
        if (str_eqc(rows->p[i].key, key))
            return &rows->p[i];
    fail_msg("no row %s", key);
    return NULL;
}

static void tables(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct str ids[] = {new_run(f, "a", "0.1", "x"), new_run(f, "b", "0.2", "x"), new_run(f, "c", NULL, "x")};
    log_values(f, ids[0], (const double[]){1, 0.5}, 2, 0);
    log_values(f, ids[1], (const double[]){1, 0.5}, 2, 0);
    struct compare_table t;
    assert_ok(op, compare_runs(op, f->db, ids, 3, &t));
    assert_int_equal(t.params.len, 2);
    assert_int_equal(t.tags.len, 1); /* mlflow.runName is no tag of the user's */
    assert_str(t.params.p[0].key, "lr");
    assert_true(t.params.p[0].differs && !t.params.p[1].differs && !t.tags.p[0].differs);
    assert_str(row(&t.params, "lr")->texts[1], "0.2");
    assert_null(row(&t.params, "lr")->texts[2].p);
    assert_true(row(&t.metrics, "loss")->differs && row(&t.metrics, "loss")->numbers[0] == 0.5 && isnan(row(&t.metrics, "loss")->numbers[2]));
    assert_ok(op, compare_runs(op, f->db, ids, 2, &t));
    assert_false(row(&t.metrics, "loss")->differs);
    assert_str(t.runs[1].name, "b");
    ids[1] = STR("nobody");
    assert_fails(op, compare_runs(op, f->db, ids, 3, &t), E_NOT_FOUND, "Run with id=nobody not found");
    assert_fails(op, compare_runs(op, f->db, ids, 0, &t), E_INVALID, "1 to 100 runs, not 0");
}

static struct compare_lines chart(struct fixture *f, const struct compare_chart *c)
{
    struct compare_lines l;
    assert_ok(&f->op, compare_chart(&f->op, f->db, NULL, c, &l));
    return l;
}

/* Every stretch tells the exact figures of its points. */
static void lines(void **state)
{
    struct fixture *f = *state;
    struct str ids[] = {new_run(f, "a", "0.1", "x"), new_run(f, "b", "0.2", "x")};
    static double v[997];
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        v[i] = sin((double)(i * i)) + (i == 500 ? 100 : 0);
    log_values(f, ids[0], v, ARRAY_LEN(v), 5000);
    struct compare_chart c = {.run_ids = ids, .run_count = 2, .metric = STR("loss"), .points = 10};
    struct compare_lines l = chart(f, &c);
    assert_true(l.len == 2 && l.p[1].len == 0 && l.from == 0 && l.to == 996);
    const struct compare_line *a = &l.p[0];
    assert_str(a->name, "a");
    assert_int_equal(a->len, 10);
    size_t at = 0;
    for (size_t k = 0; k < 10; k++) {
        double sum = 0, min = INFINITY, max = -INFINITY, first = v[at];
        assert_true(a->x[k] == (double)at);
        for (size_t i = 0; i < a->count[k]; i++, at++) {
            sum += v[at];
            min = fmin(min, v[at]);
            max = fmax(max, v[at]);
        }
        assert_true(a->min[k] == min && a->max[k] == max && a->first[k] == first && a->last[k] == v[at - 1]);
        assert_true(fabs(a->mean[k] - sum / (double)a->count[k]) < 1e-12);
    }
    assert_int_equal(at, ARRAY_LEN(v));
    /* As many places as points: the points themselves. */
    c.points = 5000;
    a = &chart(f, &c).p[0];
    assert_int_equal(a->len, ARRAY_LEN(v));
    assert_true(a->mean[500] == v[500] && a->x[500] == 500 && !a->smooth);
    c.axis = SAMPLE_RELATIVE;
    c.limited = true;
    c.from = 100;
    c.to = 200;
    c.smoothing = COMPARE_EMA;
    c.strength = 0.5;
    a = &chart(f, &c).p[0];
    assert_true(a->len == 11 && a->x[0] == 100 && a->mean[0] == v[10] && a->smooth[0] == v[10]);
    assert_true(fabs(a->smooth[1] - (v[10] * 0.5 + v[11]) / 1.5) < 1e-12);
    c.axis = SAMPLE_TIME;
    c.from = 5100;
    c.to = 5100;
    assert_int_equal(chart(f, &c).p[0].len, 1);
    c = (struct compare_chart){.run_ids = ids, .run_count = 1, .metric = STR("loss"), .points = 3, .log = true};
    l = chart(f, &c);
    assert_true(l.from == 1 && l.to == 996 && l.p[0].len == 3 && l.p[0].count[0] < 10 && l.p[0].count[2] > 800);
}

static void groups(void **state)
{
    struct fixture *f = *state;
    struct str ids[] = {new_run(f, "a", "0.1", "x"), new_run(f, "b", "0.2", "y"), new_run(f, "c", "0.1", "y"), new_run(f, "d", NULL, "x")};
    log_values(f, ids[0], (const double[]){1, 2, 3}, 3, 0);
    log_values(f, ids[1], (const double[]){10, 20}, 2, 0);
    log_values(f, ids[2], (const double[]){3, (double)NAN, 7}, 3, 0);
    log_values(f, ids[3], (const double[]){5}, 1, 0);
    struct compare_chart c = {.run_ids = ids, .run_count = 4, .metric = STR("loss"), .points = 100, .group = COMPARE_BY_PARAM, .group_key = STR("lr")};
    struct compare_lines l = chart(f, &c);
    assert_int_equal(l.len, 3);
    const struct compare_line *g = &l.p[0];
    assert_str(g->group, "0.1");
    assert_true(g->run_count == 2 && str_eq(g->run_ids[1], ids[2]) && g->len == 3);
    assert_true(g->mean[0] == 2 && g->min[0] == 1 && g->max[0] == 3 && g->count[0] == 2);
    assert_true(fabs(g->std[0] - sqrt(2)) < 1e-15 && fabs(g->stderr_[0] - 1) < 1e-15);
    assert_true(g->mean[1] == 2 && g->count[1] == 1 && isnan(g->std[1])); /* the other run's value is NaN */
    assert_true(g->mean[2] == 5 && g->x[2] == 2);
    assert_true(l.p[1].run_count == 1 && l.p[1].len == 2 && l.p[1].mean[1] == 20);
    assert_null(l.p[2].group.p);
    c.group = COMPARE_BY_TAG;
    c.group_key = STR("team");
    l = chart(f, &c);
    assert_true(l.len == 2 && str_eqc(l.p[0].group, "x") && l.p[0].run_count == 2 && l.p[0].mean[0] == 3);
}

static void refused(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct str ids[] = {new_run(f, "a", "0.1", "x")};
    struct compare_lines l;
    struct compare_chart ok = {.run_ids = ids, .run_count = 1, .metric = STR("loss"), .points = 10}, c;
#define bad(part, ...)                                                                      \
    do {                                                                                    \
        c = ok;                                                                             \
        __VA_ARGS__;                                                                        \
        assert_fails(op, compare_chart(op, f->db, NULL, &c, &l), E_INVALID, part);          \
    } while (0)
    bad("'points' must be", c.points = 0);
    bad("'points' must be", c.points = 5001);
    bad("'run_ids' must name", c.run_count = 101);
    bad("smaller one first", c.limited = true, c.from = 2, c.to = 1);
    bad("smaller one first", c.limited = true, c.to = (double)NAN);
    bad("above 0", c.limited = true, c.log = true, c.to = 1);
    bad("'weight'", c.smoothing = COMPARE_EMA, c.strength = 1);
    bad("above 0", c.smoothing = COMPARE_GAUSSIAN);
    bad("'window'", c.smoothing = COMPARE_MEAN, c.strength = 1.5);
    ok.log = true;
    assert_ok(op, compare_chart(op, f->db, NULL, &ok, &l)); /* no points at all */
    assert_true(l.len == 1 && l.p[0].len == 0);
}

/* A run that read very many versions of one dataset is refused, and the program goes on. */
static void many_versions_of_a_dataset(void **state)
{
    enum { VERSIONS = 900 };
    struct fixture *f = *state;
    static struct track_dataset d[VERSIONS];
    struct str id = new_run(f, "reader", "0.1", "red");
    for (int i = 0; i < VERSIONS; i++)
        d[i] = (struct track_dataset){.name = STR("rows"), .digest = str_from(op_printf(&f->op, "%036d", i)), .source_type = STR("local"), .source = STR("{}")};
    assert_ok(&f->op, input_log(&f->op, f->db, id, d, VERSIONS, NULL, 0));
    struct arena *small = arena_create(LIMIT_MIB(8));
    struct compare_table t;
    struct op op;
    op_init(&op, small);
    assert_int_equal(compare_runs(&op, f->db, &id, 1, &t), E_TOO_LARGE);
    arena_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(many_versions_of_a_dataset), fixture_test(tables), fixture_test(lines), fixture_test(groups), fixture_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
