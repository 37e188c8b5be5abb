#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/limits.h"
#include "net/gzip.h"

static enum err sink(void *arg, const void *p, size_t n)
{
    buf_add(arg, p, n);
    return OK;
}

static enum err sink_full(void *arg, const void *p, size_t n)
{
    (void)arg, (void)p, (void)n;
    return E_BUSY;
}

static void accepts(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool yes;
    } cases[] = {
        {"gzip", true}, {"GZIP", true}, {"br, gzip", true}, {"gzip;q=0", false}, {"gzip; q=0.000", false}, {"gzip;q=0.1", true}, {"*", true}, {"*;q=0", false},
        {"gzip;q=0, *", false}, {"identity", false}, {"", false}, {"gzipx", false}, {"x-gzip", true}, {"br;q=1, *;q=0.1", true}, {"deflate", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (gzip_accepted(str_from(cases[i].header)) != cases[i].yes)
            fail_msg("%s", cases[i].header);
    }
    assert_false(gzip_accepted((struct str){NULL, 0}));
    assert_true(gzip_worthwhile(STR("text/html; charset=utf-8")) && gzip_worthwhile(STR("application/json")));
    assert_false(gzip_worthwhile(STR("image/png")) || gzip_worthwhile(STR("application/octet-stream")) || gzip_worthwhile(STR("text/event-stream")));
}

static void chooses(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum gzip_coding want;
    } cases[] = {
        {"gzip", GZIP_GZIP}, {"deflate", GZIP_DEFLATE}, {"Deflate", GZIP_DEFLATE}, {"gzip, deflate", GZIP_GZIP}, {"deflate, gzip", GZIP_GZIP}, {"deflate, gzip;q=0.5", GZIP_DEFLATE},
        {"gzip;q=0.2, deflate;q=0.1", GZIP_GZIP}, {"gzip;q=0, deflate", GZIP_DEFLATE}, {"*, deflate;q=0", GZIP_GZIP}, {"*;q=0.5, deflate", GZIP_DEFLATE}, {"gzip;q=0, *", GZIP_NONE},
        {"deflate;q=0", GZIP_NONE}, {"br", GZIP_NONE}, {"", GZIP_NONE}, {"identity, *;q=0", GZIP_NONE}, {"gzip;q=x", GZIP_GZIP},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (gzip_choose(str_from(cases[i].header)) != cases[i].want)
            fail_msg("%s", cases[i].header);
    assert_int_equal(gzip_choose((struct str){NULL, 0}), GZIP_NONE);
}

static void round_trip(void **state)
{
    (void)state;
    static char bytes[100000];
    hash_random(bytes, sizeof bytes / 2);
    struct buf packed, back;
    buf_init(&packed, LIMIT_MIB(4));
    buf_init(&back, LIMIT_MIB(4));
    static const size_t sizes[] = {0, 1, 2, 1000, 65536, sizeof bytes}, pieces[] = {1, 3, 1000, 1 << 20};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
            buf_reset(&packed);
            buf_reset(&back);
            assert_true(gzip_pack((struct str){bytes, sizes[s]}, &packed));
            struct gunzip *g = gunzip_create();
            for (size_t at = 0; at < packed.len; at += pieces[k]) {
                size_t n = packed.len - at < pieces[k] ? packed.len - at : pieces[k];
                assert_false(gunzip_complete(g));
                assert_int_equal(gunzip_feed(g, packed.p + at, n, sink, &back), OK);
            }
            assert_true(gunzip_complete(g));
            assert_true(back.len == sizes[s] && memcmp(back.p ? back.p : "", bytes, sizes[s]) == 0);
            assert_int_equal(gunzip_feed(g, "x", 1, sink, &back), E_INVALID);
            gunzip_destroy(g);
            buf_reset(&packed);
            buf_reset(&back);
            assert_true(gzip_pack_zlib((struct str){bytes, sizes[s]}, &packed) && (packed.p[0] & 15) == 8);
            g = gunzip_create_zlib();
            assert_int_equal(gunzip_feed(g, packed.p, packed.len, sink, &back), OK);
            assert_true(gunzip_complete(g) && back.len == sizes[s] && memcmp(back.p ? back.p : "", bytes, sizes[s]) == 0);
            gunzip_destroy(g);
        }
    struct buf tiny;
    buf_init(&tiny, 10);
    assert_false(gzip_pack((struct str){bytes, 1000}, &tiny));
    buf_clear(&tiny);
    buf_clear(&packed);
    buf_clear(&back);
}

static void refused(void **state)
{
    (void)state;
    struct buf packed, back;
    buf_init(&packed, LIMIT_MIB(64));
    buf_init(&back, LIMIT_MIB(64));
    char *zeros = calloc(1, LIMIT_MIB(32));
    assert_non_null(zeros);
    assert_true(gzip_pack((struct str){zeros, LIMIT_MIB(32)}, &packed));
    free(zeros);
    struct gunzip *g = gunzip_create();
    assert_int_equal(gunzip_feed(g, packed.p, packed.len, sink, &back), E_TOO_LARGE);
    assert_true(back.len <= packed.len * LIMIT_GZIP_RATIO + LIMIT_KIB(64));
    gunzip_destroy(g);
    g = gunzip_create();
    assert_int_equal(gunzip_feed(g, packed.p, packed.len, sink_full, NULL), E_BUSY); /* the sink's own error */
    gunzip_destroy(g);
    static const char *const bad[] = {"not gzip at all", "\x1f\x8b\x09zzzzzzzzzz", "\x1f\x8czzzzzzzzzz"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        g = gunzip_create();
        assert_int_equal(gunzip_feed(g, bad[i], strlen(bad[i]), sink, &back), E_INVALID);
        gunzip_destroy(g);
    }
    gunzip_destroy(NULL);
    buf_clear(&packed);
    buf_clear(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(accepts), cmocka_unit_test(chooses), cmocka_unit_test(round_trip), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
