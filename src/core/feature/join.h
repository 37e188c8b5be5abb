/* join.h - the point-in-time join: the training frame of a view from its source file.
 * For every source row with start <= timestamp < end one frame row, in source order: the id (row index in the
 * file), the timestamp, the key columns, every feature as FLOAT, `label` (0/1, null when the expression is null)
 * and `available_at`. Windows look back beyond `start`. Missing values are null in the file. */
#ifndef INGOT_CORE_FEATURE_JOIN_H
#define INGOT_CORE_FEATURE_JOIN_H

#include "core/feature/view.h"
#include "port/table.h"

struct feature_join_request {
    struct str data_path; /* "" = view->source_path */
    int64_t start_us, end_us; /* event time, [start, end); INT64_MIN and INT64_MAX for all */
    struct str out_path;  /* Parquet */
    int threads;          /* 0 = one per core */
};
struct feature_join_result {
    uint64_t source_rows; /* rows that took part as events or as frame rows */
    uint64_t events;      /* rows with an available_at and a label */
    uint64_t rows;        /* frame rows */
    uint64_t keys;        /* distinct entity keys over all entities */
    int64_t read_us, kernel_us, write_us; /* where the time went */
};

/* E_NOT_FOUND, E_INVALID (unknown columns, wrong expression, null timestamps), E_TOO_LARGE above
 * LIMIT_FEATURE_FRAME_BYTES. Nothing is left at out_path on failure. */
MUST_USE enum err feature_join(struct op *op, struct table_engine *tables, const struct feature_view *view, const struct feature_join_request *request, struct feature_join_result *ret);

/* The kernel on arrays, for tests and benchmarks. Key code UINT32_MAX is null: such events and rows meet nothing.
 * Rows and events are separate lists over one dictionary per entity. */
struct feature_join_input {
    size_t event_n;
    const int64_t *event_at;          /* event_n */
    const uint8_t *event_flag;        /* event_n, 0 or 1 */
    const uint32_t *const *event_key; /* [entity][event] */
    size_t row_n;
    const int64_t *row_t;             /* row_n */
    const uint32_t *const *row_key;   /* [entity][row] */
    const uint32_t *key_count;        /* [entity]: codes are below it */
};
/* Fills tallies[entity][row * window_len + window]. Uses up to `threads` threads; exact. E_TOO_LARGE when memory
 * is refused. */
MUST_USE enum err feature_join_tally(struct op *op, const struct feature_view *view, const struct feature_join_input *in, int threads, struct feature_tally *const *tallies);

#endif
