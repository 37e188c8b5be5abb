/* Models under declared names and shapes: what is shown, what is answered, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/declared/side.h"
#include "base/limits.h"
#include "unit/adapter/declared/fake_engines.h"

static struct arena *arena;
static struct op op;

static int setup(void **state)
{
    (void)state;
    arena = arena_create(LIMIT_MIB(64));
    op_init(&op, arena);
    declared_setup(fake_engines);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

static enum err load(const char *file, const char *declared, struct model **ret)
{
    struct str bytes;
    op_clear(&op);
    assert_int_equal(declared_wrap(&op, str_from(declared), str_from(file), false, &bytes), OK);
    return model_load(&op, fake_engines, bytes, ret);
}

static struct model *loaded(const char *file, const char *declared)
{
    struct model *m = NULL;
    if (load(file, declared, &m))
        fail_msg("%s: %s", declared, op.msg);
    assert_false(model_has_rows(model_info(m)));
    return m;
}

static const float rows[] = {1, 2, 3, 0.25F, 0.125F, 0};
static const float same[] = {0.25F, 0.5F, 0.25F, 0, 0, 1};

static const float *ask(const struct model *m, struct tensor in, struct tensor *out)
{
    struct tensor ins[2] = {in, {.type = TENSOR_TYPE_COUNT}}, outs[2] = {0};
    if (model_run(&op, m, ins, NULL, outs))
        fail_msg("%s", op.msg);
    *out = outs[0];
    return out->data;
}

static struct tensor matrix(const char *name, const float *data)
{
    return (struct tensor){.name = str_from(name), .type = TENSOR_FP32, .rank = 2, .shape = {2, 3}, .count = 6, .data = data};
}

static void test_rows(void **state)
{
    (void)state;
    struct tensor out;
    size_t n = 0;
    struct model *m = loaded("ROW1", "{\"batched\":true,\"inputs\":[{\"name\":\"i\",\"datatype\":\"FP32\",\"dims\":[3]}],"
                                     "\"outputs\":[{\"name\":\"s\",\"datatype\":\"FP32\",\"dims\":[1]}]}");
    const struct tensor_spec *in = model_inputs(m, &n);
    assert_true(n == 1 && str_eqc(in->name, "i") && in->rank == 2 && in->shape[0] == -1 && in->shape[1] == 3 && model_info(m)->joins);
    const float *y = ask(m, matrix("i", rows), &out);
    assert_true(str_eqc(out.name, "s") && out.rank == 2 && out.shape[0] == 2 && out.shape[1] == 1 && y[0] == 6 && y[1] == 0.375F);
    model_unload(m);

    m = loaded("ROW1", "{\"outputs\":[{\"name\":\"s\",\"datatype\":\"FP32\",\"dims\":[1],\"reshape\":[]}]}"); /* [n] shown as [n, 1] */
    assert_true(ask(m, matrix("features", rows), &out)[1] == 0.375F && out.rank == 2);
    model_unload(m);

    m = loaded("ROW1", "{\"fil\":{\"predict_proba\":true}}");
    y = ask(m, matrix("input__0", rows), &out);
    assert_true(str_eqc(out.name, "output__0") && out.shape[1] == 2 && y[0] == -5 && y[1] == 6 && y[2] == 0.625F && y[3] == 0.375F);
    model_unload(m);

    m = loaded("ROW1", "{\"fil\":{\"output_class\":true,\"threshold\":0.375}}");
    y = ask(m, matrix("input__0", rows), &out);
    assert_true(out.shape[1] == 1 && y[0] == 1 && y[1] == 0); /* above, not at */
    model_unload(m);

    m = loaded("ROWK", "{\"fil\":{\"output_class\":true}}");
    y = ask(m, matrix("input__0", same), &out);
    assert_true(out.shape[1] == 1 && y[0] == 1 && y[1] == 2);
    assert_true(model_outputs(m, &n)->label_count == 0);
    model_unload(m);

    m = loaded("ROWK", "{\"inputs\":[{\"name\":\"d\",\"datatype\":\"FP64\",\"dims\":[-1]}]}");
    const double wide[] = {1, 2, 3};
    y = ask(m, (struct tensor){.name = STR("d"), .type = TENSOR_FP64, .rank = 2, .shape = {1, 3}, .count = 3, .data = wide}, &out);
    assert_true(out.shape[0] == 1 && out.shape[1] == 3 && y[2] == 3 && model_outputs(m, &n)->label_count == 3);
    model_unload(m);
}

