#include "unit/base/base_test.h"

#include "api/settings.h"
#include "base/log.h"

static const struct setting *named(const struct setting *all, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eqc(all[i].name, name))
            return &all[i];
    fail_msg("no setting %s", name);
    return NULL;
}

static void levels_of_the_log_are_real(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    const enum log_level before = log_level_get();
    struct setting *all = NULL;
    struct setting change = {.name = STR("log_verbose_level"), .kind = SETTING_UINT, .number = 1};
    ASSERT_OK(op, settings_log_put(op, &change, 1));
    assert_int_equal(log_level_get(), LOG_DEBUG);
    size_t n = settings_log_get(op, &all);
    assert_int_equal(named(all, n, "log_verbose_level")->number, 1);
    const struct setting quiet[] = {{.name = STR("log_verbose_level"), .kind = SETTING_UINT}, {.name = STR("log_info"), .kind = SETTING_BOOL}};
    ASSERT_OK(op, settings_log_put(op, quiet, 2));
    assert_int_equal(log_level_get(), LOG_WARN);
    n = settings_log_get(op, &all);
    assert_int_equal(named(all, n, "log_info")->number, 0);
    assert_int_equal(named(all, n, "log_warning")->number, 1);
    log_level_set(before);
}

static void refusals_change_nothing(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    const enum log_level before = log_level_get();
    const struct setting bad[][2] = {
        {{.name = STR("log_verbose_level"), .kind = SETTING_UINT, .number = 3}, {.name = STR("log_colour"), .kind = SETTING_BOOL}},
        {{.name = STR("log_verbose_level"), .kind = SETTING_UINT, .number = 3}, {.name = STR("log_info"), .kind = SETTING_UINT}},
        {{.name = STR("log_verbose_level"), .kind = SETTING_UINT, .number = 3}, {.name = STR("log_file"), .kind = SETTING_TEXT, .text = STR("/tmp/x")}},
        {{.name = STR("log_verbose_level"), .kind = SETTING_UINT, .number = 3}, {.name = STR("log_error"), .kind = SETTING_BOOL}},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(settings_log_put(op, bad[i], 2), i < 2 ? E_INVALID : E_UNSUPPORTED);
    op->actor.perms = 1u << PERM_READ;
    assert_int_equal(settings_log_put(op, bad[0], 1), E_DENIED);
    assert_int_equal(settings_trace_put(op, STR(""), bad[0], 1), E_DENIED);
    ASSERT_OK(op, settings_log_put(op, NULL, 0)); /* to look is allowed */
    assert_int_equal(log_level_get(), before);
}

static void trace_settings_are_kept(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct setting *all = NULL;
    const struct str off[] = {STR("TIMESTAMPS")}, two[] = {STR("a"), STR("b")};
    struct setting change = {.name = STR("trace_level"), .kind = SETTING_LIST, .list = off, .list_len = 1};
    ASSERT_OK(op, settings_trace_put(op, STR(""), &change, 1));
    size_t n = settings_trace_get(op, &all);
    ASSERT_STR(named(all, n, "trace_level")->list[0], "TIMESTAMPS");
    assert_int_equal(settings_trace_put(op, STR("model"), &change, 1), E_UNSUPPORTED);
    change.list_len = 0;
    ASSERT_OK(op, settings_trace_put(op, STR(""), &change, 1));
    n = settings_trace_get(op, &all);
    ASSERT_STR(named(all, n, "trace_level")->list[0], "OFF");
    change = (struct setting){.name = STR("trace_level"), .kind = SETTING_LIST, .list = two, .list_len = 2};
    assert_int_equal(settings_trace_put(op, STR(""), &change, 1), E_INVALID);
    change.name = STR("trace_colour");
    assert_int_equal(settings_trace_put(op, STR(""), &change, 1), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(levels_of_the_log_are_real), TEST(refusals_change_nothing), TEST(trace_settings_are_kept)};
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
