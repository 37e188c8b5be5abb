#include "core/monitor/predbuf.h"

#include "monitor_fixture.h"

static void rows_labels_and_columns(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    struct predbuf *b = predbuf_create(T0, T0 + DAY, 2);
    enum { N = 5000 };
    for (int64_t i = 0; i < N; i++) {
        float f[2] = {(float)i, (float)-i};
        struct prediction p = {.id = i * 7, .event_us = T0 + i, .version = 3, .score = 0.25f, .latency_us = (uint32_t)i, .arm = 1, .ok = i % 2 == 0,
                               .features = i % 3 ? f : NULL, .feature_count = i % 5 ? 2 : 1};
        assert_true(predbuf_append(b, &p));
    }
    assert_int_equal(predbuf_find(b, 0), SIZE_MAX); /* not indexed yet */
    assert_true(predbuf_index(b, 100, 1));
    assert_int_equal(predbuf_find(b, 99 * 7), 99);
    assert_int_equal(predbuf_find(b, 100 * 7), SIZE_MAX);
    assert_true(predbuf_index(b, N, 1));
    for (int64_t i = 0; i < N; i++)
        assert_int_equal(predbuf_find(b, i * 7), i);
    assert_int_equal(predbuf_find(b, 3), SIZE_MAX);
    assert_int_equal(predbuf_find(b, INT64_MIN), SIZE_MAX);
    predbuf_set_label(b, 4001, 1, T0 + 5);
    predbuf_set_label(b, 4002, 0, T0 + 6);
    predbuf_set_label(b, 4002, 0, T0 + 6);
    assert_int_equal(predbuf_labelled(b), 2);
    predbuf_set_label(b, 4002, -1, INT64_MIN);
    assert_int_equal(predbuf_labelled(b), 1);
    struct monitor_batch m;
    assert_int_equal(predbuf_columns(&op, b, N, arena, &m), OK);
    assert_true(m.rows == N && m.features == 2 && m.start_us == T0);
    for (int64_t i = 0; i < N; i++) {
        bool kept = i % 3 && i % 5;
        assert_true(m.id[i] == i * 7 && m.event_us[i] == T0 + i && m.version[i] == 3 && m.latency_us[i] == i && m.ok[i] == (i % 2 == 0));
        assert_true(m.label[i] == (i == 4001 ? 1 : -1) && m.label_us[i] == (i == 4001 ? T0 + 5 : INT64_MIN));
        assert_true(kept ? m.feature[1][i] == (float)-i : isnan(m.feature[1][i]));
        struct prediction p;
        predbuf_get(b, (size_t)i, &p);
        assert_true(p.id == i * 7 && (p.features != NULL) == kept);
    }
    predbuf_destroy(b);
    predbuf_destroy(NULL);
}

static void equal_ids_find_the_first(void **state)
{
    (void)state;
    struct predbuf *b = predbuf_create(0, 1, 0);
    struct prediction p = {.id = 5};
    for (int i = 0; i < 50000; i++) /* would take forever if equal ids piled up in the index */
        assert_true(predbuf_append(b, &p));
    assert_true(predbuf_index(b, 50000, 2));
    assert_int_equal(predbuf_find(b, 5), 0);
    predbuf_destroy(b);
}

static void a_window_has_an_end(void **state)
{
    (void)state;
    struct predbuf *b = predbuf_create(0, 1, 0);
    struct prediction p = {.id = 5};
    for (size_t i = 0; i < LIMIT_MONITOR_WINDOW_ROWS; i++)
        assert_true(predbuf_append(b, &p));
    assert_false(predbuf_append(b, &p));
    assert_int_equal(predbuf_rows(b), LIMIT_MONITOR_WINDOW_ROWS);
    predbuf_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_labels_and_columns), cmocka_unit_test(equal_ids_find_the_first),
                                       cmocka_unit_test(a_window_has_an_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
