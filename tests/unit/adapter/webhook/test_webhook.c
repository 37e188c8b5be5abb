/* test_webhook.c - settings become rules: schemes, networks, private addresses. What is sent is tested in unit/net/test_pinned. */
#include "adapter/webhook/webhook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"

static const struct str schemes[] = {STR_INIT("https"), STR_INIT("http")};

static void judge(const struct webhook_notify_config *config, const char *url, enum err want)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, arena);
    struct notify *n = NULL;
    assert_int_equal(webhook_notify_open(&op, config, &n), OK);
    enum err e = notify_check(&op, n, str_from(url));
    if (e != want)
        fail_msg("'%s': %s: %s", url, err_name(e), op.msg ? op.msg : "");
    notify_close(n);
}

static void settings_decide_what_is_allowed(void **state)
{
    (void)state;
    const struct str nets[] = {STR("10.7.0.0/16"), STR("fd00::/8")};
    struct webhook_notify_config only_https = {schemes, 1, false, NULL, 0, NULL};
    struct webhook_notify_config both = {schemes, 2, false, NULL, 0, NULL};
    struct webhook_notify_config with_nets = {schemes, 2, false, nets, 2, NULL};
    struct webhook_notify_config all = {schemes, 2, true, NULL, 0, NULL};
    judge(&only_https, "https://8.8.8.8/", OK);
    judge(&only_https, "http://8.8.8.8/", E_INVALID);
    judge(&both, "http://8.8.8.8/", OK);
    judge(&both, "http://10.7.0.1/", E_INVALID);
    judge(&with_nets, "http://10.7.0.1/", OK);
    judge(&with_nets, "http://10.8.0.1/", E_INVALID);
    judge(&with_nets, "http://[fd12::1]/", OK);
    judge(&with_nets, "http://127.0.0.1/", E_INVALID);
    judge(&all, "http://127.0.0.1/", OK);
}

static void a_bad_network_is_refused(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, arena);
    const struct str nets[] = {STR("10.7.0.0/99")};
    struct webhook_notify_config c = {schemes, 2, false, nets, 1, NULL};
    struct notify *n = NULL;
    assert_int_equal(webhook_notify_open(&op, &c, &n), E_INVALID);
    assert_null(n);
}

static void a_message_is_sent_and_nobody_answers(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, arena);
    struct webhook_notify_config c = {schemes, 2, true, NULL, 0, NULL};
    struct notify *n = NULL;
    assert_int_equal(webhook_notify_open(&op, &c, &n), OK);
    struct notify_message m = {.url = STR("http://127.0.0.1:1/"), .content_type = STR("application/json"), .body = STR("{}"), .timeout_ms = 1000,
                               .headers = {{STR("X-A"), STR("b")}}, .header_count = 1};
    struct notify_answer a;
    assert_int_equal(notify_send(&op, n, &m, &a), E_IO);
    notify_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_decide_what_is_allowed),
        cmocka_unit_test(a_bad_network_is_refused),
        cmocka_unit_test(a_message_is_sent_and_nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
