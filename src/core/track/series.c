/* Blocks are shared by views of different lengths: appending writes only behind the longest view, so that readers of
 * shorter ones see no change and need no lock. Whoever appends must therefore be the only one that does; the cache
 * (series_cache.c) sees to that with a lock per entry.
 *
 * The order of steps is needed where clocks and steps disagree (several workers log to one run). It is kept with the block
 * for a number of its first points: a longer view sorts only what came later and merges, because a chart of a live
 * run asks again every few seconds. */
#include "core/track/series.h"

#include "core/track/store.h"

#include <math.h>
#include <stdlib.h>

static enum err no_memory(struct op *op, size_t n)
{
    return op_fail(op, E_TOO_LARGE, "no memory for the %zu points of a metric", n);
}

static void block_unref(struct series_block *b)
{
    if (!b || __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (b->order && __atomic_sub_fetch(&b->order->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(b->order);
    mutex_clear(&b->lock);
    free(b->value);
    free(b->time32);
    free(b->step32);
    free(b->time64);
    free(b->step64);
    free(b);
}

static struct series_block *block_create(size_t cap, bool wide)
{
    struct series_block *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->refs = 1;
    b->cap = cap ? cap : 1;
    b->wide = wide;
    mutex_init(&b->lock);
    b->value = calloc(b->cap, sizeof *b->value);
    if (wide) {
        b->time64 = calloc(b->cap, sizeof *b->time64);
        b->step64 = calloc(b->cap, sizeof *b->step64);
    } else {
        b->time32 = calloc(b->cap, sizeof *b->time32);
        b->step32 = calloc(b->cap, sizeof *b->step32);
    }
    if (b->value && (wide ? b->time64 && b->step64 : b->time32 && b->step32))
        return b;
    block_unref(b);
    return NULL;
}

/* The distance of v from base in 32 bits; false when it does not fit. */
static bool narrow(int64_t v, int64_t base, uint32_t *ret)
{
    int64_t d;
    if (__builtin_sub_overflow(v, base, &d) || d < 0 || d > UINT32_MAX)
        return false;
    *ret = (uint32_t)d;
    return true;
}

/* Steps may go down from the first one, so the base of steps lies in the middle of the range. */
static void block_base(struct series_block *b, int64_t time_ms, int64_t step)
{
    b->time_base = time_ms;
    if (__builtin_sub_overflow(step, INT32_MAX, &b->step_base))
        b->step_base = INT64_MIN;
}

/* False when the point needs a wide block. */
static bool block_put(struct series_block *b, size_t i, int64_t time_ms, int64_t step, double value)
{
    if (i == 0)
        block_base(b, time_ms, step);
    if (b->wide) {
        b->time64[i] = time_ms;
        b->step64[i] = step;
    } else {
        uint32_t t, s;
        if (!narrow(time_ms, b->time_base, &t) || !narrow(step, b->step_base, &s))
            return false;
        b->time32[i] = t;
        b->step32[i] = s;
    }
    b->value[i] = value;
    return true;
}

static struct series_order *order_ref(struct series_block *b)
{
    LOCK(&b->lock);
    if (b->order)
        __atomic_add_fetch(&b->order->refs, 1, __ATOMIC_RELAXED);
    return b->order;
}

/* A block with the first `len` points of s. */
static struct series_block *block_copy(const struct series *s, size_t len, size_t cap, bool wide)
{
    struct series_block *b = block_create(cap, wide || (s->block && s->block->wide));
    if (!b || len == 0)
        return b;
    const struct series_block *from = s->block;
    b->time_base = from->time_base;
    b->step_base = from->step_base;
    memcpy(b->value, from->value, len * sizeof *b->value);
    if (from->wide) {
        memcpy(b->time64, from->time64, len * sizeof *b->time64);
        memcpy(b->step64, from->step64, len * sizeof *b->step64);
    } else if (b->wide) {
        for (size_t i = 0; i < len; i++) {
            b->time64[i] = series_time_ms(s, i);
            b->step64[i] = series_step(s, i);
        }
    } else {
        memcpy(b->time32, from->time32, len * sizeof *b->time32);
        memcpy(b->step32, from->step32, len * sizeof *b->step32);
    }
    b->order = order_ref(s->block);
    if (b->order && b->order->len > len) { /* an order of points that are not in the copy */
        if (__atomic_sub_fetch(&b->order->refs, 1, __ATOMIC_ACQ_REL) == 0)
            free(b->order);
        b->order = NULL;
    }
    return b;
}

enum err series_create(struct op *op, size_t cap, struct series *ret)
{
    if (cap > UINT32_MAX)
        return no_memory(op, cap);
    struct series_block *b = block_create(cap, false);
    if (!b)
        return no_memory(op, cap);
    *ret = (struct series){.block = b, .by_step = true};
    return OK;
}

enum err series_copy(struct op *op, const struct series *s, size_t len, size_t cap, struct series *ret)
{
    if (cap > UINT32_MAX)
        return no_memory(op, cap);
    struct series_block *b = block_copy(s, len, cap < len ? len : cap, false);
    if (!b)
        return no_memory(op, cap);
    *ret = (struct series){.block = b, .len = len, .by_step = true};
    for (size_t i = 1; i < len && ret->by_step; i++)
        ret->by_step = series_step(s, i) >= series_step(s, i - 1);
    return OK;
}

enum err series_add(struct op *op, struct series *s, const struct page_point *p)
{
    struct series_block *b = s->block;
    double value = p->is_nan ? (double)NAN : store_to_f64(p->value);
    bool full = s->len == b->cap;
    if (full || !block_put(b, s->len, p->time_ms, p->step, value)) {
        size_t cap = full ? b->cap + b->cap / 2 + 16 : b->cap;
        if (cap > UINT32_MAX)
            return no_memory(op, cap);
        struct series_block *larger = block_copy(s, s->len, cap, false);
        if (larger && !block_put(larger, s->len, p->time_ms, p->step, value)) {
            block_unref(larger);
            larger = block_copy(s, s->len, cap, true);
            if (larger)
                (void)block_put(larger, s->len, p->time_ms, p->step, value);
        }
        if (!larger)
            return no_memory(op, cap);
        block_unref(b);
        s->block = larger;
    }
    if (s->len > 0 && s->by_step)
        s->by_step = p->step >= series_step(s, s->len - 1);
    s->len++;
    return OK;
}

enum err series_add_all(struct op *op, struct series *s, const struct page_point *p, size_t n)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++)
        e = series_add(op, s, &p[i]);
    return e;
}

struct series series_ref(const struct series *s)
{
    if (s->block)
        __atomic_add_fetch(&s->block->refs, 1, __ATOMIC_RELAXED);
    return (struct series){.block = s->block, .len = s->len, .by_step = s->by_step};
}

void series_release(struct series *s)
{
    struct series_order *o = (struct series_order *)(uintptr_t)s->order; /* views share it read-only */
    if (o && __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(o);
    block_unref(s->block);
    *s = (struct series){.by_step = true};
}

size_t series_bytes(const struct series *s)
{
    if (!s->block)
        return 0;
    size_t each = sizeof(double) + 2 * (s->block->wide ? sizeof(int64_t) : sizeof(uint32_t));
    return sizeof *s->block + s->block->cap * (each + (s->by_step ? 0 : sizeof(uint32_t)));
}

struct page_point series_point(const struct series *s, size_t i)
{
    double v = series_value(s, i);
    return (struct page_point){.time_ms = series_time_ms(s, i), .step = series_step(s, i),
                               .value = isnan(v) ? 0 : store_from_f64(v), .is_nan = isnan(v)};
}

size_t series_until(const struct series *s, const struct page_point *p)
{
    size_t from = 0, to = s->len;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        struct page_point at = series_point(s, middle);
        if (page_point_compare(&at, p) > 0)
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

/* ---- the order of steps ---- */

/* In the order of steps: equal steps keep the order of the history, which is (time, value, NaN) then. */
static bool before(const struct series *s, uint32_t a, uint32_t b)
{
    int64_t x = series_step(s, a), y = series_step(s, b);
    return x != y ? x < y : a < b;
}

static void merge(const struct series *s, const uint32_t *a, size_t n, const uint32_t *b, size_t m, uint32_t *out)
{
    size_t i = 0, j = 0;
    while (i < n && j < m)
        *out++ = before(s, b[j], a[i]) ? b[j++] : a[i++];
    memcpy(out, a + i, (n - i) * sizeof *a);
    memcpy(out + (n - i), b + j, (m - j) * sizeof *b);
}

/* Bottom-up merge sort of `n` positions; `other` is scratch of the same size. The result is in `at`. */
static void sort(const struct series *s, uint32_t *at, uint32_t *other, size_t n)
{
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width) {
            size_t left = n - i < width ? n - i : width, right = n - i - left < width ? n - i - left : width;
            merge(s, at + i, left, at + i + left, right, other + i);
        }
        memcpy(at, other, n * sizeof *at);
    }
}

/* The order of all of s's points; `known` is one of its first points, or NULL. */
static struct series_order *order_make(const struct series *s, const struct series_order *known)
{
    size_t have = known ? known->len : 0, fresh = s->len - have;
    struct series_order *o = calloc(1, sizeof *o + s->len * sizeof o->at[0]);
    uint32_t *tail = calloc(fresh, 2 * sizeof *tail);
    if (!o || !tail) {
        free(o);
        free(tail);
        return NULL;
    }
    for (size_t i = 0; i < fresh; i++)
        tail[i] = (uint32_t)(have + i);
    sort(s, tail, tail + fresh, fresh);
    merge(s, known ? known->at : tail, have, tail, fresh, o->at);
    free(tail);
    o->len = s->len;
    o->refs = 2; /* the block's and the view's */
    return o;
}

enum err series_sort(struct op *op, struct series *s)
{
    if (s->by_step || s->order)
        return OK;
    struct series_block *b = s->block;
    LOCK(&b->lock);
    struct series_order *o = b->order;
    if (o && o->len == s->len) {
        __atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED);
        s->order = o;
        return OK;
    }
    struct series_order *made = order_make(s, o && o->len < s->len ? o : NULL);
    if (!made)
        return no_memory(op, s->len);
    s->order = made;
    if (o && o->len > s->len) {
        made->refs = 1; /* an older view: the block keeps what newer ones need */
        return OK;
    }
    if (o && __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(o);
    b->order = made;
    return OK;
}
