#include "pipeline_test.h"

#include "core/pipeline/dvc_file.h"

static struct dvc_file *parse(struct fixture *f, const char *text)
{
    struct dvc_file *file;
    ASSERT_OK(f, dvc_file_parse(&f->op, open_ws(f), str_from(text), &file));
    return file;
}

static void a_stage_in_full(void **state)
{
    struct fixture *f = *state;
    struct dvc_file *file = parse(f, "stages:\n  t:\n    wdir: sub\n    cmd: [a, b]\n    deps: [z, ./y]\n    params: [k, b.c, k, {p.json: [q]}, {w.yaml: }]\n"
                                     "    outs: [o2, {o1: {cache: false, persist: true, desc: x}}]\n    metrics: [{m: {cache: false}}]\n"
                                     "    plots: [{p: [{x: a}, {y: b}]}]\n    frozen: true\n    always_changed: false\n    desc: d\n");
    assert_int_equal(file->len, 1);
    const struct dvc_stage *s = &file->stages[0];
    ASSERT_STR(s->name, "t");
    assert_true(str_ends(s->wdir, STR("/sub")));
    assert_int_equal(s->deps_len, 2);
    ASSERT_STR(s->deps[0].def, "./y");
    assert_true(str_ends(s->deps[0].abs, STR("/sub/y")));
    assert_int_equal(s->params_len, 3);
    ASSERT_STR(s->params[0].path.def, "params.yaml");
    assert_int_equal(s->params[0].keys_len, 2);
    ASSERT_STR(s->params[0].keys[0], "b.c");
    assert_int_equal(s->params[2].keys_len, 0);
    assert_int_equal(s->outs_len, 4);
    ASSERT_STR(s->outs[0].path.def, "m");
    assert_true(s->outs[0].metric && !s->outs[0].cache);
    assert_true(s->outs[1].persist && !s->outs[1].cache);
    assert_true(s->outs[3].plot && s->outs[3].cache);
    assert_true(s->frozen && !s->always_changed);
}

static const char *names(struct fixture *f, const struct dvc_file *file)
{
    const char *all = "";
    for (size_t i = 0; i < file->len; i++)
        all = op_printf(&f->op, "%s%s%.*s", all, i ? " " : "", STR_FMT(file->stages[i].name));
    return all;
}

static void foreach_and_matrix(void **state)
{
    struct fixture *f = *state;
    put(f, "params.yaml", "list: [1, a, 2.5, true]\nmap: {x: {v: 1}, y: {v: 2}}\n");
    struct dvc_file *file = parse(f, "stages:\n  l: {foreach: '${list}', do: {cmd: 'echo ${item}'}}\n  m: {foreach: '${map}', do: {cmd: 'echo ${key} ${item.v}'}}\n"
                                     "  c: {foreach: [[1], {v: 2}], do: {cmd: 'true'}}\n"
                                     "  g: {matrix: {a: [1, 2], b: [[3], x]}, cmd: 'echo ${item.a} ${key}'}\n  e: {matrix: {a: []}, cmd: x}\n");
    assert_string_equal(names(f, file), "l@1 l@a l@2.5 l@true m@x m@y c@0 c@1 g@1-b0 g@1-x g@2-b0 g@2-x");
    ASSERT_STR(file->stages[5].cmd.s, "echo y 2");
    ASSERT_STR(file->stages[11].cmd.s, "echo 2 2-x");
}

static void stage_vars_stay_in_their_stage(void **state)
{
    struct fixture *f = *state;
    put(f, "params.yaml", "g: 1\n");
    put(f, "s/v.yaml", "x: 5\n");
    struct dvc_file *file = parse(f, "stages: {a: {wdir: s, vars: [v.yaml, {y: 6}], cmd: 'echo ${g} ${x} ${y}'}, b: {cmd: 'echo ${g}'}}");
    ASSERT_STR(file->stages[0].cmd.s, "echo 1 5 6");
    struct dvc_file *bad;
    ASSERT_FAILS(f, dvc_file_parse(&f->op, open_ws(f), STR("stages: {a: {vars: [{y: 6}], cmd: x}, b: {cmd: '${y}'}}"), &bad), E_INVALID, "stages.b.cmd");
}

static void refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[][2] = {
        {"[1]", "expected a map"}, {"stages: []", "expected a map"}, {"x: 1", "unknown key 'x'"},
        {"stages: {a: {cmd: x, outs: [{o: {cached: false}}]}}", "unknown key 'cached'"},
        {"stages: {a: {cmd: x, outs: [{o: {cache: maybe}}]}}", "'cache' must be"},
        {"stages: {a: {cmd: x, outs: [{o: {x: a}}]}}", "unknown key 'x'"},
        {"stages: {a: {cmd: 3}}", "expected a command"}, {"stages: {a: {cmd: []}}", "expected a command"},
        {"stages: {a: {cmd: x, deps: y}}", "deps: expected a list"}, {"stages: {a: {cmd: x, deps: [3]}}", "deps[0]"},
        {"stages: {a: {cmd: x, deps: [y, y]}}", "twice"}, {"stages: {a: {cmd: x, params: [3]}}", "params[0]"},
        {"stages: {a: {cmd: x, outs: [.dvc/x]}}", "inside of .dvc"}, {"stages: {a: {cmd: x, deps: [s3://b/x]}}", "remote"},
        {"stages: {a: {cmd: x, frozen: 1}}", "frozen"}, {"stages: {a/b: {cmd: x}}", "stage name"},
        {"stages: {a: {foreach: [1]}}", "'foreach' and 'do'"}, {"stages: {a: {foreach: [1], do: {cmd: x}, cmd: y}}", "unknown key 'cmd'"},
        {"stages: {a: {matrix: [1], cmd: x}}", "matrix"}, {"stages: {a: {matrix: {b: 1}, cmd: x}}", "matrix.b"},
        {"stages: {a: {foreach: [x, x], do: {cmd: x}}}", "two stages"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct dvc_file *file;
        enum err e = dvc_file_parse(&f->op, open_ws(f), str_from(bad[i][0]), &file);
        assert_true(e == E_INVALID || e == E_UNSUPPORTED);
        if (!strstr(f->op.msg, bad[i][1]))
            fail_msg("%s: \"%s\" lacks \"%s\"", bad[i][0], f->op.msg, bad[i][1]);
        op_clear(&f->op);
    }
}

static void the_file_itself(void **state)
{
    struct fixture *f = *state;
    struct dvc_file *file;
    ASSERT_FAILS(f, dvc_file_load(&f->op, open_ws(f), &file), E_NOT_FOUND, "dvc.yaml");
    put(f, "dvc.yaml", "stages: {a: {cmd: x}}");
    ASSERT_OK(f, dvc_file_load(&f->op, open_ws(f), &file));
    assert_int_equal(file->len, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_stage_in_full), TEST(foreach_and_matrix), TEST(stage_vars_stay_in_their_stage), TEST(refused), TEST(the_file_itself)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
