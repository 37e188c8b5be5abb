#include "api/mlflow/log.h"

#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"
#include "api/services.h"
#include "core/track/metric.h"

/* The answer of all of them, once the change is durable. */
static enum err answer_empty(struct op *op, struct http_req *req, struct http_res *res, void *arg)
{
    (void)req, (void)arg;
    return encode_empty(op, res);
}

/* The request's own structs may go when the handler returns: the core copies what it keeps, texts lie in op's arena. */
static enum err log_later(struct op *op, struct services *s, struct http_res *res, const struct track_batch *b)
{
    return metric_log_batch_start(op, s->db, b, http_later_done, http_later(res, answer_empty, NULL));
}

struct metric_in {
    struct str run_id;
    struct track_metric m;
};
#define METRIC_FIELD(n, k, member, base, req)                                                                           \
    {.name = n, .kind = k, .at = base + offsetof(struct track_metric, member), .required = req}
#define METRIC_FIELDS(base)                                                                                             \
    METRIC_FIELD("key", FIELD_STR, key, base, true), METRIC_FIELD("value", FIELD_F64, value, base, true),           \
        METRIC_FIELD("timestamp", FIELD_I64, time_ms, base, true), METRIC_FIELD("step", FIELD_I64, step, base, false), \
        METRIC_FIELD("model_id", FIELD_STR, model_id, base, false),                                                  \
        METRIC_FIELD("dataset_name", FIELD_STR, dataset_name, base, false),                                          \
        METRIC_FIELD("dataset_digest", FIELD_STR, dataset_digest, base, false)
static const struct field log_metric_fields[] = {RUN_ID_FIELD(struct metric_in), METRIC_FIELDS(offsetof(struct metric_in, m))};
static const struct field metric_fields[] = {METRIC_FIELDS(0)};

enum err mlflow_run_log_metric(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct metric_in *in = op_new(op, struct metric_in);
    enum err e = DECODE(op, req, log_metric_fields, in);
    struct track_batch b = {.run_id = in->run_id, .metrics = &in->m, .metric_count = 1, .single = true};
    return e ? e : log_later(op, s, res, &b);
}

struct pair_in {
    struct str run_id, key, value;
};
static const struct field pair_fields[] = {
    RUN_ID_FIELD(struct pair_in),
    FIELD(struct pair_in, key, FIELD_STR, true),
    FIELD(struct pair_in, value, FIELD_STR, false),
};

enum err mlflow_run_log_param(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct pair_in in = {.value = STR("")};
    enum err e = DECODE(op, req, pair_fields, &in);
    struct track_kv *kv = op_new(op, struct track_kv);
    *kv = (struct track_kv){in.key, in.value};
    struct track_batch b = {.run_id = in.run_id, .params = kv, .param_count = 1, .single = true};
    return e ? e : log_later(op, s, res, &b);
}

struct batch_in {
    struct str run_id;
    const struct json *metrics;
    struct track_kvs params, tags;
};
static const struct field batch_fields[] = {
    RUN_ID_FIELD(struct batch_in),
    FIELD(struct batch_in, metrics, FIELD_ITEMS, false),
    FIELD(struct batch_in, params, FIELD_KVS, false),
    FIELD(struct batch_in, tags, FIELD_KVS, false),
};

enum err mlflow_run_log_batch(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct batch_in in = {0};
    struct track_metric none = {0};
    void *metrics = NULL;
    size_t n = 0;
    enum err e = DECODE(op, req, batch_fields, &in);
    if (!e)
        e = decode_items(op, in.metrics, "metrics", metric_fields, ARRAY_LEN(metric_fields), sizeof none, &none, &metrics, &n);
    struct track_batch b = {.run_id = in.run_id, .metrics = metrics, .metric_count = n, .params = in.params.p,
                            .param_count = in.params.len, .tags = in.tags.p, .tag_count = in.tags.len};
    return e ? e : log_later(op, s, res, &b);
}

enum err mlflow_run_set_tag(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct pair_in in = {.value = STR("")};
    enum err e = DECODE(op, req, pair_fields, &in);
    return e ? e : track_run_set_tag_start(op, s->db, in.run_id, in.key, in.value, http_later_done, http_later(res, answer_empty, NULL));
}

enum err mlflow_run_delete_tag(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct pair_in in = {0};
    enum err e = decode_request(op, req, pair_fields, 2, &in); /* no value */
    return e ? e : track_run_delete_tag_start(op, s->db, in.run_id, in.key, http_later_done, http_later(res, answer_empty, NULL));
}
