/* Names of columns and counts of experiments. */
#include "core/track/run_keys.h"

#include "unit/core/track/fixture.h"

#include "core/track/experiment.h"
#include "core/track/index.h"
#include "core/track/metric.h"
#include "core/track/run.h"

static void log_run(struct fixture *f, int64_t experiment, const char *lr, bool with_metric, bool delete)
{
    struct op *op = &f->op;
    struct track_run r;
    struct track_kv params[] = {{STR("lr"), str_from(lr)}}, tags[] = {{STR("team"), STR("vision")}};
    struct track_metric m = {.key = STR("loss"), .value = 1, .time_ms = 1};
    assert_ok(op, track_run_create(op, f->db, experiment, STR("r"), STR("me"), 7, tags, 1, &r));
    assert_ok(op, metric_log_batch(op, f->db, &(struct track_batch){.run_id = r.run_id, .metrics = &m, .metric_count = with_metric, .params = params, .param_count = 1}));
    if (delete)
        assert_ok(op, track_run_delete(op, f->db, r.run_id));
}

static const struct run_key *key(const struct run_key_list *list, const char *name)
{
    for (size_t i = 0; i < list->len; i++)
        if (str_eqc(list->p[i].key, name))
            return &list->p[i];
    fail_msg("no %s", name);
    return NULL;
}

static void names_with_counts_and_values(void **state)
{
    struct fixture *f = *state;
    struct run_keys *k = op_new(&f->op, struct run_keys);
    for (int i = 0; i < 30; i++)
        log_run(f, 0, op_printf(&f->op, "0.%d", i < 20 ? 1 : i), i % 2, false);
    log_run(f, 0, "gone", true, true);
    assert_ok(&f->op, run_keys_list(&f->op, f->db, NULL, 0, k));
    assert_true(k->whole);
    assert_int_equal(k->runs, 30);
    const struct run_key *lr = key(&k->params, "lr");
    assert_int_equal(lr->count, 30);
    assert_int_equal(lr->distinct, 11);
    assert_int_equal(lr->value_count, LIMIT_TRACK_KEY_VALUES);
    assert_str(lr->values[0].text, "0.1");
    assert_int_equal(lr->values[0].count, 20);
    assert_int_equal(key(&k->metrics, "loss")->count, 15);
    assert_str(key(&k->tags, "team")->values[0].text, "vision");
    /* Of an experiment that has none: nothing. */
    int64_t empty = 0;
    assert_ok(&f->op, experiment_create(&f->op, f->db, STR("empty"), STR(""), NULL, 0, &empty));
    assert_ok(&f->op, run_keys_list(&f->op, f->db, &empty, 1, k));
    assert_int_equal(k->params.len + k->metrics.len + k->tags.len, 0);
}

static void counts(void **state)
{
    struct fixture *f = *state;
    struct run_count *c = NULL;
    size_t n = 0;
    int64_t id = 0;
    struct track_run r;
    assert_ok(&f->op, experiment_create(&f->op, f->db, STR("x"), STR(""), NULL, 0, &id));
    log_run(f, id, "1", true, false);
    log_run(f, id, "1", true, true);
    assert_ok(&f->op, track_run_create(&f->op, f->db, id, STR("over"), STR("me"), 99, NULL, 0, &r));
    enum track_run_status over = TRACK_RUN_FINISHED;
    assert_ok(&f->op, track_run_update(&f->op, f->db, r.run_id, &over, NULL, STR(""), &r));
    struct run_index *index = run_index_create(LIMIT_MIB(16));
    for (int i = 0; i < 2; i++) {
        assert_ok(&f->op, run_counts_list(&f->op, f->db, i ? index : NULL, &c, &n));
        assert_int_equal(n, 2);
        assert_str(c[0].name, "x");
        assert_int_equal(c[0].runs, 2);
        assert_int_equal(c[0].running, 1);
        assert_int_equal(c[0].last_ms, 99);
        assert_int_equal(c[1].runs, 0);
    }
    assert_ok(&f->op, experiment_delete(&f->op, f->db, id));
    assert_ok(&f->op, run_counts_list(&f->op, f->db, index, &c, &n));
    assert_true(c[0].deleted && c[0].runs == 0);
    run_index_destroy(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(names_with_counts_and_values), fixture_test(counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
