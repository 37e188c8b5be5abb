#include "unit/base/base_test.h"

#include "core/payload/config.h"

static enum err parse(struct fixture *f, const char *text, struct payload_config *ret)
{
    struct json *j = NULL;
    op_clear(&f->op);
    ASSERT_OK(&f->op, json_parse(&f->op, str_from(text), 0, &j));
    return payload_config_parse(&f->op, STR("name"), j, ret);
}

static void what_is_said(void **state)
{
    struct fixture *f = *state;
    struct payload_config c;
    ASSERT_OK(&f->op, parse(f, "{\"model\": \"m\"}", &c));
    assert_true(payload_config_is_off(&c));
    ASSERT_OK(&f->op, parse(f, "{\"payload_log\": {}}", &c));
    assert_true(c.sample > 0 && c.sample < 1 && c.flush_us > 0 && c.max_bytes > 0 && !c.keep_us && payload_config_takes(&c, STR("x")));
    ASSERT_OK(&f->op, parse(f, "{\"payload_log\": {\"sample\": 1, \"columns\": [\"a\"], \"redact\": [\"b\"], \"redact_ids\": true, \"keep_days\": 2, \"flush_s\": 5}}", &c));
    assert_true(payload_config_takes(&c, STR("a")) && !payload_config_takes(&c, STR("x")) && payload_config_hides(&c, STR("b")) && c.flush_us == 5000000 && c.redact_ids);
    ASSERT_OK(&f->op, parse(f, "{\"logger\": {\"url\": \"https://sink/\"}}", &c));
    assert_true(c.events == (PAYLOAD_EVENT_REQUEST | PAYLOAD_EVENT_RESPONSE) && str_eqc(c.service, "name") && str_eqc(c.space, "default"));
    ASSERT_OK(&f->op, parse(f, "{\"logger\": {\"url\": \"http://sink/\", \"mode\": \"response\", \"service\": \"s\", \"namespace\": \"n\"}}", &c));
    assert_true(c.events == PAYLOAD_EVENT_RESPONSE && str_eqc(c.service, "s") && str_eqc(c.space, "n"));
}

static void what_cannot_be(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "{\"payload_log\": 1}", "{\"payload_log\": {\"sampel\": 1}}", "{\"payload_log\": {\"sample\": 2}}", "{\"payload_log\": {\"sample\": -0.1}}",
        "{\"payload_log\": {\"sample\": \"1\"}}", "{\"payload_log\": {\"max_bytes\": 1}}", "{\"payload_log\": {\"flush_s\": 0}}", "{\"payload_log\": {\"columns\": \"some\"}}",
        "{\"payload_log\": {\"columns\": [1]}}", "{\"payload_log\": {\"redact\": \"x\"}}", "{\"payload_log\": {\"keep_days\": -1}}", "{\"payload_log\": {\"redact_ids\": 1}}", "{\"logger\": {}}",
        "{\"logger\": {\"url\": \"ftp://x\"}}", "{\"logger\": {\"url\": \"http://a b\"}}", "{\"logger\": {\"url\": \"http://a\\r\\nX: y\"}}",
        "{\"logger\": {\"url\": \"http://a\", \"mode\": \"none\"}}", "{\"logger\": {\"url\": \"http://a\", \"x\": 1}}", "{\"logger\": []}"};
    struct payload_config c;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (parse(f, bad[i], &c) != E_INVALID)
            fail_msg("taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(what_is_said), TEST(what_cannot_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
