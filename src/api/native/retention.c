/* retention.c - permanent deletion: what may be purged, and the bytes that nobody names. */
#include "core/retention/sweep.h"

#include "api/native/native.h"
#include "api/services.h"
#include "core/retention/purge.h"

#define DAY_MS INT64_C(86400000)
#define DAYS_MAX 36500
#define GRACE_HOURS 24 /* bytes are stored before the row that names them: an upload may take so long */
#define HOUR_US INT64_C(3600000000)

struct request {
    struct purge_plan plan;
    bool sweep;
    int64_t grace_us;
};

static enum err experiments_read(struct op *op, const struct json *body, struct purge_plan *plan)
{
    size_t n = SIZE_MAX;
    struct str *ids = NULL;
    if (!native_get(body, "experiment_ids"))
        return OK;
    enum err e = native_str_column(op, body, "experiment_ids", &n, &ids);
    int64_t *out = e ? NULL : arena_array(op->arena, n + 1, int64_t);
    for (size_t i = 0; !e && out && i < n; i++)
        if (!str_parse_i64(ids[i], &out[i]))
            e = op_fail_field(op, "experiment_ids", "'%.*s' is no experiment id", STR_FMT(ids[i]));
    plan->experiments = out;
    plan->experiment_count = e ? 0 : n;
    return e;
}

static enum err request_read(struct op *op, struct http_req *req, struct request *ret)
{
    struct json *body = NULL;
    int64_t days = 0, grace = 0;
    enum err e = native_body(op, req, &body);
    if (e || (e = json_opt_i64(op, body, "older_than_days", 0, DAYS_MAX, 30, &days)) || (e = json_opt_i64(op, body, "grace_hours", 1, 24 * DAYS_MAX, GRACE_HOURS, &grace)) ||
        (e = json_opt_bool(op, body, "dry_run", false, &ret->plan.dry_run)) || (e = json_opt_bool(op, body, "sweep", true, &ret->sweep)))
        return e;
    ret->plan.before_ms = op->now_us / 1000 - days * DAY_MS;
    ret->grace_us = grace * HOUR_US;
    if (native_get(body, "run_ids")) {
        size_t n = SIZE_MAX;
        struct str *runs = NULL;
        if ((e = native_str_column(op, body, "run_ids", &n, &runs)))
            return e;
        ret->plan.runs = runs;
        ret->plan.run_count = n;
    }
    return experiments_read(op, body, &ret->plan);
}

enum err native_gc(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct request r = {0};
    struct purge_report purged;
    struct sweep_report swept = {0};
    enum err e = request_read(op, req, &r);
    if (e || (e = purge_run(op, s->db, &r.plan, &purged)) ||
        (r.sweep && (e = sweep_run(op, s->db, s->blobs, r.grace_us, r.plan.dry_run, &swept))))
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_bool(&w, "dry_run", r.plan.dry_run);
    json_kv_i64(&w, "runs", purged.runs);
    json_kv_i64(&w, "experiments", purged.experiments);
    json_kv_i64(&w, "points", purged.points);
    json_kv_i64(&w, "artifacts", purged.artifacts);
    json_kv_i64(&w, "kept", purged.kept);
    json_key(&w, "kept_why");
    json_begin_array(&w);
    for (int64_t i = 0; i < purged.kept && i < PURGE_KEPT_MAX; i++)
        json_str(&w, purged.kept_why[i]);
    json_end_array(&w);
    if (r.sweep) {
        json_key(&w, "store");
        json_begin_object(&w);
        json_kv_i64(&w, "blobs", swept.blobs);
        json_kv_i64(&w, "bytes", swept.bytes);
        json_kv_i64(&w, "artifacts", swept.names);
        json_kv_i64(&w, "artifact_bytes", swept.logical_bytes);
        json_kv_i64(&w, "swept", swept.swept);
        json_kv_i64(&w, "swept_bytes", swept.swept_bytes);
        json_end_object(&w);
    }
    json_end_object(&w);
    return OK;
}
