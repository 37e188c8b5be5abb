/* Tensors by the names of a signature: order, left-out ones, shapes, row counts, what may come along; and the outputs wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/serve/named.h"

static const float x_data[] = {1, 2, 3, 4};
static const struct str s_data[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};
static const int64_t id_data[] = {11, 12, 13};
static const struct tensor x22 = {.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 2, .shape = {2, 2}, .count = 4, .data = x_data},
                           s2 = {.name = STR_INIT("s"), .type = TENSOR_BYTES, .rank = 1, .shape = {2}, .count = 2, .texts = s_data},
                           s3 = {.name = STR_INIT("s"), .type = TENSOR_BYTES, .rank = 1, .shape = {3}, .count = 3, .texts = s_data},
                           id2 = {.name = STR_INIT("id"), .type = TENSOR_INT64, .rank = 1, .shape = {2}, .count = 2, .data = id_data},
                           id3 = {.name = STR_INIT("id"), .type = TENSOR_INT64, .rank = 1, .shape = {3}, .count = 3, .data = id_data},
                           at2 = {.name = STR_INIT("at"), .type = TENSOR_INT64, .rank = 2, .shape = {2, 1}, .count = 2, .data = id_data},
                           x14 = {.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 2, .shape = {1, 4}, .count = 4, .data = x_data},
                           x4 = {.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 1, .shape = {4}, .count = 4, .data = x_data},
                           d22 = {.name = STR_INIT("x"), .type = TENSOR_FP64, .rank = 2, .shape = {2, 2}, .count = 4},
                           odd = {.name = STR_INIT("odd"), .type = TENSOR_FP32, .rank = 1, .shape = {2}, .count = 2, .data = x_data};
static const struct tensor_spec specs[] = {{.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 2}},
                                           {.name = STR_INIT("s"), .type = TENSOR_BYTES, .rank = 1, .shape = {-1}, .optional = true}};
static const struct named_want want_all = {.endpoint = STR_INIT("e"), .inputs = specs, .input_count = 2, .joins = true, .id_field = STR_INIT("id"),
                                           .time_field = STR_INIT("at")};

static int setup(void **state)
{
    static struct op op;
    op_init(&op, arena_create(LIMIT_MIB(64)));
    *state = &op;
    return 0;
}

static int teardown(void **state)
{
    arena_destroy(((struct op *)*state)->arena);
    return 0;
}

struct got {
    struct tensor *in;
    size_t rows;
    struct rows extras;
};

static enum err read_some(struct op *op, const struct named_want *w, const struct tensor *const *tensors, struct got *g)
{
    static struct tensor all[8];
    struct tensor_set set;
    size_t n = 0;
    for (; tensors[n]; n++)
        all[n] = *tensors[n];
    op_clear(op);
    *g = (struct got){NULL, 777, {.count = 888}};
    enum err e = tensor_set_make(op, all, n, &set);
    return e ? e : named_read(op, w, &set, &g->in, &g->rows, &g->extras);
}
#define READ(op, w, g, ...) read_some(op, w, (const struct tensor *const[]){__VA_ARGS__, NULL}, g)

static void test_order(void **state)
{
    struct got g;
    assert_int_equal(READ(*state, &want_all, &g, &s2, &x22), OK);
    assert_true(g.rows == 2 && g.in[0].data == x_data && g.in[1].texts == s_data && !g.extras.ids && !g.extras.event_us);
    assert_int_equal(READ(*state, &want_all, &g, &x22), OK);
    assert_true(g.rows == 2 && g.in[1].type == TENSOR_TYPE_COUNT && str_eqc(g.in[1].name, "s"));
    /* Without a batch axis lengths need not agree, and all is one row. */
    struct named_want alone = want_all;
    alone.joins = false;
    assert_int_equal(READ(*state, &alone, &g, &x22, &s3), OK);
    assert_int_equal(g.rows, 1);
}

