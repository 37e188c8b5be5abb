/* replay_events.h - the recorded world of a replay: every event of a file with its instant, when it became known
 * and what came of it, in the order of a feature view. Times are microseconds since 1970 UTC, event time. */
#ifndef INGOT_APP_REPLAY_EVENTS_H
#define INGOT_APP_REPLAY_EVENTS_H

#include "base/buf.h"
#include "core/feature/view.h"
#include "port/table.h"

struct replay_events {
    const struct feature_view *view;
    struct frame *frame;
    size_t rows;
    const int64_t *id, *t, *known, *label;    /* borrowed from the frame; t ascending */
    struct str **key_text;   /* [key][code]: quoted JSON text */
    bool *number_whole;      /* [number]: every value is a whole number */
    int64_t *label_at;       /* when the label reaches the server */
    uint32_t *by_known, *by_label; /* rows ordered by known, by label_at */
};

/* Rows with from <= t < end, and those that windows at `from` still see. Labels arrive at t + label_delay, but not
 * before they are known. E_INVALID names what is wrong with the view or the file. */
MUST_USE enum err replay_events_load(struct op *op, struct table_engine *tables, const struct feature_view *view, struct str data_path,
                                     int64_t from_us, int64_t end_us, int64_t label_delay_us, struct replay_events **ret);
void replay_events_destroy(struct replay_events *ev); /* NULL is ignored */
static inline void replay_events_auto(struct replay_events **ev) { replay_events_destroy(*ev); }

/* First index in `order` (NULL: the rows themselves) whose value is >= `at`. */
size_t replay_lower_bound(const int64_t *values, const uint32_t *order, size_t n, int64_t at);

/* V2 inference body for rows first .. first + n - 1: one tensor per id, time, key and number column. */
void replay_infer_body(const struct replay_events *ev, size_t first, size_t n, struct buf *out);
/* Push body for n events, `rows` being their row numbers. */
void replay_push_body(const struct replay_events *ev, const uint32_t *rows, size_t n, struct buf *out);
/* Labels body; the server closes what is due at `watermark_us`. */
void replay_labels_body(const struct replay_events *ev, const uint32_t *rows, size_t n, int64_t watermark_us, struct buf *out);

#endif
