/* The two buckets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/limits.h"
#include "net/http2_guard.h"

static int allowed(struct http2_guard *g, int64_t now_ms, bool (*take)(struct http2_guard *, int64_t))
{
    int n = 0;
    while (n < 1000000 && take(g, now_ms))
        n++;
    return n;
}

static void a_burst_then_a_rate(void **state)
{
    (void)state;
    struct http2_guard g;
    http2_guard_init(&g, 1000);
    assert_int_equal(allowed(&g, 1000, http2_guard_control), LIMIT_HTTP2_CONTROL_FRAMES);
    assert_int_equal(allowed(&g, 1500, http2_guard_control), LIMIT_HTTP2_CONTROL_FRAMES_PER_S / 2);
    assert_int_equal(allowed(&g, 1000000, http2_guard_control), LIMIT_HTTP2_CONTROL_FRAMES); /* no more than the burst is saved up */
    assert_int_equal(allowed(&g, 1000000, http2_guard_reset), LIMIT_HTTP2_RESETS);           /* the other bucket is its own */
    assert_int_equal(allowed(&g, 1001000, http2_guard_reset), LIMIT_HTTP2_RESETS_PER_S);
}

static void work_earns_frames(void **state)
{
    (void)state;
    struct http2_guard g;
    http2_guard_init(&g, 0);
    assert_int_equal(allowed(&g, 0, http2_guard_control), LIMIT_HTTP2_CONTROL_FRAMES);
    http2_guard_earn(&g, 8);
    assert_int_equal(allowed(&g, 0, http2_guard_control), 8);
    for (int i = 0; i < 10000; i++)
        http2_guard_earn(&g, 8);
    assert_int_equal(allowed(&g, 0, http2_guard_control), LIMIT_HTTP2_CONTROL_FRAMES);
    assert_int_equal(allowed(&g, 0, http2_guard_reset), LIMIT_HTTP2_RESETS); /* and no resets */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_burst_then_a_rate), cmocka_unit_test(work_earns_frames)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
