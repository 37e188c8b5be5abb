/* Logistic regression: it finds known weights, stands missing values and constant columns, and refuses nonsense. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/liblinear/liblinear.h"
#include "adapter/linear/linear.h"
#include "base/limits.h"
#include "port/linear_format.h"

enum { ROWS = 20000, COLS = 4 };
static float x[ROWS * COLS], y[ROWS];
static const struct str names[COLS] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("constant"), STR_INIT("noise")};

static uint64_t rng = 88172645463325252ull;
static double uniform(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (double)(rng >> 11) / 9007199254740992.0;
}

/* P(y = 1) = logistic(-1 + 2 a - 0.5 b), a in [0, 1], b in [0, 10]. */
static void data_make(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        double a = uniform(), b = 10 * uniform(), z = -1 + 2 * a - 0.5 * b;
        y[i] = uniform() < 1 / (1 + exp(-z));
        x[i * COLS] = (float)a;
        x[i * COLS + 1] = (float)b;
        x[i * COLS + 2] = 7;
        x[i * COLS + 3] = uniform() < 0.5 ? NAN : (float)uniform();
    }
}

static enum err fit(struct op *op, const char *params, size_t rows, struct buf *b)
{
    struct json *p = NULL;
    struct learner_result r;
    const struct learner_data d = {.x = x, .y = y, .rows = rows, .cols = COLS, .names = names};
    buf_init(b, LIMIT_MIB(1));
    if (params && json_parse(op, str_from(params), JSON_STRICT, &p) != OK)
        fail_msg("%s", op->msg);
    return learner_train(op, &liblinear_learner, p, &d, NULL, NULL, b, &r);
}

static void weights_check(const char *params, size_t rows, double tolerance)
{
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct buf b;
    struct linear_weights w;
    op_init(&op, a);
    if (fit(&op, params, rows, &b) != OK || linear_parse(&op, a, buf_str(&b), &w) != OK)
        fail_msg("%s", op.msg);
    double slope[COLS], bias = w.bias;
    for (size_t j = 0; j < COLS; j++) {
        slope[j] = w.weight[j] / w.scale[j];
        bias -= slope[j] * w.mean[j];
    }
    if (fabs(slope[0] - 2) > tolerance || fabs(slope[1] + 0.5) > tolerance || fabs(slope[3]) > 3 * tolerance || fabs(bias + 1) > 3 * tolerance)
        fail_msg("slopes %g %g %g bias %g", slope[0], slope[1], slope[3], bias);
    buf_clear(&b);
    arena_destroy(a);
}

static void test_finds_the_weights(void **state)
{
    (void)state;
    weights_check("{\"C\": 1.0, \"eps\": 0.0001}", ROWS, 0.12);
    weights_check("{\"penalty\": \"l1\", \"eps\": 0.001}", ROWS, 0.12);
    weights_check("{\"max_rows\": 7000}", ROWS, 0.25);
}

static void test_same_input_same_bytes(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct buf one, two;
    op_init(&op, a);
    assert_int_equal(fit(&op, NULL, 3000, &one), OK);
    assert_int_equal(fit(&op, NULL, 3000, &two), OK);
    assert_true(str_eq(buf_str(&one), buf_str(&two)));
    static const struct engine_ops *const engines[] = {&linear_engine, NULL};
    struct model *m = NULL;
    assert_int_equal(model_load(&op, engines, buf_str(&one), &m), OK);
    model_unload(m);
    buf_clear(&one);
    buf_clear(&two);
    arena_destroy(a);
}

static void refuse(const char *params, size_t rows, const char *want)
{
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct buf b;
    op_init(&op, a);
    enum err e = fit(&op, params, rows, &b);
    if (e != E_INVALID || !strstr(op.msg, want))
        fail_msg("%s \"%s\", wanted \"%s\"", err_name(e), e ? op.msg : "", want);
    buf_clear(&b);
    arena_destroy(a);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("{\"c\": 1}", ROWS, "no parameter \"c\"");
    refuse("{\"C\": 0}", ROWS, "above zero");
    refuse("{\"C\": \"x\"}", ROWS, "C");
    refuse("{\"penalty\": \"l3\"}", ROWS, "l3");
    refuse("[1]", ROWS, "not an object");
    refuse(NULL, 0, "nothing to learn");
    float keep = y[5];
    y[5] = NAN;
    refuse(NULL, ROWS, "label of row 5");
    y[5] = 2;
    refuse(NULL, ROWS, "row 5 is 2");
    y[5] = keep;
    keep = x[COLS];
    x[COLS] = INFINITY;
    refuse(NULL, ROWS, "infinite");
    x[COLS] = keep;
    float labels[3] = {y[0], y[1], y[2]};
    y[0] = y[1] = y[2] = 1;
    refuse(NULL, 3, "nothing to tell apart");
    memcpy(y, labels, sizeof(labels));
}

int main(void)
{
    data_make();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_finds_the_weights), cmocka_unit_test(test_same_input_same_bytes),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("liblinear", tests, NULL, NULL);
}
