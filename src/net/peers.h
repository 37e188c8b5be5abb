/* peers.h - how many connections each peer address holds (inside src/net). Thread-safe; touched once when a
 * connection comes and once when it goes. */
#ifndef INGOT_NET_PEERS_H
#define INGOT_NET_PEERS_H

#include "base/cc.h"

struct sockaddr;
struct peers;
struct peers *peers_create(int total_max, int per_peer_max);
void peers_destroy(struct peers *p); /* NULL is ignored */
/* The 16 bytes that stand for an address: IPv6, or IPv4 mapped into it. */
void peers_key(const struct sockaddr *address, uint8_t ret_key[16]);
/* False: one of the two maxima is reached and nothing was counted. */
MUST_USE bool peers_enter(struct peers *p, const uint8_t key[16]);
void peers_leave(struct peers *p, const uint8_t key[16]);
int peers_total(struct peers *p);

#endif
