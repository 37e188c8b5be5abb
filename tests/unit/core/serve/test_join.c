/* One run for several: who may stand behind whom, and that everybody gets their own rows, in their own memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "adapter/linear/linear.h"
#include "core/serve/join.h"
#include "toy_engine.h"

enum { CALLS = 3, MOST = 3 };

struct part {
    struct op op;
    struct tensor in[2];
    float x[2 * MOST];
    struct str s[MOST];
    bool wanted[3];
    struct serve_call c;
};
struct world {
    struct op op;
    struct part part[CALLS];
    struct serve_version *v;
};

static struct serve_version *load(struct world *w, const char *text)
{
    static const struct engine_ops *const engines[] = {&linear_engine, &toy_engine, NULL};
    const struct serve_policy policy = serve_policy_default();
    struct serve_version *v = NULL;
    if (serve_version_load(&w->op, engines, str_from(text), 1, &policy, &v) != OK)
        fail_msg("%s", w->op.msg);
    return v;
}

/* Calls of 1, 2 and 3 rows; row r of call i is {10 i, r}, its text "i.r". */
static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    op_init(&w->op, arena_create(LIMIT_MIB(64)));
    w->v = load(w, "toy");
    for (size_t i = 0; i < CALLS; i++) {
        struct part *p = &w->part[i];
        const size_t rows = i + 1;
        op_init(&p->op, arena_create(LIMIT_MIB(64)));
        for (size_t r = 0; r < rows; r++) {
            p->x[2 * r] = 10 * (float)i;
            p->x[2 * r + 1] = (float)r;
            p->s[r] = str_from(op_printf(&p->op, "%zu.%zu", i, r));
        }
        p->in[0] = (struct tensor){.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {(int64_t)rows, 2}, .count = 2 * rows, .data = p->x};
        p->in[1] = (struct tensor){.name = STR("s"), .type = TENSOR_BYTES, .rank = 1, .shape = {(int64_t)rows}, .count = rows, .texts = p->s};
        p->c = (struct serve_call){.op = &p->op, .v = w->v, .rows.count = rows, .inputs = p->in, .next = i + 1 < CALLS ? &w->part[i + 1].c : NULL};
    }
    atomic_store(&toy_runs, 0), atomic_store(&toy_rows, 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    serve_version_unref(w->v);
    for (size_t i = 0; i < CALLS; i++)
        arena_destroy(w->part[i].op.arena);
    arena_destroy(w->op.arena);
    free(w);
    return 0;
}

static void test_fits(void **state)
{
    struct world *w = *state;
    struct serve_call *a = &w->part[0].c, *b = &w->part[1].c;
    struct tensor *x = &w->part[1].in[0], *s = &w->part[1].in[1];
    assert_true(join_fits(a, b) && join_fits(b, a) && join_fits(a, a));
    x->shape[1] = 3;
    assert_false(join_fits(a, b));
    x->shape[1] = 2;
    x->rank = 1;
    assert_false(join_fits(a, b));
    x->rank = 2;
    s->type = TENSOR_TYPE_COUNT; /* one brings it, the other does not */
    assert_false(join_fits(a, b));
    w->part[0].in[1].type = TENSOR_TYPE_COUNT;
    assert_true(join_fits(a, b));
    b->rows.count = 0;
    assert_false(join_fits(a, b) || join_fits(b, a));
    b->rows.count = 2;
    struct serve_version *other = load(w, "toy joins=0");
    b->v = other;
    assert_false(join_fits(a, b));
    a->v = other;
    assert_false(join_fits(a, b)); /* its first axis is not the batch */
    serve_version_unref(other);
}

static void test_everybody_gets_their_rows(void **state)
{
    struct world *w = *state;
    struct op run;
    op_init(&run, arena_create(LIMIT_MIB(64)));
    w->part[1].wanted[1] = true;
    w->part[1].c.wanted = w->part[1].wanted;
    w->part[0].op.deadline_ms = 5, w->part[1].op.deadline_ms = 9, w->part[2].op.deadline_ms = 7;
    assert_int_equal(join_run(&run, &w->part[0].c, 6), OK);
    assert_int_equal(run.deadline_ms, 9); /* the most patient one's */
    arena_destroy(run.arena);
    assert_true(atomic_load(&toy_runs) == 1 && atomic_load(&toy_rows) == 6);
    for (size_t i = 0; i < CALLS; i++) {
        const struct serve_call *c = &w->part[i].c;
        assert_true(c->outputs[1].count == i + 1 && c->outputs[1].shape[0] == (int64_t)i + 1 && c->t.infer == w->part[0].c.t.infer);
        for (size_t r = 0; r <= i; r++) {
            assert_true(str_eq(c->outputs[1].texts[r], w->part[i].s[r]));
            if (!c->wanted)
                assert_true(((const float *)c->outputs[0].data)[r] == 10 * (float)i + (float)r &&
                            ((const float *)c->outputs[2].data)[2 * r] == -10 * (float)i - (float)r);
        }
        assert_int_equal(c->outputs[0].data == NULL, c->wanted != NULL);
    }
}

static void test_only_what_somebody_wants(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < CALLS; i++) {
        w->part[i].c.wanted = w->part[i].wanted;
        w->part[i].wanted[2] = true;
        w->part[i].op.deadline_ms = (int64_t)i; /* the first has no end of waiting */
    }
    assert_int_equal(join_run(&w->op, &w->part[0].c, 6), OK);
    assert_int_equal(w->op.deadline_ms, 0);
    assert_true(!w->part[2].c.outputs[0].data && !w->part[2].c.outputs[1].texts && w->part[2].c.outputs[2].count == 6);
}

static void test_failures(void **state)
{
    struct world *w = *state;
    struct op small;
    w->part[2].x[2] = 666;
    assert_int_equal(join_run(&w->op, &w->part[0].c, 6), E_IO);
    assert_non_null(strstr(w->op.msg, "row 4")); /* 1 + 2 rows before it */
    for (size_t i = 0; i < CALLS; i++)
        assert_true(!w->part[i].c.outputs && w->part[i].c.t.infer == 0);
    op_init(&small, arena_create(1));
    assert_int_equal(join_run(&small, &w->part[0].c, SIZE_MAX / 1024), E_TOO_LARGE);
    arena_destroy(small.arena);
}

static void test_rows(void **state)
{
    struct world *w = *state;
    struct serve_version *v = load(w, "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\",\"b\"],\"mean\":[0,0],"
                                      "\"scale\":[10,1],\"weight\":[1,-0.5],\"bias\":0.25}");
    for (size_t i = 0; i < CALLS; i++) {
        w->part[i].c.v = v;
        w->part[i].c.rows.x = w->part[i].x;
    }
    assert_true(join_fits(&w->part[0].c, &w->part[1].c));
    assert_int_equal(join_run(&w->op, &w->part[0].c, 6), OK);
    for (size_t i = 0; i < CALLS; i++) {
        float alone[MOST];
        model_predict(v->model, w->part[i].x, i + 1, alone);
        assert_memory_equal(w->part[i].c.scores, alone, (i + 1) * sizeof(float));
    }
    assert_true(w->part[1].c.scores[0] != w->part[1].c.scores[1]);
    w->part[1].c.rows.x = NULL; /* doubles behind floats */
    assert_false(join_fits(&w->part[0].c, &w->part[1].c));
    serve_version_unref(v);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_fits), TEST(test_everybody_gets_their_rows), TEST(test_only_what_somebody_wants), TEST(test_failures),
                                       TEST(test_rows)};
    return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
