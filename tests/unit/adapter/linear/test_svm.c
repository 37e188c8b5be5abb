#include "adapter/linear/svm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"

static void check(const char *text, size_t features, const float *rows, size_t n, const float *want)
{
    static const struct engine_ops *const engines[] = {&svm_engine, NULL};
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct model *m = NULL;
    float out[16];
    double wide[16];
    op_init(&op, a);
    if (model_load(&op, engines, str_from(text), &m))
        fail_msg("%s", op.msg);
    const struct engine_info *info = model_info(m);
    assert_true(info->features == features && n * info->outputs <= ARRAY_LEN(out) && n * features <= ARRAY_LEN(wide));
    model_predict(m, rows, n, out);
    assert_memory_equal(out, want, n * info->outputs * sizeof *out);
    for (size_t i = 0; i < n * features; i++)
        wide[i] = (double)rows[i];
    assert_true(model_takes_f64(m));
    model_predict_f64(m, wide, n, out);
    assert_memory_equal(out, want, n * info->outputs * sizeof *out);
    model_unload(m);
    arena_destroy(a);
}

static void answers(void **state)
{
    (void)state;
    const float rows[] = {1, 2, NAN, -1, 0, 0};
    const double sums[] = {0.5 * 1 - 2.0 * 2 + 0.25, -2.0 * -1 + 0.25, 0.25}; /* what is missing adds nothing */
    float p[3], turned[3], values[3], platt[3];
    for (int i = 0; i < 3; i++) {
        p[i] = (float)(1 / (1 + exp(-sums[i])));
        turned[i] = (float)(1 - 1 / (1 + exp(-sums[i])));
        values[i] = (float)sums[i];
        platt[i] = (float)(1 / (1 + exp(-1.5 * sums[i] + 0.5)));
    }
    check("solver_type L2R_LR\nnr_class 2\nlabel 1 0\nnr_feature 2\nbias 1\nw\n0.5 \n-2 \n0.25 \n", 2, rows, 3, p);
    check("solver_type L2R_LR\nnr_class 2\nlabel 0 1\nnr_feature 2\nbias 1\nw\n0.5 \n-2 \n0.25 \n", 2, rows, 3, turned);
    check("solver_type L2R_L2LOSS_SVR\nnr_class 2\nnr_feature 2\nbias 0.5\nw\n0.5 \n-2 \n0.5 \n", 2, rows, 3, values);
    check("svm_type c_svc\nkernel_type linear\nnr_class 2\nrho -0.25\nlabel 1 0\nprobA -1.5\nprobB 0.5\nSV\n1 1:0.5\n1 2:-2\n", 2, rows, 3, platt);
    /* Three classes, the file's first is the greatest. */
    float multi[6];
    for (int i = 0; i < 2; i++) {
        double q[3], total = 0;
        for (int c = 0; c < 3; c++)
            total += q[c] = 1 / (1 + exp(-(double)(i + 1) * (c - 1)));
        for (int c = 0; c < 3; c++)
            multi[3 * i + c] = (float)(q[(c + 1) % 3] / total);
    }
    check("solver_type L1R_LR\nnr_class 3\nlabel 9 1 4\nnr_feature 1\nbias -1\nw\n-1 0 1 \n", 1, (const float[]){1, 2}, 2, multi);
}

/* LIBSVM's own answers for several classes (make_libsvm.py): what it names has the largest value, and its probabilities are ours to the six digits that it
 * prints. */
static void as_libsvm(void **state)
{
    static const struct engine_ops *const engines[] = {&svm_engine, NULL};
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct str text;
    struct json *doc = NULL;
    size_t ties = 0, rows = 0;
    (void)state;
    op_init(&op, a);
    if (file_read(&op, INGOT_SOURCE_DIR "/tests/unit/adapter/linear/data/libsvm.json", LIMIT_MIB(4), &text) || json_parse(&op, text, JSON_STRICT, &doc))
        fail_msg("%s", op.msg);
    for (size_t k = 0; k < doc->len; k++) {
        const struct json *one = &doc->items[k], *x = json_get(one, "rows"), *answers = json_get(one, "answers"), *p = json_get(one, "probabilities");
        struct model *m = NULL;
        if (model_load(&op, engines, json_get(one, "model")->s, &m))
            fail_msg("%s", op.msg);
        const struct engine_info *info = model_info(m);
        for (size_t i = 0; i < x->len; i++, rows++) {
            double row[8];
            float out[8];
            size_t best = 0;
            int64_t want = 0, label = 0;
            assert_true(x->items[i].len == info->features && info->outputs <= ARRAY_LEN(out) && info->label_count == info->outputs);
            for (size_t f = 0; f < info->features; f++)
                assert_true(json_as_f64(&x->items[i].items[f], &row[f]));
            model_predict_f64(m, row, 1, out);
            for (size_t c = 0; c < info->outputs; c++) {
                double q = 0;
                best = out[c] > out[best] ? c : best;
                ties += p->type == JSON_NULL && out[c] != floorf(out[c]);
                if (p->type == JSON_ARRAY && (!json_as_f64(&p->items[i].items[c], &q) || fabs((double)out[c] - q) > 1e-6 + 5e-6 * q))
                    fail_msg("model %zu, row %zu, class %zu: %.9g, not %.9g", k, i, c, (double)out[c], q);
            }
            assert_true(json_as_i64(&answers->items[i], &want) && str_parse_i64(info->labels[best], &label));
            if (label != want)
                fail_msg("model %zu, row %zu: %lld, not %lld", k, i, (long long)label, (long long)want);
        }
        model_unload(m);
    }
    assert_true(rows == 360 && ties > 0);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers), cmocka_unit_test(as_libsvm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
