/* What a path on disk stands for: files, folders, Triton's and MLServer's layouts, and what is wrong with each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/repository/repository.h"
#include "base/file.h"
#include "contract/scratch.h"

static struct scratch s;
static struct repository_model *models;
static size_t len;

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
    return repository_scan(&s.op, &full, 1, &models, &len);
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
    assert_true(str_eqc(m->name, "churn.v2") && str_eq(m->file, file) && m->version == 1 && !m->problem.len);
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
    assert_true(str_eqc(m->name, "m") && m->version == 10 && str_eq(m->file, newest) && !m->problem.len && m->note.len);
    assert_true(only("t/m")->version == 10);
    put("t/m/11/a.onnx", "x");
    assert_true(str_ends(only("t")->file, STR("/11/a.onnx")));
    put("t/m/11/b.onnx", "x");
    assert_non_null(strstr(str_cstr(s.op.arena, only("t")->problem), "not exactly one"));
    put("t/m/12", "no folder");
    assert_non_null(strstr(str_cstr(s.op.arena, only("t")->problem), "is no folder"));
}

static void test_mlserver(void **state)
{
    (void)state;
    put("s/one/model-settings.json", "{\"name\": \"iris\", \"parameters\": {\"uri\": \"./iris.json\", \"version\": \"v7\"}}");
    assert_non_null(strstr(str_cstr(s.op.arena, only("s")->problem), "there is no file"));
    struct str file = put("s/one/iris.json", "x");
    const struct repository_model *m = only("s");
    assert_true(str_eqc(m->name, "iris") && m->version == 7 && str_eqc(m->file, op_printf(&s.op, "%s/s/one/iris.json", s.dir)));
    (void)file;
    put("s/one/model-settings.json", "{\"parameters\": {\"version\": \"7.1\"}}");
    m = only("s");
    assert_true(str_eqc(m->name, "one") && m->version == 1 && m->note.len && !m->problem.len);
    put("s/one/model-settings.json", "{");
    assert_true(only("s")->problem.len);
    put("s/one/model-settings.json", "[]");
    assert_non_null(strstr(str_cstr(s.op.arena, only("s")->problem), "not an object"));
    put("s/one/model-settings.json", "{\"name\": 3}");
    assert_true(only("s")->problem.len);
}

int main(void)
{
    scratch_init(&s);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_triton), cmocka_unit_test(test_mlserver)};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_clear(&s);
    return rc;
}
