#include "base_test.h"

#include "base/time.h"

#include <time.h>

static void check(const char *text, int64_t want)
{
    int64_t us;
    if (!time_parse(str_from(text), &us))
        fail_msg("'%s' was refused", text);
    if (us != want)
        fail_msg("'%s' gave %lld, want %lld", text, (long long)us, (long long)want);
}

static void parses(void **state)
{
    (void)state;
    check("1970-01-01T00:00:00Z", 0);
    check("1970-01-01", 0);
    check("2001-01-01 00:00:00", 978307200000000);
    check("2001-04-01T13:05:00Z", 986130300000000);
    check("2001-04-01t13:05:00z", 986130300000000);
    check("2001-04-01T15:05:00+02:00", 986130300000000);
    check("2001-04-01T08:35:00.25-04:30", 986130300250000);
    check("1969-12-31T23:59:59.999999Z", -1);
    check("2000-02-29T00:00:00.1234567899Z", 951782400123456);
    check("0000-01-01", -62167219200000000);
    check("9999-12-31T23:59:59.999999Z", 253402300799999999);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "2001", "2001-1-1", "2001-13-01", "2001-00-01", "2001-04-31", "1900-02-29", "2001-02-29", "2001-04-01T",
        "2001-04-01T13:05Z", "2001-04-01T24:00:00Z", "2001-04-01T13:60:00Z", "2001-06-30T23:59:60Z",
        "2001-04-01T13:05:00.Z", "2001-04-01T13:05:00+0200", "2001-04-01T13:05:00+24:00", "2001-04-01T13:05:00ZZ",
        " 2001-04-01", "2001-04-01 ", "+2001-04-01", "2001-04-01T13:05:00 Z", "20010401",
    };
    int64_t us = 5;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (time_parse(str_from(bad[i]), &us))
            fail_msg("'%s' was read", bad[i]);
    assert_int_equal(us, 5);
}

/* Instants come from files and peers: each has a text, none ends the process. */
static void every_instant_has_a_text(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {253402300800000000, "+010000-01-01T00:00:00Z"},
        {-62167219200000001, "-000001-12-31T23:59:59.999999Z"},
        {INT64_MAX, "+294247-01-10T04:00:54.775807Z"},
        {INT64_MIN, "-290308-12-21T19:59:05.224192Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[32];
        assert_int_equal(time_format(rows[i].us, text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
}

static void agrees_with_libc(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252ULL;
    for (int i = 0; i < 20000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        int64_t us = (int64_t)(x % 315569519999000000ULL) - 62167219200000000;
        if (i % 3 == 0)
            us -= us % TIME_US_PER_S;
        char ours[32], theirs[64], whole[40];
        size_t n = time_format(us, ours);
        assert_int_equal(n, strlen(ours));
        time_t s = (time_t)(us >= 0 ? us / TIME_US_PER_S : -((-us + TIME_US_PER_S - 1) / TIME_US_PER_S));
        struct tm tm;
        assert_non_null(gmtime_r(&s, &tm));
        snprintf(whole, sizeof whole, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                 tm.tm_min, tm.tm_sec);
        long fraction = (long)(us - (int64_t)s * TIME_US_PER_S);
        if (fraction == 0)
            snprintf(theirs, sizeof theirs, "%sZ", whole);
        else if (fraction % 1000 == 0)
            snprintf(theirs, sizeof theirs, "%s.%03ldZ", whole, fraction / 1000);
        else
            snprintf(theirs, sizeof theirs, "%s.%06ldZ", whole, fraction);
        assert_string_equal(ours, theirs);
        check(ours, us);
    }
}

static void spans_are_digits_and_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {{"0s", 0}, {"90m", 5400 * TIME_US_PER_S}, {"1h", 3600 * TIME_US_PER_S}, {"28d", 28 * TIME_US_PER_DAY}, {"2w", 14 * TIME_US_PER_DAY}, {"100d", 100 * TIME_US_PER_DAY}};
    static const char *const bad[] = {"", "d", "5", "-1d", "+1d", "1 d", "1.5h", "1y", "1D", "d1", "101d", "15w", "9223372036854775807w", "99999999999999999999s"};
    const int64_t max_us = 100 * TIME_US_PER_DAY;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t us = -1;
        assert_true(time_parse_span(str_from(good[i].text), max_us, &us));
        assert_true(us == good[i].us);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t us = -1;
        if (time_parse_span(str_from(bad[i]), max_us, &us) || us != -1)
            fail_msg("%s", bad[i]);
    }
}

static void clocks_move(void **state)
{
    (void)state;
    int64_t before = time_mono_ms(), cpu = time_cpu_ns(), ns = time_mono_ns();
    time_sleep_ms(20);
    time_sleep_ms(-1);
    assert_true(time_mono_ms() - before >= 19);
    assert_true(time_mono_ns() - ns >= 19000000);
    assert_true(time_cpu_ns() >= cpu);
    assert_true(time_now_us() > 1600000000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses), cmocka_unit_test(refuses), cmocka_unit_test(every_instant_has_a_text), cmocka_unit_test(agrees_with_libc), cmocka_unit_test(spans_are_digits_and_a_unit),
        cmocka_unit_test(clocks_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
