/* test_summary.c - the lists for people, on windows that a monitor closed. */
#include "core/monitor/summary.h"

#include "monitor_fixture.h"
#include "sql_gen.h"

static void windows_close(struct fixture *f, struct monitor *m, const char *endpoint, const struct monitor_reference *ref, int days)
{
    struct str name = str_from(endpoint);
    if (ref)
        assert_ok(f, monitor_set_reference(&f->op, m, name, ref));
    for (int i = 0; i < days * 400; i++) {
        float x[FEATURES];
        bool label;
        struct prediction p = {.id = i, .event_us = T0 + (i / 400) * DAY + i, .version = 1, .latency_us = 300, .arm = ROLLOUT_ARM_NONE, .ok = true, .features = x, .feature_count = FEATURES};
        draw_features(&f->rng, 0.8, x);
        draw_request(&f->rng, 0, &p.score, &label);
        monitor_record(m, name, &p);
    }
    struct monitor_report *r = NULL;
    assert_ok(f, monitor_labels(&f->op, m, name, NULL, NULL, NULL, 0, T0 + (days + 30) * DAY, &r));
    assert_int_equal(r->window_count, days);
}

static const struct json *parsed(struct fixture *f, struct buf *b)
{
    struct json *j = NULL;
    assert_ok(f, json_parse(&f->op, buf_str(b), JSON_STRICT, &j));
    return j;
}

static enum err shapes_forget(struct op *op, struct db_tx *tx, void *arg)
{
    (void)arg;
    return db_exec(op, tx, &sql_monitor_window_insert,
                   DB_ARGS(DB_TEXT(STR("b")), DB_I64(T0), DB_I64(1), DB_I64(T0 + DAY), DB_I64(0), DB_I64(0), DB_TEXT(STR("{}")), DB_NULL), NULL);
}

static void newest_windows_and_shapes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct reference_data ref;
    reference_make(&f.rng, 5000, &ref);
    struct monitor *m = monitor_create(f.db, NULL);
    windows_close(&f, m, "a", &ref.ref, 3);
    windows_close(&f, m, "b", NULL, 1);
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(4));
    json_out_init(&w, &b, 0);
    assert_ok(&f, monitor_summaries_json(&f.op, f.db, &w));
    const struct json *list = parsed(&f, &b);
    assert_int_equal(list->len, 2);
    const struct json *last = json_get(&list->items[0], "last");
    assert_true(str_eqc(json_get(&list->items[0], "endpoint")->s, "a") && json_get(&list->items[0], "windows")->i == 3 && json_get(&list->items[0], "firing")->i > 0);
    assert_true(json_get(last, "start_us")->i == T0 + 2 * DAY && json_get(last, "feature_count")->i == FEATURES && !json_get(last, "features"));
    assert_true(json_get(json_get(&list->items[1], "last"), "feature_count")->i == 0 && json_get(&list->items[1], "firing")->i == 0);
    /* One window. */
    buf_reset(&b);
    json_out_init(&w, &b, 0);
    assert_ok(&f, monitor_shapes_json(&f.op, f.db, STR("a"), T0 + DAY, &w));
    const struct json *one = parsed(&f, &b);
    assert_true(one->len == 1 && json_get(&one->items[0], "end_us")->i == T0 + 2 * DAY);
    const struct json *shape = &json_path(&one->items[0], "shapes.features")->items[2], *current = json_get(shape, "current");
    int64_t sum = 0;
    for (uint32_t i = 0; i < current->len; i++)
        sum += current->items[i].i;
    assert_int_equal(sum, 400);
    /* Closed by a release that kept none. */
    assert_ok(&f, db_write(&f.op, f.db, shapes_forget, NULL));
    buf_reset(&b);
    json_out_init(&w, &b, 0);
    assert_ok(&f, monitor_shapes_json(&f.op, f.db, STR("b"), T0, &w));
    one = parsed(&f, &b);
    assert_true(one->len == 2 && json_get(&one->items[1], "shapes")->type == JSON_NULL);
    buf_reset(&b);
    json_out_init(&w, &b, 0);
    assert_err(&f, monitor_shapes_json(&f.op, f.db, STR("a"), T0 + 1, &w), E_NOT_FOUND);
    monitor_destroy(m);
    reference_free(&ref);
    fixture_close(&f);
}

enum { WIDE = 30, WIDE_BYTES = 200000 };

static enum err wide_windows(struct op *op, struct db_tx *tx, void *arg)
{
    static char figures[WIDE_BYTES];
    char name[32];
    enum err e = OK;
    (void)arg;
    memset(figures, 'x', sizeof figures);
    memcpy(figures, "{\"features\":[1],\"x\":\"", 21);
    memcpy(figures + sizeof figures - 2, "\"}", 2);
    for (int i = 0; i < WIDE && !e; i++) {
        snprintf(name, sizeof name, "wide-%02d", i);
        e = db_exec(op, tx, &sql_monitor_window_insert,
                    DB_ARGS(DB_TEXT(str_from(name)), DB_I64(T0), DB_I64(0), DB_I64(T0 + DAY), DB_I64(0), DB_I64(0), DB_TEXT(((struct str){figures, sizeof figures})), DB_NULL), NULL);
        if (!e)
            e = db_exec(op, tx, &sql_monitor_state_put, DB_ARGS(DB_TEXT(str_from(name)), DB_I64(T0 + DAY), DB_NULL, DB_TEXT(STR("{}")), DB_I64(1)), NULL);
    }
    return e;
}

/* What is held is of one window, however many there are. */
static void summaries_of_wide_windows(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    assert_ok(&f, db_write(&f.op, f.db, wide_windows, NULL));
    struct arena *small = arena_create(LIMIT_MIB(1));
    struct op op;
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    op_init(&op, small);
    assert_int_equal(monitor_summaries_json(&op, f.db, &w), OK);
    assert_int_equal(parsed(&f, &b)->len, WIDE);
    arena_destroy(small);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(newest_windows_and_shapes), cmocka_unit_test(summaries_of_wide_windows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
