/* metrics_serve.h - /metrics of serving: one set of series per loaded version of an endpoint, under our names and, if wanted, under Triton's.
 *
 * Labels are endpoints, versions and fixed words, so their number is bounded by what is loaded (LIMIT_METRICS_VERSIONS; the newest are left out and
 * counted); nothing that a request says becomes a label. Reads what is counted anyway; blocks for no longer than a read of a few locks. */
#ifndef INGOT_APP_METRICS_SERVE_H
#define INGOT_APP_METRICS_SERVE_H

#include "base/buf.h"
#include "core/serve/infer.h"

struct metrics_version {
    struct str endpoint;     /* as the value of a label */
    bool live;
    struct infer_stats stats;
};
struct metrics_serve {
    struct metrics_version *versions;
    size_t count, left_out;
    struct metrics_endpoint {
        struct str name;     /* as the value of a label */
        bool ready;
        int64_t live;
        const struct serve_violation *violations;
        size_t violation_count;
    } *endpoints;
    size_t endpoint_count;
    struct serve_figures figures;
};
/* In op's arena. */
void metrics_serve_read(struct op *op, struct serve *serve, struct metrics_serve *ret);
void metrics_serve_write(const struct metrics_serve *m, struct buf *out);
/* Triton's families, with its meanings: durations are sums in microseconds over answered requests; what the cache answered counts as a
 * request and in its duration, but is no inference, no execution and has no part in queue and compute times. */
void metrics_triton_write(const struct metrics_serve *m, struct buf *out);
/* Text as the value of a label: backslash, quote and line feed are escaped. */
struct str metrics_label(struct op *op, struct str text);

#endif
