/* test_seal.c - keyed digests against RFC 4231, sealing round trips and every way to tamper, base64 against RFC 4648. */
#include "base/seal.h"

#include "base/limits.h"
#include "unit/base/base_test.h"

static void hmac_has_the_published_values(void **state)
{
    (void)state;
    static const struct {
        struct str key, text;
        const char *hex;
    } rows[] = {
        /* RFC 4231, test cases 1, 2, 6. */
        {STR_INIT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"), STR_INIT("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {STR_INIT("Jefe"), STR_INIT("what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {STR_INIT(""), STR_INIT(""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t out[HASH_SHA256_LEN];
        char hex[2 * HASH_SHA256_LEN + 1];
        seal_hmac_sha256(rows[i].key, rows[i].text, out);
        hash_hex(out, sizeof out, hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

static void what_is_sealed_opens_only_as_it_was(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    op_init(&op, arena);
    uint8_t key[SEAL_KEY_LEN], other[SEAL_KEY_LEN];
    hash_random(key, sizeof key);
    memcpy(other, key, sizeof key);
    other[31] ^= 1;
    for (size_t n = 0; n < 200; n += 37) {
        char plain[200];
        memset(plain, 'x', sizeof plain);
        struct str text = {plain, n}, sealed, again, opened;
        assert_int_equal(seal_close(&op, key, STR("row-1"), text, &sealed), OK);
        assert_int_equal(seal_close(&op, key, STR("row-1"), text, &again), OK);
        assert_false(str_eq(sealed, again)); /* a fresh nonce each time */
        assert_true(n < 4 || str_find(sealed, text) == SIZE_MAX);
        assert_int_equal(seal_open(&op, key, STR("row-1"), sealed, &opened), OK);
        assert_true(str_eq(opened, text));
        assert_int_equal(seal_open(&op, other, STR("row-1"), sealed, &opened), E_CORRUPT);
        assert_int_equal(seal_open(&op, key, STR("row-2"), sealed, &opened), E_CORRUPT);
        char *bytes = str_dup(arena, sealed).p ? (char *)(uintptr_t)str_dup(arena, sealed).p : NULL;
        assert_non_null(bytes);
        for (size_t i = 0; i < sealed.len; i++) {
            bytes[i] ^= 0x40;
            assert_int_equal(seal_open(&op, key, STR("row-1"), (struct str){bytes, sealed.len}, &opened), E_CORRUPT);
            bytes[i] ^= 0x40;
        }
        for (size_t i = 0; i < sealed.len; i++)
            assert_int_equal(seal_open(&op, key, STR("row-1"), (struct str){bytes, i}, &opened), E_CORRUPT);
        op_clear(&op);
    }
}

static void base64_both_ways(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(1));
    static const char *const rows[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t out[8];
        struct str plain = str_from(rows[i][0]), text = str_from(rows[i][1]);
        assert_true(str_eq(seal_base64(arena, plain), text));
        assert_true(seal_unbase64(text, out, plain.len));
        assert_memory_equal(out, plain.p, plain.len);
    }
    uint8_t out[3];
    assert_true(seal_unbase64(STR("-_-_"), out, 3) && out[0] == 0xfb && out[1] == 0xff && out[2] == 0xbf);
    assert_true(seal_unbase64(STR("+/+/"), out, 3) && out[0] == 0xfb);
    assert_false(seal_unbase64(STR("Zm9="), out, 3));
    assert_false(seal_unbase64(STR("Zm9v"), out, 2));
    assert_false(seal_unbase64(STR("Zm\n9"), out, 3));
    assert_false(seal_unbase64(STR("Zm9vZm9v"), out, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_has_the_published_values),
        cmocka_unit_test(what_is_sealed_opens_only_as_it_was),
        cmocka_unit_test(base64_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
