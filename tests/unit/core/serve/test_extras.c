/* What lies beside a model, read with it: ranges from the reference, files that cannot be, and which versions callers cannot tell apart. */
#include "core/serve/extras.h"

#include "core/chain/transform_format.h"
#include "core/serve/version.h"
#include "infer_fixture.h"

static const char linear[] = "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\",\"b\"],\"mean\":[0,0],\"scale\":[1,1],\"weight\":[1,1],\"bias\":0}";
#define TRANSFORM(input, type, steps) \
    "{\"format\":\"ingot.transform\",\"version\":1,\"inputs\":[{\"name\":\"" input "\",\"type\":\"" type "\"}],\"columns\":[{\"column\":\"" input "\",\"steps\":[" steps "]}]}"
#define TWO "{\"kind\":\"onehot\",\"categories\":[1,2]}"

static struct serve_version *version(struct fixture *f)
{
    const struct serve_policy policy = serve_policy_default();
    struct serve_version *v = NULL;
    op_clear(&f->op);
    CHECK(serve_version_load(&f->op, f->config.engines, str_from(linear), 1, &policy, &v));
    return v;
}

static void test_ranges(void **state)
{
    struct fixture *f = *state;
    AUTO(version) struct serve_version *v = version(f), *other = version(f);
    struct str names[] = {STR("a"), STR("b")};
    const float a[] = {3, NAN, -2}, b[] = {NAN, NAN, NAN}, *const columns[] = {a, b};
    struct monitor_reference ref = {.features = 2, .names = names, .rows = 3, .columns = columns, .auc = NAN, .accuracy = NAN, .logloss = NAN, .brier = NAN, .ece = NAN};
    struct buf bytes;
    buf_init(&bytes, LIMIT_MIB(1));
    CHECK(monitor_reference_format(&f->op, &ref, &bytes));
    CHECK(extras_load(&f->op, v, &(struct serve_files){.reference = buf_str(&bytes)}));
    assert_true(v->extras->mins[0] == -2 && v->extras->maxs[0] == 3 && isnan(v->extras->mins[1]));
    names[1] = STR("c"); /* another model's reference tells nothing of this one */
    buf_reset(&bytes);
    CHECK(monitor_reference_format(&f->op, &ref, &bytes));
    CHECK(extras_load(&f->op, other, &(struct serve_files){.reference = buf_str(&bytes)}));
    assert_null(other->extras->mins);
    buf_clear(&bytes);
}

static void test_files(void **state)
{
    struct fixture *f = *state;
    AUTO(version) struct serve_version *v = version(f), *bad = version(f), *worse = version(f), *plain = version(f);
    CHECK(extras_load(&f->op, plain, &(struct serve_files){.reference = STR("")}));
    assert_null(plain->extras);
    assert_null(extras_transform(plain));
    CHECK(extras_load(&f->op, v, &(struct serve_files){.calibrator = STR("{\"format\":\"ingot.calibrator\",\"method\":\"temperature\",\"t\":2}"), .signature = STR("{}")}));
    assert_true(v->extras->calibrator->maps->a == 2 && str_eqc(v->extras->signature, "{}"));
    assert_int_equal(extras_load(&f->op, bad, &(struct serve_files){.calibrator = STR("{}")}), E_INVALID);
    assert_non_null(strstr(f->op.msg, "calibrator: "));
    op_clear(&f->op);
    assert_int_equal(extras_load(&f->op, worse, &(struct serve_files){.transform = STR(TRANSFORM("a", "number", ""))}), E_INVALID);
    assert_non_null(strstr(f->op.msg, "makes 1 columns, the model takes 2"));
}

static void test_alike(void **state)
{
    struct fixture *f = *state;
    struct transform *number = NULL, *wider = NULL, *text = NULL, *other = NULL;
    CHECK(transform_read(&f->op, STR(TRANSFORM("a", "number", "")), &number));
    CHECK(transform_read(&f->op, STR(TRANSFORM("a", "number", TWO)), &wider));
    CHECK(transform_read(&f->op, STR(TRANSFORM("a", "string", "{\"kind\":\"hash\",\"buckets\":2}")), &text));
    CHECK(transform_read(&f->op, STR(TRANSFORM("b", "number", TWO)), &other));
    assert_true(extras_inputs_alike(number, wider)); /* what stands between transform and model is nobody's business */
    assert_false(extras_inputs_alike(number, text) || extras_inputs_alike(wider, other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_ranges, infer_setup, fixture_teardown),
                                       cmocka_unit_test_setup_teardown(test_files, infer_setup, fixture_teardown),
                                       cmocka_unit_test_setup_teardown(test_alike, infer_setup, fixture_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
