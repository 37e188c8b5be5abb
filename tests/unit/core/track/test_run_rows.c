/* Many runs at once against the same runs one by one. */
#include "core/track/run_rows.h"

#include "unit/core/track/fixture.h"

#include "core/track/metric.h"

#define RUNS 37 /* two batches and a part */

struct both {
    const int64_t *rows;
    struct run_columns columns;
    struct track_run many[RUNS + 1], one[RUNS + 1];
    bool there[RUNS + 1];
};

static enum err load_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct both *b = arg;
    enum err e = run_rows_load(op, tx, b->rows, RUNS + 1, &b->columns, b->many);
    for (size_t i = 0; !e && i <= RUNS; i++)
        e = run_load(op, tx, b->rows[i], &b->columns, &b->one[i], &b->there[i]);
    return e;
}

static void same_kvs(const struct track_kvs *a, const struct track_kvs *b)
{
    assert_int_equal(a->len, b->len);
    for (size_t i = 0; i < a->len; i++)
        assert_true(str_eq(a->p[i].key, b->p[i].key) && str_eq(a->p[i].value, b->p[i].value));
}

static void many_are_the_same_as_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    static int64_t rows[RUNS + 1];
    for (size_t i = 0; i < RUNS; i++) {
        struct track_run r;
        struct track_metric metrics[] = {{.key = STR("a"), .value = i % 5 ? (double)i : __builtin_nan(""), .time_ms = 3, .step = 2}, {.key = STR("b"), .value = -1, .time_ms = 1}};
        struct track_kv params[] = {{STR("x"), str_from(op_printf(op, "%zu", i))}, {STR("y"), STR("=1")}}, tag = {STR("t"), STR("v")};
        assert_ok(op, track_run_create(op, f->db, 0, STR("r"), STR("me"), (int64_t)i, &tag, i % 2, &r));
        assert_ok(op, metric_log_batch(op, f->db, &(struct track_batch){.run_id = r.run_id, .metrics = metrics, .metric_count = i % 3, .params = params, .param_count = i % 3}));
        rows[RUNS - i] = r.row;
    }
    rows[0] = 999999; /* gone */
    struct both *b = op_new(op, struct both);
    b->rows = rows;
    const struct str columns[] = {STR("params.y"), STR("metrics.b"), STR("metrics.a"), STR("tags.t"), STR("params.x"), STR("tags.none")};
    assert_ok(op, run_columns_parse(op, columns, ARRAY_LEN(columns), &b->columns));
    assert_ok(op, db_read(op, f->db, load_tx, b));
    assert_true(b->many[0].row == 0 && !b->there[0]);
    for (size_t i = 1; i <= RUNS; i++) {
        const struct track_run *m = &b->many[i], *o = &b->one[i];
        assert_true(m->row == rows[i] && b->there[i] && str_eq(m->run_id, o->run_id) && str_eq(m->name, o->name) && m->start_ms == o->start_ms && m->has_end == o->has_end);
        same_kvs(&m->params, &o->params);
        same_kvs(&m->tags, &o->tags);
        assert_int_equal(m->metric_count, o->metric_count);
        for (size_t k = 0; k < m->metric_count; k++)
            assert_true(str_eq(m->metrics[k].key, o->metrics[k].key) && memcmp(&m->metrics[k].value, &o->metrics[k].value, sizeof(double)) == 0 && m->metrics[k].step == o->metrics[k].step);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(many_are_the_same_as_one_by_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
