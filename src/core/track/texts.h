/* texts.h - distinct texts by number: what columns of texts are made of (column.h).
 * Numbers are dense from 0 and stay; a text is never removed. Views die with the next texts_add. Heap memory:
 * texts_clear() frees it. Functions that return bool fail only for want of memory and change nothing then.
 * Not thread-safe; several threads may read while none writes. */
#ifndef INGOT_CORE_TRACK_TEXTS_H
#define INGOT_CORE_TRACK_TEXTS_H

#include "base/str.h"

#define TEXTS_NONE UINT32_MAX

struct texts {
    char *bytes;      /* all texts, one behind the other */
    uint32_t *ends;   /* where each ends */
    uint32_t *slots;  /* hash table of number + 1, 0 = empty */
    uint32_t *sorted; /* numbers in the order of their texts: the first `ranked` of them */
    uint32_t *ranks;  /* place of each in `sorted` */
    size_t len, bytes_len, bytes_cap, ends_cap, slot_count, ranked, rank_cap;
};

void texts_clear(struct texts *t); /* a zeroed struct is empty */
MUST_USE bool texts_add(struct texts *t, struct str s, uint32_t *ret);
/* TEXTS_NONE when it was never added. */
uint32_t texts_find(const struct texts *t, struct str s);
struct str texts_get(const struct texts *t, uint32_t i);
/* Brings `ranks` up to date: afterwards t->ranks[i] orders like texts_get(t, i). */
MUST_USE bool texts_rank(struct texts *t);
/* The rank of the first ranked text that is not less than `s`; their number when there is none. */
uint32_t texts_rank_of(const struct texts *t, struct str s);
/* Of the heap. */
size_t texts_size(const struct texts *t);

#endif
