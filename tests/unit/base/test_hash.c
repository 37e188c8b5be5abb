#include "base_test.h"

#include "base/hash.h"

static void hex_of(enum hash_kind kind, const char *p, size_t n, char *out)
{
    uint8_t d[32];
    if (kind == HASH_SHA256)
        hash_sha256(p, n, d);
    else
        hash_md5(p, n, d);
    hash_hex(d, kind == HASH_SHA256 ? 32 : 16, out);
}

/* Test values of FIPS 180-2 and RFC 1321. */
static void digests(void **state)
{
    (void)state;
    char hex[65];
    hex_of(HASH_SHA256, "abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hex_of(HASH_SHA256, NULL, 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hex_of(HASH_MD5, "message digest", 14, hex);
    assert_string_equal(hex, "f96b697d7cb7938d525a2f31aaf161d0");
    hex_of(HASH_MD5, NULL, 0, hex);
    assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
}

static void streaming_is_the_same(void **state)
{
    (void)state;
    static char data[100000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 31 >> 3);
    for (int k = 0; k < 2; k++) {
        enum hash_kind kind = k ? HASH_MD5 : HASH_SHA256;
        struct hash_state *h = hash_create(kind);
        for (size_t at = 0, n = 1; at < sizeof data; at += n, n = n * 2 % 977 + 1)
            hash_update(h, data + at, n < sizeof data - at ? n : sizeof data - at);
        hash_update(h, NULL, 0);
        uint8_t got[32] = {0}, want[32] = {0};
        hash_finish(h, got);
        if (k)
            hash_md5(data, sizeof data, want);
        else
            hash_sha256(data, sizeof data, want);
        assert_memory_equal(got, want, 32);
    }
    hash_destroy(hash_create(HASH_SHA256));
    hash_destroy(NULL);
}

static void hex_round_trip(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[4];
    assert_true(hash_unhex(STR("00ffA1b2"), bytes, 4));
    assert_memory_equal(bytes, "\x00\xff\xa1\xb2", 4);
    assert_false(hash_unhex(STR("00ffa1b"), bytes, 4));
    assert_false(hash_unhex(STR("00ffa1b2c"), bytes, 4));
    assert_false(hash_unhex(STR("00ffa1b2c3"), bytes, 4));
    assert_false(hash_unhex(STR("00ffa1bg"), bytes, 4));
    char *a = hash_random_hex(f->arena, 16), *b = hash_random_hex(f->arena, 16);
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
    assert_true(hash_equal_const_time("abc", "abc", 3));
    assert_false(hash_equal_const_time("abc", "abd", 3));
}

/* Its values are stored: if this fails, the function was changed and sticky assignment is broken. */
static void hash64_is_pinned(void **state)
{
    (void)state;
    assert_true(hash64("", 0, 0) == 0xf04cbcd8e4150d97ULL);
    assert_true(hash64("ingot", 5, 42) == 0x6af080327aa92617ULL);
    assert_true(hash64("0123456789abcdef0123456789abcdef!", 33, 7) == 0x9644aa6055957c99ULL);
}

/* One bit of the input or seed changed turns each output bit over in about half of the cases. */
static void hash64_spreads(void **state)
{
    (void)state;
    enum { TRIALS = 4000 };
    for (size_t len = 1; len <= 40; len += 13) {
        static int turned[64];
        memset(turned, 0, sizeof turned);
        uint8_t p[40];
        for (int t = 0; t < TRIALS; t++) {
            for (size_t i = 0; i < len; i++)
                p[i] = (uint8_t)((unsigned)t * 2654435761u >> (i % 24));
            size_t bit = (size_t)t % (len * 8);
            uint64_t before = hash64(p, len, (uint64_t)t);
            p[bit / 8] = (uint8_t)(p[bit / 8] ^ 1u << bit % 8);
            uint64_t diff = before ^ hash64(p, len, (uint64_t)t);
            for (int b = 0; b < 64; b++)
                turned[b] += (int)(diff >> b & 1);
        }
        for (int b = 0; b < 64; b++)
            assert_in_range(turned[b], TRIALS / 2 - 250, TRIALS / 2 + 250); /* 8 sigma */
    }
    /* Lengths and trailing zeros count. */
    assert_true(hash64("\0", 1, 1) != hash64("\0\0", 2, 1));
    assert_true(hash64("", 0, 1) != hash64("\0", 1, 1));
    assert_true(hash64("a", 1, 1) != hash64("a", 1, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests), cmocka_unit_test(streaming_is_the_same), TEST(hex_round_trip),
        cmocka_unit_test(hash64_is_pinned), cmocka_unit_test(hash64_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
