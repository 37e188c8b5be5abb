#include "unit/base/base_test.h"

#include "api/system/openmetrics.h"

static void families_are_renamed(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    openmetrics_write(STR("# HELP a_total Some \"things\".\n# TYPE a_total counter\na_total{x=\"1\"} 2\n"
                          "# HELP b Counter of theirs.\n# TYPE b counter\nb 3\n\n# HELP c_total A gauge.\n# TYPE c_total gauge\nc_total 1\n"
                          "# HELP d counter\n# TYPE d histogram\nd_bucket{le=\"+Inf\"} 0\n"),
                      &out);
    ASSERT_STR(buf_str(&out), "# HELP a Some \\\"things\\\".\n# TYPE a counter\na_total{x=\"1\"} 2\n"
                              "# HELP b Counter of theirs.\n# TYPE b unknown\nb 3\n# HELP c_total A gauge.\n# TYPE c_total gauge\nc_total 1\n"
                              "# HELP d counter\n# TYPE d histogram\nd_bucket{le=\"+Inf\"} 0\n# EOF\n");
    buf_reset(&out);
    openmetrics_write(STR(""), &out);
    ASSERT_STR(buf_str(&out), "# EOF\n");
    buf_clear(&out);
}

static void who_asks(void **state)
{
    (void)state;
    assert_true(openmetrics_accepted(STR("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.3")));
    assert_false(openmetrics_accepted(STR("text/plain")));
    assert_false(openmetrics_accepted((struct str){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(families_are_renamed), TEST(who_asks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
