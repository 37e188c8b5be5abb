/* A graph's file: what is read from it, in which order its steps stand, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "core/serve/graph.h"

#define HEAD "{\"format\":\"ingot.graph\",\"version\":1,"
#define BLEND                                                                                                                                    \
    HEAD "\"inputs\":[\"x\",{\"name\":\"segment\",\"datatype\":\"BYTES\",\"shape\":[-1],\"optional\":true}],\"steps\":["                        \
         "{\"name\":\"blend\",\"combine\":\"mean\",\"inputs\":[\"gbm.score\",\"second\"],\"weights\":[2,1],\"least\":1},"                         \
         "{\"name\":\"second\",\"combine\":\"slice\",\"inputs\":[\"p\"],\"column\":1},"                                                           \
         "{\"name\":\"net\",\"model\":\"net\",\"version\":3,\"inputs\":{\"input\":\"x\"},\"outputs\":{\"probabilities\":\"p\"},"                  \
         "\"optional\":true,\"timeout_ms\":50,\"when\":{\"tensor\":\"segment\",\"op\":\"!=\",\"value\":\"old\"}},"                                \
         "{\"name\":\"gbm\",\"model\":\"gbm\",\"inputs\":{\"features\":\"x\"},\"default\":0.5}],"                                                 \
         "\"outputs\":{\"score\":\"blend\",\"raw\":{\"tensor\":\"gbm.score\",\"optional\":true}}}"

static int setup(void **state)
{
    static struct op op;
    op_init(&op, arena_create(LIMIT_MIB(256)));
    *state = &op;
    return 0;
}

static int teardown(void **state)
{
    arena_destroy(((struct op *)*state)->arena);
    return 0;
}

static const struct graph_step *step_named(const struct graph_plan *p, const char *name, size_t *ret_at)
{
    for (size_t i = 0; i < p->step_count; i++) {
        if (!str_eqc(p->steps[i].name, name))
            continue;
        *ret_at = i;
        return &p->steps[i];
    }
    fail_msg("no step %s", name);
    return NULL;
}

static void test_reads(void **state)
{
    struct op *op = *state;
    AUTO(graph_plan) struct graph_plan *p = NULL;
    size_t gbm, net, second, blend;
    assert_true(graph_accepts(str_from(BLEND)));
    if (graph_parse(op, str_from(BLEND), &p))
        fail_msg("%s", op->msg);
    assert_true(p->step_count == 4 && p->input_count == 2 && p->output_count == 2);
    const struct graph_step *s = step_named(p, "net", &net);
    assert_true(s->cases[0].version == 3 && s->optional && s->timeout_ms == 50 && s->when_count == 1 && s->when[0].tensor == 1);
    assert_true(step_named(p, "gbm", &gbm)->optional && step_named(p, "gbm", &gbm)->dflt->f == 0.5);
    (void)step_named(p, "second", &second);
    s = step_named(p, "blend", &blend);
    assert_true(net < second && second < blend && gbm < blend);
    assert_true(s->needs == (UINT64_C(1) << gbm | UINT64_C(1) << second));
    assert_true(p->tensors[1].declared && p->tensors[1].spec.optional && p->tensors[1].spec.type == TENSOR_BYTES && !p->tensors[0].declared);
    assert_true(str_eqc(p->outputs[1].name, "raw") && p->outputs[1].optional && !p->outputs[0].optional);
    const bool raw[] = {false, true};
    assert_true(graph_plan_needed(p, NULL) == 15 && graph_plan_needed(p, raw) == UINT64_C(1) << gbm);
}

/* Shares are those of the weights, and a unit's case does not depend on the process. */
static void test_split(void **state)
{
    struct op *op = *state;
    AUTO(graph_plan) struct graph_plan *p = NULL;
    if (graph_parse(op, STR(HEAD "\"inputs\":[\"x\"],\"steps\":[{\"name\":\"s\",\"split\":[{\"model\":\"a\",\"weight\":7},{\"model\":\"b\",\"weight\":2},"
                                 "{\"model\":\"c\",\"weight\":1}]}],\"outputs\":{\"y\":\"s.y\"}}"), &p))
        fail_msg("%s", op->msg);
    const struct rollout_weights *w = p->steps[0].split;
    int buckets[3] = {0};
    for (size_t i = 0; i < ROLLOUT_BUCKETS; i++)
        buckets[w->bucket[i]]++;
    assert_true(buckets[0] == 700 && buckets[1] == 200 && buckets[2] == 100);
    struct rollout_pick pick;
    rollout_choose(w, STR("unit-17"), &pick);
    const int64_t first = pick.version;
    rollout_choose(w, STR("unit-17"), &pick);
    assert_true(first == pick.version && first >= 1 && first <= 3 && w->seed != 0);
}

