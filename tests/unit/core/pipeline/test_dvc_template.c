#include "pipeline_test.h"

#include "base/limits.h"
#include "base/yaml.h"
#include "core/pipeline/dvc_template.h"

static const char vars[] = "a: {b: [10, {c: deep}], t: true, f: false, none: null, s: \"it's\", r: 1e-5, list: [x, 'y z', 1, true],"
                           " n: {m: 1.0}}\ntop: text\nbig: 18446744073709551615\n";

static struct dvc_context context(struct fixture *f)
{
    struct dvc_context ctx = {.root = {.type = JSON_OBJECT}};
    put(f, "v.yaml", vars);
    ASSERT_OK(f, dvc_context_import(&f->op, &ctx, f->dir, STR("v.yaml"), "here"));
    return ctx;
}

static struct json resolved(struct fixture *f, const struct dvc_context *ctx, const char *text, unsigned flags)
{
    struct json src = {.type = JSON_STRING, .s = str_from(text)}, out;
    ASSERT_OK(f, dvc_resolve(&f->op, ctx, &src, flags, "here", &out));
    return out;
}

static void texts(void **state)
{
    struct fixture *f = *state;
    struct dvc_context ctx = context(f);
    static const char *const cases[][2] = {
        {"x ${top} y", "x text y"},   {"${a.b[0]}${a.b[1].c}", "10deep"}, {"n=${a.none} t=${a.t} r=${a.r}", "n=None t=true r=1e-05"},
        {"\\${top}", "${top}"},       {"${a.b.1.c}!", "deep!"},           {"${ top }-", "text-"},
        {"$top $${top}", "$top $text"}, {"${unclosed", "${unclosed"},     {"u ${big}", "u 18446744073709551615"},
        {"last ${a.b[-1].c}", "last deep"}, {"\\\\${top}", "\\${top}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ASSERT_STR(resolved(f, &ctx, cases[i][0], DVC_RESOLVE_PLAIN).s, cases[i][1]);
}

static void a_lone_expression_keeps_its_type(void **state)
{
    struct fixture *f = *state;
    struct dvc_context ctx = context(f);
    assert_int_equal(resolved(f, &ctx, "${a.t}", 0).type, JSON_BOOL);
    assert_int_equal(resolved(f, &ctx, "${a.b[0]}", 0).i, 10);
    assert_int_equal(resolved(f, &ctx, "${a.b}", DVC_RESOLVE_ANY).type, JSON_ARRAY);
    assert_int_equal(resolved(f, &ctx, "${a.none}", 0).type, JSON_NULL);
}

static void maps_unpack_in_commands(void **state)
{
    struct fixture *f = *state;
    struct dvc_context ctx = context(f);
    static const char want[] = "run --b 10 --t --none None --s 'it'\"'\"'s' --r 1e-05 --list x 'y z' 1 True --n.m 1.0";
    struct json src = {.type = JSON_STRING, .s = STR("run ${a}")}, out;
    ASSERT_FAILS(f, dvc_resolve(&f->op, &ctx, &src, DVC_RESOLVE_CMD, "here", &out), E_INVALID, "nested");
    ctx.root.members[0].value.members[0].value = (struct json){.type = JSON_INT, .i = 10};
    ASSERT_STR(resolved(f, &ctx, "run ${a}", DVC_RESOLVE_CMD).s, want);
    ctx.list_append = ctx.bool_optional = true;
    ASSERT_STR(resolved(f, &ctx, "run ${a}", DVC_RESOLVE_CMD).s,
               "run --b 10 --t --no-f --none None --s 'it'\"'\"'s' --r 1e-05 --list x --list 'y z' --list 1 --list True --n.m 1.0");
}

static void errors_name_the_place(void **state)
{
    struct fixture *f = *state;
    struct dvc_context ctx = context(f);
    struct json out;
    static const char *const bad[][2] = {
        {"${no}", "'no'"}, {"${a.b[9]}", "a.b[9]"}, {"${top.x}", "top.x"}, {"x ${a}", "map"}, {"x ${a.b}", "list"},
        {"${}", "expression"}, {"${a..b}", "expression"}, {"${a[}", "expression"}, {"${a]}", "expression"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct json src = {.type = JSON_STRING, .s = str_from(bad[i][0])};
        ASSERT_FAILS(f, dvc_resolve(&f->op, &ctx, &src, DVC_RESOLVE_PLAIN, "stages.x", &out), E_INVALID, bad[i][1]);
    }
}

static void variables_are_never_overwritten(void **state)
{
    struct fixture *f = *state;
    struct dvc_context ctx = context(f);
    struct json *list;
    put(f, "w.yaml", "a: {new: 1}\nother: 2\n");
    ASSERT_OK(f, dvc_context_import(&f->op, &ctx, f->dir, STR("w.yaml"), "here")); /* maps merge */
    ASSERT_STR(resolved(f, &ctx, "${a.new}${a.t}${other}", 0).s, "1true2");
    ASSERT_OK(f, dvc_context_import(&f->op, &ctx, f->dir, STR("w.yaml"), "here")); /* again: nothing */
    ASSERT_FAILS(f, dvc_context_import(&f->op, &ctx, f->dir, STR("w.yaml:other"), "here"), E_INVALID, "loaded already");
    ASSERT_OK(f, yaml_parse(&f->op, STR("[{top: again}]"), &list));
    ASSERT_FAILS(f, dvc_context_vars(&f->op, &ctx, f->dir, list, "vars"), E_INVALID, "redefine variable 'top'");
    ASSERT_OK(f, yaml_parse(&f->op, STR("[\"${top}.yaml\"]"), &list));
    ASSERT_FAILS(f, dvc_context_vars(&f->op, &ctx, f->dir, list, "vars"), E_INVALID, "vars[0]");
    put(f, "x.yaml", "k1: 1\nk2: 2\n");
    ASSERT_OK(f, dvc_context_import(&f->op, &ctx, f->dir, STR("x.yaml:k2"), "here"));
    ASSERT_FAILS(f, dvc_context_import(&f->op, &ctx, f->dir, STR("x.yaml:k3"), "here"), E_INVALID, "k3");
    assert_null(json_get(&ctx.root, "k1"));
}

static void item_and_key_hide_others(void **state)
{
    struct fixture *f = *state;
    struct dvc_context ctx = context(f);
    struct json item = {.type = JSON_INT, .i = 5};
    struct dvc_context with = dvc_context_with(&f->op, &ctx, &item, STR("k"));
    ASSERT_STR(resolved(f, &with, "${item}-${key}-${top}", 0).s, "5-k-text");
    assert_null(json_get(&ctx.root, "item"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts), TEST(a_lone_expression_keeps_its_type), TEST(maps_unpack_in_commands), TEST(errors_name_the_place),
        TEST(variables_are_never_overwritten), TEST(item_and_key_hide_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
