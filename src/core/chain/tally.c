#include "core/chain/tally.h"

#include <stdatomic.h>
#include <stdlib.h>


struct counter {
    struct str name;
    atomic_uint_fast64_t n;
};
struct tally {
    atomic_int refs;
    size_t len;
    struct counter counters[];
};

struct tally *tally_create(const struct str *names, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += names[i].len;
    struct tally *t = calloc(1, sizeof(*t) + n * sizeof(struct counter) + bytes + 1);
    if (!t)
        abort();
    char *text = (char *)(t->counters + n);
    for (size_t i = 0; i < n; i++) {
        if (names[i].len)
            memcpy(text, names[i].p, names[i].len);
        t->counters[i].name = (struct str){text, names[i].len};
        text += names[i].len;
    }
    t->len = n;
    atomic_init(&t->refs, 1);
    return t;
}

struct tally *tally_ref(struct tally *t)
{
    if (t)
        atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tally_unref(struct tally *t)
{
    if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
        free(t);
}

bool tally_is_of(const struct tally *t, const struct str *names, size_t n)
{
    bool same = t->len == n;
    for (size_t i = 0; same && i < n; i++)
        same = str_eq(t->counters[i].name, names[i]);
    return same;
}

void tally_add(struct tally *t, size_t column, uint64_t n)
{
    atomic_fetch_add_explicit(&t->counters[column].n, n, memory_order_relaxed);
}

size_t tally_len(const struct tally *t)
{
    return t->len;
}

struct str tally_name(const struct tally *t, size_t column)
{
    return t->counters[column].name;
}

uint64_t tally_get(const struct tally *t, size_t column)
{
    return atomic_load_explicit(&t->counters[column].n, memory_order_relaxed);
}
