#include "pipeline_test.h"

#include "core/pipeline/dvc_graph.h"

static struct dvc_file *parse(struct fixture *f, const char *text)
{
    struct dvc_file *file;
    ASSERT_OK(f, dvc_file_parse(&f->op, open_ws(f), str_from(text), &file));
    return file;
}

static enum err build(struct fixture *f, const char *text, struct dvc_graph **ret)
{
    return dvc_graph_build(&f->op, parse(f, text), ret);
}

static size_t place(const struct dvc_graph *g, const char *name)
{
    for (size_t i = 0; i < g->file->len; i++) {
        if (str_eqc(g->file->stages[g->order[i]].name, name))
            return i;
    }
    fail_msg("no stage %s", name);
    return 0;
}

static void paths_make_edges(void **state)
{
    struct fixture *f = *state;
    struct dvc_graph *g;
    ASSERT_OK(f, build(f, "stages:\n  last: {cmd: x, deps: [d/in/file, e]}\n  whole: {cmd: x, deps: [q]}\n  dir: {cmd: x, outs: [d]}\n"
                          "  part1: {cmd: x, outs: [q/1]}\n  part2: {cmd: x, outs: [q/2]}\n  near: {cmd: x, outs: [e.txt]}\n  p: {cmd: x, outs: [params.yaml]}\n"
                          "  reads: {cmd: x, params: [a]}\n",
                      &g));
    assert_int_equal(g->nodes[0].needs_len, 1);
    assert_int_equal(g->nodes[0].needs[0], 2);
    assert_int_equal(g->nodes[1].needs_len, 2);
    assert_int_equal(g->nodes[5].feeds_len, 0);
    assert_int_equal(g->nodes[7].needs_len, 1);
    assert_true(place(g, "dir") < place(g, "last"));
    assert_true(place(g, "part1") < place(g, "whole") && place(g, "part2") < place(g, "whole"));
}

static void frozen_stages_need_nothing(void **state)
{
    struct fixture *f = *state;
    struct dvc_graph *g;
    ASSERT_OK(f, build(f, "stages: {a: {cmd: x, outs: [o]}, b: {cmd: x, deps: [o], frozen: true}}", &g));
    assert_int_equal(g->nodes[1].needs_len, 0);
}

static void cycles_and_overlaps_are_named(void **state)
{
    struct fixture *f = *state;
    struct dvc_graph *g;
    ASSERT_FAILS(f, build(f, "stages: {x: {cmd: x}, a: {cmd: x, deps: [c], outs: [a]}, b: {cmd: x, deps: [a], outs: [b]}, c: {cmd: x, deps: [b], outs: [c]}}", &g),
                 E_INVALID, "a -> b -> c -> a");
    ASSERT_FAILS(f, build(f, "stages: {a: {cmd: x, deps: [o], outs: [o]}}", &g), E_INVALID, "a -> a");
    ASSERT_FAILS(f, build(f, "stages: {a: {cmd: x, outs: [o]}, b: {cmd: x, outs: [o]}}", &g), E_INVALID, "stage 'b'");
    ASSERT_FAILS(f, build(f, "stages: {a: {cmd: x, outs: [o/x]}, b: {cmd: x, outs: [o]}}", &g), E_INVALID, "overlap");
}

static void targets(void **state)
{
    struct fixture *f = *state;
    struct dvc_graph *g;
    bool wanted[6];
    ASSERT_OK(f, build(f, "stages: {a: {cmd: x, outs: [o]}, b: {cmd: x, deps: [o], outs: [p]}, c: {cmd: x, deps: [p]}, g: {foreach: [1, 2], do: {cmd: x}}}", &g));
    ASSERT_OK(f, dvc_graph_select(&f->op, g, (struct str[]){STR("b")}, 1, wanted));
    assert_true(wanted[0] && wanted[1] && !wanted[2] && !wanted[3]);
    ASSERT_OK(f, dvc_graph_select(&f->op, g, (struct str[]){STR("g"), STR("o")}, 2, wanted));
    assert_true(wanted[0] && !wanted[1] && wanted[3] && wanted[4]);
    ASSERT_OK(f, dvc_graph_select(&f->op, g, NULL, 0, wanted));
    assert_true(wanted[0] && wanted[2] && wanted[4]);
    ASSERT_FAILS(f, dvc_graph_select(&f->op, g, (struct str[]){STR("nope")}, 1, wanted), E_NOT_FOUND, "nope");
}

static void a_thousand_stages(void **state)
{
    struct fixture *f = *state;
    struct dvc_graph *g;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_add_cstr(&b, "stages:\n");
    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "  s%d: {cmd: x, deps: [o%d], outs: [o%d]}\n", i, i, i + 1);
    buf_add_char(&b, '\0');
    ASSERT_OK(f, build(f, b.p, &g));
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(g->order[i], i);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(paths_make_edges), TEST(frozen_stages_need_nothing), TEST(cycles_and_overlaps_are_named), TEST(targets), TEST(a_thousand_stages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
