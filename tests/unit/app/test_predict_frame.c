/* The files that `ingot predict --frame` and `ingot evaluate` read: what is wrong with one names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/predict_frame.h"
#include "base/file.h"
#include "base/limits.h"
#include "contract/scratch.h"

static void test_files(void **state)
{
    (void)state;
    struct scratch s;
    struct train_params *params = NULL;
    AUTO(model) struct model *model = NULL;
    char sha[65], digest[65];
    scratch_init(&s);
    const char *good = scratch_path(&s, "m.json"), *bad = scratch_path(&s, "bad.json");
    const struct str text = STR("{\"format\": \"ingot-linear\", \"version\": 1, \"objective\": \"binary:logistic\", \"names\": [\"a\"], \"mean\": [1.0], "
                                "\"scale\": [2.0], \"weight\": [0.75], \"bias\": -0.5}");
    assert_int_equal(file_write(&s.op, bad, STR("nothing")), OK);
    assert_int_equal(file_write(&s.op, good, text), OK);
    assert_int_not_equal(frame_model_open(&s.op, str_from(bad), sha, &model), OK);
    assert_true(strstr(s.op.msg, "bad.json") && !model);
    op_clear(&s.op);
    assert_int_equal(frame_params_read(&s.op, STR("/nowhere/params.yaml"), &params), E_NOT_FOUND);
    assert_non_null(strstr(s.op.msg, "/nowhere/params.yaml"));
    op_clear(&s.op);
    if (frame_model_open(&s.op, str_from(good), sha, &model))
        fail_msg("%s", s.op.msg);
    assert_int_equal(file_sha256(&s.op, good, digest, NULL), OK);
    assert_string_equal(sha, digest);
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
