/* window.h - the events of one view in memory, by entity and key, ordered by available_at.
 * Not thread-safe: online.c holds the lock. Heap memory; small allocations abort, a refused large one
 * makes the insert fail. Times are microseconds. */
#ifndef INGOT_CORE_FEATURE_WINDOW_H
#define INGOT_CORE_FEATURE_WINDOW_H

#include "core/feature/view.h"

struct window_index;

enum window_insert { WINDOW_ADDED, WINDOW_DUPLICATE, WINDOW_EXPIRED, WINDOW_NO_MEMORY };

/* `view` is borrowed. Events at or before newest - retain_us are dropped. */
struct window_index *window_index_create(const struct feature_view *view, int64_t retain_us);
void window_index_destroy(struct window_index *x); /* NULL is ignored */
/* `keys[k]` belongs to view->keys[k]. `id` counts only when the view has an id field. */
enum window_insert window_index_insert(struct window_index *x, const struct str *keys, int64_t at_us, bool flagged, int64_t id);
/* Fills entity_len * window_len tallies as of t_us. */
void window_index_read(const struct window_index *x, const struct str *keys, int64_t t_us, struct feature_tally *tallies);
/* INT64_MIN before the first event. */
int64_t window_index_newest(const struct window_index *x);
struct window_stats {
    uint64_t events, keys, memory_bytes;
};
struct window_stats window_index_stats(const struct window_index *x);

#endif
