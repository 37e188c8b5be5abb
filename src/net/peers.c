/* A table with open addressing, sized so that it is never more than half full: at most total_max addresses
 * can have a connection at once. Deletion shifts the following run back, so there are no tombstones
 * (Knuth, The Art of Computer Programming, volume 3, 6.4, algorithm R). */
#include "net/peers.h"

#include "base/hash.h"
#include "base/thread.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct peer_slot {
    uint8_t key[16];
    int count; /* 0: free */
};

struct peers {
    struct mutex mu;
    struct peer_slot *slots;
    size_t mask;
    uint64_t seed; /* chosen addresses cannot be made to collide */
    int total, total_max, per_peer_max;
};

struct peers *peers_create(int total_max, int per_peer_max)
{
    size_t n = 16;
    while (n < (size_t)total_max * 2)
        n *= 2;
    struct peers *p = calloc(1, sizeof *p);
    if (!p || !(p->slots = calloc(n, sizeof *p->slots)))
        abort();
    p->mask = n - 1;
    p->total_max = total_max;
    p->per_peer_max = per_peer_max;
    hash_random(&p->seed, sizeof p->seed);
    mutex_init(&p->mu);
    return p;
}

void peers_destroy(struct peers *p)
{
    if (!p)
        return;
    mutex_clear(&p->mu);
    free(p->slots);
    free(p);
}

void peers_key(const struct sockaddr *address, uint8_t ret_key[16])
{
    memset(ret_key, 0, 16);
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        memcpy(ret_key, &v6.sin6_addr, 16);
    } else if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        ret_key[10] = ret_key[11] = 0xff;
        memcpy(ret_key + 12, &v4.sin_addr, 4);
    }
}

/* The slot of `key`, or the free one where it belongs. */
static size_t slot_of(const struct peers *p, const uint8_t key[16])
{
    size_t i = hash64(key, 16, p->seed) & p->mask;
    while (p->slots[i].count && memcmp(p->slots[i].key, key, 16) != 0)
        i = (i + 1) & p->mask;
    return i;
}

bool peers_enter(struct peers *p, const uint8_t key[16])
{
    LOCK(&p->mu);
    struct peer_slot *s = &p->slots[slot_of(p, key)];
    if (p->total >= p->total_max || s->count >= p->per_peer_max)
        return false;
    memcpy(s->key, key, 16);
    s->count++;
    p->total++;
    return true;
}

void peers_leave(struct peers *p, const uint8_t key[16])
{
    LOCK(&p->mu);
    size_t hole = slot_of(p, key);
    assert(p->slots[hole].count > 0);
    p->total--;
    if (--p->slots[hole].count > 0)
        return;
    for (size_t i = (hole + 1) & p->mask; p->slots[i].count; i = (i + 1) & p->mask) {
        size_t home = hash64(p->slots[i].key, 16, p->seed) & p->mask;
        bool stays = hole < i ? home > hole && home <= i : home > hole || home <= i;
        if (stays)
            continue;
        p->slots[hole] = p->slots[i];
        p->slots[i].count = 0;
        hole = i;
    }
}

int peers_total(struct peers *p)
{
    LOCK(&p->mu);
    return p->total;
}
