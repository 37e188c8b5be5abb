/* The stored form of a push: what is packed comes back, and damaged bytes are refused, whatever the damage. */
#include "unit/core/feature/flights_fixture.h"

#include "core/feature/push.h"

static struct feature_events sample(void)
{
    static const int64_t ids[] = {1, -7, INT64_MAX}, at[] = {5, INT64_MIN, 0};
    static const uint8_t labels[] = {0, 1, 1};
    static const struct str origin[] = {STR_INIT("ORD"), {NULL, 0}, STR_INIT("")}, destination[] = {STR_INIT("z\xc3\xbcrich"), STR_INIT("B"), STR_INIT("C")};
    static const struct str *const keys[] = {origin, destination};
    return (struct feature_events){3, ids, keys, at, labels};
}

static void test_round_trip(void **state)
{
    struct flights *f = *state;
    struct feature_events in = sample(), out;
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    push_pack(f->view, &in, &b);
    assert_false(b.failed);
    must(f, push_unpack(&f->op, f->view, buf_str(&b), &out));
    assert_int_equal(out.n, 3);
    assert_memory_equal(out.ids, in.ids, 24);
    assert_memory_equal(out.available_at_us, in.available_at_us, 24);
    assert_memory_equal(out.labels, in.labels, 3);
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(!out.keys[k][i].p, !in.keys[k][i].p);
            assert_true(str_eq(out.keys[k][i], in.keys[k][i]));
        }
    }
}

static void test_damage(void **state)
{
    struct flights *f = *state;
    struct feature_events in = sample(), out;
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    push_pack(f->view, &in, &b);
    for (size_t n = 0; n < b.len; n++) { /* cut anywhere */
        char *copy = malloc(n ? n : 1); /* exact size: ASan sees a read beyond */
        memcpy(copy, b.p, n);
        op_clear(&f->op);
        assert_int_equal(push_unpack(&f->op, f->view, (struct str){copy, n}, &out), E_CORRUPT);
        free(copy);
    }
    for (size_t i = 0; i < b.len; i++) { /* any byte changed: refused, or other values, never a crash */
        b.p[i] ^= (char)0xa5;
        op_clear(&f->op);
        enum err e = push_unpack(&f->op, f->view, buf_str(&b), &out);
        assert_true(e == OK || e == E_CORRUPT);
        b.p[i] ^= (char)0xa5;
    }
    buf_add_char(&b, 0);
    op_clear(&f->op);
    assert_int_equal(push_unpack(&f->op, f->view, buf_str(&b), &out), E_CORRUPT);
    op_clear(&f->op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage)};
    return cmocka_run_group_tests(tests, flights_setup, flights_teardown);
}
