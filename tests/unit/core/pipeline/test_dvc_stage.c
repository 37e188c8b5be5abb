#include "pipeline_test.h"

#include "core/pipeline/dvc_stage.h"

struct world {
    struct dvc_session d;
    struct dvc_file *file;
    struct dvc_inputs in;
};

static struct world open_world(struct fixture *f)
{
    struct world w = {.d.ws = open_ws(f)};
    ASSERT_OK(f, dvc_lock_load(&f->op, at(f, "dvc.lock"), &w.d.lock));
    dvc_state_load(&f->op, w.d.ws->tmp_dir, &w.d.state);
    ASSERT_OK(f, dvc_file_load(&f->op, w.d.ws, &w.file));
    return w;
}

static struct world recorded(struct fixture *f)
{
    put(f, "params.yaml", "a: 1\nb: {c: [1, 2]}\n");
    put(f, "in", "in");
    put(f, "o", "out");
    put(f, "m", "metric");
    put(f, "dvc.yaml", "stages: {s: {cmd: x, deps: [in], params: [a, b.c], outs: [o], metrics: [{m: {cache: false}}]}}");
    struct world w = open_world(f);
    ASSERT_OK(f, dvc_stage_inputs(&f->op, &w.d, w.file->stages, &w.in));
    assert_string_equal(dvc_stage_changed(&f->op, &w.d, w.file->stages, &w.in), "it never ran");
    ASSERT_OK(f, dvc_stage_record(&f->op, &w.d, w.file->stages, &w.in));
    ASSERT_OK(f, dvc_lock_save(&f->op, w.d.lock));
    return w;
}

static const char *changed(struct fixture *f)
{
    struct world w = open_world(f);
    ASSERT_OK(f, dvc_stage_inputs(&f->op, &w.d, w.file->stages, &w.in));
    return dvc_stage_changed(&f->op, &w.d, w.file->stages, &w.in);
}

static void every_input_counts(void **state)
{
    struct fixture *f = *state;
    recorded(f);
    assert_null(changed(f));
    put(f, "params.yaml", "b: {c: [1, 2.0], d: 9}\na: 1.0\nnew: 1\n");
    assert_null(changed(f));
    put(f, "params.yaml", "a: 1\nb: {c: [2, 1]}\n");
    assert_string_equal(changed(f), "parameter 'b.c' of params.yaml changed");
    put(f, "params.yaml", "a: 1\nb: {c: [1, 2]}\n");
    put(f, "in", "other");
    assert_string_equal(changed(f), "dependency 'in' changed");
    put(f, "in", "in");
    assert_null(changed(f));
    put(f, "dvc.yaml", "stages: {s: {cmd: [x], deps: [in], params: [a, b.c], outs: [o, m]}}");
    assert_string_equal(changed(f), "its command changed");
    put(f, "dvc.yaml", "stages: {s: {cmd: x, deps: [in, params.yaml], outs: [o, m]}}");
    assert_string_equal(changed(f), "dependency 'params.yaml' changed");
    put(f, "dvc.yaml", "stages: {s: {cmd: x, deps: [in], always_changed: true, outs: [o, m]}}");
    assert_string_equal(changed(f), "it is always_changed");
    put(f, "dvc.yaml", "stages: {s: {cmd: x}}");
    assert_string_equal(changed(f), "it has neither dependencies nor outputs");
    put(f, "dvc.yaml", "stages: {s: {cmd: x, meta: {any: 1}, desc: new, deps: [in], params: [a, b.c], outs: [o, m]}}");
    assert_null(changed(f));
}

static void missing_inputs_are_named(void **state)
{
    struct fixture *f = *state;
    recorded(f);
    struct world w = open_world(f);
    ASSERT_OK(f, fspath_remove(&f->op, at(f, "in")));
    ASSERT_FAILS(f, dvc_stage_inputs(&f->op, &w.d, w.file->stages, &w.in), E_NOT_FOUND, "dependency 'in'");
    put(f, "in", "in");
    put(f, "params.yaml", "a: 1\n");
    ASSERT_FAILS(f, dvc_stage_inputs(&f->op, &w.d, w.file->stages, &w.in), E_NOT_FOUND, "parameter 'b.c' is missing");
    ASSERT_OK(f, fspath_remove(&f->op, at(f, "params.yaml")));
    ASSERT_FAILS(f, dvc_stage_inputs(&f->op, &w.d, w.file->stages, &w.in), E_NOT_FOUND, "params.yaml");
}

static void outputs_are_watched_and_restored(void **state)
{
    struct fixture *f = *state;
    struct world w = recorded(f);
    const char *why;
    bool done;
    ASSERT_OK(f, dvc_stage_outs_changed(&f->op, &w.d, w.file->stages, &why));
    assert_null(why);
    put(f, "o", "spoilt");
    ASSERT_OK(f, dvc_stage_outs_changed(&f->op, &w.d, w.file->stages, &why));
    assert_string_equal(why, "output 'o' changed");
    ASSERT_OK(f, fspath_remove(&f->op, at(f, "m")));
    ASSERT_OK(f, dvc_stage_restore(&f->op, &w.d, w.file->stages, &w.in, true, true, &done));
    assert_true(done);
    ASSERT_STR(get(f, "o"), "spoilt");
    ASSERT_OK(f, dvc_stage_restore(&f->op, &w.d, w.file->stages, &w.in, true, false, &done));
    assert_true(done);
    ASSERT_STR(get(f, "o"), "out");
    ASSERT_STR(get(f, "m"), "metric");
}

static void the_run_cache_knows_earlier_inputs(void **state)
{
    struct fixture *f = *state;
    recorded(f);
    put(f, "in", "second");
    put(f, "o", "out2");
    struct world w = open_world(f);
    bool done;
    ASSERT_OK(f, dvc_stage_inputs(&f->op, &w.d, w.file->stages, &w.in));
    ASSERT_OK(f, dvc_stage_restore(&f->op, &w.d, w.file->stages, &w.in, false, false, &done));
    assert_false(done);
    ASSERT_STR(get(f, "o"), "out2");
    ASSERT_OK(f, dvc_stage_record(&f->op, &w.d, w.file->stages, &w.in));
    put(f, "in", "in");
    ASSERT_OK(f, dvc_stage_inputs(&f->op, &w.d, w.file->stages, &w.in));
    assert_string_equal(dvc_stage_changed(&f->op, &w.d, w.file->stages, &w.in), "dependency 'in' changed");
    ASSERT_OK(f, dvc_stage_restore(&f->op, &w.d, w.file->stages, &w.in, false, false, &done));
    assert_true(done);
    ASSERT_STR(get(f, "o"), "out");
    assert_null(dvc_stage_changed(&f->op, &w.d, w.file->stages, &w.in));
}

static void a_promised_output_must_be_there(void **state)
{
    struct fixture *f = *state;
    struct world w = recorded(f);
    ASSERT_OK(f, dvc_stage_clean(&f->op, w.file->stages));
    assert_false(fspath_exists(&f->op, at(f, "o")));
    ASSERT_FAILS(f, dvc_stage_record(&f->op, &w.d, w.file->stages, &w.in), E_NOT_FOUND, "was not made");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_input_counts), TEST(missing_inputs_are_named), TEST(outputs_are_watched_and_restored),
        TEST(the_run_cache_knows_earlier_inputs), TEST(a_promised_output_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
