/* Text out: quoting, numbers, nulls. */
#include "core/scoring/csv.h"
#include "scoring_fixture.h"

static void test_every_type(void **state)
{
    (void)state;
    const uint8_t b[] = {1, 0, 1};
    const int64_t i[] = {INT64_MIN, 0, 7}, t[] = {0, 986130300000001, 5};
    const float x[] = {0.1f, NAN, -INFINITY};
    const double d[] = {0.1, 1e300, 3};
    const struct str s[] = {STR(""), STR("a,\"b\"\nc"), STR("plain")};
    const uint64_t first_two = 3;
    struct table_field fields[] = {{STR("b"), TABLE_BOOL}, {STR("i"), TABLE_I64}, {STR("time, \"utc\""), TABLE_TIMESTAMP}, {STR("x"), TABLE_F32},
                                   {STR("d"), TABLE_F64}, {STR("s"), TABLE_STRING}};
    struct table_column cols[] = {{TABLE_BOOL, b, NULL}, {TABLE_I64, i, &first_two}, {TABLE_TIMESTAMP, t, NULL}, {TABLE_F32, x, NULL},
                                  {TABLE_F64, d, &first_two}, {TABLE_STRING, s, NULL}};
    AUTO(buf) struct buf out;
    buf_init(&out, 4096);
    csv_add_names(&out, &(struct table_schema){fields, 6});
    csv_add_rows(&out, &(struct table_chunk){3, 6, cols});
    assert_string_equal(out.p, "b,i,\"time, \"\"utc\"\"\",x,d,s\n"
                               "true,-9223372036854775808,1970-01-01T00:00:00Z,0.1,0.1,\"\"\n"
                               "false,0,2001-04-01T13:05:00.000001Z,NaN,1e+300,\"a,\"\"b\"\"\nc\"\n"
                               "true,,1970-01-01T00:00:00.000005Z,-inf,,plain\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_type)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
