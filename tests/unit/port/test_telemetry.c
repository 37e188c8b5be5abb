#include "unit/base/base_test.h"

#include "port/telemetry.h"

struct receiver {
    struct telemetry telemetry;
    size_t traces;
    bool closed;
};

static enum err take(void *self, struct op *op, const struct trace *const *traces, size_t n, const atomic_bool *stop, struct telemetry_answer *ret)
{
    struct receiver *r = self;
    (void)traces, (void)ret;
    r->traces += n;
    return atomic_load(stop) ? op_fail(op, E_CANCELLED, "stopped") : OK;
}

static void shut(void *self)
{
    ((struct receiver *)self)->closed = true;
}

static const struct telemetry_ops ops = {"test", take, shut};

/* An adapter that says nothing of a pause wishes none. */
static void the_thin_half(void **state)
{
    struct fixture *f = *state;
    struct receiver r = {.telemetry = {&ops, &r}};
    const struct trace *t = trace_make(f->arena, NULL, 1, 2, 3);
    struct telemetry_answer a = {.retry_after_ms = 77, .rejected = 5};
    atomic_bool stop = false;
    ASSERT_OK(&f->op, telemetry_send(&f->op, &r.telemetry, &t, 1, &stop, &a));
    assert_true(a.retry_after_ms == -1 && a.rejected == 0 && r.traces == 1);
    atomic_store(&stop, true);
    assert_int_equal(telemetry_send(&f->op, &r.telemetry, &t, 1, &stop, &a), E_CANCELLED);
    telemetry_close(&r.telemetry);
    assert_true(r.closed);
    telemetry_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(the_thin_half)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
