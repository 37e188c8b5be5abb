/* Answers are made from arrays of points (core/track/series.h) without a struct per point. A peer on this machine gets them
 * uncompressed: packing takes several times as long as writing them. */
#include "api/mlflow/metrics.h"

#include "api/mlflow/decode.h"
#include "api/mlflow/points.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/track/history.h"

#include <inttypes.h>
#include <stdlib.h>

#define ABSENT INT64_MIN
#define SEE_DOCS "See the API docs for more information about request parameters."

struct history_in {
    struct str run_id, metric_key, page_token;
    int64_t max_results;
};
static const struct field history_fields[] = {
    {.name = "run_id", .kind = FIELD_STR, .at = offsetof(struct history_in, run_id), .required = true, .alias = "run_uuid"},
    FIELD(struct history_in, metric_key, FIELD_STR, true),
    FIELD(struct history_in, page_token, FIELD_STR, false),
    FIELD(struct history_in, max_results, FIELD_I64, false),
};

enum err mlflow_metric_history(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct history_in in = {.max_results = ABSENT};
    enum err e = DECODE(op, req, history_fields, &in);
    if (!e && in.max_results != ABSENT && in.max_results <= 0)
        return op_fail_field(op, "max_results", "Invalid value %" PRId64 " for parameter 'max_results' supplied. It must be a positive integer.",
                             in.max_results);
    struct history_page page;
    if (!e)
        e = history_page(op, s->db, s->series, in.run_id, in.metric_key, in.max_results == ABSENT ? 0 : in.max_results, in.page_token, &page);
    if (e)
        return e;
    struct points_out out;
    res->no_compress = req->peer_loopback;
    points_begin(&out, op, res, STR("\"NaN\""), page.len);
    points_add_series(&out, &page.series, in.metric_key, STR(""), page.from, page.len);
    series_release(&page.series);
    return points_end(&out, false, page.next_token);
}

struct bulk_in {
    struct str_list run_id;
    struct str metric_key;
    int64_t max_results;
};
static const struct field bulk_fields[] = {
    FIELD(struct bulk_in, run_id, FIELD_STRS, false),
    FIELD(struct bulk_in, metric_key, FIELD_STR, false),
    FIELD(struct bulk_in, max_results, FIELD_I64, false),
};

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The points of all runs, one run after the other. */
static enum err answer_points(struct op *op, struct http_req *req, struct http_res *res, const struct history_points *points, const struct str *run_ids,
                              size_t n, struct str key, bool bulk)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += points[i].len;
    struct points_out out;
    res->no_compress = req->peer_loopback;
    points_begin(&out, op, res, bulk ? STR("NaN") : STR("\"NaN\""), sum);
    for (size_t i = 0; i < n; i++)
        points_add(&out, &points[i], key, run_ids[i]);
    return points_end(&out, bulk, STR(""));
}

static enum err bulk_check(struct op *op, const struct bulk_in *in)
{
    if (in->run_id.len == 0)
        return op_fail_field(op, "run_id", "GetMetricHistoryBulk request must specify at least one run_id.");
    if (in->run_id.len > LIMIT_TRACK_BULK_RUNS)
        return op_fail_field(op, "run_id", "GetMetricHistoryBulk request cannot specify more than %d run_ids. Received %zu run_ids.",
                             LIMIT_TRACK_BULK_RUNS, in->run_id.len);
    if (!in->metric_key.p)
        return op_fail_field(op, "metric_key", "GetMetricHistoryBulk request must specify a metric_key.");
    if (in->max_results < 0)
        return op_fail_field(op, "max_results", "Invalid value %" PRId64 " for parameter 'max_results' supplied. It must not be negative.",
                             in->max_results);
    return OK;
}

enum err mlflow_metric_history_bulk(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct bulk_in in = {.max_results = LIMIT_TRACK_BULK_POINTS};
    struct history_points points[LIMIT_TRACK_BULK_RUNS];
    enum err e = DECODE(op, req, bulk_fields, &in);
    if (!e)
        e = bulk_check(op, &in);
    if (e)
        return e;
    qsort(in.run_id.p, in.run_id.len, sizeof *in.run_id.p, by_text); /* the values are the request's own copy */
    size_t n = 0, limit = in.max_results < LIMIT_TRACK_BULK_POINTS ? (size_t)in.max_results : LIMIT_TRACK_BULK_POINTS;
    for (size_t i = 0; i < in.run_id.len; i++) {
        if (n == 0 || !str_eq(in.run_id.p[n - 1], in.run_id.p[i]))
            in.run_id.p[n++] = in.run_id.p[i];
    }
    e = history_first(op, s->db, s->series, in.run_id.p, n, in.metric_key, limit, points);
    return e ? e : answer_points(op, req, res, points, in.run_id.p, n, in.metric_key, true);
}

struct interval_in {
    struct str_list run_ids;
    struct str metric_key;
    int64_t start_step, end_step, max_results;
};
static const struct field interval_fields[] = {
    FIELD(struct interval_in, run_ids, FIELD_STRS, false),   FIELD(struct interval_in, metric_key, FIELD_STR, true),
    FIELD(struct interval_in, start_step, FIELD_I64, false), FIELD(struct interval_in, end_step, FIELD_I64, false),
    FIELD(struct interval_in, max_results, FIELD_I64, false),
};

static enum err interval_check(struct op *op, const struct interval_in *in)
{
    if (in->run_ids.len > LIMIT_TRACK_BULK_RUNS)
        return op_fail_field(op, "run_ids", "GetMetricHistoryBulkInterval request must specify at most %d run_ids. Received %zu run_ids. " SEE_DOCS,
                             LIMIT_TRACK_BULK_RUNS, in->run_ids.len);
    if (in->max_results < 1 || in->max_results > LIMIT_TRACK_SAMPLE_POINTS)
        return op_fail_field(op, "max_results", "max_results must be between 1 and %d. " SEE_DOCS, LIMIT_TRACK_SAMPLE_POINTS);
    if ((in->start_step == ABSENT) != (in->end_step == ABSENT))
        return op_fail_field(op, in->start_step == ABSENT ? "start_step" : "end_step",
                             "If either start step or end step are specified, both must be specified.");
    if (in->start_step > in->end_step)
        return op_fail_field(op, "end_step", "end_step must be greater than start_step. Found start_step=%" PRId64 " and end_step=%" PRId64 ".",
                             in->start_step, in->end_step);
    return OK;
}

enum err mlflow_metric_history_interval(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct interval_in in = {.start_step = ABSENT, .end_step = ABSENT, .max_results = LIMIT_TRACK_SAMPLE_POINTS};
    struct history_points points[LIMIT_TRACK_BULK_RUNS];
    enum err e = DECODE(op, req, interval_fields, &in);
    if (!in.run_ids.len && (!e || str_eqc(str_from(op->field), "metric_key"))) {
        op_clear(op);
        return decode_missing(op, "run_ids");
    }
    if (!e)
        e = interval_check(op, &in);
    struct sample_range range = {in.start_step != ABSENT, in.start_step, in.end_step};
    if (!e)
        e = history_sample(op, s->db, s->series, in.run_ids.p, in.run_ids.len, in.metric_key, range, (size_t)in.max_results, points);
    return e ? e : answer_points(op, req, res, points, in.run_ids.p, in.run_ids.len, in.metric_key, false);
}
