#include "pipeline_test.h"

#include "base/yaml.h"
#include "core/pipeline/dvc_policy.h"

static enum err parse(struct fixture *f, const char *text, struct dvc_policy *p)
{
    struct json *j;
    ASSERT_OK(f, yaml_parse(&f->op, str_from(text), &j));
    return dvc_policy_parse(&f->op, j, "meta", p);
}

static void defaults(void **state)
{
    struct fixture *f = *state;
    struct dvc_policy p;
    ASSERT_OK(f, dvc_policy_parse(&f->op, NULL, "meta", &p));
    assert_int_equal(p.attempts, 1);
    ASSERT_OK(f, parse(f, "{anything: [1]}", &p));
    assert_int_equal(p.timeout_ms, 0);
}

static void everything(void **state)
{
    struct fixture *f = *state;
    struct dvc_policy p;
    ASSERT_OK(f, parse(f, "{ingot: {executor: local, retry: {attempts: 4, backoff: 0.5}, timeout: 90, env: {A: 1, B: x y, C: true}}}", &p));
    assert_int_equal(p.attempts, 4);
    assert_int_equal(p.backoff_ms, 500);
    assert_int_equal(p.timeout_ms, 90000);
    assert_int_equal(p.env_len, 3);
    ASSERT_STR(p.env[1], "B=x y");
    ASSERT_STR(p.env[2], "C=true");
}

static void refused(void **state)
{
    struct fixture *f = *state;
    struct dvc_policy p;
    ASSERT_FAILS(f, parse(f, "{ingot: 3}", &p), E_INVALID, "expected a map");
    ASSERT_FAILS(f, parse(f, "{ingot: {retires: 3}}", &p), E_INVALID, "retires");
    ASSERT_FAILS(f, parse(f, "{ingot: {retry: {attempts: 0}}}", &p), E_INVALID, "attempts");
    ASSERT_FAILS(f, parse(f, "{ingot: {retry: {tries: 2}}}", &p), E_INVALID, "tries");
    ASSERT_FAILS(f, parse(f, "{ingot: {timeout: -1}}", &p), E_INVALID, "timeout");
    ASSERT_FAILS(f, parse(f, "{ingot: {timeout: .nan}}", &p), E_INVALID, "timeout");
    ASSERT_FAILS(f, parse(f, "{ingot: {env: {\"A=B\": 1}}}", &p), E_INVALID, "A=B");
    ASSERT_FAILS(f, parse(f, "{ingot: {env: {A: [1]}}}", &p), E_INVALID, "'A'");
    ASSERT_FAILS(f, parse(f, "{ingot: {executor: slurm}}", &p), E_UNSUPPORTED, "executor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(defaults), TEST(everything), TEST(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
