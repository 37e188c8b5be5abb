#include "unit/core/track/fixture.h"

#include "core/registry/semver.h"

static void parses(void **state)
{
    (void)state;
    struct semver v;
    assert_true(semver_parse(STR("1.20.300"), &v) && v.major == 1 && v.minor == 20 && v.patch == 300);
    assert_true(semver_parse(STR("0.0.0"), &v));
    static const char *const bad[] = {"", "1", "1.2", "1.2.3.4", "01.2.3", "1.-2.3", "1..3", "v1.2.3", "1.2.3-rc1", "1.2.9999999999", "1.2.", " 1.2.3", "^1.2.3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (semver_parse(str_from(bad[i]), &v))
            fail_msg("%s", bad[i]);
    }
}

static void ranges(void **state)
{
    static const struct {
        const char *text, *from, *below;
    } rows[] = {
        {"1", "1.0.0", "2.0.0"},      {"1.2", "1.2.0", "1.3.0"},    {"1.2.3", "1.2.3", "1.2.4"},  {"^1", "1.0.0", "2.0.0"},
        {"^1.2", "1.2.0", "2.0.0"},   {"^1.2.3", "1.2.3", "2.0.0"}, {"^0.2.3", "0.2.3", "0.3.0"}, {"^0.0.3", "0.0.3", "0.0.4"},
        {"^0.0", "0.0.0", "0.1.0"},   {"^0", "0.0.0", "1.0.0"},     {"~1", "1.0.0", "2.0.0"},     {"~1.2", "1.2.0", "1.3.0"},
        {"~1.2.3", "1.2.3", "1.3.0"},
    };
    struct fixture *f = *state;
    struct semver_range r;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(semver_range_parse(str_from(rows[i].text), &r));
        assert_str(semver_text(&f->op, &r.from), rows[i].from);
        assert_str(semver_text(&f->op, &r.below), rows[i].below);
    }
    static const char *const bad[] = {"", "^", "~", "^^1", "1.2.3.4", "champion", "1.x", ">=1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(semver_range_parse(str_from(bad[i]), &r));
    assert_true(semver_is_range(STR("1.2")) && semver_is_range(STR("^1")));
    assert_false(semver_is_range(STR("1"))); /* an alias may be called so */
}

static void steps(void **state)
{
    (void)state;
    struct semver a = {1, 2, 3}, zero = {0, 2, 3}, b = semver_next(&a, SEMVER_MAJOR);
    assert_true(b.major == 2 && b.minor == 0 && b.patch == 0);
    assert_true(semver_raises(&a, &b, SEMVER_MAJOR) && semver_raises(&a, &b, SEMVER_PATCH) && !semver_raises(&b, &a, SEMVER_PATCH));
    b = semver_next(&a, SEMVER_MINOR);
    assert_true(semver_raises(&a, &b, SEMVER_MINOR) && !semver_raises(&a, &b, SEMVER_MAJOR));
    b = semver_next(&a, SEMVER_PATCH);
    assert_true(semver_raises(&a, &b, SEMVER_PATCH) && !semver_raises(&a, &b, SEMVER_MINOR) && !semver_raises(&a, &a, SEMVER_PATCH));
    assert_true(semver_needed(&a, SEMVER_MAJOR) == SEMVER_MAJOR && semver_needed(&zero, SEMVER_MAJOR) == SEMVER_MINOR);
    assert_true(semver_needed(&zero, SEMVER_MINOR) == SEMVER_PATCH);
    assert_true(semver_cmp(&a, &b) < 0 && semver_cmp(&b, &a) > 0 && semver_cmp(&a, &a) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parses), fixture_test(ranges), cmocka_unit_test(steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
