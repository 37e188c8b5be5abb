/* tally.h - how many values of each column broke a rule, per endpoint, since the server started. Counted by reference, so that the
 * figures go on when an endpoint gets a new state. Threads: any; counting is one atomic addition. */
#ifndef INGOT_CORE_CHAIN_TALLY_H
#define INGOT_CORE_CHAIN_TALLY_H

#include "base/str.h"

struct tally;

/* One reference, counters at 0; names are copied. */
struct tally *tally_create(const struct str *names, size_t n);
struct tally *tally_ref(struct tally *t);   /* NULL gives NULL */
void tally_unref(struct tally *t);          /* NULL is ignored */
/* Does it count these columns, in this order? */
bool tally_is_of(const struct tally *t, const struct str *names, size_t n);
void tally_add(struct tally *t, size_t column, uint64_t n);
size_t tally_len(const struct tally *t);
struct str tally_name(const struct tally *t, size_t column);
uint64_t tally_get(const struct tally *t, size_t column);

#endif
