/* address.h - which IP addresses are everybody's, and which belong to this machine or its network.
 *
 * An address is public when IANA's registries of special-purpose addresses (RFC 6890 and its successors; the tables as of 2025)
 * do not say otherwise and it is no multicast. IPv6 forms that carry an IPv4 address are judged by that one: IPv4-mapped
 * (::ffff:0:0/96), NAT64 (64:ff9b::/96), 6to4 (2002::/16). Other IPv6 is public only inside 2000::/3. Pure. */
#ifndef INGOT_NET_ADDRESS_H
#define INGOT_NET_ADDRESS_H

#include <sys/socket.h>

#include "base/op.h"

/* False for families other than IPv4 and IPv6. */
bool address_public(const struct sockaddr *a);
/* "10.1.2.3", "fe80::1"; `out` has room for 64. */
void address_format(const struct sockaddr *a, char *out);
/* The same address, whatever the port. */
bool address_same(const struct sockaddr *a, const struct sockaddr *b);

/* A network in CIDR form: "10.0.0.0/8", "fd00::/8", or a single address. */
struct address_net {
    int family;
    uint8_t bytes[16];
    int bits;
};
/* E_INVALID when `text` is none, or has bits set behind the prefix. */
MUST_USE enum err address_net_parse(struct op *op, struct str text, struct address_net *ret);
/* An IPv4-mapped address lies in networks of its IPv4 form. */
bool address_net_holds(const struct address_net *net, const struct sockaddr *a);

#endif
