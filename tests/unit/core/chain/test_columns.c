#include "core/chain/columns.h"

#include "chain_fixture.h"

static void test_find(void **state)
{
    struct op *op = *state;
    const double v[] = {1};
    const struct tensor all[] = {column("a", TENSOR_FP64, 1, v), column("b", TENSOR_FP64, 1, v)};
    struct map map;
    map_init(&map, op->arena);
    for (size_t i = 0; i < 2; i++)
        assert_true(map_put(&map, all[i].name, (void *)(uintptr_t)&all[i]));
    for (int with_map = 0; with_map < 2; with_map++) {
        const struct chain_columns c = {.all = all, .len = 2, .map = with_map ? &map : NULL};
        assert_ptr_equal(chain_columns_find(&c, STR("b"), 1), &all[1]);
        assert_ptr_equal(chain_columns_find(&c, STR("b"), 0), &all[1]);
        assert_ptr_equal(chain_columns_find(&c, STR("a"), SIZE_MAX), &all[0]);
        assert_null(chain_columns_find(&c, STR("z"), 1));
    }
}

/* Every type, from an odd address, as tensor_to_f64 reads it. */
static void test_value(void **state)
{
    struct op *op = *state;
    unsigned char bytes[17];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 37 + 5);
    for (int type = 0; type < TENSOR_BYTES; type++) {
        unsigned char sound[8];
        struct tensor t = column("x", (enum tensor_type)type, 1, sound), odd = t;
        double want;
        memcpy(sound, bytes + 1, sizeof(sound));
        if (type == TENSOR_BOOL)
            sound[0] = bytes[1] = 1;
        odd.data = bytes + 1;
        assert_int_equal(tensor_to_f64(op, &t, &want, 1), OK);
        const double got = chain_value(&odd, 0);
        assert_memory_equal(&got, &want, sizeof(want));
    }
    const struct str text = STR("x");
    const struct tensor t = column("x", TENSOR_BYTES, 1, &text);
    assert_true(chain_value(&t, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_find), TEST(test_value)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
