/* run_window.h - any stretch of a sorted search for runs, for a table that scrolls over all of them.
 * The first window of a search sorts all that it finds and keeps the order under the number of the newest change (change.h); later windows are
 * cut from it, so that scrolling neither sorts again nor jumps while runs come and change. Kept orders take LIMIT_TRACK_WINDOW_BYTES by default; what
 * was not used for longest goes first. Without an index that can answer, a window is found row by row and nothing is kept. Thread-safe.
 * Errors: those of run_search.h. */
#ifndef INGOT_CORE_TRACK_RUN_WINDOW_H
#define INGOT_CORE_TRACK_RUN_WINDOW_H

#include "core/track/run_plan.h"
#include "core/track/run_search.h"

struct run_windows;

struct run_windows *run_windows_create(size_t max_bytes);
void run_windows_destroy(struct run_windows *w); /* NULL is ignored; no search may be under way */

#define RUN_WINDOW_NEWEST (-1)

struct run_window_query {
    struct run_query search; /* max_results: 1..LIMIT_TRACK_WINDOW_ROWS; no page_token, no count */
    int64_t offset;          /* >= 0 */
    int64_t version;         /* of an earlier window of the same search, or RUN_WINDOW_NEWEST */
};
struct run_window {
    struct track_run *runs;  /* as they are now; row 0: the run is gone since the order was made */
    size_t len;
    int64_t total;
    int64_t version;         /* the one asked for, while its order is kept; else that of the order as of now */
};
/* `windows` NULL: nothing is kept. */
MUST_USE enum err run_window_get(struct op *op, struct db *db, struct run_windows *windows, const struct run_window_query *q, struct run_window *ret);
/* The extremes of metrics among all runs that the search finds; order and page do not count. *ret NULL: not known without an index. At most
 * LIMIT_TRACK_WINDOW_TOPS metrics. Their columns are loaded where they are not yet, which is why windows do not wait for it. */
MUST_USE enum err run_window_tops(struct op *op, struct db *db, const struct run_query *search, const struct str *metrics, size_t n, struct run_top **ret);

#endif