#define MODEL(name, in) "{\"name\":\"" name "\",\"model\":\"m\",\"inputs\":{\"x\":\"" in "\"}}"
#define GRAPH(inputs, steps, outputs) HEAD "\"inputs\":[" inputs "],\"steps\":[" steps "],\"outputs\":{" outputs "}}"
#define OUT "\"y\":\"a.y\""

static void test_refusals(void **state)
{
    struct op *op = *state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"[]", "not an object"},
        {"{\"format\":\"other\",\"version\":1}", "its format is \"other\""},
        {"{\"format\":\"ingot.graph\"}", "version"},
        {"{\"format\":\"ingot.graph\",\"version\":2}", "version 2 of the format"},
        {HEAD "\"x\":1}", "no member \"x\""},
        {HEAD "\"steps\":[]}", "inputs"},
        {GRAPH("", MODEL("a", "x"), OUT), "no inputs"},
        {GRAPH("\"x\",\"x\"", MODEL("a", "x"), OUT), "\"x\" is made twice"},
        {GRAPH("1", MODEL("a", "x"), OUT), "neither a name nor an object"},
        {GRAPH("{\"name\":\"x\",\"shape\":[1]}", MODEL("a", "x"), OUT), "both datatype and shape"},
        {GRAPH("{\"name\":\"x\",\"shape\":[-2],\"datatype\":\"FP32\"}", MODEL("a", "x"), OUT), "shape[0]"},
        {GRAPH("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP31\"}", MODEL("a", "x"), OUT), "no datatype \"FP31\""},
        {GRAPH("\"x\"", "", OUT), "0 steps"},
        {GRAPH("\"x\"", "1", OUT), "steps[0] is"},
        {GRAPH("\"x\"", "{\"model\":\"m\"}", OUT), "name"},
        {GRAPH("\"x\"", "{\"name\":\"a.b\",\"model\":\"m\"}", OUT), "or dots"},
        {GRAPH("\"x\"", "{\"name\":\"\",\"model\":\"m\"}", OUT), "1 to"},
        {GRAPH("\"x\"", MODEL("a", "x") "," MODEL("a", "x"), OUT), "two steps have this name"},
        {GRAPH("\"x\"", "{\"name\":\"a\"}", OUT), "0 of model, switch"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"model\":\"m\",\"combine\":\"mean\"}", OUT), "2 of model, switch"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"model\":\"m\",\"weights\":[1]}", OUT), "no member \"weights\""},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"model\":\"m\",\"version\":0}", OUT), "version"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"model\":\"m\",\"default\":[]}", OUT), "default is"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"model\":\"m\",\"inputs\":{}}", OUT), "no inputs"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"model\":\"m\",\"outputs\":{\"y\":\"x\"}}", "\"y\":\"x\""), "\"x\" is made twice"},
        {GRAPH("\"x\"", MODEL("a", "z"), OUT), "there is no tensor \"z\""},
        {GRAPH("\"x\"", MODEL("a", "b.y"), OUT), "there is no tensor \"b.y\""},
        {GRAPH("\"x\"", MODEL("a", "a.y"), OUT), "waits for itself"},
        {GRAPH("\"x\"", MODEL("a", "b.y") "," MODEL("b", "a.y") "," MODEL("c", "x"), "\"y\":\"c.y\",\"z\":\"a.y\""), "waits for itself"},
        {GRAPH("\"x\"", MODEL("a", "x") "," MODEL("b", "x"), OUT), "step \"b\" makes nothing"},
        {GRAPH("\"x\",\"w\"", MODEL("a", "x"), OUT), "nobody uses input \"w\""},
        {GRAPH("\"x\"", MODEL("a", "x"), ""), "0 outputs"},
        {GRAPH("\"x\"", MODEL("a", "x"), "\"y\":\"z\""), "outputs.y: there is no tensor \"z\""},
        {GRAPH("\"x\"", MODEL("a", "x"), "\"y\":{\"tensor\":\"a.y\",\"x\":1}"), "no member \"x\""},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"combine\":\"meen\",\"inputs\":[\"x\"]}", "\"y\":\"a\""), "no operator \"meen\""},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"combine\":\"mean\",\"inputs\":[]}", "\"y\":\"a\""), "1 to 256 inputs, not 0"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"combine\":\"slice\",\"column\":0,\"inputs\":[\"x\",\"x\"]}", "\"y\":\"a\""), "1 to 1 inputs"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"combine\":\"mean\",\"inputs\":[\"x\"],\"weights\":[1,2]}", "\"y\":\"a\""), "list of 1 numbers"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"combine\":\"mean\",\"inputs\":[\"x\"],\"weights\":[-1]}", "\"y\":\"a\""), "weights[0]"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"combine\":\"mean\",\"inputs\":[\"x\"],\"weights\":[0]}", "\"y\":\"a\""), "all 0"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"combine\":\"mean\",\"inputs\":[\"x\"],\"column\":0}", "\"y\":\"a\""), "no member \"column\""},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"combine\":\"cast\",\"inputs\":[\"x\"],\"datatype\":\"BYTES\"}", "\"y\":\"a\""), "no type of numbers"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"switch\":[]}", OUT), "0 cases"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"switch\":[{\"model\":\"m\"},{\"model\":\"n\"}]}", OUT), "case 0 holds always"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"switch\":[{\"model\":\"m\",\"when\":{\"op\":\"==\",\"value\":1}}]}", OUT), "either a tensor or a parameter"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"switch\":[{\"model\":\"m\",\"when\":{\"tensor\":\"q\",\"op\":\"==\",\"value\":1}}]}", OUT), "no tensor \"q\""},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"split\":[{\"model\":\"m\"}]}", OUT), "weight"},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"split\":[{\"model\":\"m\",\"weight\":0}]}", OUT), "all 0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct graph_plan *p = NULL;
        op_clear(op);
        if (graph_parse(op, str_from(cases[i].text), &p) == OK || !strstr(op->msg, cases[i].why))
            fail_msg("case %zu: %s\nwanted: %s\ngot: %s", i, cases[i].text, cases[i].why, p ? "a plan" : op->msg);
    }
}

