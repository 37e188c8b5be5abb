/* What lies beside a model: the signature, MLmodel as YAML, the scores as Parquet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/duckdb/duckdb.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "core/train/package.h"

static const struct str names[] = {STR_INIT("a"), STR_INIT("b: \"x\"\n")};

static void test_mlmodel_is_yaml_with_the_flavors(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct buf b;
    struct json *doc = NULL, *inputs = NULL;
    op_init(&op, a);
    buf_init(&b, LIMIT_MIB(1));
    const struct train_package p = {.format = STR("xgboost"), .model_file = STR("m: 1.json"), .library_version = STR("1.7.4"), .run_id = STR("00ff"),
                                    .names = names, .features = 2};
    train_mlmodel(&p, &b);
    if (yaml_parse(&op, buf_str(&b), &doc) != OK)
        fail_msg("%s", op.msg);
    assert_true(str_eqc(json_path(doc, "flavors.ingot.data")->s, "m: 1.json") && str_eqc(json_path(doc, "flavors.xgboost.data")->s, "m: 1.json"));
    assert_true(str_eqc(json_path(doc, "flavors.python_function.loader_module")->s, "mlflow.xgboost") && str_eqc(json_path(doc, "run_id")->s, "00ff"));
    assert_int_equal(json_parse(&op, json_path(doc, "signature.inputs")->s, JSON_STRICT, &inputs), OK);
    assert_true(inputs->len == 2 && str_eq(json_get(&inputs->items[1], "name")->s, names[1]));
    buf_reset(&b);
    const struct train_package linear = {.format = STR("ingot-linear"), .model_file = STR("model.json"), .names = names, .features = 2};
    train_mlmodel(&linear, &b);
    assert_int_equal(yaml_parse(&op, buf_str(&b), &doc), OK);
    assert_true(json_path(doc, "flavors.ingot") && !json_path(doc, "flavors.xgboost") && !json_get(doc, "run_id"));
    buf_clear(&b);
    arena_destroy(a);
}

static void test_scores_come_back(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct table_engine *t = NULL;
    struct frame *f = NULL;
    static int64_t id[N], when[N];
    static float y[N], scores[N];
    op_init(&op, a);
    for (int i = 0; i < N; i++) {
        id[i] = i + 7;
        when[i] = (int64_t)i * 1000000;
        y[i] = i % 3 == 0;
        scores[i] = (float)i / N;
    }
    const struct train_params params = {.id = STR("flight"), .time = STR("date")};
    const struct train_rows rows = {.rows = N, .id = id, .time_us = when, .y = y};
    char path[64];
    snprintf(path, sizeof(path), "/tmp/ingot-scores-%d.parquet", (int)getpid());
    if (duckdb_engine_open(&op, &(struct duckdb_config){.threads = 1}, &t) != OK || train_scores_save(&op, t, str_from(path), &params, &rows, scores) != OK ||
        frame_load(&op, t, str_from(op_printf(&op, "SELECT * FROM read_parquet('%s')", path)), LIMIT_MIB(64), &f) != OK)
        fail_msg("%s", op.msg);
    assert_int_equal(f->rows, N);
    const struct frame_column *score = frame_column(f, STR("score")), *label = frame_column(f, STR("label")), *flight = frame_column(f, STR("flight"));
    assert_true(score && label && flight && frame_column(f, STR("date")));
    for (size_t i = 0; i < N; i++)
        assert_true((float)score->f64[i] == scores[i] && label->i64[i] == (y[i] != 0) && flight->i64[i] == id[i]);
    frame_destroy(f);
    table_engine_close(t);
    unlink(path);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mlmodel_is_yaml_with_the_flavors), cmocka_unit_test(test_scores_come_back)};
    return cmocka_run_group_tests_name("package", tests, NULL, NULL);
}
