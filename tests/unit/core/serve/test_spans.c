/* A call as spans, by the times that it carries: answered at once, out of the queue, refused in the queue. */
#include "unit/base/base_test.h"

#include "base/time.h"
#include "base/trace.h"
#include "core/serve/spans.h"

static const struct trace_span *find(const struct trace *t, const char *name)
{
    for (size_t i = 0; i < t->span_count; i++)
        if (str_eqc(trace_str(t, t->spans[i].name), name))
            return &t->spans[i];
    return NULL;
}

static struct trace *spans(struct fixture *f, struct serve_call *c, enum err e)
{
    static struct serve_endpoint ep;
    static struct serve_version v;
    static struct infer_request r;
    ep.info = (struct serve_info){.name = STR("e"), .model = STR("m")};
    v = (struct serve_version){.version = 6};
    r = (struct infer_request){.id = STR("q")};
    struct trace *t = f->op.trace = trace_make(f->arena, NULL, 1, 2, 3);
    (void)trace_span(t, TRACE_NONE, TRACE_SERVER, STR("request"), 0, time_mono_ns() + 1000000000);
    c->op = &f->op, c->ep = &ep, c->v = &v, c->r = &r;
    c->rows.count = 4;
    call_spans(c, e);
    trace_seal(t);
    return t;
}

static void at_once(void **state)
{
    struct trace *t = spans(*state, &(struct serve_call){.entered_ns = 1000, .run_ns = 2000, .t.infer = 500}, OK);
    const struct trace_span *inference = find(t, "inference"), *compute = find(t, "compute"), *prepare = find(t, "prepare");
    assert_true(prepare->from_ns == 1000 && prepare->to_ns == 2000 && compute->from_ns == 2000 && compute->to_ns == 2500 && inference->from_ns == 1000);
    assert_true(&t->spans[compute->parent] == inference && inference->parent == 0 && find(t, "answer")->from_ns == 2500);
    assert_null(find(t, "queue"));
    assert_false(inference->failed);
}

static void out_of_the_queue(void **state)
{
    struct trace *t = spans(*state, &(struct serve_call){.entered_ns = 1000, .queued_ns = 1500, .run_ns = 4000, .t = {.queue = 2500, .infer = 500}}, OK);
    const struct trace_span *queue = find(t, "queue");
    assert_true(queue->from_ns == 1500 && queue->to_ns == 4000 && find(t, "prepare")->to_ns == 1500 && find(t, "compute")->from_ns == 4000);
}

static void refused_in_the_queue(void **state)
{
    struct fixture *f = *state;
    (void)op_fail(&f->op, E_TIMEOUT, "too long");
    struct trace *t = spans(f, &(struct serve_call){.entered_ns = 1000, .queued_ns = 1500}, E_TIMEOUT);
    assert_true(find(t, "queue")->to_ns > 1500 && !find(t, "compute") && !find(t, "answer") && find(t, "inference")->failed);
    ASSERT_STR(trace_str(t, find(t, "inference")->problem), "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(at_once), TEST(out_of_the_queue), TEST(refused_in_the_queue)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
