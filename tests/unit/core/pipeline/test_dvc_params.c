#include "pipeline_test.h"

#include <math.h>

#include "base/yaml.h"
#include "core/pipeline/dvc_params.h"

static struct json *doc(struct fixture *f, const char *text)
{
    struct json *j;
    ASSERT_OK(f, yaml_parse(&f->op, str_from(text), &j));
    return j;
}

static void loading(void **state)
{
    struct fixture *f = *state;
    const struct json *j;
    ASSERT_OK(f, dvc_params_load(&f->op, put(f, "p.json", "{\"a\": NaN}"), STR("p.json"), &j));
    assert_true(isnan(json_get(j, "a")->f));
    ASSERT_OK(f, dvc_params_load(&f->op, put(f, "empty.yaml", " \n"), STR("empty.yaml"), &j));
    assert_int_equal(j->len, 0);
    ASSERT_FAILS(f, dvc_params_load(&f->op, put(f, "l.yaml", "[1]"), STR("l.yaml"), &j), E_INVALID, "expected a map");
    ASSERT_FAILS(f, dvc_params_load(&f->op, put(f, "b.yaml", "a: [1"), STR("b.yaml"), &j), E_INVALID, "b.yaml");
    ASSERT_FAILS(f, dvc_params_load(&f->op, at(f, "p.toml"), STR("p.toml"), &j), E_UNSUPPORTED, "p.toml");
    ASSERT_FAILS(f, dvc_params_load(&f->op, at(f, "none.yaml"), STR("none.yaml"), &j), E_NOT_FOUND, "none.yaml");
}

static void finding(void **state)
{
    struct fixture *f = *state;
    const struct json *j = doc(f, "a: {b: [1, {c: 2}]}\na.b: dotted\n");
    assert_int_equal(dvc_params_find(j, STR("a.b.1.c"))->i, 2);
    ASSERT_STR(dvc_params_find(j, STR("a.b"))->s, "dotted");
    assert_null(dvc_params_find(j, STR("a.b.2")));
    assert_null(dvc_params_find(j, STR("a.x")));
}

static void equality(void **state)
{
    struct fixture *f = *state;
    static const struct { const char *a, *b; bool same; } cases[] = {
        {"1", "1.0", true}, {"1", "2", false}, {"{x: 1, y: 2}", "{y: 2, x: 1}", true}, {"[1, 2]", "[2, 1]", false},
        {"'1'", "1", false}, {".nan", ".nan", true}, {"null", "null", true}, {"null", "''", false}, {"{x: 1}", "{x: 1, y: 2}", false},
        {"18446744073709551615", "-1", false}, {"[1, 2]", "[1]", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(dvc_params_equal(doc(f, cases[i].a), doc(f, cases[i].b)), cases[i].same);
}

static void setting(void **state)
{
    struct fixture *f = *state;
    const struct json *j;
    struct str path = put(f, "p.yaml", "a: {b: 1, keep: x}\nl: [1]\n");
    ASSERT_OK(f, dvc_params_set(&f->op, path, STR("a.b"), STR("2.5")));
    ASSERT_OK(f, dvc_params_set(&f->op, path, STR("new.deep.er"), STR("\"2001-01-29\"")));
    ASSERT_OK(f, dvc_params_load(&f->op, path, STR("p.yaml"), &j));
    assert_true(json_path(j, "a.b")->f == 2.5);
    ASSERT_STR(json_path(j, "a.keep")->s, "x");
    ASSERT_STR(json_path(j, "new.deep.er")->s, "2001-01-29");
    ASSERT_FAILS(f, dvc_params_set(&f->op, path, STR("l.x"), STR("1")), E_INVALID, "no map");
    ASSERT_FAILS(f, dvc_params_set(&f->op, path, STR("a.b"), STR("[1")), E_INVALID, "a.b");
    struct str json = put(f, "p.json", "{\"a\": 1}");
    ASSERT_OK(f, dvc_params_set(&f->op, json, STR("a"), STR("x")));
    ASSERT_OK(f, dvc_params_load(&f->op, json, STR("p.json"), &j));
    ASSERT_STR(json_get(j, "a")->s, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(loading), TEST(finding), TEST(equality), TEST(setting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
