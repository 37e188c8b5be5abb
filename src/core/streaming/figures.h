/* figures.h - what a streaming job counts. The job writes, anybody reads: a lock that is held for a copy. */
#ifndef INGOT_CORE_STREAMING_FIGURES_H
#define INGOT_CORE_STREAMING_FIGURES_H

#include "base/buf.h"
#include "base/thread.h"
#include "port/stream.h"

enum { STREAMING_BUCKETS = 14 };
struct streaming_counts {
    uint64_t records;        /* handed out; those of aborted transactions count each time */
    uint64_t answered, tombstones, poison; /* of committed transactions */
    uint64_t retries;        /* of records whose engine failed or was busy */
    uint64_t commits, aborts;
    uint64_t commit_ns;      /* all commits together */
    uint64_t commit_buckets[STREAMING_BUCKETS]; /* by upper bound, see figures.c; the last one: all above */
    uint64_t bytes_in, bytes_out;
    int64_t last_commit_us;  /* wall clock; 0: none */
    int64_t last_poll_ms;    /* CLOCK_MONOTONIC; 0: none */
};
struct streaming_figures {
    struct mutex lock;
    struct streaming_counts counts;
    struct stream_lag *lag;  /* LIMIT_STREAM_PARTITIONS; topics are not kept */
    size_t lag_count;
};

void streaming_figures_init(struct streaming_figures *f);
void streaming_figures_clear(struct streaming_figures *f);
void streaming_figures_commit(struct streaming_figures *f, uint64_t ns);
void streaming_figures_lag(struct streaming_figures *f, const struct stream_lag *lag, size_t n);
struct streaming_counts streaming_figures_read(struct streaming_figures *f);
/* Prometheus text; `topic`, `group` and `model` are label values. */
void streaming_figures_write(struct streaming_figures *f, struct str topic, struct str group, struct str model, struct buf *out);

#endif
