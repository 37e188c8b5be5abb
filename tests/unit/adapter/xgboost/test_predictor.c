#include "adapter/xgboost/predictor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/xgboost/lib.h"
#include "base/limits.h"

enum { ROWS = 60, COLUMNS = 4 };

struct fixture {
    struct arena *arena;
    struct op op;
    const struct xgb_lib *lib;
    DMatrixHandle data;
    BoosterHandle booster;
    float x[ROWS * COLUMNS], y[ROWS];
    struct str bytes; /* the model in the binary format */
};

static void setting(struct fixture *f, const char *key, const char *value)
{
    assert_int_equal(f->lib->XGBoosterSetParam(f->booster, key, value), 0);
}

static void fixture_open(struct fixture *f, const char *objective)
{
    *f = (struct fixture){.arena = arena_create(LIMIT_MIB(16))};
    op_init(&f->op, f->arena);
    if (xgboost_prepare(&f->op) || xgb_lib_get(&f->op, &f->lib))
        fail_msg("%s", f->op.msg);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        f->x[i] = i % 7 == 0 ? NAN : (float)((i * 37) % 101) / 10;
    for (int i = 0; i < ROWS; i++)
        f->y[i] = (float)(i % 3);
    assert_int_equal(f->lib->XGDMatrixCreateFromMat_omp(f->x, ROWS, COLUMNS, NAN, &f->data, 1), 0);
    assert_int_equal(f->lib->XGDMatrixSetFloatInfo(f->data, "label", f->y, ROWS), 0);
    assert_int_equal(f->lib->XGBoosterCreate(&f->data, 1, &f->booster), 0);
    setting(f, "objective", objective);
    setting(f, "nthread", "1");
    if (strstr(objective, "multi"))
        setting(f, "num_class", "3");
    for (int i = 0; i < 5; i++)
        assert_int_equal(f->lib->XGBoosterUpdateOneIter(f->booster, i, f->data), 0);
    bst_ulong len = 0;
    const char *p = NULL;
    assert_int_equal(f->lib->XGBoosterSaveModelToBuffer(f->booster, "{\"format\":\"deprecated\"}", &len, &p), 0);
    f->bytes = str_dup(f->arena, (struct str){p, len});
}

static void fixture_close(struct fixture *f)
{
    f->lib->XGBoosterFree(f->booster);
    f->lib->XGDMatrixFree(f->data);
    arena_destroy(f->arena);
}

static void answers_as_the_library(void **state)
{
    (void)state;
    static const char *const objectives[] = {"reg:squarederror", "multi:softprob"};
    for (size_t k = 0; k < ARRAY_LEN(objectives); k++) {
        static struct fixture f;
        void *m = NULL;
        fixture_open(&f, objectives[k]);
        assert_true(xgboost_engine.accepts(f.bytes));
        if (xgboost_engine.load(&f.op, f.bytes, &m))
            fail_msg("%s", f.op.msg);
        const struct engine_info *info = xgboost_engine.info(m);
        size_t outputs = k ? 3 : 1;
        assert_true(info->outputs == outputs && info->input_count == 1 && info->inputs_spec[0].shape[1] == COLUMNS && info->joins && !info->features);
        const bst_ulong *shape = NULL;
        bst_ulong dim = 0;
        const float *want = NULL;
        assert_int_equal(f.lib->XGBoosterPredictFromDMatrix(f.booster, f.data, "{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":true}",
                                                            &shape, &dim, &want), 0);
        struct tensor in = {.type = TENSOR_FP32, .rank = 2, .shape = {ROWS, COLUMNS}, .count = ROWS * COLUMNS, .data = f.x}, out;
        if (xgboost_engine.run(&f.op, m, &in, NULL, &out))
            fail_msg("%s", f.op.msg);
        assert_true(out.count == ROWS * outputs && out.rank == (k ? 2 : 1));
        assert_memory_equal(out.data, want, out.count * sizeof(float));
        in.shape[0] = 0; /* no rows, no answers */
        in.count = 0;
        assert_int_equal(xgboost_engine.run(&f.op, m, &in, NULL, &out), OK);
        assert_int_equal(out.count, 0);
        in.shape[1] = 3;
        assert_int_equal(xgboost_engine.run(&f.op, m, &in, NULL, &out), E_INVALID);
        op_clear(&f.op);
        assert_int_equal(xgboost_engine.run(&f.op, m, &in, (bool[]){false}, &out), OK);
        xgboost_engine.unload(m);
        fixture_close(&f);
    }
}

/* Every beginning of a file, and every changed byte of its head, is taken or left, and nothing is read past its end. */
static void looks_at_the_head_only(void **state)
{
    (void)state;
    static struct fixture f;
    void *m = NULL;
    fixture_open(&f, "count:poisson");
    for (size_t n = 0; n < 200 && n < f.bytes.len; n++) {
        char *part = malloc(n + 1);
        memcpy(part, f.bytes.p, n);
        assert_true(xgboost_engine.accepts((struct str){part, n}) == (n >= 4 + 136 + 8 + 13 + 8 + 6));
        free(part);
    }
    assert_true(xgboost_engine.accepts(str_sub(f.bytes, 4, f.bytes.len)));
    for (size_t i = 140; i < 140 + 8 + 13 + 8; i++) {
        char *changed = malloc(f.bytes.len);
        memcpy(changed, f.bytes.p, f.bytes.len);
        changed[i] = (char)0xff;
        assert_false(xgboost_engine.accepts((struct str){changed, f.bytes.len}));
        free(changed);
    }
    assert_false(xgboost_engine.accepts(STR("{\"learner\":{}}")));
    assert_int_equal(xgboost_engine.load(&f.op, str_sub(f.bytes, 0, 190), &m), E_INVALID); /* the library says what is wrong, in one line */
    assert_true(strstr(f.op.msg, "xgboost model") && !strchr(f.op.msg, '\n'));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_as_the_library), cmocka_unit_test(looks_at_the_head_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
