#include "unit/core/track/fixture.h"

#include "core/track/page.h"

static void offsets(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    int64_t offset = -1;
    assert_ok(op, page_offset(op, STR(""), &offset));
    assert_int_equal(offset, 0);
    /* What Python's base64.b64encode(b'{"offset": 5}') gives. */
    assert_str(page_token(op, 5), "eyJvZmZzZXQiOiA1fQ==");
    for (int64_t n = 1; n < INT64_MAX / 10; n = n * 7 + 1) {
        assert_ok(op, page_offset(op, page_token(op, n), &offset));
        assert_int_equal(offset, n);
    }
    static const char *const bad[] = {"x", "====", "abcd", "eyJvZmZzZXQiOiA1fQ=", "e30=", "eyJvZmZzZXQiOiAtNX0=", "eyJvZmZzZXQiOiA1fQ==AAAA"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(op, page_offset(op, str_from(bad[i]), &offset), E_INVALID, "Invalid page token");
}

static void points(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct page_point p = {INT64_MAX, INT64_MIN, -1, 1}, q;
    assert_ok(op, page_point_parse(op, page_point_token(op, &p), &q));
    assert_memory_equal(&p, &q, sizeof p);
    assert_fails(op, page_point_parse(op, page_token(op, 5), &q), E_INVALID, "does not hold a point");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(offsets), fixture_test(points)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
