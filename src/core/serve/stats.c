/* A counter that several threads add to costs a locked instruction and the journey of a cache line. A thread with a shard of its
 * own loads, adds and stores; the counter is an atomic only so that readers see whole values. Batch sizes other than 1 are
 * counted under a lock: such a run costs more than the lock. */
#include "core/serve/stats.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/thread.h"

enum { STATS_SHARDS = 16, CACHE_LINE = 64 };
/* Counter numbers: a duration is its count and then its nanoseconds. */
enum {
    C_SUCCESS = 0, C_FAIL = 2, C_QUEUE = 4, C_INPUT = 6, C_INFER = 8, C_OUTPUT = 10, C_HIT = 12, C_MISS = 14,
    C_ROWS = 16, C_RUNS, C_LAST_US, C_ONE, C_ONE_INPUT, C_ONE_INFER, C_ONE_OUTPUT, C_REJECTED, C_CANCELLED, C_TIMED_OUT,
    C_FAILED, /* by reason */
    C_TOTAL_TIMES = C_FAILED + ERR_COUNT, /* histograms: the sum and the buckets */
    C_QUEUE_TIMES = C_TOTAL_TIMES + 1 + INFER_BUCKETS, C_INFER_TIMES = C_QUEUE_TIMES + 1 + INFER_BUCKETS, C_FINE = C_INFER_TIMES + 1 + INFER_BUCKETS, C_COUNT = C_FINE + INFER_FINE,
};

struct shard {
    _Alignas(CACHE_LINE) _Atomic uint64_t c[C_COUNT];
};
struct stats {
    atomic_int refs;
    struct shard shards[STATS_SHARDS + 1];
    struct mutex lock;
    struct infer_batch_stats batches[INFER_BATCH_SIZES]; /* sizes above 1, ascending */
    size_t batch_count;
};

const uint64_t infer_bounds_ns[INFER_BUCKETS - 1] = {10000,   25000,   50000,    100000,   250000,   500000,    1000000,   2500000,   5000000,
                                                     10000000, 25000000, 50000000, 100000000, 250000000, 500000000, 1000000000, 5000000000};

static atomic_int threads;
static _Thread_local int my_shard = -1;

static int shard_index(void)
{
    if (my_shard < 0) {
        int n = atomic_fetch_add(&threads, 1);
        my_shard = n < STATS_SHARDS ? n : STATS_SHARDS;
    }
    return my_shard;
}

static inline void add(struct shard *s, bool mine, int counter, uint64_t n)
{
    if (mine)
        atomic_store_explicit(&s->c[counter], atomic_load_explicit(&s->c[counter], memory_order_relaxed) + n, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&s->c[counter], n, memory_order_relaxed);
}

static inline void duration(struct shard *s, bool mine, int counter, uint64_t ns)
{
    add(s, mine, counter, 1);
    add(s, mine, counter + 1, ns);
}

static inline void histogram(struct shard *s, bool mine, int counter, uint64_t ns)
{
    int k = 0;
    for (size_t i = 0; i < INFER_BUCKETS - 1; i++) /* all of them: no branch is guessed wrong */
        k += ns > infer_bounds_ns[i];
    add(s, mine, counter, ns);
    add(s, mine, counter + 1 + k, 1);
}

/* Fine buckets, the layout of HdrHistogram with three bits after the leading one, of units of 1024 ns. */
enum { FINE_BITS = 3, FINE_UNIT_BITS = 10 };

static inline int fine_bucket(uint64_t ns)
{
    uint64_t v = ns >> FINE_UNIT_BITS;
    if (v < 1u << FINE_BITS)
        return (int)v;
    int shift = 63 - __builtin_clzll(v) - FINE_BITS;
    int k = ((shift + 1) << FINE_BITS) + (int)((v >> shift) & ((1u << FINE_BITS) - 1));
    return k < INFER_FINE ? k : INFER_FINE - 1;
}

void stats_fine_edges(size_t k, double *ret_from_ns, double *ret_to_ns)
{
    size_t shift = k >> FINE_BITS ? (k >> FINE_BITS) - 1 : 0, low = k >> FINE_BITS ? (1u << FINE_BITS) + (k & ((1u << FINE_BITS) - 1)) : k;
    *ret_from_ns = (double)((uint64_t)low << shift << FINE_UNIT_BITS);
    *ret_to_ns = (double)((uint64_t)(low + 1) << shift << FINE_UNIT_BITS);
}

struct stats *stats_create(void)
{
    struct stats *s = aligned_alloc(CACHE_LINE, sizeof(*s));
    if (!s)
        abort();
    memset(s, 0, sizeof(*s));
    mutex_init(&s->lock);
    atomic_init(&s->refs, 1);
    return s;
}