static void test_limits(void **state)
{
    struct op *op = *state;
    struct graph_plan *p = NULL;
    struct buf b;
    buf_init(&b, LIMIT_MIB(8));
    buf_add_cstr(&b, HEAD "\"inputs\":[\"x\"],\"steps\":[");
    for (int i = 0; i <= LIMIT_SERVE_GRAPH_STEPS; i++)
        buf_addf(&b, "%s{\"name\":\"s%d\",\"model\":\"m\"}", i ? "," : "", i);
    buf_add_cstr(&b, "],\"outputs\":{\"y\":\"s0.y\"}}");
    assert_int_equal(graph_parse(op, buf_str(&b), &p), E_INVALID);
    assert_non_null(strstr(op->msg, "65 steps"));
    buf_reset(&b);
    buf_add_cstr(&b, HEAD "\"inputs\":[\"x\"");
    for (int i = 0; i <= LIMIT_SERVE_GRAPH_TENSORS; i++)
        buf_addf(&b, ",\"x%d\"", i);
    buf_add_cstr(&b, "],\"steps\":[{\"name\":\"a\",\"model\":\"m\"}],\"outputs\":{\"y\":\"a.y\"}}");
    op_clear(op);
    assert_int_equal(graph_parse(op, buf_str(&b), &p), E_TOO_LARGE);
    buf_reset(&b);
    for (size_t i = 0; i <= LIMIT_SERVE_GRAPH_BYTES; i++)
        buf_add_char(&b, ' ');
    op_clear(op);
    assert_int_equal(graph_parse(op, buf_str(&b), &p), E_TOO_LARGE);
    buf_clear(&b);
}

static void test_accepts(void **state)
{
    (void)state;
    assert_true(graph_accepts(STR("{ \"description\": \"a\",\n \"format\" : \"ingot.graph\"")));
    assert_false(graph_accepts(STR("{\"format\":\"ingot-linear\",\"names\":[\"ingot.graph\"]}")));
    assert_false(graph_accepts(STR("[\"format\":\"ingot.graph\"]")));
    assert_false(graph_accepts(STR("\"ingot.graph\"")));
    assert_false(graph_accepts(STR("")));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_reads), TEST(test_split), TEST(test_refusals), TEST(test_limits), TEST(test_accepts)};
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