static void test_extras(void **state)
{
    struct op *op = *state;
    struct got g;
    assert_int_equal(READ(op, &want_all, &g, &id2, &x22, &at2), OK);
    assert_true(g.extras.ids[1] == 12 && g.extras.event_us[0] == 11 && str_eqc(g.extras.unit, "11"));
    assert_int_equal(READ(op, &want_all, &g, &x22, &id3), E_INVALID);
    assert_non_null(strstr(op->msg, "\"id\" has 3 rows, the others 2"));
    assert_true(!g.in && g.rows == 777);
    /* An input that has the name of the ids is an input. */
    const struct tensor_spec id_spec = {.name = STR("id"), .type = TENSOR_INT64, .rank = 1, .shape = {-1}};
    struct named_want w = {.endpoint = STR("e"), .inputs = &id_spec, .input_count = 1, .joins = true, .id_field = STR("id"), .time_field = STR("at")};
    assert_int_equal(READ(op, &w, &g, &id2, &at2), OK);
    assert_true(g.rows == 2 && g.in[0].data == id_data && !g.extras.ids && g.extras.event_us);
    w.time_field = STR("");
    assert_int_equal(READ(op, &w, &g, &id3, &at2), E_INVALID);
    assert_non_null(strstr(op->msg, "no input \"at\""));
}

/* Data from the wire may lie anywhere; an engine gets it aligned. */
static void test_aligned(void **state)
{
    _Alignas(8) char bytes[1 + sizeof(x_data)];
    memcpy(bytes + 1, x_data, sizeof(x_data));
    struct tensor t = x22;
    struct got g;
    t.data = bytes + 1;
    assert_int_equal(READ(*state, &want_all, &g, &t), OK);
    assert_true((uintptr_t)g.in[0].data % sizeof(float) == 0);
    assert_memory_equal(g.in[0].data, x_data, sizeof(x_data));
}

static void test_refusals(void **state)
{
    struct op *op = *state;
    struct tensor many = s2;
    many.shape[0] = LIMIT_SERVE_ROWS + 1;
    const struct tensor_spec s_spec = {.name = STR("s"), .type = TENSOR_BYTES, .rank = 1, .shape = {-1}};
    const struct named_want only_s = {.endpoint = STR("e"), .inputs = &s_spec, .input_count = 1, .joins = true};
    const struct {
        const struct named_want *w;
        const struct tensor *a, *b;
        enum err want;
        const char *text;
    } cases[] = {
        {&want_all, &s2, NULL, E_INVALID, "\"x\" is missing"},
        {&want_all, &d22, NULL, E_INVALID, "\"x\" has datatype FP64; FP32"},
        {&want_all, &x14, NULL, E_INVALID, "\"x\" has shape [1, 4]; [-1, 2]"},
        {&want_all, &x4, NULL, E_INVALID, "\"x\" has shape [4]; [-1, 2]"},
        {&want_all, &x22, &s3, E_INVALID, "\"s\" has 3 rows, the others 2"},
        {&want_all, &x22, &odd, E_INVALID, "\"e\" has no input \"odd\""},
        {&want_all, &x22, &x22, E_INVALID, "twice"},
        {&only_s, &many, NULL, E_TOO_LARGE, "100001 rows"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct got g;
        enum err e = READ(op, cases[i].w, &g, cases[i].a, cases[i].b);
        if (e != cases[i].want || !strstr(op->msg, cases[i].text))
            fail_msg("case %zu: %s \"%s\"", i, err_name(e), e ? op->msg : "");
    }
}

static void test_outputs(void **state)
{
    struct op *op = *state;
    const struct infer_want wanted[] = {{.name = STR("s")}, {.name = STR("x")}, {.name = STR("s")}}, odd_one = {.name = STR("y")};
    uint16_t places[3] = {9, 9, 9};
    assert_int_equal(named_outputs(op, STR("e"), wanted, 2, specs, 2, places), OK);
    assert_true(places[0] == 1 && places[1] == 0 && places[2] == 9);
    assert_int_equal(named_outputs(op, STR("e"), wanted, 0, specs, 2, places), OK);
    assert_int_equal(named_outputs(op, STR("e"), wanted, 3, specs, 2, places), E_INVALID);
    assert_non_null(strstr(op->msg, "\"s\" is asked for twice"));
    op_clear(op);
    assert_int_equal(named_outputs(op, STR("e"), &odd_one, 1, specs, 2, places), E_INVALID);
    assert_non_null(strstr(op->msg, "\"e\" has no output \"y\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),    cmocka_unit_test_setup_teardown(test_extras, setup, teardown),
        cmocka_unit_test_setup_teardown(test_aligned, setup, teardown),  cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outputs, setup, teardown),
    };
    return cmocka_run_group_tests_name("named", tests, NULL, NULL);
}
