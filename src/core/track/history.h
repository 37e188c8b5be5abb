/* history.h - reads the history of metrics: page by page, several runs at once, or a sample of it.
 * Points come from the cache of series.h where there is one (`cache` may be NULL) and are always those of a snapshot of
 * the database. An unknown run or key has no points. Thread-safe. */
#ifndef INGOT_CORE_TRACK_HISTORY_H
#define INGOT_CORE_TRACK_HISTORY_H

#include "core/track/sample.h"
#include "core/track/series_cache.h"

struct history_page {
    struct series series;
    size_t from, len;      /* the points of the page */
    struct str next_token; /* empty: the last page */
};
/* By time, step, value. `max_results` 0: all of them; a series of more than LIMIT_TRACK_SERIES_POINTS comes in pages of
 * LIMIT_TRACK_HISTORY_PAGE then. Release ret->series. E_INVALID: the token. */
MUST_USE enum err history_page(struct op *op, struct db *db, struct series_cache *cache, struct str run_id, struct str key, int64_t max_results, struct str page_token, struct history_page *ret);

struct history_points {
    struct history_point *p; /* in op's arena */
    size_t len;
};
/* A few points of each of `n` runs, from one snapshot; `ret` has room for n. Only one series is held at a time, so memory is bounded
 * whatever the runs logged. */
/* Up to `max` of each, evenly spaced as sample_rows() says. */
MUST_USE enum err history_sample(struct op *op, struct db *db, struct series_cache *cache, const struct str *run_ids, size_t n, struct str key, struct sample_range range, size_t max, struct history_points *ret);
/* The first ones by time, step, value; `limit` counts over all runs, in their order. */
MUST_USE enum err history_first(struct op *op, struct db *db, struct series_cache *cache, const struct str *run_ids, size_t n, struct str key, size_t limit, struct history_points *ret);

#endif
