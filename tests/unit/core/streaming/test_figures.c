#include "streaming_fixture.h"

static void test_text(void **state)
{
    struct streaming_fixture *f = *state;
    AUTO(buf) struct buf out;
    buf_init(&out, LIMIT_MIB(1));
    streaming_figures_commit(&f->figures, 3000000);   /* 3 ms */
    streaming_figures_commit(&f->figures, 30000000);  /* 30 ms */
    streaming_figures_commit(&f->figures, 60000000000); /* a minute */
    const struct stream_lag lag[] = {{STR("t"), 0, 5, 9}, {STR("t"), 1, -1, 4}, {STR("t"), 2, 4, 4}};
    streaming_figures_lag(&f->figures, lag, 3);
    streaming_figures_write(&f->figures, STR("a\"b\\c\nd"), STR("g"), STR("m"), &out);
    static const char *const want[] = {
        "ingot_stream_commit_seconds_bucket{topic=\"a\\\"b\\\\c\\nd\",group=\"g\",model=\"m\",le=\"0.0025\"} 0\n",
        "le=\"0.005\"} 1\n", "le=\"0.05\"} 2\n", "le=\"10\"} 2\n", "le=\"+Inf\"} 3\n", "_count{topic=\"a\\\"b\\\\c\\nd\",group=\"g\",model=\"m\"} 3\n",
        "partition=\"0\"} 4\n", "partition=\"2\"} 0\n", "ingot_stream_partitions{topic=\"a\\\"b\\\\c\\nd\",group=\"g\",model=\"m\"} 3\n"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        if (!strstr(out.p, want[i]))
            fail_msg("no %s in\n%s", want[i], out.p);
    assert_null(strstr(out.p, "partition=\"1\"")); /* unknown */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_text, streaming_setup, streaming_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
