/* units.c - the first request of a unit.
 *
 * A test of the split (num/experiment.h) takes its counts as independent draws with the planned shares. Requests are not: a unit keeps its
 * arm, so a unit that asks a thousand times is one draw, not a thousand. So units are counted, each at its first request.
 *
 * A table of 2^16 bits remembers them. A unit's bit is chosen by a hash that has nothing to do with the hash that chose its arm, and the
 * table is one for all arms. A unit whose bit another unit has set already is not counted. That loses units, but the same share of
 * every arm's, whatever the shares are: those that are counted are still independent draws with the planned shares, at every
 * moment, and the test keeps its promise. It only becomes deaf: of n units 65536 (1 - exp(-n / 65536)) are counted. Those suffice to
 * see a split that is off by one in a hundred.
 *
 * Servers collect bits per arm, first come first served, and hand them to the database, where they are merged into one table;
 * what stands there already is not counted again, after a restart or by another server. (Linear counting: Whang, Vander-Zanden & Taylor
 * 1990, used here to thin and not to estimate.) */
#include "core/rollout/units.h"

#include "base/hash.h"

#define UNITS_SEED UINT64_C(0x73706c69742d756e) /* "split-un" */

uint64_t units_hash(struct str unit_id)
{
    uint64_t h = hash64(unit_id.p, unit_id.len, UNITS_SEED);
    return h ? h : 1;
}

static size_t place(uint64_t unit)
{
    return (size_t)(unit % LIMIT_ROLLOUT_UNITS);
}

bool units_has(const struct units *u, uint64_t unit)
{
    return u->word[place(unit) / 64] >> place(unit) % 64 & 1;
}

void units_add(struct units *u, uint64_t unit)
{
    u->word[place(unit) / 64] |= UINT64_C(1) << place(unit) % 64;
}

uint64_t units_merge(struct units *u, const struct units *more)
{
    uint64_t fresh = 0;
    for (size_t i = 0; i < UNITS_WORDS; i++) {
        fresh += (uint64_t)__builtin_popcountll(more->word[i] & ~u->word[i]);
        u->word[i] |= more->word[i];
    }
    return fresh;
}

void units_subtract(struct units *u, const struct units *less)
{
    for (size_t i = 0; i < UNITS_WORDS; i++)
        u->word[i] &= ~less->word[i];
}

void units_write(const struct units *u, char ret[UNITS_BYTES])
{
    for (size_t i = 0; i < UNITS_BYTES; i++)
        ret[i] = (char)(unsigned char)(u->word[i / 8] >> i % 8 * 8);
}

bool units_read(struct str bytes, struct units *ret)
{
    if (bytes.len != UNITS_BYTES)
        return false;
    *ret = (struct units){0};
    for (size_t i = 0; i < UNITS_BYTES; i++)
        ret->word[i / 8] |= (uint64_t)(unsigned char)bytes.p[i] << i % 8 * 8;
    return true;
}
