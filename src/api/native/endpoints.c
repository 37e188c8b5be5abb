/* endpoints.c - endpoints, the labels that come late, and what the monitor made of them. */
#include "api/native/native.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/monitor/monitor.h"
#include "core/payload/payload.h"
#include "core/serve/serve.h"
#include "core/serve/trend.h"

/* What each version is meant to answer, in permille of those who take part. */
static void shares_write(struct json_out *w, const struct rollout_weights *weights)
{
    json_key(w, "shares");
    json_begin_array(w);
    for (int i = 0; i < (weights->arm_count ? weights->arm_count : 2); i++) {
        const int64_t version = weights->arm_count ? weights->arm[i].version : i ? weights->candidate : weights->control;
        const int permille = weights->arm_count ? weights->arm[i].permille : i ? weights->permille : 1000 - weights->permille;
        json_begin_object(w);
        json_kv_i64(w, "version", version);
        json_kv_i64(w, "permille", permille);
        json_end_object(w);
    }
    json_end_array(w);
    if (weights->shadow)
        json_kv_i64(w, "shadow_permille", weights->shadow_permille);
}

static void weights_write(struct json_out *w, const struct rollout_weights *weights)
{
    json_key(w, "rollout");
    json_begin_object(w);
    json_kv_bool(w, "active", weights->active);
    if (weights->active) {
        json_kv_i64(w, "id", weights->id);
        json_kv_cstr(w, "kind", rollout_kind_name(weights->kind));
        shares_write(w, weights);
    }
    json_kv_i64(w, "control", weights->control);
    json_kv_i64(w, "candidate", weights->candidate);
    json_kv_i64(w, "permille", weights->active ? weights->permille : 0);
    json_end_object(w);
}

static void stats_write(struct json_out *w, struct services *s, struct str name)
{
    struct monitor_stats m;
    if (!monitor_stats(s->monitor, name, &m))
        return;
    json_key(w, "monitor");
    json_begin_object(w);
    json_kv_i64(w, "recorded", (int64_t)m.recorded);
    json_kv_i64(w, "dropped", (int64_t)m.dropped);
    json_kv_i64(w, "late", (int64_t)m.late);
    json_kv_i64(w, "bad_features", (int64_t)m.bad_features);
    json_kv_i64(w, "open_rows", (int64_t)m.open_rows);
    json_kv_i64(w, "labels_pending", (int64_t)m.labels_pending);
    json_kv_i64(w, "labels_joined", (int64_t)m.labels_joined);
    json_kv_i64(w, "labels_unmatched", (int64_t)m.labels_unmatched);
    json_kv_i64(w, "errors", (int64_t)m.errors);
    json_kv_f64(w, "latency_p50_us", m.latency_p50_us);
    json_kv_f64(w, "latency_p95_us", m.latency_p95_us);
    json_kv_f64(w, "latency_p99_us", m.latency_p99_us);
    if (m.closed_until_us != INT64_MIN)
        json_kv_i64(w, "closed_until_us", m.closed_until_us);
    json_end_object(w);
}

/* `load`: how it does now; it is told to who asks for it, as it differs from one moment to the next. */
static enum err endpoint_write(struct op *op, struct services *s, struct str name, bool load, struct json_out *w)
{
    struct serve_endpoint *endpoint = NULL;
    enum err e = serve_acquire(op, s->serve, name, &endpoint);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(endpoint);
    json_begin_object(w);
    json_kv_str(w, "name", info->name);
    json_kv_str(w, "model", info->model);
    json_kv_i64(w, "version", info->live);
    json_kv_bool(w, "ready", info->ready);
    json_kv_str(w, "format", info->format);
    json_kv_i64(w, "features", (int64_t)info->features);
    json_key(w, "versions");
    json_begin_array(w);
    for (size_t i = 0; i < info->version_count; i++)
        json_i64(w, info->versions[i]);
    json_end_array(w);
    if (load && s->trend) {
        json_key(w, "load");
        trend_brief_json(s->trend, info->name, w);
    }
    if (info->view)
        json_kv_str(w, "view", info->view->name);
    json_kv_bool(w, "pending", s->retrainer.pending && s->retrainer.pending(s->retrainer.arg, name));
    weights_write(w, &info->weights);
    stats_write(w, s, name);
    json_key(w, "config");
    json_value(w, info->config);
    json_end_object(w);
    serve_release(endpoint);
    return OK;
}

