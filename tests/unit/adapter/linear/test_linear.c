/* The engine: the formula of linear.h, missing values, and a file with one byte changed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/linear/linear.h"
#include "base/limits.h"

static const char text[] = "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\",\"b\"],"
                           "\"mean\":[1.0,-2.0],\"scale\":[2.0,0.5],\"weight\":[0.75,-1.25],\"bias\":-0.5}";

static const struct engine_ops *const engines[] = {&linear_engine, NULL};

static enum err load(struct op *op, struct str bytes, struct model **ret)
{
    return model_load(op, engines, bytes, ret);
}

static void test_answers(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct model *m;
    op_init(&op, a);
    assert_int_equal(load(&op, str_from(text), &m), OK);
    assert_int_equal(model_info(m)->features, 2);
    assert_int_equal(model_info(m)->outputs, 1);
    assert_true(str_eqc(model_info(m)->feature_names[1], "b"));
    const float rows[][2] = {{1, -2}, {3, -2}, {NAN, -3}, {5, NAN}, {NAN, NAN}, {1e38f, -1e38f}, {-1e38f, 1e38f}, {INFINITY, 0}};
    const double z[] = {-0.5, 0.25, 2.0, 1.0, -0.5, 1e300, -1e300, 1e300};
    float out[ARRAY_LEN(rows)];
    model_predict(m, rows[0], ARRAY_LEN(rows), out);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(out[i] == (float)(1.0 / (1.0 + exp(-z[i]))));
    model_unload(m);
    arena_destroy(a);
}

static void test_every_changed_byte_is_safe(void **state)
{
    (void)state;
    static const char with[] = {'0', '9', '-', 'e', '"', ',', '[', ']', '{', '}', ' ', 0, (char)0xff};
    char spoilt[sizeof(text)];
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        for (size_t k = 0; k < sizeof(with); k++) {
            struct arena *a = arena_create(LIMIT_MIB(8));
            struct op op;
            struct model *m = NULL;
            op_init(&op, a);
            memcpy(spoilt, text, sizeof(text));
            spoilt[i] = with[k];
            if (load(&op, (struct str){spoilt, sizeof(text) - 1}, &m) == OK) {
                float row[2] = {1, NAN}, out = NAN;
                assert_int_equal(model_info(m)->features, 2);
                model_predict(m, row, 1, &out);
                assert_true(out >= 0 && out <= 1);
                model_unload(m);
            } else {
                assert_true(op.msg && op.err != OK);
            }
            arena_destroy(a);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers), cmocka_unit_test(test_every_changed_byte_is_safe)};
    return cmocka_run_group_tests_name("linear", tests, NULL, NULL);
}
