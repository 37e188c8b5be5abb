/* Frame heads in bytes cut anywhere. */
#include "h2_helper.h"

#include "net/http2_scan.h"

static void frames_are_found_however_the_bytes_are_cut(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    h2_hello(&b, true);
    h2_frame(&b, H2_DATA, H2_END_STREAM, 0x80000005u, "hello", 5); /* the reserved bit is no part of the stream */
    h2_frame(&b, H2_PING, H2_ACK, 0, "12345678", 8);
    char large[70000] = {0};
    h2_frame(&b, 250, 0xff, 7, large, sizeof large);
    static const struct http2_frame want[] = {{6, H2_SETTINGS, 0, 0}, {0, H2_SETTINGS, H2_ACK, 0}, {4, H2_WINDOW, 0, 0}, {5, H2_DATA, 1, 5}, {8, H2_PING, 1, 0}, {70000, 250, 0xff, 7}};
    static const size_t pieces[] = {1, 2, 3, 7, 8, 9, 10, 24, 33, 1000, 100000};
    for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
        struct http2_scan s;
        http2_scan_init(&s);
        size_t found = 0;
        for (size_t at = 0; at < b.len; at += pieces[k]) {
            size_t n = b.len - at < pieces[k] ? b.len - at : pieces[k], off = 0, used;
            struct http2_frame f;
            while (http2_scan_next(&s, (const uint8_t *)b.p + at + off, n - off, &f, &used)) {
                assert_true(found < ARRAY_LEN(want));
                assert_memory_equal(&f, &want[found], sizeof f);
                found++;
                off += used;
            }
        }
        assert_int_equal(found, ARRAY_LEN(want));
        assert_int_equal(s.skip, 0);
        assert_int_equal(s.have, 0);
    }
    free(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(frames_are_found_however_the_bytes_are_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