enum err native_endpoint_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct str *names = NULL;
    bool load = false;
    enum err e = native_query_bool(op, req, "load", &load);
    if (e)
        return e;
    size_t n = serve_list(op, s->serve, &names);
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "endpoints");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        e = endpoint_write(op, s, names[i], load, &w);
        if (e == E_NOT_FOUND) /* removed since it was listed */
            op_clear(op);
        else if (e)
            return e;
    }
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

int64_t native_live_version(struct op *op, struct services *s, struct str name, struct str model)
{
    struct serve_endpoint *endpoint = NULL;
    if (serve_acquire(op, s->serve, name, &endpoint)) {
        op_clear(op);
        return 0;
    }
    const struct serve_info *info = serve_endpoint_info(endpoint);
    int64_t live = str_eq(info->model, model) ? info->live : 0;
    serve_release(endpoint);
    return live;
}

enum err native_endpoint_known(struct op *op, struct services *s, struct str name)
{
    struct serve_endpoint *endpoint = NULL;
    enum err e = serve_acquire(op, s->serve, name, &endpoint);
    serve_release(endpoint);
    return e;
}

static enum err endpoint_reply(struct op *op, struct services *s, struct str name, struct http_res *res)
{
    struct json_out w;
    native_reply(res, &w);
    return endpoint_write(op, s, name, false, &w);
}

enum err native_endpoint_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    return endpoint_reply(op, s, req->path_args[0], res);
}

enum err native_endpoint_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    const struct json *config = NULL;
    int64_t version = 0;
    enum err e = native_body(op, req, &body);
    if (e || (e = json_want_i64(op, body, "version", 1, INT64_MAX, &version)) || (e = json_want_object(op, body, "config", &config)) ||
        (e = serve_put(op, s->serve, req->path_args[0], config, version)))
        return e;
    return endpoint_reply(op, s, req->path_args[0], res);
}

enum err native_endpoint_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json_out w;
    enum err e = serve_remove(op, s->serve, req->path_args[0]);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_end_object(&w);
    return OK;
}

enum err native_endpoint_labels(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    int64_t *ids = NULL, *times = NULL, watermark = 0;
    uint8_t *labels = NULL;
    size_t n = SIZE_MAX, started = 0;
    struct monitor_report *report = NULL;
    struct str name = req->path_args[0];
    enum err e = native_endpoint_known(op, s, name);
    if (e || (e = native_body(op, req, &body)) || (e = native_i64_column(op, body, "ids", &n, &ids)) ||
        (e = native_label_column(op, body, "labels", &n, &labels)) || (e = native_i64_column(op, body, "times_us", &n, &times)) ||
        (e = json_want_i64(op, body, "watermark_us", INT64_MIN, INT64_MAX, &watermark)))
        return e;
    if ((e = monitor_labels(op, s->monitor, name, ids, labels, times, n, watermark, &report)) ||
        (e = serve_react(op, s->serve, &s->retrainer, name, report, &started)))
        return e;
    if (s->live) { /* a shadow's pairs wait for the same labels */
        struct rollout_decision shadow;
        rollout_live_labels(s->live, name, ids, labels, n);
        if ((e = rollout_live_flush(op, s->db, s->live, name, watermark, &shadow)) || (e = serve_apply(op, s->serve, name, &shadow)))
            return e;
    }
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "report");
    monitor_report_json(&w, report);
    json_kv_i64(&w, "retrains_started", (int64_t)started);
    json_kv_bool(&w, "pending", s->retrainer.pending && s->retrainer.pending(s->retrainer.arg, name));
    json_end_object(&w);
    return OK;
}

enum err native_endpoint_alerts(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json_out w;
    bool firing = false;
    enum err e = native_query_bool(op, req, "firing", &firing);
    if (e || (e = native_endpoint_known(op, s, req->path_args[0])))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "alerts");
    e = monitor_alerts_json(op, s->db, req->path_args[0], firing, &w);
    json_end_object(&w);
    return e;
}

enum err native_endpoint_retrains(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json_out w;
    enum err e = native_endpoint_known(op, s, req->path_args[0]);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "retrains");
    if (s->retrainer.list_json) {
        e = s->retrainer.list_json(s->retrainer.arg, op, req->path_args[0], &w);
    } else {
        json_begin_array(&w);
        json_end_array(&w);
    }
    json_end_object(&w);
    return e;
}

enum err native_endpoint_flush(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL; /* may be left out; says nothing yet */
    enum err e = native_endpoint_known(op, s, req->path_args[0]);
    if (e || (req->body.len && (e = native_body(op, req, &body))) || (e = monitor_flush(op, s->monitor)) || (s->payload && (e = payload_flush(op, s->payload))))
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_end_object(&w);
    return OK;
}
