/* Tensors as rows: the forms of input, what may stand beside them, numbers of every width, and every refusal. */
#include <stdio.h>

#include "core/serve/rows.h"
#include "infer_fixture.h"

static const struct str abc[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};

static enum err read_rows(struct fixture *f, const struct rows_want *w, const struct infer_request *r, struct rows *ret)
{
    struct tensor_set set;
    op_clear(&f->op);
    enum err e = tensor_set_make(&f->op, r->inputs, r->input_count, &set);
    return e ? e : rows_read(&f->op, w, &set, ret);
}

static void test_matrix(void **state)
{
    struct fixture *f = *state;
    struct rows_want w = {.endpoint = STR("e"), .features = 3, .feature_names = abc, .id_field = STR("id")};
    struct rows r;
    const struct infer_request floats = {INPUTS(FP32("any", (2, 3), 1, NAN, 3, 4, 5, 6))};
    CHECK(read_rows(f, &w, &floats, &r));
    assert_true(r.count == 2 && r.x == floats.inputs[0].data && !r.x64 && !r.ids && !r.event_us && !r.unit.len); /* not copied */
    const struct infer_request one = {INPUTS(INT64("any", (3), 1, 2, 3))};
    CHECK(read_rows(f, &w, &one, &r));
    assert_true(r.count == 1 && r.x[2] == 3);
    /* From the wire, at an odd address. */
    char bytes[13];
    const float x[3] = {1, 2, 3};
    memcpy(bytes + 1, x, 12);
    struct tensor odd = {.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {1, 3}, .count = 3, .data = bytes + 1};
    CHECK(read_rows(f, &w, &(struct infer_request){.inputs = &odd, .input_count = 1}, &r));
    assert_true(r.x[1] == 2 && (uintptr_t)r.x % sizeof(float) == 0);
    const struct infer_request wide = {INPUTS(FP64("any", (1, 3), 0.1, 2, 3), BYTES("id", (1), STR("u")))};
    CHECK(read_rows(f, &w, &wide, &r));
    assert_true(r.x[0] == 0.1F && str_eqc(r.unit, "u") && r.ids);
    w.doubles = true;
    CHECK(read_rows(f, &w, &wide, &r));
    assert_true(!r.x && r.x64[0] == 0.1);
    CHECK(read_rows(f, &w, &floats, &r));
    assert_true(r.x && !r.x64);
}

static void test_columns(void **state)
{
    struct fixture *f = *state;
    struct rows_want w = {.endpoint = STR("e"), .features = 3, .feature_names = abc, .id_field = STR("id")};
    struct rows r;
    const struct infer_request mixed = {INPUTS(INT64("c", (2), 3, 6), INT64("id", (2, 1), -12, 8), FP32("a", (2, 1), 1, 4), FP64("b", (2), 0.1, 5))};
    CHECK(read_rows(f, &w, &mixed, &r));
    assert_true(r.count == 2 && r.x[0] == 1 && r.x[1] == 0.1F && r.x[5] == 6 && r.ids[1] == 8 && str_eqc(r.unit, "-12"));
    w.doubles = true;
    CHECK(read_rows(f, &w, &mixed, &r));
    assert_true(!r.x && r.x64[1] == 0.1 && r.x64[3] == 4);
    /* One feature: its column may be called by its name or by any other. */
    const struct rows_want single = {.endpoint = STR("e"), .features = 1, .feature_names = abc};
    const struct infer_request by_name = {INPUTS(FP32("a", (2), 1, 2))}, any = {INPUTS(FP32("z", (2, 1), 1, 2))};
    CHECK(read_rows(f, &single, &by_name, &r));
    assert_int_equal(r.count, 2);
    CHECK(read_rows(f, &single, &any, &r));
    assert_int_equal(r.count, 2);
}

