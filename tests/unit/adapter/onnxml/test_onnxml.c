/* Classical models in ONNX: answers that ONNX Runtime 1.30 gave for the files of the fuzz corpus, what a signature says, what a cut file
 * does. ONNX Runtime itself is compared with in tests/e2e/test_engines_onnx.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/onnxml/graph.h"
#include "adapter/onnxml/kernel.h"
#include "adapter/onnxml/onnxml.h"
#include "base/limits.h"

static const struct engine_ops *const engines[] = {&onnxml_engine, NULL};

struct fixture {
    struct arena *arena;
    struct op op;
    struct model *model;
    struct str bytes;
};

static void file_load(struct fixture *f, const char *name)
{
    char path[256];
    static char bytes[65536];
    snprintf(path, sizeof(path), "tests/fuzz/corpus/onnxml/%s.onnx", name);
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    f->bytes = (struct str){bytes, fread(bytes, 1, sizeof(bytes), file)};
    fclose(file);
    f->arena = arena_create(LIMIT_MIB(64));
    op_init(&f->op, f->arena);
    if (model_load(&f->op, engines, f->bytes, &f->model))
        fail_msg("%s: %s", name, f->op.msg);
}

static void file_close(struct fixture *f)
{
    model_unload(f->model);
    arena_destroy(f->arena);
}

static const float rows[3][3] = {{0.5f, -1, 2}, {-0.25f, 3, 7}, {1.5f, 0, 4}};

static void near(const struct tensor *t, const float *want, size_t n)
{
    assert_int_equal(t->type, TENSOR_FP32);
    assert_int_equal(t->count, n);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(((const float *)t->data)[i] - want[i]) < 1e-6f))
            fail_msg("%zu: %.9g, not %.9g", i, (double)((const float *)t->data)[i], (double)want[i]);
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *file, *texts[3];
        int64_t labels[3];
        float scores[9];
        size_t classes;
    } cases[] = {
        {"scaled", {"c", "b", "c"}, {0}, {0.004323034547f, 0.237667292f, 0.758009672f, 0.227130175f, 0.724930823f, 0.04793904f, 3.73959192e-05f, 0.025801506f, 0.974161088f}, 3},
        {"forest", {"c", "b", "c"}, {0}, {0.13333334f, 0.32499999f, 0.54166669f, 0.141414136f, 0.686868668f, 0.171717167f, 0.141414136f, 0.186868683f, 0.671717167f}, 3},
        {"boosted", {NULL}, {1, 0, 1}, {0.369709015f, 0.630290985f, 0.531809688f, 0.468190312f, 0.369709015f, 0.630290985f}, 2},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct fixture f;
        struct tensor in = {.type = TENSOR_FP32, .rank = 2, .shape = {3, 3}, .count = 9, .data = rows}, out[2];
        file_load(&f, cases[k].file);
        assert_int_equal(model_run(&f.op, f.model, &in, NULL, out), OK);
        near(&out[1], cases[k].scores, 3 * cases[k].classes);
        for (size_t i = 0; i < 3; i++)
            if (cases[k].texts[0])
                assert_true(str_eqc(out[0].texts[i], cases[k].texts[i]));
            else
                assert_int_equal(((const int64_t *)out[0].data)[i], cases[k].labels[i]);
        /* Only what is wanted. */
        assert_int_equal(model_run(&f.op, f.model, &in, (bool[]){false, true}, out), OK);
        assert_true(out[0].count == 0 && out[1].count == 3 * cases[k].classes);
        file_close(&f);
    }
}

