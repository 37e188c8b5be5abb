/* points.h - the points of metrics as MLflow's JSON, written fast: histories are the largest answers of the dialect.
 * Long ones are streamed, so that no answer is held in memory as a whole; the route needs ROUTE_TRANSFER. */
#ifndef INGOT_API_MLFLOW_POINTS_H
#define INGOT_API_MLFLOW_POINTS_H

#include "core/track/history.h"
#include "net/http.h"

#define POINTS_KEEP_BYTES LIMIT_MIB(1) /* longer answers are streamed */
#define POINTS_SHORT 8192              /* up to so many points are never streamed */

struct points_out {
    struct op *op;
    struct http_res *res;
    struct buf piece;   /* of a streamed answer */
    struct buf *to;
    struct str nan;     /* how NaN is written: "\"NaN\"" or "NaN" */
    bool any;
    enum err err;       /* the first failure; what follows is dropped */
};

/* Starts {"metrics": [. `points`: how many come at most. */
void points_begin(struct points_out *out, struct op *op, struct http_res *res, struct str nan, size_t points);
/* `n` points of a series from `from` on, under their metric key; `run_id` empty: not written. */
void points_add_series(struct points_out *out, const struct series *s, struct str key, struct str run_id, size_t from, size_t n);
void points_add(struct points_out *out, const struct history_points *points, struct str key, struct str run_id);
/* Closes list and object. `empty_list`: no points are "metrics": [], else nothing at all. */
enum err points_end(struct points_out *out, bool empty_list, struct str next_token);

#endif