/* Many columns, in order, reversed and with a stranger: the look-up by map. */
static void test_many_columns(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 1000 };
    struct str *names = arena_array(f->arena, MANY, struct str);
    struct tensor *t = arena_array(f->arena, MANY + 1, struct tensor);
    float *x = arena_array(f->arena, MANY + 1, float);
    struct rows r;
    for (size_t i = 0; i < MANY; i++)
        names[i] = str_from(op_printf(&f->op, "f%zu", i));
    const struct rows_want w = {.endpoint = STR("e"), .features = MANY, .feature_names = names};
    for (int reversed = 0; reversed < 2; reversed++) {
        for (size_t i = 0; i < MANY; i++) {
            x[i] = (float)(reversed ? MANY - 1 - i : i);
            t[i] = (struct tensor){.name = names[reversed ? MANY - 1 - i : i], .type = TENSOR_FP32, .rank = 1, .shape = {1}, .count = 1, .data = &x[i]};
        }
        CHECK(read_rows(f, &w, &(struct infer_request){.inputs = t, .input_count = MANY}, &r));
        for (size_t i = 0; i < MANY; i++)
            assert_true(r.x[i] == (float)i);
    }
    t[MANY] = t[0];
    assert_int_equal(read_rows(f, &w, &(struct infer_request){.inputs = t, .input_count = MANY + 1}, &r), E_INVALID);
    assert_non_null(strstr(f->op.msg, "twice"));
    t[MANY].name = STR("stranger");
    assert_int_equal(read_rows(f, &w, &(struct infer_request){.inputs = t, .input_count = MANY + 1}, &r), E_INVALID);
    assert_non_null(strstr(f->op.msg, "no input \"stranger\""));
    assert_int_equal(read_rows(f, &w, &(struct infer_request){.inputs = t, .input_count = MANY - 1}, &r), E_INVALID);
    assert_non_null(strstr(f->op.msg, "\"f0\" is missing"));
}

static void test_entities_and_times(void **state)
{
    struct fixture *f = *state;
    const struct feature_view *view = feature_table_view(feature_online_find(f->features, STR("v")));
    const struct rows_want w = {.endpoint = STR("e"), .features = 3, .view = view, .id_field = view->id_field};
    struct rows r;
    const struct infer_request entities = {INPUTS(BYTES("origin", (2), STR("ORD"), STR("X")), INT64("flight", (2), 5, 6), FP32("distance", (2), 100.5, NAN),
                                                  BYTES("date", (2), STR("2001-04-01T00:00:00Z"), STR("2001-04-01")))};
    CHECK(read_rows(f, &w, &entities, &r));
    assert_true(r.count == 2 && !r.x && r.ids[0] == 5 && str_eqc(r.entities[1].keys[0], "X") && r.entities[0].numbers[0] == 100.5);
    assert_true(isnan(r.entities[1].numbers[0]) && r.entities[0].t_us == 986083200LL * 1000000 && r.event_us[1] == r.event_us[0]);
    const struct infer_request timed = {INPUTS(FP32("x", (1, 3), 1, 2, 3), INT64("date", (1), T0))};
    CHECK(read_rows(f, &w, &timed, &r));
    assert_true(r.event_us[0] == T0 && r.x[2] == 3);
    const struct {
        struct infer_request r;
        const char *says;
    } bad[] = {
        {{INPUTS(BYTES("origin", (1), STR("A")), FP32("distance", (1), 1))}, "\"date\" is missing"},
        {{INPUTS(BYTES("origin", (1), STR("A")), INT64("date", (1), 1))}, "\"distance\" is missing"},
        {{INPUTS(INT64("origin", (1), 1), INT64("date", (1), 1), FP32("distance", (1), 1))}, "BYTES is wanted"},
        {{INPUTS(BYTES("origin", (1), STR("A")), BYTES("date", (1), STR("soon")), FP32("distance", (1), 1))}, "RFC 3339"},
        {{INPUTS(BYTES("origin", (1), STR("A")), FP32("date", (1), 1), FP32("distance", (1), 1))}, "whole numbers"},
        {{INPUTS(BYTES("origin", (1), STR("A")), INT64("date", (1), 1), FP32("distance", (1), 1), FP32("z", (1), 1))}, "no input \"z\""},
        {{INPUTS(FP32("x", (1, 3), 1, 2, 3), FP32("flight", (1), 1.5))}, "whole numbers"},
        {{INPUTS(FP32("x", (1, 3), 1, 2, 3), INT64("flight", (2), 1, 2))}, "2 rows"},
        {{INPUTS(FP32("x", (1, 3), 1, 2, 3), INT64("flight", (1, 1, 1), 1))}, "[n, 1]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        enum err e = read_rows(f, &w, &bad[i].r, &r);
        if (e != E_INVALID || !strstr(f->op.msg, bad[i].says))
            fail_msg("case %zu: %s \"%s\"", i, err_name(e), e ? f->op.msg : "");
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_matrix), TEST(test_columns), TEST(test_many_columns), TEST(test_entities_and_times)};
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
