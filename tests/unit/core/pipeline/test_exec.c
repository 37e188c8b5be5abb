/* The scheduler over real child processes. What stock dvc thinks of the results is tests/e2e/test_dvc.py. */
#include "pipeline_test.h"

#include "adapter/local/local_runner.h"
#include "core/pipeline/dvc_graph.h"
#include "core/pipeline/exec.h"

static struct runner runner;
static volatile sig_atomic_t stop;

static struct pipeline_result *run(struct fixture *f, struct pipeline_options o)
{
    struct pipeline_result *r;
    runner = local_runner();
    o.dir = f->dir;
    o.runner = &runner;
    ASSERT_OK(f, pipeline_run(&f->op, &o, &r));
    return r;
}

static const struct pipeline_step *step(const struct pipeline_result *r, const char *name)
{
    for (size_t i = 0; i < r->len; i++) {
        if (str_eqc(r->steps[i].name, name))
            return &r->steps[i];
    }
    fail_msg("no step %s", name);
    return NULL;
}

#define STATE(r, name) pipeline_state_name(step((r), (name))->state)

static const char diamond[] = "stages:\n  d: {cmd: cat b c > d, deps: [b, c], outs: [d]}\n  b: {cmd: cat a > b, deps: [a], outs: [b]}\n"
                              "  c: {cmd: cat a a > c, deps: [a], outs: [c]}\n  a: {cmd: cat src > a, deps: [src], outs: [a]}\n";

static void runs_in_order_then_skips_then_restores(void **state)
{
    struct fixture *f = *state;
    put(f, "dvc.yaml", diamond);
    put(f, "src", "1");
    struct pipeline_result *r = run(f, (struct pipeline_options){.jobs = 2});
    assert_int_equal(r->count[PIPELINE_RAN], 4);
    ASSERT_STR(get(f, "d"), "111");
    ASSERT_STR(r->steps[0].name, "a");
    ASSERT_STR(r->steps[3].name, "d");
    assert_int_equal(run(f, (struct pipeline_options){0})->count[PIPELINE_SKIPPED], 4);
    put(f, "src", "2");
    assert_int_equal(run(f, (struct pipeline_options){0})->count[PIPELINE_RAN], 4);
    put(f, "src", "1");
    assert_int_equal(run(f, (struct pipeline_options){0})->count[PIPELINE_RESTORED], 4);
    ASSERT_STR(get(f, "d"), "111");
    r = run(f, (struct pipeline_options){.force = true});
    assert_int_equal(r->count[PIPELINE_RAN], 4);
    assert_string_equal(step(r, "d")->reason, "forced");
}

struct plan {
    int calls;
    size_t len;
    bool order;
};

static void on_plan(void *arg, const struct dvc_graph *graph, const struct pipeline_result *steps, const uint32_t *of)
{
    struct plan *p = arg;
    p->calls++;
    p->len = steps->len;
    p->order = true;
    for (size_t i = 0; i < steps->len; i++)
        p->order &= str_eq(graph->file->stages[of[i]].name, steps->steps[i].name);
}

static void what_follows_from_a_stage_runs_again(void **state)
{
    struct fixture *f = *state;
    struct plan plan = {0};
    put(f, "dvc.yaml", diamond);
    put(f, "src", "1");
    run(f, (struct pipeline_options){.planned = on_plan, .arg = &plan});
    assert_int_equal(plan.calls, 1);
    assert_int_equal(plan.len, 4);
    assert_true(plan.order);
    struct pipeline_result *r = run(f, (struct pipeline_options){.from = STR("b")});
    assert_string_equal(STATE(r, "a"), "skipped");
    assert_string_equal(STATE(r, "c"), "skipped");
    assert_string_equal(STATE(r, "b"), "ran");
    assert_string_equal(STATE(r, "d"), "ran");
    assert_string_equal(step(r, "b")->reason, "forced");
    put(f, "src", "2"); /* what comes before it runs if it changed */
    assert_int_equal(run(f, (struct pipeline_options){.from = STR("d")})->count[PIPELINE_RAN], 4);
    put(f, "dvc.yaml", "stages:\n  t: {foreach: [1, 2], do: {cmd: 'echo ${item} > o${item}', outs: ['o${item}']}}\n  u: {cmd: cat o1 > u, deps: [o1], outs: [u]}\n");
    run(f, (struct pipeline_options){0});
    r = run(f, (struct pipeline_options){.from = STR("t")});
    assert_int_equal(r->count[PIPELINE_RAN], 3);
    r = run(f, (struct pipeline_options){.from = STR("t@2")});
    assert_int_equal(r->count[PIPELINE_RAN], 1);
    struct pipeline_options o = {.dir = f->dir, .runner = &runner, .from = STR("zz")};
    ASSERT_FAILS(f, pipeline_run(&f->op, &o, &r), E_NOT_FOUND, "zz");
}

