/* Where the model of `ingot predict` may lie on disk; what is wrong with it is one line. Registries: tests/e2e/test_predict.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "app/predict_model.h"
#include "base/file.h"
#include "base/limits.h"
#include "contract/scratch.h"

static const struct str linear = STR_INIT("{\"format\": \"ingot-linear\", \"version\": 1, \"objective\": \"binary:logistic\", \"names\": [\"a\"], \"mean\": [1.0], "
                                          "\"scale\": [2.0], \"weight\": [0.75], \"bias\": -0.5}");

static struct predict_place place_of(const char *ref, const char *name)
{
    return (struct predict_place){.ref = str_from(ref), .name = str_from(name), .server = STR("http://127.0.0.1:1"), .token = STR("")};
}

static void refused(struct scratch *s, const char *ref, const char *name, const char *part)
{
    struct predict_model *m = NULL;
    const struct predict_place place = place_of(ref, name);
    assert_int_not_equal(predict_model_open(&s->op, &place, &m), OK);
    if (m || !strstr(s->op.msg, part))
        fail_msg("'%s' lacks '%s'", s->op.msg, part);
    op_clear(&s->op);
}

static void test_files_and_repositories(void **state)
{
    (void)state;
    struct scratch s;
    char sha[65];
    scratch_init(&s);
    const char *file = scratch_path(&s, "churn.json"), *dir = scratch_path(&s, "models");
    assert_int_equal(file_write(&s.op, file, linear), OK);
    assert_int_equal(file_sha256(&s.op, file, sha, NULL), OK);
    struct predict_model *m = NULL;
    struct predict_place place = place_of(file, "");
    if (predict_model_open(&s.op, &place, &m))
        fail_msg("%s", s.op.msg);
    assert_true(str_eqc(predict_model_name(m), "churn") && predict_model_version(m) == 1 && serve_endpoint_info(predict_model_endpoint(m))->ready);
    assert_string_equal(predict_model_sha256(m), sha);
    predict_model_close(m);
    predict_model_close(NULL);
    /* A folder of several; one of them is no model. */
    assert_int_equal(file_make_dirs(&s.op, dir, 0700), OK);
    assert_int_equal(file_write(&s.op, scratch_path(&s, "models/a.json"), linear), OK);
    assert_int_equal(file_write(&s.op, scratch_path(&s, "models/b.json"), STR("{\"format\": \"ingot-linear\"}")), OK);
    refused(&s, dir, "", "say which by --name");
    refused(&s, dir, "c", "no model \"c\"");
    refused(&s, dir, "b", "");
    place = place_of(dir, "a");
    if (predict_model_open(&s.op, &place, &m))
        fail_msg("%s", s.op.msg);
    assert_true(str_eqc(predict_model_name(m), "a"));
    predict_model_close(m);
    refused(&s, "/nowhere/m.json", "", "/nowhere/m.json");
    scratch_clear(&s);
}

static void test_references(void **state)
{
    (void)state;
    struct scratch s;
    scratch_init(&s);
    static const char *const bad[] = {"models:/", "models:/m", "models:/m@", "models:/m/", "models:/@x", "models://1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        refused(&s, bad[i], "", "expected models:/NAME/VERSION or models:/NAME@ALIAS");
    refused(&s, "models:/m/0", "", "count from 1");
    refused(&s, "models:/m/-3", "", "count from 1");
    refused(&s, "models:/m/1", "", "127.0.0.1"); /* nobody listens there */
    refused(&s, "models:/m@champion", "", "127.0.0.1");
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files_and_repositories), cmocka_unit_test(test_references)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
