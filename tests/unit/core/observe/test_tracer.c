/* Who is sampled, what reaches a receiver that works, that fails for a while, and that never answers. The receiver is a port in memory. */
#include "unit/base/base_test.h"

#include "base/thread.h"
#include "base/time.h"
#include "core/observe/shipper.h"
#include "core/observe/tracer.h"

#define SAMPLED "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define DECLINED "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

struct receiver {
    struct telemetry telemetry;
    struct mutex lock;
    size_t calls, spans, refusals; /* `refusals` more calls are answered E_BUSY */
    enum err verdict;
    bool hangs;
};

static enum err receive(void *self, struct op *op, const struct trace *const *traces, size_t n, const atomic_bool *stop, struct telemetry_answer *ret)
{
    struct receiver *r = self;
    (void)ret;
    while (r->hangs && !atomic_load(stop))
        time_sleep_ms(5);
    if (r->hangs)
        return op_fail(op, E_CANCELLED, "cut off");
    LOCK(&r->lock);
    r->calls++;
    if (r->refusals) {
        r->refusals--;
        return op_fail(op, E_BUSY, "later");
    }
    for (size_t i = 0; i < n && !r->verdict; i++)
        r->spans += traces[i]->span_count;
    return r->verdict ? op_fail(op, r->verdict, "never") : OK;
}

static const struct telemetry_ops ops = {"test", receive, NULL};

static struct tracer *open(struct receiver *r, double ratio, bool parent_ignored, int64_t delay_ms)
{
    *r = (struct receiver){.telemetry = {&ops, r}, .refusals = r->refusals, .verdict = r->verdict, .hangs = r->hangs};
    mutex_init(&r->lock);
    return tracer_create(&(struct tracer_config){.ratio = ratio, .parent_ignored = parent_ignored, .sink = &r->telemetry, .delay_ms = delay_ms});
}

static size_t sampled_of(struct fixture *f, struct tracer *t, const char *parent, int n)
{
    size_t k = 0;
    for (int i = 0; i < n; i++)
        k += tracer_start(t, &f->op, str_from(parent), STR(""), true) != NULL;
    return k;
}

static void decisions(void **state)
{
    struct fixture *f = *state;
    struct receiver r = {0};
    struct tracer *t = open(&r, 0, false, 1);
    assert_null(tracer_start(NULL, &f->op, STR(SAMPLED), STR(""), true));
    assert_int_equal(sampled_of(f, t, "", 1000), 0);
    assert_int_equal(sampled_of(f, t, SAMPLED, 10), 10);
    struct trace *x = tracer_start(t, &f->op, STR(SAMPLED), STR("a=b"), false);
    ASSERT_STR(trace_str(x, x->state), "a=b");
    x = tracer_start(t, &f->op, STR(SAMPLED), STR("not a state"), false);
    ASSERT_STR(trace_str(x, x->state), "");
    tracer_destroy(t);
    t = open(&r, 1, false, 1);
    assert_int_equal(sampled_of(f, t, DECLINED, 10), 0);
    assert_int_equal(sampled_of(f, t, "", 10), 10);
    assert_int_equal(sampled_of(f, t, "broken", 10), 10);
    tracer_destroy(t);
    t = open(&r, 1, true, 1);
    assert_int_equal(sampled_of(f, t, DECLINED, 10), 10);
    tracer_destroy(t);
    /* 20000 draws at 0.1: sigma is 42; six of them are allowed. */
    t = open(&r, 0.1, false, 1);
    size_t n = sampled_of(f, t, "", 20000);
    assert_in_range(n, 2000 - 255, 2000 + 255);
    tracer_destroy(t);
}

static void every_nth_until_the_count_is_used_up(void **state)
{
    struct fixture *f = *state;
    struct receiver r = {0};
    struct tracer *t = open(&r, 0, false, 1);
    tracer_rule_set(t, true, 5, 3);
    assert_int_equal(sampled_of(f, t, "", 100), 3);
    assert_int_equal(tracer_rule_left(t), 0);
    tracer_rule_set(t, true, 5, -1);
    assert_int_equal(sampled_of(f, t, "", 100), 20);
    assert_null(tracer_start(t, &f->op, STR(""), STR(""), false)); /* inference only */
    tracer_rule_set(t, false, 1, -1);
    assert_int_equal(sampled_of(f, t, "", 10), 0);
    tracer_destroy(t);
}

static void finish(struct fixture *f, struct tracer *t, int n, int spans)
{
    for (int i = 0; i < n; i++) {
        struct trace *x = tracer_start(t, &f->op, STR(""), STR(""), false);
        for (int k = 0; k < spans; k++)
            (void)trace_span(x, TRACE_NONE, TRACE_SERVER, STR("x"), 1, 2);
        tracer_finish(t, x);
        if (i % 16 == 0)
            arena_reset(f->arena);
    }
}

/* All that was finished arrives, in messages of bounded size, at the end of the tracer if not before. */
static void nothing_is_lost_in_order(void **state)
{
    struct receiver r = {0};
    struct tracer *t = open(&r, 1, false, 3600000);
    finish(*state, t, 700, 3);
    tracer_finish(t, NULL);
    tracer_destroy(t);
    assert_int_equal(r.spans, 2100);
    assert_true(r.calls >= 2100 / LIMIT_TRACE_BATCH && r.calls <= 700);
}

static void refused_for_good_is_counted(void **state)
{
    struct receiver r = {.verdict = E_INVALID};
    struct tracer *t = open(&r, 1, false, 1);
    struct tracer_stats s = {0};
    finish(*state, t, 4, 2);
    while (tracer_stats(t, &s), s.dropped_spans < 8)
        time_sleep_ms(1);
    assert_int_equal(s.sent_spans, 0);
    assert_int_equal(s.sampled, 4);
    tracer_destroy(t);
}

static void tried_again(void **state)
{
    struct receiver r = {.refusals = 1};
    struct tracer *t = open(&r, 1, false, 1);
    struct tracer_stats s = {0};
    finish(*state, t, 1, 2);
    while (tracer_stats(t, &s), s.sent_spans < 2)
        time_sleep_ms(1);
    assert_int_equal(s.retries, 1);
    assert_int_equal(r.calls, 2);
    tracer_destroy(t);
}

/* A receiver that hangs costs neither memory nor the end: the oldest go, and stopping cuts the sending off. */
static void a_receiver_that_hangs(void **state)
{
    struct receiver r = {.hangs = true};
    struct tracer *t = open(&r, 1, false, 1);
    struct tracer_stats s = {0};
    finish(*state, t, (int)(LIMIT_TRACE_QUEUE_BYTES / 1000), 40);
    tracer_stats(t, &s);
    assert_true(s.queued_bytes <= LIMIT_TRACE_QUEUE_BYTES);
    assert_true(s.dropped_spans > 0);
    tracer_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(decisions), TEST(every_nth_until_the_count_is_used_up), TEST(nothing_is_lost_in_order),
                                       TEST(refused_for_good_is_counted), TEST(tried_again), TEST(a_receiver_that_hangs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
