/* predbuf.h - the predictions of one window, in blocks: appended by I/O threads, labelled and read by one thread.
 * `struct prediction` and `struct monitor_batch` are part of monitor.h's interface. */
#ifndef INGOT_CORE_MONITOR_PREDBUF_H
#define INGOT_CORE_MONITOR_PREDBUF_H

#include "base/op.h"

struct prediction {
    int64_t id;            /* what labels refer to; text ids: the caller's hash64 of them */
    int64_t event_us;
    int64_t version;
    int64_t rollout;       /* that picked the version; 0: none */
    uint64_t unit;         /* units_hash (core/rollout/units.h) of who asked; 0: nobody in particular */
    bool more;             /* a further row of the request before it: no unit of its own */
    float score;           /* NaN when !ok */
    uint32_t latency_us;
    uint8_t arm;           /* enum rollout_arm */
    bool ok;               /* false: the request failed */
    const float *features; /* `feature_count` of them, NaN = missing; NULL: not kept for this row */
    uint32_t feature_count; /* must be the number that the endpoint's reference names, else the features are not kept (counted) */
};
/* All rows of one closed (or flushed) window, as columns; dead after the call. */
struct monitor_batch {
    struct str endpoint;
    int64_t start_us, end_us;
    int64_t revision; /* see struct monitor_window; INT64_MIN: flushed before it closed */
    size_t rows, features;
    const struct str *names;
    const int64_t *id, *event_us, *version;
    const float *score;
    const uint32_t *latency_us;
    const uint8_t *arm, *ok;
    const int8_t *label;      /* -1: none came */
    const int64_t *label_us;  /* INT64_MIN: none */
    const float *const *feature; /* `features` columns of `rows`; NaN where missing or not kept */
};
struct predbuf;

/* NULL without memory. Covers event times start_us <= t < end_us. */
struct predbuf *predbuf_create(int64_t start_us, int64_t end_us, size_t features);
void predbuf_destroy(struct predbuf *b); /* NULL is ignored */
int64_t predbuf_start(const struct predbuf *b);
int64_t predbuf_end(const struct predbuf *b);
size_t predbuf_features(const struct predbuf *b);

/* Writer side: the caller holds the lock that orders appends. False: full (LIMIT_MONITOR_WINDOW_ROWS) or out of memory. */
bool predbuf_append(struct predbuf *b, const struct prediction *p);
/* Rows appended; under the same lock. Rows below this count never change again but for their label. */
size_t predbuf_rows(const struct predbuf *b);

/* Reader side: one thread at a time, for rows below a count taken under the lock. */

/* Brings the id index up to `rows`. Of rows with equal ids only the first is found. False without memory. */
MUST_USE bool predbuf_index(struct predbuf *b, size_t rows, uint64_t seed);
size_t predbuf_find(const struct predbuf *b, int64_t id); /* SIZE_MAX when absent */
int8_t predbuf_label(const struct predbuf *b, size_t row); /* -1: none */
/* Rows with a label; any thread. */
size_t predbuf_labelled(const struct predbuf *b);
void predbuf_set_label(struct predbuf *b, size_t row, int8_t label, int64_t label_us); /* label -1 takes it off */
/* Row as it was recorded; features point into the buffer or are NULL. */
void predbuf_get(const struct predbuf *b, size_t row, struct prediction *ret);
/* All columns, contiguous, in memory of `arena` (E_TOO_LARGE without room). endpoint, names and revision are left empty. */
MUST_USE enum err predbuf_columns(struct op *op, const struct predbuf *b, size_t rows, struct arena *arena, struct monitor_batch *ret);

#endif
