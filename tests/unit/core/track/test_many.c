#include "unit/core/track/fixture.h"

#include "core/track/index.h"
#include "core/track/many.h"
#include "core/track/metric.h"

#include <math.h>

static struct str new_run(struct fixture *f, const char *name, const char *lr, double loss)
{
    struct track_run r;
    struct track_kv param = {STR("lr"), str_from(lr ? lr : "")}, tag = {STR("team"), str_from(name)};
    struct track_metric m = {.key = STR("loss"), .value = loss, .time_ms = 1, .step = 1};
    assert_ok(&f->op, track_run_create(&f->op, f->db, 0, str_from(name), STR("me"), 1000, &tag, 1, &r));
    struct track_batch b = {.run_id = r.run_id, .params = &param, .param_count = lr != NULL, .metrics = &m, .metric_count = 1};
    assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    return r.run_id;
}

static void named(void **state)
{
    struct fixture *f = *state;
    struct str a = new_run(f, "a", "0.1", 1), b = new_run(f, "b", NULL, (double)NAN), key = STR("lr"), loss = STR("loss"), team = STR("team");
    struct str ids[] = {b, a, b, a};
    struct run_columns c = {.some_params = &key, .param_count = 1, .some_metrics = &loss, .metric_count = 1, .some_tags = &team, .tag_count = 1};
    struct many_query q = {.run_ids = ids, .run_count = 4};
    struct many_runs m;
    assert_ok(&f->op, many_load(&f->op, f->db, &q, &c, &m));
    assert_int_equal(m.len, 2); /* each once, where it was named first */
    assert_true(str_eq(m.runs[0].run_id, b) && str_eq(m.runs[1].run_id, a));
    assert_int_equal(m.runs[0].params.len, 0);
    assert_str(m.runs[1].params.p[0].value, "0.1");
    assert_str(m.runs[0].tags.p[0].value, "b");
    assert_true(isnan(m.runs[0].metrics[0].value) && m.runs[1].metrics[0].value == 1);
}

/* More than one statement's worth; with columns in memory and without: the same runs in the same order, as many as asked for. */
static void found(void **state)
{
    struct fixture *f = *state;
    struct run_index *index = run_index_create(LIMIT_MIB(16));
    for (int i = 0; i < 40; i++) {
        struct str id = new_run(f, op_printf(&f->op, "run-%02d", i), i % 2 ? "odd" : "even", i);
        if (i == 7)
            assert_ok(&f->op, track_run_delete(&f->op, f->db, id));
    }
    for (int i = 0; i < 2; i++) {
        struct str order = STR("attributes.run_name DESC"), key = STR("lr");
        struct run_columns c = {.some_params = &key, .param_count = 1};
        struct run_query search = {.all_experiments = true, .view = TRACK_VIEW_ACTIVE, .max_results = 25, .order_by = &order, .order_count = 1, .index = i ? index : NULL};
        struct many_query q = {.search = &search};
        struct many_runs m;
        assert_ok(&f->op, many_load(&f->op, f->db, &q, &c, &m));
        assert_int_equal(m.len, 25);
        for (size_t k = 0; k < m.len; k++) {
            assert_str(m.runs[k].name, op_printf(&f->op, "run-%02zu", 39 - k));
            assert_str(m.runs[k].params.p[0].value, k % 2 ? "even" : "odd");
        }
        search.filter = STR("params.lr = 'odd'");
        assert_ok(&f->op, many_load(&f->op, f->db, &q, &c, &m));
        assert_int_equal(m.len, 19); /* one of the twenty is deleted */
    }
    run_index_destroy(index);
}

static void refused(void **state)
{
    struct fixture *f = *state;
    struct str ids[] = {new_run(f, "a", NULL, 1), STR("nobody")};
    struct run_columns c = {0};
    struct run_query search = {.all_experiments = true, .view = TRACK_VIEW_ACTIVE, .max_results = LIMIT_TRACK_OVERLAY_RUNS + 1};
    struct many_runs m;
    assert_fails(&f->op, many_load(&f->op, f->db, &(struct many_query){.run_ids = ids, .run_count = 2}, &c, &m), E_NOT_FOUND, "Run with id=nobody not found");
    assert_fails(&f->op, many_load(&f->op, f->db, &(struct many_query){.run_ids = ids}, &c, &m), E_INVALID, "'run_ids' must name 1 to 10000 runs, not 0");
    assert_fails(&f->op, many_load(&f->op, f->db, &(struct many_query){.search = &search}, &c, &m), E_INVALID, "'runs' must be 1 to 10000");
    search.max_results = 0;
    assert_fails(&f->op, many_load(&f->op, f->db, &(struct many_query){.search = &search}, &c, &m), E_INVALID, "'runs' must be 1 to 10000");
    search.max_results = 5;
    search.filter = STR("nonsense");
    assert_fails(&f->op, many_load(&f->op, f->db, &(struct many_query){.search = &search}, &c, &m), E_INVALID, "nonsense");
}

int main(void)
{
#define many_test(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {many_test(named), many_test(found), many_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