static void a_dry_run_touches_nothing(void **state)
{
    struct fixture *f = *state;
    put(f, "dvc.yaml", diamond);
    put(f, "src", "1");
    struct pipeline_result *r = run(f, (struct pipeline_options){.dry = true});
    assert_int_equal(r->count[PIPELINE_WOULD_RUN], 4);
    assert_false(fspath_exists(&f->op, at(f, ".dvc")));
    run(f, (struct pipeline_options){0});
    ASSERT_OK(f, fspath_remove(&f->op, at(f, "d")));
    r = run(f, (struct pipeline_options){.dry = true});
    assert_string_equal(STATE(r, "d"), "restored");
    assert_false(fspath_exists(&f->op, at(f, "d")));
}

static void only_what_a_target_needs(void **state)
{
    struct fixture *f = *state;
    put(f, "dvc.yaml", diamond);
    put(f, "src", "1");
    struct str target = STR("b");
    struct pipeline_result *r = run(f, (struct pipeline_options){.targets = &target, .targets_len = 1});
    assert_int_equal(r->len, 2);
    assert_false(fspath_exists(&f->op, at(f, "c")));
    struct pipeline_options o = {.dir = f->dir, .runner = &runner, .targets = (struct str[]){STR("zz")}, .targets_len = 1};
    ASSERT_FAILS(f, pipeline_run(&f->op, &o, &r), E_NOT_FOUND, "zz");
}

static void failures_block_only_their_dependents(void **state)
{
    struct fixture *f = *state;
    put(f, "dvc.yaml", diamond);
    put(f, "src", "1");
    run(f, (struct pipeline_options){0});
    put(f, "dvc.yaml", "stages:\n  b: {cmd: 'kill -9 $$', deps: [src], outs: [b]}\n  c: {cmd: cat src > c, deps: [src], outs: [c]}\n"
                       "  d: {cmd: x, deps: [b], outs: [d]}\n  gone: {cmd: x, deps: [nothing]}\n  nocmd: {cmd: [cat src > e, not-a-command], outs: [e]}\n");
    struct pipeline_result *r = run(f, (struct pipeline_options){.jobs = 1});
    assert_string_equal(STATE(r, "b"), "failed");
    assert_string_equal(step(r, "b")->reason, "killed by signal 9");
    assert_int_equal(step(r, "b")->exit_code, 137);
    assert_string_equal(STATE(r, "c"), "ran");
    assert_string_equal(STATE(r, "d"), "blocked");
    assert_string_equal(step(r, "d")->reason, "stage 'b' failed");
    assert_string_equal(step(r, "gone")->reason, "dependency 'nothing' does not exist");
    assert_int_equal(step(r, "nocmd")->exit_code, 127);
    assert_string_equal(STATE(run(f, (struct pipeline_options){0}), "c"), "skipped");
}

static void retries_back_off_and_timeouts_end_the_group(void **state)
{
    struct fixture *f = *state;
    put(f, "dvc.yaml", "stages:\n  flaky: {cmd: 'echo x >> n; test $(wc -l < n) = 3 && touch o', outs: [o], meta: {ingot: {retry: {attempts: 5, backoff: 0.01}}}}\n"
                       "  slow: {cmd: 'sleep 60 & echo $! > pid; wait', meta: {ingot: {timeout: 0.2}}}\n");
    struct pipeline_result *r = run(f, (struct pipeline_options){.jobs = 2});
    assert_string_equal(STATE(r, "flaky"), "ran");
    assert_int_equal(step(r, "flaky")->attempts, 3);
    assert_string_equal(step(r, "slow")->reason, "timed out");
    int64_t pid;
    assert_true(str_parse_i64(str_trim(get(f, "pid")), &pid));
    /* The group's rest was killed with it; init may take a moment to reap it. */
    for (int i = 0; i < 100 && kill((pid_t)pid, 0) == 0; i++) {
        FILE *st = fopen(op_printf(&f->op, "/proc/%lld/stat", (long long)pid), "re");
        char c = 'Z';
        if (st) {
            assert_true(fscanf(st, "%*d %*s %c", &c) == 1);
            fclose(st);
        }
        if (c == 'Z')
            break;
        usleep(10000);
        assert_true(i < 99);
    }
}

