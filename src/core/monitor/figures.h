/* figures.h - the figures of one window: drift against the reference, quality on labels, latency, errors. Pure.
 * Part of monitor.h's interface. */
#ifndef INGOT_CORE_MONITOR_FIGURES_H
#define INGOT_CORE_MONITOR_FIGURES_H

#include "core/monitor/config.h"
#include "core/monitor/predbuf.h"
#include "core/monitor/reference.h"

/* How the values lie in the reference's deciles; for people to look at (psi above is computed on other bins, see num/drift.h). */
struct monitor_shape {
    struct drift_bins bins;
    struct drift_counts counts;
};
struct monitor_feature_figures {
    struct str name;           /* the score is named "score" */
    double ks_d, ks_p, psi;    /* NaN: no reference or too few rows */
    uint64_t missing;
    bool drifted;              /* KS rule or PSI rule holds */
    const struct monitor_shape *shape; /* NULL: no reference */
};
struct monitor_window {
    int64_t start_us, end_us;
    int64_t revision;          /* 0; later ones hold predictions that came after the window had closed */
    uint64_t predictions, labelled, errors;
    double auc, logloss, brier, ece, accuracy, base_rate, mean_score; /* NaN: undefined */
    double p50_us, p95_us, p99_us, error_rate;
    struct monitor_feature_figures score;
    struct monitor_feature_figures *features;
    size_t feature_count, drifted;
    struct { int64_t version; uint64_t n; } versions[8]; /* the most frequent ones */
    size_t version_count;
};

/* `ref` may be NULL. Names and feature figures live in op's arena. */
MUST_USE enum err figures_compute(struct op *op, const struct monitor_batch *batch, const struct reference *ref,
                                  const struct monitor_config *config, struct monitor_window *ret);
/* As one JSON object; what is not defined is null. */
void figures_json(struct json_out *w, const struct monitor_window *window);
/* The shapes alone: {"score": SHAPE or null, "features": [SHAPE or null, ...]} in the order of figures_json, where a SHAPE is {"edges": inner ones,
 * "reference": counts, "current": counts}. Values lie in the bin whose upper edge is the first that is not below them. */
void figures_shapes_json(struct json_out *w, const struct monitor_window *window);

#endif