static void test_tensors(void **state)
{
    (void)state;
    struct tensor out;
    size_t n = 0;
    struct model *m = loaded("TENS", "{\"batched\":true,\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"dims\":[3,1],\"reshape\":[3]}],"
                                     "\"outputs\":[{\"name\":\"z\",\"datatype\":\"FP32\",\"dims\":[2,-1],\"reshape\":[4]},"
                                     "{\"name\":\"y\",\"datatype\":\"FP32\",\"dims\":[-1],\"labels\":[\"p\",\"q\",\"r\"]}]}");
    const struct tensor_spec *specs = model_outputs(m, &n);
    assert_true(n == 2 && str_eqc(specs[0].name, "z") && specs[0].rank == 3 && specs[1].shape[1] == 3 && specs[1].label_count == 3 && model_info(m)->joins);
    struct tensor in = {.name = STR("x"), .type = TENSOR_FP32, .rank = 3, .shape = {2, 3, 1}, .count = 6, .data = rows};
    (void)ask(m, in, &out);
    assert_true(str_eqc(out.name, "z") && out.rank == 3 && out.shape[0] == 2 && out.shape[1] == 2 && out.shape[2] == 2);
    struct tensor outs[2] = {0};
    const bool wanted[] = {false, true};
    assert_int_equal(model_run(&op, m, &in, wanted, outs), OK);
    assert_true(!outs[0].data && str_eqc(outs[1].name, "y") && ((const float *)outs[1].data)[2] == 6);
    model_unload(m);

    m = loaded("TENS", "{\"batched\":false,\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"dims\":[-1,3]}]}");
    assert_true(!model_info(m)->joins && model_inputs(m, &n)->rank == 2);
    model_unload(m);
    m = loaded("TENS", "{}");
    assert_true(model_info(m)->joins && (model_inputs(m, &n), n == 2));
    model_unload(m);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *file, *declared, *want;
    } cases[] = {
        {"TENS", "[]", "not an object"}, {"TENS", "{", ""}, {"TENS", "{\"inputs\":1}", "not a list"}, {"TENS", "{\"inputs\":[]}", "not a list"}, {"TENS", "{\"inputs\":[1]}", "no object"},
        {"TENS", "{\"inputs\":[{\"name\":\"q\",\"datatype\":\"FP32\",\"dims\":[3]}]}", "no input \"q\"; it has \"x\", \"o\""},
        {"TENS", "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP64\",\"dims\":[3]}]}", "the model has FP32"}, {"TENS", "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\"}]}", "no dims"},
        {"TENS", "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"dims\":[4]}]}", "shape [-1, 3]"}, {"TENS", "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"dims\":[-2]}]}", "neither -1"},
        {"TENS", "{\"batched\":true,\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"dims\":[-1,3]}]}", "a batch of"},
        {"TENS", "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"dims\":[1,1,1,1,1,1,1,3]}]}", "less than 8"},
        {"TENS", "{\"inputs\":[{\"name\":\"o\",\"datatype\":\"INT64\",\"dims\":[-1]}]}", "wants input \"x\""},
        {"TENS", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"dims\":[3]},{\"name\":\"y\",\"datatype\":\"FP32\",\"dims\":[3]}]}", "declared twice"},
        {"TENS", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"dims\":[3],\"labels\":[1]}]}", "labels"}, {"TENS", "{\"fil\":{}}", "serves trees"}, {"ROW1", "{\"fil\":[]}", "fil"},
        {"ROW1", "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"BYTES\",\"dims\":[3]}]}", "BYTES"}, {"ROW1", "{\"outputs\":[{\"name\":\"a\",\"datatype\":\"FP64\",\"dims\":[1]}]}", "FP32"},
        {"ROW1", "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"dims\":[3]},{\"name\":\"b\",\"datatype\":\"FP32\",\"dims\":[3]}]}", "beside another"},
        {"ROW1", "{\"outputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"dims\":[2]}]}", "shape [-1, 1]"}, {"NONE", "{}", "no engine"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct model *m = NULL;
        enum err e = load(cases[i].file, cases[i].declared, &m);
        if (e != E_INVALID || !strstr(op.msg, cases[i].want))
            fail_msg("%s: %s %s", cases[i].declared, err_name(e), op.msg ? op.msg : "");
    }
    struct str once, twice;
    struct model *m = NULL;
    op_clear(&op);
    assert_int_equal(declared_wrap(&op, STR("{}"), STR("TENS"), true, &once), OK);
    assert_true(declared_spawning_engine.accepts(once) && !declared_engine.accepts(once));
    assert_int_equal(declared_wrap(&op, STR("{}"), once, true, &twice), OK);
    assert_int_equal(model_load(&op, fake_engines, twice, &m), E_INVALID);
    const char lie[] = "IngotDQ1\xff\xff\xff\x7f{}";
    op_clear(&op);
    assert_int_equal(model_load(&op, fake_engines, (struct str){lie, sizeof(lie) - 1}, &m), E_INVALID);
    m = loaded("TENS", "{\"batched\":true,\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"dims\":[-1,1],\"reshape\":[3]}]}");
    struct tensor in = {.name = STR("x"), .type = TENSOR_FP32, .rank = 3, .shape = {2, 2, 1}, .count = 4, .data = rows}, outs[2] = {0};
    op_clear(&op);
    assert_int_equal(model_run(&op, m, &in, NULL, outs), E_INVALID); /* four values are not two rows of three */
    model_unload(m);
}

static void test_sides(void **state)
{
    (void)state;
    struct json *list = NULL;
    struct side side;
    const struct side_want want = {.batched = SIDE_BATCHED, .joins = true};
    assert_int_equal(json_parse(&op, STR("[{\"name\":\"z\",\"datatype\":\"FP32\",\"dims\":[-1,2],\"reshape\":[4]}]"), JSON_STRICT, &list), OK);
    assert_int_equal(side_read(&op, arena, list, &want, fake_out, 2, false, &side), OK);
    assert_true(side.len == 1 && side.batched && side.places[0].inner == 1 && side.places[0].reshaped);
    struct tensor t = {.type = TENSOR_FP32, .rank = 2, .shape = {5, 4}, .count = 20};
    assert_int_equal(side_show(&op, &side, 0, &t), OK);
    assert_true(t.rank == 3 && t.shape[0] == 5 && t.shape[1] == 2 && t.shape[2] == 2);
    t = (struct tensor){.type = TENSOR_FP32, .rank = 2, .shape = {5, 3}, .count = 15};
    assert_int_equal(side_show(&op, &side, 0, &t), E_IO); /* the model broke its word */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_rows, setup, teardown), cmocka_unit_test_setup_teardown(test_tensors, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_refusals, setup, teardown), cmocka_unit_test_setup_teardown(test_sides, setup, teardown)};
    return cmocka_run_group_tests_name("declared", tests, NULL, NULL);
}
