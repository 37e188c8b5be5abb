#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

struct block {
    uint8_t bytes[16];
    int bits;
};

/* Not public, by IANA's special-purpose registry; 224/4 and up are multicast and reserved. */
static const struct block special4[] = {
    {{0}, 8},                /* this network (RFC 791) */
    {{10}, 8},               /* private (RFC 1918) */
    {{100, 64}, 10},         /* carriers' shared space (RFC 6598) */
    {{127}, 8},              /* loopback */
    {{169, 254}, 16},        /* link-local, cloud metadata (RFC 3927) */
    {{172, 16}, 12},         /* private */
    {{192, 0, 0}, 24},       /* protocol assignments (RFC 6890) */
    {{192, 0, 2}, 24},       /* documentation (RFC 5737) */
    {{192, 31, 196}, 24},    /* AS112 (RFC 7535) */
    {{192, 52, 193}, 24},    /* AMT relays (RFC 7450) */
    {{192, 88, 99}, 24},     /* 6to4 relays (RFC 7526) */
    {{192, 168}, 16},        /* private */
    {{192, 175, 48}, 24},    /* AS112 (RFC 7534) */
    {{198, 18}, 15},         /* benchmarks (RFC 2544) */
    {{198, 51, 100}, 24},    /* documentation */
    {{203, 0, 113}, 24},     /* documentation */
    {{224}, 4},              /* multicast */
    {{240}, 4},              /* reserved, and the limited broadcast */
};
/* Inside 2000::/3. */
static const struct block special6[] = {
    {{0x20, 0x01}, 23},                    /* protocol assignments: Teredo, ORCHID, benchmarks ... (RFC 2928) */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},        /* documentation (RFC 3849) */
    {{0x26, 0x20, 0x00, 0x4f, 0x80}, 48},  /* AS112 */
    {{0x3f, 0xff}, 20},                    /* documentation (RFC 9637) */
};

static bool prefix_equal(const uint8_t *a, const uint8_t *b, int bits)
{
    int whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, (size_t)whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool in_any(const uint8_t *bytes, const struct block *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (prefix_equal(bytes, blocks[i].bytes, blocks[i].bits))
            return true;
    return false;
}

/* The IPv4 address inside one of the three forms that carry one, or NULL. */
static const uint8_t *embedded4(const uint8_t *b)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0)
        return b + 12;
    return b[0] == 0x20 && b[1] == 0x02 ? b + 2 : NULL;
}

static const uint8_t *bytes_of(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return (const uint8_t *)&((const struct sockaddr_in *)(const void *)a)->sin_addr;
    if (a->sa_family == AF_INET6)
        return (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    return NULL;
}

bool address_public(const struct sockaddr *a)
{
    const uint8_t *b = bytes_of(a);
    if (!b)
        return false;
    if (a->sa_family == AF_INET6) {
        const uint8_t *v4 = embedded4(b);
        if (!v4)
            return b[0] >> 5 == 1 && !in_any(b, special6, ARRAY_LEN(special6));
        b = v4;
    }
    return !in_any(b, special4, ARRAY_LEN(special4));
}

void address_format(const struct sockaddr *a, char *out)
{
    const uint8_t *b = bytes_of(a);
    if (!b || !inet_ntop(a->sa_family, b, out, 64))
        snprintf(out, 64, "an address of family %d", (int)a->sa_family);
}

bool address_same(const struct sockaddr *a, const struct sockaddr *b)
{
    const uint8_t *x = bytes_of(a), *y = bytes_of(b);
    return x && y && a->sa_family == b->sa_family && memcmp(x, y, a->sa_family == AF_INET ? 4 : 16) == 0;
}

enum err address_net_parse(struct op *op, struct str text, struct address_net *ret)
{
    struct address_net net = {0};
    struct str rest = str_trim(text), host = rest, bits = {0};
    if (rest.len && str_split(&rest, '/', &host) && str_find_char(text, '/') != SIZE_MAX)
        bits = rest;
    char *c = host.len && !memchr(host.p, 0, host.len) ? str_cstr(op->arena, host) : NULL;
    net.family = c && inet_pton(AF_INET, c, net.bytes) == 1 ? AF_INET : c && inet_pton(AF_INET6, c, net.bytes) == 1 ? AF_INET6 : 0;
    int64_t max = net.family == AF_INET ? 32 : 128, n = max;
    if (!net.family || (bits.p && (!str_parse_i64(bits, &n) || n < 0 || n > max)))
        return op_fail(op, E_INVALID, "'%.*s' is not a network such as 10.1.0.0/16 or fd00::/8", STR_FMT(text));
    for (int64_t i = n; i < max; i++)
        if (net.bytes[i / 8] >> (7 - i % 8) & 1)
            return op_fail(op, E_INVALID, "'%.*s' has bits set behind its prefix of %d bits", STR_FMT(text), (int)n);
    net.bits = (int)n;
    *ret = net;
    return OK;
}

bool address_net_holds(const struct address_net *net, const struct sockaddr *a)
{
    const uint8_t *b = bytes_of(a);
    if (!b)
        return false;
    if (a->sa_family == AF_INET6 && net->family == AF_INET) {
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        return memcmp(b, mapped, 12) == 0 && prefix_equal(b + 12, net->bytes, net->bits);
    }
    return a->sa_family == net->family && prefix_equal(b, net->bytes, net->bits);
}
