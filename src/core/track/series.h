/* series.h - the points of one metric of one run, as arrays in memory.
 *
 * A struct series is a view of the first `len` points of a shared block: cheap to copy about, released once. The
 * points of a view never change, whoever appends to the block behind them. They stand in the order of the history
 * (time, step, value, NaN behind 0), NaN is a NaN here, times are milliseconds since 1970 UTC.
 * A point takes 16 bytes, or 24 where times or steps lie more than 2^32 apart.
 * Views may be read by many threads; each view is released by one of them. Building (series_add) is for one thread. */
#ifndef INGOT_CORE_TRACK_SERIES_H
#define INGOT_CORE_TRACK_SERIES_H

#include "base/op.h"
#include "base/thread.h"
#include "core/track/page.h"

/* Positions of the points in the order (step, time, value, NaN). */
struct series_order {
    int refs; /* atomic */
    size_t len;
    uint32_t at[];
};
struct series_block {
    int refs; /* atomic */
    size_t cap;
    bool wide;                    /* 64-bit times and steps */
    int64_t time_base, step_base; /* narrow: what the 32-bit numbers are added to */
    double *value;
    uint32_t *time32, *step32;
    int64_t *time64, *step64;
    struct mutex lock;            /* of `order` */
    struct series_order *order;   /* of some number of its first points, or NULL */
};
struct series {
    struct series_block *block;   /* NULL: no points */
    size_t len;
    bool by_step;                 /* the history's order is the order of steps as well */
    const struct series_order *order; /* set by series_sort() where by_step is false */
};

static inline double series_value(const struct series *s, size_t i)
{
    return s->block->value[i];
}
static inline int64_t series_time_ms(const struct series *s, size_t i)
{
    const struct series_block *b = s->block;
    return b->wide ? b->time64[i] : b->time_base + b->time32[i];
}
static inline int64_t series_step(const struct series *s, size_t i)
{
    const struct series_block *b = s->block;
    return b->wide ? b->step64[i] : b->step_base + b->step32[i];
}
/* The position of the point that stands at `rank` in the order of steps; series_sort() comes first. */
static inline size_t series_ranked(const struct series *s, size_t rank)
{
    return s->by_step ? rank : s->order->at[rank];
}

/* The key of a point, as pages name it. */
struct page_point series_point(const struct series *s, size_t i);
/* How many points stand before or at `p` in the history. */
size_t series_until(const struct series *s, const struct page_point *p);

/* An empty view with room for `cap` points. E_TOO_LARGE: no memory. */
MUST_USE enum err series_create(struct op *op, size_t cap, struct series *ret);
/* Adds a point behind the last one. A block that is full, or too narrow, is replaced by a larger one; other views of the
 * old one stay what they are. Only the view that knows all points of its block may add. E_TOO_LARGE: no memory. */
MUST_USE enum err series_add(struct op *op, struct series *s, const struct page_point *p);
/* The same for several. */
MUST_USE enum err series_add_all(struct op *op, struct series *s, const struct page_point *p, size_t n);
/* The first `len` points of `s` in a block of their own with room for `cap`. */
MUST_USE enum err series_copy(struct op *op, const struct series *s, size_t len, size_t cap, struct series *ret);
/* Another view of the same points. */
struct series series_ref(const struct series *s);
/* Gives the view back; it is empty afterwards. */
void series_release(struct series *s);
/* Makes series_ranked() work. E_TOO_LARGE: no memory. */
MUST_USE enum err series_sort(struct op *op, struct series *s);
/* Memory that the block takes. */
size_t series_bytes(const struct series *s);

static inline void series_auto(struct series *s) { series_release(s); }

#endif
