/* trend.h - the recent past of every endpoint, so that a page about it opens with history: requests, errors by reason, quantiles of latency,
 * sizes of batches and the queue, per loaded version, each second for 15 minutes and each ten seconds for a day.
 *
 * Nothing happens on the way of a request: trend_sample() reads the counters that serving keeps anyway (infer.h: infer_stats) and stores how
 * they grew since the last look. A period without requests takes no memory, so "nothing was asked" and "nothing is known" are told
 * apart by when a version was first and last looked at. What came to a version between the last look and its unloading is lost.
 * All rings of a server together hold up to LIMIT_SERVE_TREND_BYTES; beyond that the version that holds most forgets its oldest.
 *
 * Kept in memory only: a restart begins anew, and each server tells of itself. Times are microseconds since 1970 UTC by the
 * wall clock; a clock that is set back begins anew as well. Thread-safe. */
#ifndef INGOT_CORE_SERVE_TREND_H
#define INGOT_CORE_SERVE_TREND_H

#include "core/serve/infer.h"

struct trend;
struct trend *trend_create(void);
void trend_destroy(struct trend *t); /* NULL is ignored */

/* Looks at all endpoints; to be called soon after each full second (LIMIT_SERVE_TREND_BEAT_MS). A look that comes late covers the seconds that
 * were missed, each with an equal part. */
void trend_sample(struct trend *t, struct serve *s, int64_t now_us);
/* The same of one endpoint's figures, `n` versions; for trend_sample and tests. */
void trend_note(struct trend *t, struct str endpoint, const struct infer_stats *stats, size_t n, int64_t now_us);
/* Endpoints that are not among these `n` names, in alphabetical order, are forgotten. */
void trend_keep(struct trend *t, const struct str *names, size_t n);

size_t trend_bytes(struct trend *t); /* held now */

struct trend_query {
    int64_t from_us, to_us;    /* [from, to) */
    int64_t step_us;           /* 0: as fits TREND_POINTS */
};
#define TREND_POINTS 240       /* of an answer whose step nobody named */
/* One object: {"since_us", "until_us" (known between them), "step_us", "t_us": [start of each step], "total": C, "versions": [{"version", C}],
 * "errors_by_code": {"BUSY": n}} where C is columns, one value a step: "requests" (answered and failed), "errors", "rows", "runs", "cache_hits",
 * "cache_misses" as counts of the step; "p50_us", "p95_us", "p99_us", "queue_us" (mean wait), "batch" (rows a run), "queued" (most at a
 * look). null: nothing is known, or for the last six nothing was answered. The
 * first step that is known may be known in part: it counts what is. The step is at least a second (ten, where `from_us` is older than
 * 15 minutes), a multiple of these, and such that there are at most LIMIT_SERVE_TREND_POINTS. E_INVALID: to_us is not after from_us.
 * An endpoint that was never looked at gives no steps. */
MUST_USE enum err trend_json(struct op *op, struct trend *t, struct str endpoint, const struct trend_query *q, struct json_out *w);
/* For a list: one object {"span_us": the last minute or what is known of it, "requests_per_s", "errors_per_s", "p50_us", "p99_us", "spark":
 * {"step_us", "requests": [...]}} of the last 15 minutes; null when it was never looked at. */
void trend_brief_json(struct trend *t, struct str endpoint, struct json_out *w);

#endif
