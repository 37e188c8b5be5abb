/* The driver: rounds are reported, early stopping cuts the model to its best round, the bytes load in our engine,
 * training is deterministic, and what the library refuses comes out as one line. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/trees/trees.h"
#include "adapter/xgboost/xgboost.h"
#include "base/limits.h"

enum { ROWS = 3000, COLS = 3 };
static float x[ROWS * COLS], y[ROWS], valid_y[ROWS];
static const struct str names[COLS] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};

static uint64_t rng = 88172645463325252ull;
static float uniform(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (float)(rng >> 40) / 16777216.0f;
}

static void data_make(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < COLS; j++)
            x[i * COLS + j] = uniform() < 0.1f ? NAN : uniform();
        float s = (isnan(x[i * COLS]) ? 0.5f : x[i * COLS]) + uniform();
        y[i] = s > 1;
        valid_y[i] = uniform() < 0.3f ? uniform() > 0.5f : s > 1; /* noisy, so that more rounds get worse */
    }
}

struct seen {
    size_t rounds, metrics;
    double first, last;
    size_t stop_at;
    double valid[512];
};

static enum err on_round(void *arg, struct op *op, const struct learner_round *r)
{
    struct seen *s = arg;
    assert_int_equal(r->round, s->rounds);
    s->metrics = r->len;
    for (size_t i = 0; i < r->len; i++) {
        if (strcmp(r->metrics[i].name, "fit_log_loss") == 0) {
            if (s->rounds == 0)
                s->first = r->metrics[i].value;
            s->last = r->metrics[i].value;
        }
        if (strcmp(r->metrics[i].name, "valid_log_loss") == 0 && s->rounds < ARRAY_LEN(s->valid))
            s->valid[s->rounds] = r->metrics[i].value;
    }
    s->rounds++;
    return s->rounds == s->stop_at ? op_fail(op, E_CANCELLED, "enough") : OK;
}

static enum err fit(struct op *op, const char *params, bool valid, struct seen *seen, struct buf *b, struct learner_result *r)
{
    struct json *p = NULL;
    const struct learner_data d = {.x = x, .y = y, .rows = ROWS, .cols = COLS, .names = names};
    const struct learner_data v = {.x = x, .y = valid_y, .rows = ROWS, .cols = COLS, .names = names};
    const struct learner_progress progress = {.arg = seen, .round = on_round};
    buf_init(b, LIMIT_MIB(16));
    if (json_parse(op, str_from(params), JSON_STRICT, &p) != OK)
        fail_msg("%s", op->msg);
    return learner_train(op, &xgboost_learner, p, &d, valid ? &v : NULL, &progress, b, r);
}

static void test_rounds_and_determinism(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(256));
    struct op op;
    struct buf one, two;
    struct seen seen = {0}, again = {0};
    struct learner_result r;
    op_init(&op, a);
    const char *params = "{\"rounds\": 20, \"max_depth\": 4, \"eta\": 0.3, \"threads\": 2, \"seed\": 3, \"subsample\": 0.8}";
    if (fit(&op, params, true, &seen, &one, &r) != OK)
        fail_msg("%s", op.msg);
    assert_int_equal(seen.rounds, 20);
    assert_int_equal(seen.metrics, 4); /* fit and valid, log_loss and auc */
    assert_true(seen.last < seen.first && seen.last > 0);
    assert_int_equal(r.rounds, 20);
    assert_int_equal(r.best_round, 19);
    assert_int_equal(fit(&op, params, true, &again, &two, &r), OK);
    assert_true(str_eq(buf_str(&one), buf_str(&two)));
    static const struct engine_ops *const engines[] = {&trees_engine, NULL};
    struct model *m = NULL;
    if (model_load(&op, engines, buf_str(&one), &m) != OK)
        fail_msg("%s", op.msg);
    assert_int_equal(model_info(m)->features, COLS);
    assert_true(model_info(m)->feature_names && str_eqc(model_info(m)->feature_names[2], "c"));
    float low, high;
    model_predict(m, (float[]){0.01f, 0.5f, 0.5f}, 1, &low);
    model_predict(m, (float[]){0.99f, 0.5f, 0.5f}, 1, &high);
    assert_true(low < 0.3f && high > 0.7f);
    model_unload(m);
    buf_clear(&one);
    buf_clear(&two);
    arena_destroy(a);
}

