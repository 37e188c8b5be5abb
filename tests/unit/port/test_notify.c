/* test_notify.c - the thin wrappers hand everything on; the real sending is tested in tests/unit/adapter/webhook. */
#include "port/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"

struct heard {
    struct str checked, sent;
    int closed;
};

static enum err hear_check(void *self, struct op *op, struct str url)
{
    struct heard *h = self;
    h->checked = url;
    return str_eqc(url, "bad") ? op_fail(op, E_INVALID, "a bad one") : OK;
}

static enum err hear_send(void *self, struct op *op, const struct notify_message *m, struct notify_answer *ret)
{
    struct heard *h = self;
    (void)op;
    h->sent = m->url;
    *ret = (struct notify_answer){.status = 204, .retry_after_s = -1};
    return OK;
}

static void hear_close(void *self)
{
    ((struct heard *)self)->closed++;
}

static void calls_reach_the_back_end(void **state)
{
    (void)state;
    static const struct notify_ops ops = {"heard", hear_check, hear_send, hear_close};
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    struct heard h = {0};
    struct notify n = {&ops, &h};
    struct notify_answer a = {0};
    op_init(&op, arena);
    assert_int_equal(notify_check(&op, &n, STR("good")), OK);
    assert_int_equal(notify_check(&op, &n, STR("bad")), E_INVALID);
    assert_true(str_eqc(h.checked, "bad"));
    struct notify_message m = {.url = STR("there"), .timeout_ms = 1};
    assert_int_equal(notify_send(&op, &n, &m, &a), OK);
    assert_true(str_eqc(h.sent, "there") && a.status == 204);
    notify_close(&n);
    notify_close(NULL);
    assert_int_equal(h.closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(calls_reach_the_back_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
