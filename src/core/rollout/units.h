/* units.h - which units were seen, one bit each: so that a test of the split counts each unit once, however often it asks.
 * The essay stands in units.c. Pure; a struct belongs to one thread at a time. */
#ifndef INGOT_CORE_ROLLOUT_UNITS_H
#define INGOT_CORE_ROLLOUT_UNITS_H

#include "base/limits.h"
#include "base/str.h"

#define UNITS_WORDS (LIMIT_ROLLOUT_UNITS / 64)

struct units {
    uint64_t word[UNITS_WORDS];
};
/* What stands for a unit in the table; never 0. Independent of the hash that assigns units to arms. */
uint64_t units_hash(struct str unit_id);
bool units_has(const struct units *u, uint64_t unit);
void units_add(struct units *u, uint64_t unit);
/* Adds the bits of `more`; how many were new. */
uint64_t units_merge(struct units *u, const struct units *more);
/* Takes the bits of `less` off. */
void units_subtract(struct units *u, const struct units *less);
/* Little-endian bytes, for the database: UNITS_BYTES of them. units_read: false when `bytes` has another length. */
#define UNITS_BYTES (LIMIT_ROLLOUT_UNITS / 8)
void units_write(const struct units *u, char ret[UNITS_BYTES]);
MUST_USE bool units_read(struct str bytes, struct units *ret);

#endif
