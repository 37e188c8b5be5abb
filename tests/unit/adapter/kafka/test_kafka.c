/* What needs no broker: settings, and brokers that do not answer. Everything else: tests/contract/test_stream_kafka.c, tests/e2e/test_stream.py. */
#include "adapter/kafka/kafka.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/kafka/client.h"
#include "base/time.h"
#include "contract/scratch.h"

/* Nobody listens on port 1. */
static struct kafka_config config_of(void)
{
    return (struct kafka_config){.brokers = STR("127.0.0.1:1"), .topic = STR("in"), .group = STR("g"), .transactional_id = STR("t")};
}

static void expect(struct scratch *s, const struct kafka_config *c, enum err want, const char *text)
{
    struct stream *stream = NULL;
    enum err e = kafka_open(&s->op, c, &stream);
    if (e != want || !strstr(s->op.msg, text))
        fail_msg("%s %s, want %s %s", err_name(e), s->op.msg ? s->op.msg : "", err_name(want), text);
    assert_null(stream);
    op_clear(&s->op);
}

static void test_settings(void **state)
{
    struct scratch *s = *state;
    static const struct {
        const char *name, *value, *text;
    } rows[] = {{"enable.auto.commit", "true", "not free"},  {"isolation.level", "read_uncommitted", "not free"}, {"transactional.id", "x", "not free"},
                {"group.id", "x", "not free"},               {"test.mock.num.brokers", "1", "not free"},          {"no.such.thing", "1", "no.such.thing"},
                {"session.timeout.ms", "word", "session.timeout.ms"}, {"security.protocol", "pigeons", "security.protocol"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct kafka_setting setting = {str_from(rows[i].name), str_from(rows[i].value)};
        struct kafka_config c = config_of();
        c.settings = &setting;
        c.setting_count = 1;
        expect(s, &c, E_INVALID, rows[i].text);
    }
    struct kafka_setting many[LIMIT_STREAM_SETTINGS + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct kafka_setting){STR("client.rack"), STR("r")};
    struct kafka_config c = config_of();
    c.settings = many;
    c.setting_count = ARRAY_LEN(many);
    expect(s, &c, E_TOO_LARGE, "settings");
}

static void test_what_is_wanted(void **state)
{
    struct scratch *s = *state;
    struct kafka_config c = config_of();
    c.brokers = STR("");
    expect(s, &c, E_INVALID, "are wanted");
    c = config_of();
    c.transactional_id = STR("");
    expect(s, &c, E_INVALID, "are wanted");
    c = config_of();
    c.group = STR("");
    expect(s, &c, E_INVALID, "are wanted");
}

static void test_nobody_answers(void **state)
{
    struct scratch *s = *state;
    struct kafka_config c = config_of();
    int gone = 1;
    s->op.deadline_ms = time_mono_ms() + 300;
    expect(s, &c, E_TIMEOUT, "start transactions");
    s->op.deadline_ms = 0;
    s->op.gone = &gone;
    expect(s, &c, E_CANCELLED, "start transactions");
    s->op.gone = NULL;
}

static void test_errors_have_their_kind(void **state)
{
    struct scratch *s = *state;
    struct kafka none = {0};
    static const struct {
        rd_kafka_resp_err_t code;
        enum err want;
    } rows[] = {{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, E_NOT_FOUND}, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, E_DENIED},
                {RD_KAFKA_RESP_ERR__FENCED, E_DENIED},                  {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, E_DENIED},
                {RD_KAFKA_RESP_ERR__TIMED_OUT, E_TIMEOUT},              {RD_KAFKA_RESP_ERR__FAIL, E_IO}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(kafka_fail(&s->op, &none, rows[i].code, "try", ""), rows[i].want);
        assert_non_null(strstr(s->op.msg, "try: "));
        op_clear(&s->op);
    }
    assert_non_null(kafka_library_version());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_settings, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_wanted, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_answers, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(test_errors_have_their_kind, scratch_set_up, scratch_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
