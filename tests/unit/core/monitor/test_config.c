#include "core/monitor/config.h"

#include "monitor_fixture.h"

static enum err parse(struct op *op, const char *text, struct monitor_config *ret)
{
    struct json *j = NULL;
    assert_int_equal(json_parse(op, str_from(text), JSON_STRICT, &j), OK);
    return monitor_config_parse(op, j, ret);
}

static void round_trip_and_refusals(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    op_init(&op, arena);
    struct monitor_config c, d;
    assert_int_equal(monitor_config_parse(&op, NULL, &c), OK);
    assert_true(c.window_us == DAY && c.p95_us == 100000 && c.error_rate == 0.01 && c.quality_drop == 0.05 && c.ks_p == 0.05);
    assert_int_equal(parse(&op, "{\"window_us\":3600000000,\"psi_max\":0.25,\"min_labels\":10}", &c), OK);
    assert_true(c.window_us == 3600000000 && c.psi_max == 0.25 && c.min_labels == 10 && c.label_delay_us == DAY);
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_KIB(16));
    struct json_out w;
    json_out_init(&w, &b, 0);
    monitor_config_json(&w, &c);
    assert_int_equal(parse(&op, b.p, &d), OK);
    assert_memory_equal(&c, &d, sizeof c);
    static const char *const bad[] = {"{\"window_us\":0}", "{\"window_us\":1.5e-3}", "{\"ks_p\":2}", "{\"threshold\":\"x\"}", "{\"colour\":1}",
                                      "[]", "{\"label_delay_us\":-1}", "{\"min_rows\":1}", "{\"psi_max\":-0.1}", "{\"cooldown_windows\":null}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse(&op, bad[i], &d) != E_INVALID)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(op.field);
        assert_memory_equal(&c, &d, sizeof c);
        op_clear(&op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip_and_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
