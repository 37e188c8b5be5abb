/* rows.h - rows that wait for their file: columns of one shape of request of one endpoint, and the file made of them. Private to
 * core/payload; used by the thread that writes.
 *
 * Columns: time, id, row, request_id, inference_id, trace_id, endpoint, version, rollout, arm, propensity, unit_id, latency_us, ok, error, then in_NAME and
 * out_NAME. A tensor with one value per row is a column of its type; one with as many values per row as the model has
 * features becomes a column per feature; up to PAYLOAD_SPREAD values become NAME_0, NAME_1 ...; anything else is JSON text. */
#ifndef INGOT_CORE_PAYLOAD_ROWS_H
#define INGOT_CORE_PAYLOAD_ROWS_H

#include "core/payload/item.h"
#include "port/table.h"

enum { PAYLOAD_SPREAD = 64 };

struct payload_rows {
    struct payload_rows *next;
    struct str endpoint;             /* in the arena */
    uint64_t shape;                  /* hash of the columns' names and types */
    int64_t hour, start_us, end_us;  /* of the rows' times */
    int64_t opened_ms, flush_us, keep_us;
    size_t max_bytes, bytes, count;
    struct arena *arena;
    struct payload_column *columns;
    size_t len;
};
/* The columns that an item's rows have, in op's arena. E_TOO_LARGE: more than LIMIT_PAYLOAD_COLUMNS. */
struct payload_shape {
    struct payload_plan *plans;
    size_t len;
    uint64_t hash;
};
MUST_USE enum err payload_shape_make(struct op *op, const struct payload_item *item, struct payload_shape *ret);
struct payload_rows *payload_rows_create(const struct payload_item *item, const struct payload_shape *shape);
void payload_rows_destroy(struct payload_rows *r); /* NULL is ignored */
/* E_TOO_LARGE: memory; no row of it was added then. */
MUST_USE enum err payload_rows_add(struct op *op, struct payload_rows *r, const struct payload_item *item, const struct payload_shape *shape);
/* One Parquet file at `path`. */
MUST_USE enum err payload_rows_write(struct op *op, const struct payload_rows *r, struct table_engine *tables, struct str path);

/* Which of the `width` values of a row of `t` are redacted, in op's arena; NULL: nothing is. E_TOO_LARGE: no memory, and then nothing may be told. */
MUST_USE enum err payload_hidden(struct op *op, const struct payload_item *item, const struct tensor *t, size_t width, const bool **ret);
/* Values [from, from + n) of a tensor as a JSON array; `hidden` (may be NULL) says which of them, by their place in a row of `width`, are null. */
void payload_values_json(struct json_out *w, const struct tensor *t, size_t from, size_t n, const bool *hidden, size_t width);

#endif