static void frozen_stages_never_run(void **state)
{
    struct fixture *f = *state;
    put(f, "in", "1");
    put(f, "o", "made by hand");
    put(f, "dvc.yaml", "stages: {s: {cmd: 'false', deps: [in], outs: [o], frozen: true}}");
    struct pipeline_result *r = run(f, (struct pipeline_options){0});
    assert_string_equal(STATE(r, "s"), "skipped");
    put(f, "in", "2");
    assert_string_equal(STATE(run(f, (struct pipeline_options){.force = true}), "s"), "skipped");
    ASSERT_OK(f, fspath_remove(&f->op, at(f, "o")));
    r = run(f, (struct pipeline_options){0});
    assert_string_equal(STATE(r, "s"), "failed");
}

static void stop_soon(void *arg, const struct pipeline_step *s)
{
    (void)arg;
    if (s->state == PIPELINE_RAN)
        stop = 1;
}

static void a_stop_cancels_and_records(void **state)
{
    struct fixture *f = *state;
    put(f, "dvc.yaml", "stages:\n  a: {cmd: echo 1 > a, outs: [a]}\n  long: {cmd: sleep 60, outs: [l]}\n  after: {cmd: x, deps: [a], outs: [z]}\n");
    stop = 0;
    struct pipeline_result *r = run(f, (struct pipeline_options){.jobs = 2, .stop = &stop, .event = stop_soon});
    assert_true(r->cancelled);
    assert_string_equal(STATE(r, "a"), "ran");
    assert_string_equal(STATE(r, "long"), "cancelled");
    assert_string_equal(STATE(r, "after"), "waiting");
    assert_non_null(strstr(get(f, "dvc.lock").p, "cmd: echo 1 > a"));
}

static void the_environment_of_a_command(void **state)
{
    struct fixture *f = *state;
    put(f, "sub/x", "");
    put(f, "dvc.yaml", "stages: {s: {wdir: sub, cmd: 'echo $DVC_STAGE $DVC_ROOT $V $(pwd) > o', outs: [o], meta: {ingot: {env: {V: v}}}}}");
    run(f, (struct pipeline_options){0});
    struct workspace *ws = open_ws(f);
    ASSERT_STR(get(f, "sub/o"), op_printf(&f->op, "s %.*s v %.*s/sub\n", STR_FMT(ws->root), STR_FMT(ws->dir)));
}

static void many_stages_are_quick(void **state)
{
    struct fixture *f = *state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_add_cstr(&b, "stages:\n");
    for (int i = 0; i < 200; i++)
        buf_addf(&b, "  s%d: {cmd: echo %d > o%d, outs: [o%d]}\n", i, i, i, i);
    buf_add_char(&b, '\0');
    put(f, "dvc.yaml", b.p);
    buf_clear(&b);
    assert_int_equal(run(f, (struct pipeline_options){0})->count[PIPELINE_RAN], 200);
    struct pipeline_result *r = run(f, (struct pipeline_options){0});
    assert_int_equal(r->count[PIPELINE_SKIPPED], 200);
    assert_true(r->wall_us < 2000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_in_order_then_skips_then_restores), TEST(what_follows_from_a_stage_runs_again), TEST(a_dry_run_touches_nothing), TEST(only_what_a_target_needs),
        TEST(failures_block_only_their_dependents), TEST(retries_back_off_and_timeouts_end_the_group), TEST(frozen_stages_never_run),
        TEST(a_stop_cancels_and_records), TEST(the_environment_of_a_command), TEST(many_stages_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
