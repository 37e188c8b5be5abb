/* sums.h - the sums that evidence is made of, as JSON bit for bit and back. Internal to core/rollout. Parsers answer E_CORRUPT: what they
 * read comes from the database. Pure. */
#ifndef INGOT_CORE_ROLLOUT_SUMS_H
#define INGOT_CORE_ROLLOUT_SUMS_H

#include "base/json.h"
#include "num/experiment.h"
#include "num/metrics.h"
#include "num/sketch.h"

/* [n, mean, m2] and [n, mean_y, mean_x, m2_y, m2_x, m_xy]. */
void sums_moments_json(struct json_out *w, const char *key, const struct moments *m);
void sums_moments2_json(struct json_out *w, const char *key, const struct moments2 *m);
/* {"n": .., "missing": .., "cells": [key, count, key, count ...]}, only cells in use. */
void sums_sketch_json(struct json_out *w, const char *key, const struct sketch *s);
/* [bucket, count, bucket, count ...], only buckets in use; nothing at all when the histogram is empty. */
void sums_hist_json(struct json_out *w, const char *key, const struct latency_hist *h);
void sums_count_json(struct json_out *w, const char *key, uint64_t v);

MUST_USE enum err sums_moments_parse(struct op *op, const struct json *obj, const char *key, struct moments *ret);
MUST_USE enum err sums_moments2_parse(struct op *op, const struct json *obj, const char *key, struct moments2 *ret);
MUST_USE enum err sums_sketch_parse(struct op *op, const struct json *obj, const char *key, struct sketch *ret);
MUST_USE enum err sums_hist_parse(struct op *op, const struct json *obj, const char *key, struct latency_hist *ret); /* absent: empty */
MUST_USE enum err sums_count_parse(struct op *op, const struct json *obj, const char *key, uint64_t *ret);
MUST_USE enum err sums_f64_parse(struct op *op, const struct json *obj, const char *key, double *ret);

#endif
