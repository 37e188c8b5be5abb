/* What a path on disk stands for: files, folders, Triton's and MLServer's layouts, and what is wrong with each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/repository/repository.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "contract/scratch.h"

static struct scratch s;
static struct repository_model *models;
static size_t len, override_count;
static const struct repository_override *overrides;

static struct str put(const char *path, const char *bytes)
{
    char *full = op_printf(&s.op, "%s/%s", s.dir, path), *folder = op_printf(&s.op, "%s", full);
    *strrchr(folder, '/') = 0;
    assert_int_equal(file_make_dirs(&s.op, folder, 0700), OK);
    assert_int_equal(file_write_unsynced(&s.op, full, str_from(bytes)), OK);
    return str_from(full);
}

static enum err scan(const char *path)
{
    struct str full = str_from(op_printf(&s.op, "%s/%s", s.dir, path));
    op_clear(&s.op);
    return repository_scan(&s.op, &full, 1, overrides, override_count, &models, &len);
}

static const struct repository_model *only(const char *path)
{
    assert_int_equal(scan(path), OK);
    assert_int_equal(len, 1);
    return &models[0];
}

static void test_files(void **state)
{
    (void)state;
    struct str file = put("files/churn.v2.json", "x");
    const struct repository_model *m = only("files/churn.v2.json");
    assert_true(str_eqc(m->name, "churn.v2") && str_eq(m->versions[0].file, file) && m->versions[0].number == 1 && !m->problem.len);
    put("files/other.txt", "x");
    put("files/.hidden", "x");
    put("files/README.md", "x");
    assert_int_equal(scan("files"), OK);
    assert_int_equal(len, 2);
    assert_true(str_eqc(models[0].name, "churn.v2") && str_eqc(models[1].name, "other"));
    put("files/other.json", "x");
    assert_int_equal(scan("files"), E_CONFLICT);
    assert_non_null(strstr(s.op.msg, "both named \"other\""));
    assert_int_equal(scan("files/none"), E_NOT_FOUND);
}

static void test_triton(void **state)
{
    (void)state;
    put("t/m/config.pbtxt", "name: \"m\"");
    put("t/m/labels.txt", "a");
    assert_non_null(strstr(str_cstr(s.op.arena, only("t")->problem), "version's number"));
    put("t/m/1/model.onnx", "x");
    struct str newest = put("t/m/10/model.onnx", "x");
    put("t/m/10/other.bin", "x");
    put("t/m/9/model.onnx", "x");
    const struct repository_model *m = only("t");
    assert_true(str_eqc(m->name, "m") && m->version_count == 1 && m->versions[0].number == 10 && str_eq(m->versions[0].file, newest) && !m->problem.len && !m->note.len);
    assert_true(only("t/m")->versions[0].number == 10);
    put("t/m/11/a.onnx", "x");
    assert_true(str_ends(only("t")->versions[0].file, STR("/11/a.onnx")));
    put("t/m/11/b.onnx", "x");
    assert_non_null(strstr(str_cstr(s.op.arena, only("t")->problem), "not exactly one"));
    put("t/m/12", "no folder");
    assert_non_null(strstr(str_cstr(s.op.arena, only("t")->problem), "is no folder"));
}

static const char *problem_of(const char *config)
{
    put("p/m/config.pbtxt", config);
    const struct repository_model *m = only("p");
    return m->problem.len ? str_cstr(s.op.arena, m->problem) : "";
}

static void test_versions(void **state)
{
    (void)state;
    put("p/m/1/model.onnx", "1");
    put("p/m/2/model.onnx", "2");
    put("p/m/2/other.onnx", "2");
    put("p/m/03/model.onnx", "3");
    put("p/m/config.pbtxt", "version_policy { latest { num_versions: 2 } }");
    const struct repository_model *m = only("p");
    assert_true(m->version_count == 2 && m->versions[0].number == 2 && m->versions[1].number == 3);
    put("p/m/config.pbtxt", "version_policy: { all {} }");
    assert_true(only("p")->version_count == 3);
    put("p/m/config.pbtxt", "version_policy: { specific { versions: [3, 1] } }");
    m = only("p");
    assert_true(m->version_count == 2 && m->versions[0].number == 1 && m->versions[1].number == 3);
    assert_non_null(strstr(problem_of("version_policy: { specific { versions: [3, 9] } }"), "of which 1 are there"));
    assert_non_null(strstr(problem_of("version_policy: { specific { } }"), "names no versions"));
    assert_non_null(strstr(problem_of("version_policy: { latest { num_versions: 0 } }"), "at least 1"));
    assert_non_null(strstr(problem_of("version_policy { all {} } default_model_filename: 'other.onnx'"), "no file \"other.onnx\""));
    put("p/m/config.pbtxt", "version_policy { specific { versions: 2 } } default_model_filename: 'other.onnx'");
    assert_true(str_ends(only("p")->versions[0].file, STR("2/other.onnx")));
    assert_non_null(strstr(problem_of("default_model_filename: '../x'"), "not the name of a file"));
    put("p/m/3/model.onnx", "3");
    assert_non_null(strstr(problem_of(""), "two folders of version 3"));
}

static void test_config_problems(void **state)
{
    (void)state;
    put("q/m/1/model.onnx", "1");
    static const struct {
        const char *config, *want;
    } rows[] = {
        {"name: 'other'", "name is \"other\""}, {"backend: 'tensorrt'", "backend \"tensorrt\" is not served"}, {"platform: 'tensorflow_savedmodel'", "platform"},
        {"sequence_batching { }", "sequence_batching is not supported"}, {"model_transaction_policy { decoupled: true }", "decoupled"}, {"max_batch_size: -1", "negative"},
        {"batch_input [{ kind: BATCH_ITEM_SHAPE }]", "batch_input is not supported"}, {"input [{ name: 'x' allow_ragged_batch: true }]", "allow_ragged_batch"},
        {"max_batch: 3", "line 1, column 1: the model's configuration has no field \"max_batch\""}, {"input [{ name: 'x' data_type: TYPE_FP32 }]", "no dims"},
        {"input [{ data_type: TYPE_FP32 dims: 1 }]", "no name"}, {"input [{ name: 'x' dims: 1 }]", "no data_type"},
        {"output [{ name: 'y' data_type: TYPE_FP32 dims: 1 label_filename: '../labels' }]", "not the name of a file"},
        {"output [{ name: 'y' data_type: TYPE_FP32 dims: 1 label_filename: 'labels.txt' }]", "label_filename"},
        {"backend: 'fil' parameters { key: 'output_class' value { string_value: 'yes' } }", "neither true nor false"},
        {"backend: 'fil' parameters { key: 'model_type' value { string_value: 'treelite_checkpoint' } }", "treelite_checkpoint"},
        {"backend: 'fil' parameters { key: 'threshold' value { string_value: 'x' } }", "not a number"}, {"platform: 'ensemble'", "ensemble_scheduling"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        put("q/m/config.pbtxt", rows[i].config);
        const struct repository_model *m = only("q");
        if (!strstr(str_cstr(s.op.arena, m->problem), rows[i].want) || m->version_count)
            fail_msg("%s: %.*s", rows[i].config, STR_FMT(m->problem));
    }
}

static void test_overrides(void **state)
{
    (void)state;
    struct json *config = NULL;
    put("o/m/1/model.onnx", "1");
    put("o/m/2/model.onnx", "2");
    put("o/file.json", "x");
    const uint64_t mark = (assert_int_equal(scan("o"), OK), models[1].mark);
    assert_int_equal(json_parse(&s.op, STR("{\"versionPolicy\": {\"specific\": {\"versions\": [\"1\"]}}, \"max_batch_size\": 4}"), JSON_STRICT, &config), OK);
    const struct repository_upload files[] = {{STR("5/a.onnx"), STR("bytes")}, {STR("5/labels.txt"), STR("a")}};
    const struct repository_override list[] = {{STR("m"), config, NULL, 0}, {STR("new"), NULL, files, 2}, {STR("file"), NULL, files, 1}};
    overrides = list;
    override_count = 1;
    assert_int_equal(scan("o"), OK);
    assert_true(len == 2 && models[1].version_count == 1 && models[1].versions[0].number == 1 && models[1].config && models[1].mark == mark);
    override_count = 3;
    assert_int_equal(scan("o"), OK);
    assert_int_equal(len, 3);
    assert_true(str_eqc(models[1].name, "new") && models[1].version_count == 1 && models[1].versions[0].number == 5 && str_eqc(models[1].versions[0].bytes, "bytes"));
    assert_true(str_eqc(models[2].name, "file") && str_eqc(models[2].versions[0].bytes, "bytes"));
    put("o/m/2/model.onnx", "changed");
    assert_int_equal(scan("o"), OK);
    assert_true(models[0].mark != mark); /* the folder changed, whichever version is chosen */
    overrides = NULL;
    override_count = 0;
}

