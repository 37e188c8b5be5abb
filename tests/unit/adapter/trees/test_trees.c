/* Answers against XGBoost's own C library, in the same process, on random rows with missing values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/trees/trees.h"
#include "base/limits.h"
#include "base/time.h"

#if __has_include(<xgboost/c_api.h>)
#include "adapter/xgboost/lib.h"

enum { COLS = 27 };

static uint64_t rng = 88172645463325252ull;
static float uniform(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (float)(rng >> 40) / 16777216.0f;
}

static void rows_fill(float *x, size_t n)
{
    for (size_t i = 0; i < n * COLS; i++) {
        float u = uniform();
        x[i] = uniform() < 0.15f ? NAN : (i % 3 ? u : floorf(u * 8));
    }
}

static const struct xgb_lib *lib;

#define XGB(call)                                                                                  \
    do {                                                                                           \
        if ((lib->call) != 0)                                                                      \
            fail_msg("%s", lib->XGBGetLastError());                                                \
    } while (0)

struct booster {
    BoosterHandle handle;
    DMatrixHandle data;
};

static struct booster booster_train(const char *objective, const char *method, const char *gamma, int rounds, const char *depth)
{
    enum { ROWS = 4000 };
    static float x[ROWS * COLS], y[ROWS];
    rows_fill(x, ROWS);
    int classes = strcmp(objective, "multi:softprob") == 0 ? 3 : 0;
    for (size_t i = 0; i < ROWS; i++) {
        float s = 0;
        for (size_t j = 0; j < COLS; j++)
            s += isnan(x[i * COLS + j]) ? 0.3f : x[i * COLS + j] * (j % 2 ? 1.0f : -0.5f);
        s += uniform();
        y[i] = classes ? floorf(fminf(fmaxf(s + 1, 0), 2)) : strncmp(objective, "binary", 6) == 0 ? s > 1.5f : s;
    }
    struct booster b;
    XGB(XGDMatrixCreateFromMat_omp(x, ROWS, COLS, NAN, &b.data, 2));
    XGB(XGDMatrixSetFloatInfo(b.data, "label", y, ROWS));
    XGB(XGBoosterCreate(&b.data, 1, &b.handle));
    const char *const params[][2] = {{"objective", objective}, {"tree_method", method}, {"gamma", gamma},
                                     {"max_depth", depth},     {"nthread", "2"},        {"verbosity", "0"}};
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        XGB(XGBoosterSetParam(b.handle, params[i][0], params[i][1]));
    if (classes)
        XGB(XGBoosterSetParam(b.handle, "num_class", "3"));
    for (int i = 0; i < rounds; i++)
        XGB(XGBoosterUpdateOneIter(b.handle, i, b.data));
    return b;
}

static void booster_free(struct booster *b)
{
    lib->XGBoosterFree(b->handle);
    lib->XGDMatrixFree(b->data);
}

static struct model *booster_model(struct booster *b)
{
    static const struct engine_ops *const engines[] = {&trees_engine, NULL};
    bst_ulong len = 0;
    const char *p = NULL;
    XGB(XGBoosterSaveModelToBuffer(b->handle, "{\"format\":\"json\"}", &len, &p));
    struct arena *a = arena_create(LIMIT_MIB(512));
    struct op op;
    op_init(&op, a);
    struct model *m = NULL;
    if (model_load(&op, engines, (struct str){p, len}, &m) != OK)
        fail_msg("%s", op.msg);
    arena_destroy(a);
    return m;
}

static void compare(struct booster *b, const struct model *m, size_t n)
{
    float *x = malloc(n * COLS * sizeof(float));
    size_t outputs = model_info(m)->outputs;
    float *ours = malloc(n * outputs * sizeof(float));
    rows_fill(x, n);
    DMatrixHandle d;
    XGB(XGDMatrixCreateFromMat_omp(x, n, COLS, NAN, &d, 2));
    const char *config = "{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":false}";
    const bst_ulong *shape;
    bst_ulong dims;
    const float *theirs;
    XGB(XGBoosterPredictFromDMatrix(b->handle, d, config, &shape, &dims, &theirs));
    assert_int_equal(shape[0], n);
    model_predict(m, x, n, ours);
    for (size_t i = 0; i < n * outputs; i++)
        if (memcmp(&ours[i], &theirs[i], sizeof(float)) != 0)
            fail_msg("row %zu of %zu: %.9g, XGBoost says %.9g", i / outputs, n, (double)ours[i], (double)theirs[i]);
    lib->XGDMatrixFree(d);
    free(x);
    free(ours);
}

static void test_equal_to_xgboost(void **state)
{
    (void)state;
    static const struct {
        const char *objective, *method, *gamma;
        int rounds;
        const char *depth;
    } models[] = {
        {"binary:logistic", "hist", "0", 100, "6"}, {"binary:logistic", "exact", "3", 30, "8"},
        {"binary:logistic", "hist", "5", 13, "4"},  {"reg:squarederror", "hist", "0", 40, "6"},
        {"multi:softprob", "hist", "1", 11, "5"},   {"binary:logistic", "hist", "0", 1, "0"},
    };
    static const size_t sizes[] = {1, 2, 7, 8, 9, 15, 16, 17, 1000};
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        const char *depth = strcmp(models[i].depth, "0") == 0 ? "1" : models[i].depth;
        struct booster b = booster_train(models[i].objective, models[i].method, models[i].gamma, models[i].rounds, depth);
        struct model *m = booster_model(&b);
        for (size_t k = 0; k < ARRAY_LEN(sizes); k++)
            compare(&b, m, sizes[k]);
        model_unload(m);
        booster_free(&b);
    }
}

/* Not a check: prints what a row costs (100 trees of depth 6) when INGOT_BENCH is set. */
static void test_speed(void **state)
{
    (void)state;
    if (!getenv("INGOT_BENCH"))
        skip();
    struct booster b = booster_train("binary:logistic", "hist", "0", 100, "6");
    struct model *m = booster_model(&b);
    enum { ROWS = 1000 };
    static float x[ROWS * COLS], out[ROWS];
    rows_fill(x, ROWS);
    int64_t one = INT64_MAX, many = INT64_MAX;
    for (int rep = 0; rep < 200; rep++) {
        int64_t t0 = time_mono_ns();
        for (size_t i = 0; i < ROWS; i++)
            model_predict(m, x + i * COLS, 1, out + i);
        int64_t t1 = time_mono_ns();
        model_predict(m, x, ROWS, out);
        int64_t t2 = time_mono_ns();
        one = t1 - t0 < one ? t1 - t0 : one;
        many = t2 - t1 < many ? t2 - t1 : many;
    }
    print_message("100 trees depth 6: %.0f ns per single row, %.0f ns per row of 1000, %zu bytes\n", (double)one / ROWS,
                  (double)many / ROWS, model_info(m)->memory_bytes);
    model_unload(m);
    booster_free(&b);
}

static int library_load(void **state)
{
    (void)state;
    struct op op;
    struct arena *a = arena_create(LIMIT_MIB(1));
    op_init(&op, a);
    if (xgb_lib_get(&op, &lib) != OK)
        fail_msg("%s", op.msg);
    arena_destroy(a);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_to_xgboost),
        cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests_name("trees", tests, library_load, NULL);
}
#else
int main(void)
{
    puts("skipped: the XGBoost library is not here");
    return 0;
}
#endif
