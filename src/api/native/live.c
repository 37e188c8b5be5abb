/* live.c - an endpoint as it is just now: its recent past, its queue and memory, and what it takes and gives. */
#include <inttypes.h>

#include "api/native/native.h"
#include "api/services.h"
#include "api/values.h"
#include "core/serve/infer.h"
#include "core/serve/trend.h"

#define LIVE_SPAN_US (900 * 1000000LL) /* of the past that nobody named */

static void batches_write(struct json_out *w, const struct infer_stats *st)
{
    json_key(w, "batches");
    json_begin_array(w);
    for (size_t i = 0; i < st->batch_count; i++) {
        json_begin_object(w);
        json_kv_i64(w, "size", (int64_t)st->batches[i].batch_size);
        json_kv_i64(w, "runs", (int64_t)st->batches[i].infer.count);
        json_end_object(w);
    }
    json_end_array(w);
}

/* Counts since the version was loaded, and what waits, runs and lies in memory now. */
static void now_write(struct json_out *w, const struct infer_stats *st)
{
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {{"requests", st->success.count + st->fail.count}, {"errors", st->fail.count},      {"rows", st->inference_count},
                  {"runs", st->execution_count},                    {"cache_hits", st->cache_hit.count}, {"cache_misses", st->cache_miss.count},
                  {"queued", st->queued},                           {"running", st->running},        {"rejected", st->rejected},
                  {"timed_out", st->timed_out},                     {"cancelled", st->cancelled},    {"memory_bytes", st->memory_bytes}};
    json_begin_object(w);
    json_kv_i64(w, "version", st->version);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        json_kv_i64(w, counts[i].key, (int64_t)counts[i].value);
    json_kv_i64(w, "last_us", st->last_us);
    json_key(w, "errors_by_code");
    json_begin_object(w);
    for (int e = 0; e < ERR_COUNT; e++)
        if (st->failed[e])
            json_kv_i64(w, err_name((enum err)e), (int64_t)st->failed[e]);
    json_end_object(w);
    batches_write(w, st);
    json_end_object(w);
}

enum err native_endpoint_live(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *endpoint = NULL;
    struct infer_stats *stats = NULL;
    struct trend_query q = {0};
    int64_t span = 0;
    enum err e = native_query_i64(op, req, "to_us", 1, INT64_MAX / 2, op->now_us, &q.to_us);
    if (e || (e = native_query_i64(op, req, "span_us", 1, INT64_MAX / 2, LIVE_SPAN_US, &span)) ||
        (e = native_query_i64(op, req, "from_us", 0, INT64_MAX / 2, q.to_us > span ? q.to_us - span : 0, &q.from_us)) ||
        (e = native_query_i64(op, req, "step_us", 0, INT64_MAX / 2, 0, &q.step_us)) || (e = serve_acquire(op, s->serve, req->path_args[0], &endpoint)))
        return e;
    const size_t n = serve_stats(op, endpoint, &stats);
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "now_us", op->now_us);
    json_key(&w, "now");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        now_write(&w, &stats[i]);
    json_end_array(&w);
    serve_release(endpoint);
    if (s->trend) {
        json_key(&w, "past");
        e = trend_json(op, s->trend, req->path_args[0], &q, &w);
    }
    json_end_object(&w);
    return e;
}

static void names_write(struct json_out *w, const char *key, const struct str *names, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_str(w, names[i]);
    json_end_array(w);
}

/* The columns that a request may bring in place of the features: the view reads the features. */
static void view_write(struct json_out *w, const struct feature_view *view)
{
    json_key(w, "view");
    json_begin_object(w);
    json_kv_str(w, "name", view->name);
    json_kv_str(w, "time", view->timestamp_field);
    json_kv_str(w, "id", view->id_field);
    names_write(w, "keys", view->keys, view->key_len);
    names_write(w, "numbers", view->numbers, view->number_len);
    json_end_object(w);
}

enum err native_endpoint_signature(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *endpoint = NULL;
    struct infer_signature sig;
    enum err e = serve_acquire(op, s->serve, req->path_args[0], &endpoint);
    if (e)
        return e;
    if ((e = serve_signature(op, endpoint, 0, &sig))) {
        serve_release(endpoint);
        return e;
    }
    const struct serve_info *info = serve_endpoint_info(endpoint);
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "version", info->live);
    json_kv_str(&w, "platform", sig.platform);
    json_kv_bool(&w, "joins", sig.joins);
    values_specs_write(&w, "inputs", sig.inputs, sig.input_count, true);
    values_specs_write(&w, "outputs", sig.outputs, sig.output_count, true);
    names_write(&w, "features", info->feature_names, info->feature_names ? info->features : 0);
    if (info->view)
        view_write(&w, info->view);
    if (info->id_field.len)
        json_kv_str(&w, "id_field", info->id_field);
    json_end_object(&w);
    serve_release(endpoint);
    return OK;
}
