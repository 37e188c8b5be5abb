/* Logistic regression: it finds known weights, stands missing values and constant columns, and refuses nonsense. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <linear.h>

#include "adapter/liblinear/liblinear.h"
#include "adapter/linear/linear.h"
#include "adapter/linear/svm.h"
#include "base/file.h"
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

/* ---- the library's own files ---- */
enum { FILE_ROWS = 300, FILE_COLS = 5 };

static void be_silent(const char *text)
{
    (void)text;
}

/* What the library says of one row, in our words: the greater label of two, else by ascending label. */
static size_t library_answer(const struct model *m, const struct feature_node *row, float *ret)
{
    double values[8] = {0}, ordered[8];
    int n = get_nr_class(m), labels[8] = {0};
    bool probability = check_probability_model(m);
    if (probability)
        predict_probability(m, row, values);
    else
        predict_values(m, row, values);
    if (check_regression_model(m)) {
        ret[0] = (float)values[0];
        return 1;
    }
    get_labels(m, labels);
    if (n == 2 && m->param.solver_type != MCSVM_CS) {
        bool first = labels[0] > labels[1];
        ret[0] = (float)(probability ? values[first ? 0 : 1] : first ? values[0] : -values[0]);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        int rank = 0;
        for (int k = 0; k < n; k++)
            rank += labels[k] < labels[i];
        ordered[rank] = values[i];
    }
    for (int i = 0; i < n; i++)
        ret[i] = (float)ordered[i];
    return (size_t)n;
}

static void file_check(int solver, int classes, double bias)
{
    static struct feature_node nodes[FILE_ROWS][FILE_COLS + 2], *rows[FILE_ROWS];
    static double wanted[FILE_ROWS];
    static float dense[FILE_ROWS * FILE_COLS], ours[FILE_ROWS * 4];
    int cols = FILE_COLS + (bias >= 0);
    for (int i = 0; i < FILE_ROWS; i++) {
        double z = 0;
        rows[i] = nodes[i];
        for (int k = 0; k < FILE_COLS; k++) {
            float v = (float)(uniform() * 2 - 1);
            dense[i * FILE_COLS + k] = v;
            nodes[i][k] = (struct feature_node){k + 1, (double)v};
            z += (double)v * (k - 1);
        }
        if (bias >= 0)
            nodes[i][FILE_COLS] = (struct feature_node){cols, bias};
        nodes[i][cols].index = -1;
        wanted[i] = classes == 0 ? z : classes == 2 ? (z > 0.3 ? 1 : -1) : z < -1 ? 7 : z > 1 ? -3 : 2;
    }
    struct problem problem = {.l = FILE_ROWS, .n = cols, .y = wanted, .x = rows, .bias = bias};
    struct parameter parameter = {.solver_type = solver, .eps = 0.01, .C = 1, .p = 0.1};
    set_print_string_function(be_silent);
    struct model *m = train(&problem, &parameter);
    char path[] = "/tmp/liblinear-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(save_model(path, m), 0);
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct str bytes;
    void *loaded = NULL;
    op_init(&op, a);
    assert_int_equal(file_read(&op, path, LIMIT_MIB(1), &bytes), OK);
    unlink(path);
    if (!svm_engine.accepts(bytes) || svm_engine.load(&op, bytes, &loaded))
        fail_msg("solver %d: %s", solver, op.msg);
    const struct engine_info *info = svm_engine.info(loaded);
    assert_int_equal(info->features, FILE_COLS);
    svm_engine.predict(loaded, dense, FILE_ROWS, ours);
    for (int i = 0; i < FILE_ROWS; i++) {
        float want[8];
        assert_int_equal(library_answer(m, rows[i], want), info->outputs);
        if (memcmp(want, ours + (size_t)i * info->outputs, info->outputs * sizeof(float)) != 0)
            fail_msg("solver %d, %d classes, row %d: %g, not %g", solver, classes, i, (double)ours[(size_t)i * info->outputs], (double)want[0]);
    }
    svm_engine.unload(loaded);
    free_and_destroy_model(&m);
    arena_destroy(a);
}

/* Every solver, equal to the last bit. */
static void test_its_own_files_are_served(void **state)
{
    (void)state;
    static const int classifiers[] = {L2R_LR, L2R_L2LOSS_SVC_DUAL, L2R_L2LOSS_SVC, L2R_L1LOSS_SVC_DUAL, MCSVM_CS, L1R_L2LOSS_SVC, L1R_LR, L2R_LR_DUAL};
    static const int regressions[] = {L2R_L2LOSS_SVR, L2R_L2LOSS_SVR_DUAL, L2R_L1LOSS_SVR_DUAL};
    for (int with_bias = 0; with_bias < 2; with_bias++) {
        for (size_t i = 0; i < ARRAY_LEN(classifiers); i++) {
            file_check(classifiers[i], 2, with_bias ? 1 : -1);
            file_check(classifiers[i], 3, with_bias ? 0.5 : -1);
        }
        for (size_t i = 0; i < ARRAY_LEN(regressions); i++)
            file_check(regressions[i], 0, with_bias ? 1 : -1);
    }
}

int main(void)
{
    data_make();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_its_own_files_are_served), cmocka_unit_test(test_finds_the_weights), cmocka_unit_test(test_same_input_same_bytes),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("liblinear", tests, NULL, NULL);
}
