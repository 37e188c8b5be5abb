#include "unit/core/track/fixture.h"

#include "base/hash.h"
#include "core/track/pack.h"

#define N 2000

static struct op op;
static uint8_t bytes[N * PACK_POINT_BYTES];

static size_t round_trip(const struct page_point *p, size_t n)
{
    static struct page_point back[N];
    size_t len = pack_points(p, n, bytes), got = 0;
    assert_true(len <= n * PACK_POINT_BYTES);
    assert_ok(&op, pack_read(&op, (struct str){(const char *)bytes, len}, back, N, &got));
    assert_int_equal(got, n);
    assert_memory_equal(back, p, n * sizeof *p);
    return len;
}

static void every_bit(void **state UNUSED)
{
    static struct page_point p[N];
    for (int turn = 0; turn < 20; turn++) {
        hash_random(p, sizeof p);
        for (int i = 0; i < N; i++) {
            p[i].is_nan = i % 11 == 0;
            p[i].value = p[i].is_nan ? 0 : p[i].value == INT64_MAX ? 0 : p[i].value >> (i % 64);
            p[i].time_ms >>= (i * 7) % 64;
        }
        round_trip(p, N);
    }
    static const struct page_point edges[] = {{INT64_MIN, INT64_MAX, INT64_MIN, 0}, {INT64_MAX, INT64_MIN, INT64_MAX - 1, 0}, {0, 0, 0, 1}, {0, 0, 0, 0}, {-1, -1, -1, 0}};
    round_trip(edges, ARRAY_LEN(edges));
    round_trip(edges, 0);
    for (int i = 0; i < N; i++)
        p[i] = (struct page_point){1700000000000, i, 77, 0};
    assert_true(round_trip(p, N) < N + 32); /* a byte each */
}

static void damage_is_told(void **state UNUSED)
{
    static const char *const bad[] = {"\x00", "\x80\x80", "\x01", "\x91", "\x89zzzzzzzzz", "\x98" "12345678", "\x81\x00", "\xf2zz", "\x00\x81\x00\x01"};
    static const size_t len[] = {1, 2, 1, 1, 10, 9, 2, 3, 4};
    struct page_point p[8];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (i != 1)
            assert_fails(&op, pack_read(&op, (struct str){bad[i], len[i]}, p, 8, &n), E_CORRUPT, "damaged");
    assert_fails(&op, pack_read(&op, (struct str){"\x80\x80\x80", 3}, p, 2, &n), E_CORRUPT, "damaged");
}

int main(void)
{
    op_init(&op, arena_create(LIMIT_MIB(16)));
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_bit), cmocka_unit_test(damage_is_told)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(op.arena);
    return failed;
}