static void test_mlserver(void **state)
{
    (void)state;
    put("s/one/model-settings.json", "{\"name\": \"iris\", \"parameters\": {\"uri\": \"./iris.json\", \"version\": \"v7\"}}");
    assert_non_null(strstr(str_cstr(s.op.arena, only("s")->problem), "there is no file"));
    struct str file = put("s/one/iris.json", "x");
    const struct repository_model *m = only("s");
    assert_true(str_eqc(m->name, "iris") && m->versions[0].number == 7 && str_eqc(m->versions[0].file, op_printf(&s.op, "%s/s/one/iris.json", s.dir)));
    (void)file;
    put("s/one/model-settings.json", "{\"parameters\": {\"version\": \"7.1\"}}");
    m = only("s");
    assert_true(str_eqc(m->name, "one") && m->versions[0].number == 1 && m->note.len && !m->problem.len);
    put("s/one/model-settings.json", "{");
    assert_true(only("s")->problem.len);
    put("s/one/model-settings.json", "[]");
    assert_non_null(strstr(str_cstr(s.op.arena, only("s")->problem), "not an object"));
    put("s/one/model-settings.json", "{\"name\": 3}");
    assert_true(only("s")->problem.len);
    put("s/one/model-settings.json", "{\"name\": \"a\\u0000b\"}");
    m = only("s");
    assert_true(str_eqc(m->name, "one") && str_find(m->problem, STR("NUL")) != SIZE_MAX);
    put("s/one/model-settings.json", "{\"parameters\": {\"uri\": \"iris.json\\u0000/../x\"}}");
    assert_true(str_find(only("s")->problem, STR("NUL")) != SIZE_MAX);
}

/* Folders of any number take memory: then there is an error. */
static void test_no_memory(void **state)
{
    (void)state;
    for (int i = 1; i <= 40; i++)
        for (int k = 0; k < 20; k++)
            put(op_printf(&s.op, "many/m/%d/file-with-a-long-name-of-no-use-%d.bin", i, k), "x");
    const struct str path = str_from(op_printf(&s.op, "%s/many", s.dir));
    for (size_t kib = 64; kib <= LIMIT_MIB(9) / 1024; kib += 640) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_KIB(kib));
        struct op op;
        op_init(&op, arena);
        enum err e = repository_scan(&op, &path, 1, NULL, 0, &models, &len);
        assert_true(e == E_TOO_LARGE || (e == OK && len == 1));
    }
    models = NULL;
    assert_int_equal(scan("many"), OK);
    assert_int_equal(len, 1);
}

int main(void)
{
    scratch_init(&s);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_triton), cmocka_unit_test(test_versions),
                                       cmocka_unit_test(test_config_problems), cmocka_unit_test(test_overrides), cmocka_unit_test(test_mlserver), cmocka_unit_test(test_no_memory)};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_clear(&s);
    return rc;
}