static void test_signature(void **state)
{
    (void)state;
    struct fixture f;
    size_t n = 0;
    file_load(&f, "columns");
    const struct tensor_spec *in = model_inputs(f.model, &n);
    assert_true(n == 3 && str_eqc(in[0].name, "a") && in[1].type == TENSOR_BYTES && in[2].type == TENSOR_INT64 && in[1].shape[0] == -1 && in[1].shape[1] == 1);
    const struct tensor_spec *out = model_outputs(f.model, &n);
    assert_true(n == 2 && str_eqc(out[0].name, "output_label") && out[0].type == TENSOR_INT64 && out[0].rank == 1);
    assert_true(str_eqc(out[1].name, "output_probability") && out[1].type == TENSOR_FP32 && out[1].rank == 2 && out[1].shape[0] == -1 && out[1].shape[1] == 2);
    assert_true(out[1].label_count == 2 && str_eqc(out[1].labels[1], "1"));
    assert_true(model_info(f.model)->joins && !model_has_rows(model_info(f.model)));
    static const float a[] = {0.5f, -0.25f, 1.5f};
    static const struct str s[] = {STR_INIT("x"), STR_INIT("z"), STR_INIT("?")};
    static const int64_t i[] = {1, 8, 3};
    const struct tensor given[3] = {{.type = TENSOR_FP32, .rank = 2, .shape = {3, 1}, .count = 3, .data = a},
                                    {.type = TENSOR_BYTES, .rank = 2, .shape = {3, 1}, .count = 3, .texts = s},
                                    {.type = TENSOR_INT64, .rank = 2, .shape = {3, 1}, .count = 3, .data = i}};
    struct tensor got[2];
    if (model_run(&f.op, f.model, given, NULL, got))
        fail_msg("%s", f.op.msg);
    near(&got[1], (const float[]){0.0779725909f, 0.922027409f, 0.823724747f, 0.176275253f, 0.00127935410f, 0.998720646f}, 6);
    file_close(&f);
}

static void test_cut_off_anywhere(void **state)
{
    (void)state;
    struct fixture f;
    file_load(&f, "boosted");
    for (size_t n = 0; n < f.bytes.len; n += 3) {
        struct arena *a = arena_create(LIMIT_MIB(64));
        struct op op;
        struct model *m = NULL;
        char *copy = malloc(n ? n : 1);
        memcpy(copy, f.bytes.p, n);
        op_init(&op, a);
        enum err e = model_load(&op, engines, (struct str){copy, n}, &m);
        assert_true((e == E_INVALID || e == E_UNSUPPORTED || e == OK) && (e == OK) == (m != NULL));
        if (e && n > 16)
            assert_non_null(op.msg);
        model_unload(m); /* the tail, the versions of operators, is no great loss */
        free(copy);
        arena_destroy(a);
    }
    file_close(&f);
}

static void test_graph(void **state)
{
    (void)state;
    struct fixture f;
    struct onnxml_graph g;
    enum tensor_type t;
    file_load(&f, "boosted");
    assert_int_equal(onnxml_graph_read(&f.op, f.bytes, &g), OK);
    assert_true(g.opset_ml > 0 && g.input_count == 1 && g.output_count == 2 && !g.outputs[1].is_tensor && g.inputs[0].shape[1] == 3);
    assert_true(str_eqc(g.nodes[0].type, "TreeEnsembleClassifier"));
    assert_true(str_eqc(onnxml_attr_str(&g.nodes[0], "post_transform", ""), "LOGISTIC"));
    assert_null(onnxml_attr(&g.nodes[0], "nothing"));
    assert_int_equal(onnxml_attr_i64(&g.nodes[0], "nothing", 7), 7);
    assert_true(onnxml_type(1, &t) && t == TENSOR_FP32 && onnxml_type(8, &t) && t == TENSOR_BYTES && !onnxml_type(14, &t) && !onnxml_type(0, &t));
    file_close(&f);
}

/* Values that do not fit their type become the nearest that does: no undefined conversion. */
static void test_values(void **state)
{
    (void)state;
    int32_t i = 0;
    uint8_t b = 7;
    float score[3] = {0, 1000, -1000};
    struct tensor small = {.type = TENSOR_INT32, .data = &i}, flag = {.type = TENSOR_BOOL, .data = &b};
    onnxml_put(&small, 0, 1e300);
    assert_int_equal(i, INT32_MAX);
    onnxml_put(&small, 0, (double)NAN);
    assert_int_equal(i, 0);
    onnxml_put(&flag, 0, 0.25);
    assert_int_equal(b, 1);
    assert_true(onnxml_get(&flag, 0) == 1);
    onnxml_transform_apply(ONNXML_SOFTMAX, score, 3);
    assert_true(score[1] == 1 && score[0] == 0 && score[2] == 0);
    score[0] = 0;
    onnxml_transform_apply(ONNXML_LOGISTIC, score, 1);
    assert_true(score[0] == 0.5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers), cmocka_unit_test(test_signature), cmocka_unit_test(test_cut_off_anywhere),
        cmocka_unit_test(test_graph),   cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests_name("onnxml", tests, NULL, NULL);
}
