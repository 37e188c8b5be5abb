#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/run_report.h"
#include "base/limits.h"

/* What a server gets is tested with one: tests/e2e/test_ui_pipelines.py. Here: without one a pipeline notices nothing. */
static void report(struct op *op, bool planned)
{
    static volatile sig_atomic_t stop;
    const struct run_report_config c = {.url = STR("http://127.0.0.1:1"), .token = STR(""), .pipeline = STR("p"), .workspace = STR("/tmp"), .stop = &stop};
    struct run_report *r = run_report_create(op, &c);
    struct dvc_stage stage = {.name = STR("a"), .cmd = {.type = JSON_STRING, .s = STR("true")}, .desc = STR("")};
    struct dvc_file file = {.stages = &stage, .len = 1};
    struct dvc_node node = {0};
    uint32_t of[] = {0};
    struct dvc_graph graph = {.file = &file, .nodes = &node, .order = of};
    struct pipeline_step step = {.name = STR("a"), .state = PIPELINE_RUNNING, .reason = "it is new", .log_path = STR("/nowhere/log")}, other = {.name = STR("b"), .reason = ""};
    const struct pipeline_result result = {.steps = &step, .len = 1};
    if (planned) {
        run_report_planned(r, &graph, &result, of);
        run_report_step(r, &step);
        run_report_step(r, &other); /* one that nobody planned */
        run_report_tracked(r, STR("a"), STR("0123"));
        step.state = PIPELINE_RAN;
        run_report_step(r, &step);
    }
    run_report_finish(r, "succeeded", 0);
    assert_int_equal(stop, 0);
}

static void test_a_server_that_is_away_costs_nothing(void **state)
{
    (void)state;
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    report(&op, true);
    report(&op, false);
    run_report_finish(NULL, "failed", 1);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_server_that_is_away_costs_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
