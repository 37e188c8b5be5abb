#include "base_test.h"

#include "base/map.h"

static void finds_in_order(void **state)
{
    struct fixture *f = *state;
    struct map m;
    map_init(&m, f->arena);
    assert_null(map_find(&m, STR("a")));
    assert_false(map_has(&m, STR("")));
    enum { N = 20000 };
    static int values[N];
    for (int i = 0; i < N; i++) {
        struct str key = str_from(op_printf(&f->op, "key-%d", i));
        assert_true(map_put(&m, key, &values[i]));
    }
    assert_int_equal(m.len, N);
    for (int i = 0; i < N; i++) {
        char key[32];
        snprintf(key, sizeof key, "key-%d", i);
        assert_ptr_equal(map_find(&m, str_from(key)), &values[i]);
        ASSERT_STR(m.entries[i].key, key);
    }
    assert_false(map_has(&m, STR("key-20000")));
}

static void overwrites_and_keeps_null(void **state)
{
    struct fixture *f = *state;
    struct map m;
    map_init(&m, f->arena);
    assert_true(map_put(&m, STR("k"), "1"));
    assert_true(map_put(&m, STR("k"), "2"));
    assert_int_equal(m.len, 1);
    assert_string_equal(map_find(&m, STR("k")), "2");
    assert_true(map_put(&m, STR(""), NULL));
    assert_true(map_has(&m, STR("")));
    assert_null(map_find(&m, STR("")));
    assert_true(map_put(&m, (struct str){"a\0b", 3}, "nul"));
    assert_null(map_find(&m, STR("a")));
    assert_string_equal(map_find(&m, (struct str){"a\0b", 3}), "nul");
}

static void a_full_arena_is_told(void **state)
{
    struct fixture *f = *state;
    struct arena *a = arena_create(2048);
    struct map m;
    map_init(&m, a);
    int n = 0;
    while (n < 1000 && map_put(&m, str_from(op_printf(&f->op, "%d", n)), "v"))
        n++;
    assert_in_range(n, 12, 48);
    for (int i = 0; i < n; i++)
        assert_true(map_has(&m, str_from(op_printf(&f->op, "%d", i))));
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(finds_in_order), TEST(overwrites_and_keeps_null), TEST(a_full_arena_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