struct stats *stats_ref(struct stats *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void stats_destroy(struct stats *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    mutex_clear(&s->lock);
    free(s);
}

void stats_success(struct stats *st, size_t rows, const struct stats_times *t, int64_t now_us)
{
    int i = shard_index();
    bool mine = i < STATS_SHARDS;
    struct shard *s = &st->shards[i];
    duration(s, mine, C_SUCCESS, t->total);
    duration(s, mine, C_QUEUE, t->queue);
    duration(s, mine, C_INPUT, t->input);
    duration(s, mine, C_INFER, t->infer);
    duration(s, mine, C_OUTPUT, t->output);
    add(s, mine, C_ROWS, rows);
    histogram(s, mine, C_TOTAL_TIMES, t->total);
    add(s, mine, C_FINE + fine_bucket(t->total), 1);
    histogram(s, mine, C_QUEUE_TIMES, t->queue);
    histogram(s, mine, C_INFER_TIMES, t->infer);
    atomic_store_explicit(&s->c[C_LAST_US], (uint64_t)now_us, memory_order_relaxed);
}

static void batch_add(struct infer_batch_stats *b, const struct stats_times *t)
{
    b->input.count++, b->infer.count++, b->output.count++;
    b->input.ns += t->input, b->infer.ns += t->infer, b->output.ns += t->output;
}

void stats_execution(struct stats *st, size_t rows, const struct stats_times *t)
{
    int i = shard_index();
    bool mine = i < STATS_SHARDS;
    struct shard *s = &st->shards[i];
    add(s, mine, C_RUNS, 1);
    if (rows == 1) {
        add(s, mine, C_ONE, 1);
        add(s, mine, C_ONE_INPUT, t->input);
        add(s, mine, C_ONE_INFER, t->infer);
        add(s, mine, C_ONE_OUTPUT, t->output);
        return;
    }
    LOCK(&st->lock);
    size_t at = 0;
    while (at < st->batch_count && st->batches[at].batch_size < rows)
        at++;
    if (at < st->batch_count && st->batches[at].batch_size == rows) {
        batch_add(&st->batches[at], t);
        return;
    }
    if (st->batch_count == INFER_BATCH_SIZES - 1) { /* full: counted with the next smaller size that is there */
        batch_add(&st->batches[at ? at - 1 : 0], t);
        return;
    }
    memmove(st->batches + at + 1, st->batches + at, (st->batch_count - at) * sizeof(*st->batches));
    st->batches[at] = (struct infer_batch_stats){.batch_size = rows};
    st->batch_count++;
    batch_add(&st->batches[at], t);
}

void stats_fail(struct stats *st, enum err e, uint64_t total)
{
    int i = shard_index();
    duration(&st->shards[i], i < STATS_SHARDS, C_FAIL, total);
    add(&st->shards[i], i < STATS_SHARDS, C_FAILED + (int)e, 1);
}

void stats_cache_hit(struct stats *st, uint64_t lookup, uint64_t total)
{
    int i = shard_index();
    bool mine = i < STATS_SHARDS;
    duration(&st->shards[i], mine, C_HIT, lookup);
    duration(&st->shards[i], mine, C_SUCCESS, total);
    histogram(&st->shards[i], mine, C_TOTAL_TIMES, total);
    add(&st->shards[i], mine, C_FINE + fine_bucket(total), 1);
}

void stats_cache_miss(struct stats *st, uint64_t lookup)
{
    int i = shard_index();
    duration(&st->shards[i], i < STATS_SHARDS, C_MISS, lookup);
}

void stats_count(struct stats *st, enum stats_count what)
{
    int i = shard_index();
    add(&st->shards[i], i < STATS_SHARDS, C_REJECTED + (int)what, 1);
}

static struct infer_duration sum_of(const uint64_t *c, int counter)
{
    return (struct infer_duration){c[counter], c[counter + 1]};
}

static void histogram_read(const uint64_t *c, int counter, struct infer_histogram *ret)
{
    ret->ns = c[counter];
    memcpy(ret->bucket, c + counter + 1, sizeof ret->bucket);
}

void stats_read(struct stats *st, struct infer_stats *ret)
{
    uint64_t c[C_COUNT] = {0}, last = 0;
    int used = atomic_load(&threads); /* shards of threads that are not there yet are empty */
    for (int i = 0; i <= STATS_SHARDS && i < used; i++) {
        for (int k = 0; k < C_COUNT; k++)
            c[k] += atomic_load_explicit(&st->shards[i].c[k], memory_order_relaxed);
        uint64_t seen = atomic_load_explicit(&st->shards[i].c[C_LAST_US], memory_order_relaxed);
        last = seen > last ? seen : last;
    }
    ret->last_us = (int64_t)last;
    ret->inference_count = c[C_ROWS];
    ret->execution_count = c[C_RUNS];
    ret->success = sum_of(c, C_SUCCESS), ret->fail = sum_of(c, C_FAIL), ret->queue = sum_of(c, C_QUEUE);
    ret->input = sum_of(c, C_INPUT), ret->infer = sum_of(c, C_INFER), ret->output = sum_of(c, C_OUTPUT);
    ret->cache_hit = sum_of(c, C_HIT), ret->cache_miss = sum_of(c, C_MISS);
    ret->rejected = c[C_REJECTED], ret->cancelled = c[C_CANCELLED], ret->timed_out = c[C_TIMED_OUT];
    memcpy(ret->failed, c + C_FAILED, sizeof ret->failed);
    histogram_read(c, C_TOTAL_TIMES, &ret->total_by_time);
    histogram_read(c, C_QUEUE_TIMES, &ret->queue_by_time);
    histogram_read(c, C_INFER_TIMES, &ret->infer_by_time);
    memcpy(ret->total_fine, c + C_FINE, sizeof ret->total_fine);
    ret->batch_count = 0;
    if (c[C_ONE])
        ret->batches[ret->batch_count++] = (struct infer_batch_stats){
            1, {c[C_ONE], c[C_ONE_INPUT]}, {c[C_ONE], c[C_ONE_INFER]}, {c[C_ONE], c[C_ONE_OUTPUT]}};
    LOCK(&st->lock);
    memcpy(ret->batches + ret->batch_count, st->batches, st->batch_count * sizeof(*st->batches));
    ret->batch_count += st->batch_count;
}
