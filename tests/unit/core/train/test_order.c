/* Rows of several arrays by time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/limits.h"
#include "core/train/order.h"

static void test_order(void **state UNUSED)
{
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    size_t *order = NULL;
    op_init(&op, a);
    const int64_t sorted[] = {1, 1, 2}, mixed[] = {5, -3, 5, 0, -3};
    assert_int_equal(train_order_make(&op, sorted, 3, &order), OK);
    assert_null(order);
    assert_int_equal(train_order_make(&op, NULL, 0, &order), OK);
    assert_null(order);
    assert_int_equal(train_order_make(&op, mixed, 5, &order), OK);
    const size_t want[] = {1, 4, 3, 0, 2};
    assert_memory_equal(order, want, sizeof(want));
    char *words = malloc(10);
    memcpy(words, "aabbccddee", 10);
    assert_true(train_order_apply((void **)&words, 2, order, 5));
    assert_memory_equal(words, "bbeeddaacc", 10);
    free(words);
    free(order);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
