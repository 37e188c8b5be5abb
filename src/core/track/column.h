/* column.h - one fact about every run of an experiment, in memory: the latest value of a metric, the text of a
 * parameter, a tag or an attribute, or the datasets a run read. Runs are known by their slot, a dense number that
 * index.h gives them. A filter clause is judged for all runs at once, into a set of bits.
 * Heap memory: column_destroy frees it. Functions that return bool fail only for want of memory; the value is then
 * not stored. Not thread-safe; several threads may test and read while none writes. */
#ifndef INGOT_CORE_TRACK_COLUMN_H
#define INGOT_CORE_TRACK_COLUMN_H

#include "core/track/filter.h"
#include "core/track/order.h"
#include "core/track/texts.h"

/* One use of a dataset by a run: name, digest and context, as numbers of texts. */
struct column_use {
    uint32_t slot; /* TEXTS_NONE: taken back */
    uint32_t parts[3];
};
struct column {
    enum filter_entity entity;
    int attr;           /* of FILTER_ATTRIBUTE, else 0 */
    struct str key;     /* of metric, parameter, tag */
    size_t len, cap;    /* slots */
    uint64_t *reals;    /* metrics: bits of doubles */
    uint32_t *codes;    /* texts, by number */
    struct texts texts;
    struct column_use *uses; /* datasets */
    size_t use_len, use_cap, use_dead;
    int64_t used_at;    /* for choosing what has to go; atomic */
};

/* NULL for want of memory. `key` is copied. */
struct column *column_create(enum filter_entity entity, int attr, struct str key);
void column_destroy(struct column *c); /* NULL is ignored */
bool column_is(const struct column *c, enum filter_entity entity, int attr, struct str key);
/* Room for slots below `n`; the new ones are absent. */
MUST_USE bool column_grow(struct column *c, size_t n);
/* `slot` < len. A use is added to those that the slot has; column_absent takes all away. */
void column_put_real(struct column *c, size_t slot, double v);
MUST_USE bool column_put_text(struct column *c, size_t slot, struct str s);
MUST_USE bool column_add_use(struct column *c, size_t slot, struct str name, struct str digest, const struct str *context);
void column_absent(struct column *c, size_t slot);
/* So many values were replaced that the column had better be made anew. */
bool column_is_stale(const struct column *c);
/* Of the heap. */
size_t column_size(const struct column *c);

/* Sets bit i of `bits` for each slot i < n that fulfils the clause (whose entity and key are the column's), and
 * clears the others. E_TOO_LARGE: op's arena. */
MUST_USE enum err column_test(struct op *op, const struct column *c, const struct filter_clause *clause, size_t n, uint64_t *bits);
/* What order_compare compares. Views the column. */
struct order_key column_key(const struct column *c, size_t slot);
/* A number that orders like column_key if the two differ: values, NaN, absent, values turned round by
 * `descending`. With `ranked` texts are compared by rank (texts_rank was called), else by their first bytes. */
uint64_t column_sort_key(const struct column *c, size_t slot, bool descending, bool ranked);
/* The same for a whole number; `v` NULL is absent. */
uint64_t column_sort_whole(const int64_t *v, bool descending);
uint64_t column_sort_text(struct str s, bool descending);
/* The number of a value of which it is not known whether the column has it: the same as a slot with that value has (`ranked` false). */
uint64_t column_sort_value(const struct order_key *k, bool descending);
/* The same with `ranked`: that of a text, or of the next greater one. */
uint64_t column_sort_rank(const struct column *c, struct str s, bool descending);

static inline void bits_set(uint64_t *bits, size_t i) { bits[i / 64] |= (uint64_t)1 << (i % 64); }
static inline bool bits_get(const uint64_t *bits, size_t i) { return bits[i / 64] >> (i % 64) & 1; }
static inline size_t bits_words(size_t n) { return (n + 63) / 64; }

#endif
