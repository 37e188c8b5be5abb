/* stats.h - the figures of one loaded version, counted by many threads without a lock on the way of a request. Private to
 * core/serve; infer.h shows them (struct infer_stats).
 *
 * The first STATS_SHARDS threads that ever count get a shard of their own in every version, which they alone write; later ones share
 * the last shard. Readers add all shards up; what they see of a request under way may be half of it.
 * Durations are nanoseconds. Thread-safe. */
#ifndef INGOT_CORE_SERVE_STATS_H
#define INGOT_CORE_SERVE_STATS_H

#include "core/serve/infer.h"

struct stats;
struct stats *stats_create(void); /* one reference */
struct stats *stats_ref(struct stats *s);
void stats_destroy(struct stats *s); /* gives one reference up; NULL is ignored */

/* Where the time of one request went. */
struct stats_times {
    uint64_t queue, input, infer, output;
    uint64_t total;          /* arrival to answer */
};
/* One request that was answered by the model; its rows count as inferences. */
void stats_success(struct stats *s, size_t rows, const struct stats_times *t, int64_t now_us);
/* One run of the model over `rows` rows, of one request or of many. */
void stats_execution(struct stats *s, size_t rows, const struct stats_times *t);
/* A request that got no answer, and why. */
void stats_fail(struct stats *s, enum err e, uint64_t total);
/* A request that the cache answered: no inference. `lookup`: of finding and copying. */
void stats_cache_hit(struct stats *s, uint64_t lookup, uint64_t total);
void stats_cache_miss(struct stats *s, uint64_t lookup);
enum stats_count { STATS_REJECTED, STATS_CANCELLED, STATS_TIMED_OUT };
void stats_count(struct stats *s, enum stats_count what);

/* The fine buckets of infer_stats.total_fine: eight to a doubling, from 1.024 us (below 8.192 us: of that width) to 17 s; what takes longer is in the
 * last. Where bucket k begins and ends, in nanoseconds. */
void stats_fine_edges(size_t k, double *ret_from_ns, double *ret_to_ns);

/* Fills the figures that are counted here: not version, queued, running, memory_bytes. */
void stats_read(struct stats *s, struct infer_stats *ret);

#endif
