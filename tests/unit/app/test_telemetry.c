/* Which settings make a tracer, and which are refused. The environment of the test is its own. */
#include "unit/base/base_test.h"

#include "app/telemetry.h"

static const char *const names[] = {
    "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME", "OTEL_BSP_SCHEDULE_DELAY"};

static enum err open(struct fixture *f, struct telemetry_settings s, bool *ret_traces)
{
    struct telemetry *sink = NULL;
    struct tracer *t = NULL;
    struct str *all[] = {&s.endpoint, &s.headers, &s.protocol, &s.sample};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (!all[i]->p)
            *all[i] = STR("");
    op_clear(&f->op);
    enum err e = telemetry_open(&f->op, &s, &sink, &t);
    if (ret_traces)
        *ret_traces = t != NULL;
    assert_true((t != NULL) == (sink != NULL) && (!e || !t));
    tracer_destroy(t);
    telemetry_close(sink);
    return e;
}

static int clean(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
    return fixture_up(state);
}

#define URL STR("http://127.0.0.1:9")

static void when_there_is_a_receiver(void **state)
{
    struct fixture *f = *state;
    bool traces = true;
    ASSERT_OK(&f->op, open(f, (struct telemetry_settings){.sample = STR("1")}, &traces));
    assert_false(traces);
    ASSERT_OK(&f->op, open(f, (struct telemetry_settings){.endpoint = URL}, &traces));
    assert_true(traces);
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9/", 1);
    ASSERT_OK(&f->op, open(f, (struct telemetry_settings){0}, &traces));
    assert_true(traces);
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    ASSERT_OK(&f->op, open(f, (struct telemetry_settings){0}, &traces));
    assert_false(traces);
    unsetenv("OTEL_TRACES_EXPORTER");
    setenv("OTEL_SDK_DISABLED", "TRUE", 1);
    ASSERT_OK(&f->op, open(f, (struct telemetry_settings){0}, &traces));
    assert_false(traces);
    ASSERT_OK(&f->op, open(f, (struct telemetry_settings){.endpoint = URL}, &traces)); /* the line stands above the environment */
    assert_true(traces);
}

static void what_cannot_be(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *value;
    } bad[] = {{"OTEL_TRACES_SAMPLER", "jaeger_remote"},       {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, {"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"},
               {"OTEL_EXPORTER_OTLP_HEADERS", "a"},            {"OTEL_EXPORTER_OTLP_HEADERS", "a b=c"}, {"OTEL_EXPORTER_OTLP_HEADERS", "a=%0d%0aX: y"},
               {"OTEL_EXPORTER_OTLP_TIMEOUT", "soon"},         {"OTEL_RESOURCE_ATTRIBUTES", "x"},       {"OTEL_BSP_SCHEDULE_DELAY", "-1"},
               {"OTEL_EXPORTER_OTLP_HEADERS", "a=%zz"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        setenv(bad[i].name, bad[i].value, 1);
        if (open(f, (struct telemetry_settings){.endpoint = URL}, NULL) != E_INVALID)
            fail_msg("taken: %s=%s", bad[i].name, bad[i].value);
        unsetenv(bad[i].name);
    }
    setenv("OTEL_TRACES_SAMPLER", "traceidratio", 1);
    setenv("OTEL_TRACES_SAMPLER_ARG", "1.5", 1);
    assert_int_equal(open(f, (struct telemetry_settings){.endpoint = URL}, NULL), E_INVALID);
    ASSERT_OK(&f->op, open(f, (struct telemetry_settings){.endpoint = URL, .sample = STR("0.5")}, NULL));
    const struct telemetry_settings wrong[] = {{.endpoint = URL, .sample = STR("x")}, {.endpoint = URL, .sample = STR("-0.1")}, {.endpoint = URL, .protocol = STR("json")},
                                               {.endpoint = STR("collector"), .sample = STR("1")}, {.endpoint = STR("ftp://x"), .sample = STR("1")}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(open(f, wrong[i], NULL), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(when_there_is_a_receiver, clean, fixture_down),
                                       cmocka_unit_test_setup_teardown(what_cannot_be, clean, fixture_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