static size_t trees_in(struct str json)
{
    size_t n = 0, at;
    while ((at = str_find(json, STR("\"left_children\""))) != SIZE_MAX) {
        n++;
        json = str_sub(json, at + 1, json.len);
    }
    return n;
}

static void test_early_stopping_keeps_the_best_round(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(256));
    struct op op;
    struct buf b;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct learner_result r;
    op_init(&op, a);
    if (fit(&op, "{\"rounds\": 400, \"max_depth\": 6, \"eta\": 0.5, \"early_stopping\": 5, \"metrics\": [\"logloss\"]}", true, seen, &b, &r) != OK)
        fail_msg("%s", op.msg);
    assert_true(r.rounds < 400);
    assert_int_equal(r.rounds, seen->rounds);
    assert_int_equal(r.best_round, r.rounds - 6);
    for (int64_t i = 0; i < r.rounds; i++)
        assert_true(seen->valid[r.best_round] <= seen->valid[i]);
    assert_int_equal(trees_in(buf_str(&b)), r.best_round + 1);
    free(seen);
    buf_clear(&b);
    arena_destroy(a);
}

static void test_fit_metrics_off(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(256));
    struct op op;
    struct buf b;
    struct seen seen = {0};
    struct learner_result r;
    op_init(&op, a);
    assert_int_equal(fit(&op, "{\"rounds\": 3, \"fit_metrics\": false}", true, &seen, &b, &r), OK);
    assert_int_equal(seen.metrics, 2);
    assert_true(seen.valid[0] > 0);
    buf_clear(&b);
    seen = (struct seen){.stop_at = 2};
    assert_int_equal(fit(&op, "{\"rounds\": 30}", false, &seen, &b, &r), E_CANCELLED);
    assert_int_equal(seen.rounds, 2);
    buf_clear(&b);
    arena_destroy(a);
}

static void refuse(const char *params, const char *want)
{
    struct arena *a = arena_create(LIMIT_MIB(256));
    struct op op;
    struct buf b;
    struct seen seen = {0};
    struct learner_result r;
    op_init(&op, a);
    enum err e = fit(&op, params, true, &seen, &b, &r);
    if (e != E_INVALID || !strstr(op.msg, want) || strchr(op.msg, '\n'))
        fail_msg("%s: %s \"%s\", wanted \"%s\"", params, err_name(e), e ? op.msg : "", want);
    buf_clear(&b);
    arena_destroy(a);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("{\"max_dept\": 4}", "no parameter \"max_dept\"");
    refuse("{\"max_depth\": -4}", "max_depth");
    refuse("{\"max_depth\": [1]}", "max_depth");
    refuse("{\"objective\": \"binary:what\"}", "");
    refuse("{\"rounds\": 0}", "rounds");
    refuse("{\"metrics\": []}", "metrics");
    refuse("{\"metrics\": [\"what\"]}", "");
    refuse("{\"tree_method\": \"what\"}", "'what'");
    float keep = x[4];
    x[4] = INFINITY;
    refuse("{\"rounds\": 2}", "inf");
    x[4] = keep;
    keep = y[7];
    y[7] = NAN;
    refuse("{\"rounds\": 2}", "row 7");
    y[7] = 3;
    refuse("{\"rounds\": 2}", "label");
    y[7] = keep;
}

int main(void)
{
    data_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds_and_determinism),
        cmocka_unit_test(test_early_stopping_keeps_the_best_round),
        cmocka_unit_test(test_fit_metrics_off),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("xgboost", tests, NULL, NULL);
}
