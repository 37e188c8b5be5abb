#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "net/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static void keys(void **state)
{
    (void)state;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = 1, .sin_addr.s_addr = htonl(0x7f000001)};
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = 2};
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr), 1);
    uint8_t a[16], b[16];
    peers_key((struct sockaddr *)&v4, a);
    peers_key((struct sockaddr *)&mapped, b);
    assert_memory_equal(a, b, 16);
}

static void limits(void **state)
{
    (void)state;
    struct peers *p = peers_create(5, 2);
    uint8_t a[16] = {1}, b[16] = {2}, c[16] = {3};
    assert_true(peers_enter(p, a) && peers_enter(p, a));
    assert_false(peers_enter(p, a)); /* its own maximum */
    assert_true(peers_enter(p, b) && peers_enter(p, b) && peers_enter(p, c));
    assert_false(peers_enter(p, c)); /* the total */
    assert_int_equal(peers_total(p), 5);
    peers_leave(p, a);
    assert_true(peers_enter(p, c));
    peers_destroy(p);
    peers_destroy(NULL);
}

/* Against a plain array of counts, many comings and goings of a few hundred addresses. */
static void against_model(void **state)
{
    (void)state;
    enum { ADDRESSES = 300, STEPS = 200000 };
    static int model[ADDRESSES];
    struct peers *p = peers_create(256, 3);
    int total = 0;
    uint64_t x = 88172645463325252ull;
    for (int step = 0; step < STEPS; step++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        size_t i = (size_t)(x >> 8) % ADDRESSES;
        uint8_t key[16] = {0};
        memcpy(key, &i, sizeof i);
        if (x & 1) {
            bool want = model[i] < 3 && total < 256;
            assert_int_equal(peers_enter(p, key), want);
            model[i] += want;
            total += want;
        } else if (model[i]) {
            peers_leave(p, key);
            model[i]--;
            total--;
        }
        assert_int_equal(peers_total(p), total);
    }
    peers_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys), cmocka_unit_test(limits), cmocka_unit_test(against_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
