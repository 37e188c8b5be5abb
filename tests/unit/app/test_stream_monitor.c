#include "app/stream_monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/time.h"
#include "net/client.h"

static struct client_answer get(struct op *op, int port, const char *path)
{
    AUTO(client) struct client *c = NULL;
    struct client_answer a = {0};
    const struct client_config config = {.base_url = str_from(op_printf(op, "http://127.0.0.1:%d", port)), .timeout_ms = 60000};
    if (client_create(op, &config, &c) || client_call(op, c, "GET", str_from(path), STR(""), (struct str){0}, &a))
        fail_msg("%s", op->msg);
    return a;
}

static void test_metrics_and_health(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    struct streaming_figures figures;
    struct stream_monitor *m = NULL;
    int port = 0;
    streaming_figures_init(&figures);
    const struct stream_monitor_config config = {.host = STR("127.0.0.1"), .topic = STR("t"), .group = STR("g"), .model = STR("m"), .figures = &figures};
    if (stream_monitor_start(&op, &config, &m, &port))
        fail_msg("%s", op.msg);
    assert_int_equal(get(&op, port, "/health").status, 200);
    figures.counts.last_poll_ms = time_mono_ms() - LIMIT_STREAM_SILENT_MS - 1;
    assert_int_equal(get(&op, port, "/health").status, 503);
    figures.counts.last_poll_ms = time_mono_ms();
    figures.counts.answered = 42;
    assert_int_equal(get(&op, port, "/health").status, 200);
    struct client_answer a = get(&op, port, "/metrics");
    assert_int_equal(a.status, 200);
    assert_true(str_find(a.body, STR("ingot_stream_answered_total{topic=\"t\",group=\"g\",model=\"m\"} 42\n")) != SIZE_MAX);
    assert_true(str_find(a.body, STR("process_cpu_seconds_total")) != SIZE_MAX);
    assert_int_equal(get(&op, port, "/other").status, 404);
    struct stream_monitor *second = NULL;
    struct stream_monitor_config taken = config;
    taken.host = STR("203.0.113.1"); /* not ours */
    assert_int_equal(stream_monitor_start(&op, &taken, &second, &port), E_IO);
    stream_monitor_stop(m);
    stream_monitor_stop(NULL);
    streaming_figures_clear(&figures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_metrics_and_health)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
