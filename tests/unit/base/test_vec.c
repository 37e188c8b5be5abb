#include "base_test.h"

#include "base/vec.h"

static void keeps_what_was_pushed(void **state)
{
    struct fixture *f = *state;
    VEC(int) v = {0};
    for (int i = 0; i < 5000; i++) {
        int *slot = vec_push(&v, f->arena);
        assert_non_null(slot);
        *slot = i * 3;
    }
    assert_int_equal(v.len, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(v.p[i], i * 3);
}

static void a_full_arena_gives_null(void **state)
{
    (void)state;
    struct arena *a = arena_create(1024);
    VEC(double) v = {0};
    size_t n = 0;
    while (n < 1000) {
        double *slot = vec_push(&v, a);
        if (!slot)
            break;
        *slot = (double)n++;
    }
    assert_int_equal(n, 64); /* 8 + 16 + 32 + 64 doubles fit 1024 bytes, the next doubling does not */
    assert_int_equal(v.len, n);
    assert_true(v.p[63] == 63.0);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(keeps_what_was_pushed), cmocka_unit_test(a_full_arena_gives_null)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
