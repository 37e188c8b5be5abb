/* test_address.c - a table of addresses, and networks in CIDR form. */
#include "net/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/limits.h"

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage s = {0};
    struct sockaddr_in *v4 = (void *)&s;
    struct sockaddr_in6 *v6 = (void *)&s;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        s.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        s.ss_family = AF_INET6;
    else
        fail_msg("'%s' is no address", text);
    return s;
}
#define SA(s) ((const struct sockaddr *)(const void *)&(s))

static void public_and_not(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_public;
    } rows[] = {
        {"8.8.8.8", true}, {"1.1.1.1", true}, {"9.255.255.255", true}, {"11.0.0.0", true}, {"100.63.255.255", true},
        {"100.128.0.0", true}, {"126.255.255.255", true}, {"128.0.0.1", true}, {"169.253.255.255", true}, {"169.255.0.0", true},
        {"172.15.255.255", true}, {"172.32.0.0", true}, {"192.0.1.1", true}, {"192.167.255.255", true}, {"192.169.0.0", true},
        {"198.17.255.255", true}, {"198.20.0.0", true}, {"223.255.255.255", true},
        {"0.0.0.0", false}, {"0.1.2.3", false}, {"10.0.0.1", false}, {"10.255.255.255", false}, {"100.64.0.0", false},
        {"100.127.255.255", false}, {"127.0.0.1", false}, {"127.255.255.254", false}, {"169.254.169.254", false},
        {"172.16.0.1", false}, {"172.31.255.255", false}, {"192.0.0.8", false}, {"192.0.2.1", false}, {"192.88.99.1", false},
        {"192.168.0.1", false}, {"198.18.0.1", false}, {"198.19.255.255", false}, {"198.51.100.7", false}, {"203.0.113.9", false},
        {"224.0.0.1", false}, {"239.255.255.255", false}, {"240.0.0.1", false}, {"255.255.255.255", false},
        {"2606:4700:4700::1111", true}, {"2a00:1450:4001::1", true}, {"2001:4860:4860::8888", true}, {"2400::1", true},
        {"::", false}, {"::1", false}, {"::7f00:1", false}, {"fe80::1", false}, {"febf::1", false}, {"fec0::1", false},
        {"fc00::1", false}, {"fd00:ec2::254", false}, {"ff02::1", false}, {"100::1", false}, {"2001::1", false},
        {"2001:1ff::1", false}, {"2001:db8::1", false}, {"3fff::1", false}, {"4000::1", false}, {"5f00::1", false},
        {"64:ff9b:1::1", false},
        {"::ffff:8.8.8.8", true}, {"::ffff:127.0.0.1", false}, {"::ffff:10.0.0.1", false}, {"::ffff:169.254.169.254", false},
        {"64:ff9b::8.8.8.8", true}, {"64:ff9b::7f00:1", false}, {"64:ff9b::a00:1", false},
        {"2002:808:808::1", true}, {"2002:7f00:1::1", false}, {"2002:a00:1::", false}, {"2002:c0a8:1::1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sockaddr_storage s = address(rows[i].text);
        if (address_public(SA(s)) != rows[i].is_public)
            fail_msg("%s must%s be public", rows[i].text, rows[i].is_public ? "" : " not");
    }
    struct sockaddr_storage unix_socket = {.ss_family = AF_UNIX};
    assert_false(address_public(SA(unix_socket)));
}

static void networks_hold_what_they_say(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, arena);
    static const struct {
        const char *net, *in, *out;
    } rows[] = {
        {"10.1.0.0/16", "10.1.255.255", "10.2.0.0"}, {"10.1.0.0/17", "10.1.127.255", "10.1.128.0"}, {"0.0.0.0/0", "8.8.8.8", "::1"},
        {"127.0.0.1", "127.0.0.1", "127.0.0.2"},     {"fd00::/8", "fdff::1", "fc00::1"},             {"::1", "::1", "::2"},
        {" 10.1.0.0/16 ", "::ffff:10.1.2.3", "::ffff:10.2.2.3"}, {"fe80::/10", "febf::1", "fec0::1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address_net net;
        assert_int_equal(address_net_parse(&op, str_from(rows[i].net), &net), OK);
        struct sockaddr_storage in = address(rows[i].in), out = address(rows[i].out);
        assert_true(address_net_holds(&net, SA(in)));
        assert_false(address_net_holds(&net, SA(out)));
    }
    static const char *const bad[] = {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.1/8", "fd00::/129", "10.0/8", "host", "10.0.0.0/8/8", "::1/127"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct address_net net;
        if (address_net_parse(&op, str_from(bad[i]), &net) != E_INVALID)
            fail_msg("'%s' was taken", bad[i]);
        op_clear(&op);
    }
}

static void addresses_compare_without_ports(void **state)
{
    (void)state;
    struct sockaddr_storage a = address("10.0.0.1"), b = address("10.0.0.1"), c = address("::ffff:10.0.0.1");
    ((struct sockaddr_in *)(void *)&a)->sin_port = 80;
    assert_true(address_same(SA(a), SA(b)));
    assert_false(address_same(SA(a), SA(c)));
    char text[64];
    address_format(SA(c), text);
    assert_string_equal(text, "::ffff:10.0.0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_and_not),
        cmocka_unit_test(networks_hold_what_they_say),
        cmocka_unit_test(addresses_compare_without_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
