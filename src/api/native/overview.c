#include "core/overview/overview.h"

#include <inttypes.h>

#include "api/native/native.h"
#include "api/services.h"

static void runs_write(struct op *op, struct json_out *w, const char *key, const struct overview_run *runs, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(w);
        json_kv_str(w, "id", runs[i].id);
        json_kv_str(w, "name", runs[i].name);
        json_kv_cstr(w, "experiment_id", op_printf(op, "%" PRId64, runs[i].experiment));
        json_kv_str(w, "experiment", runs[i].experiment_name);
        json_kv_str(w, "user", runs[i].user);
        json_kv_cstr(w, "status", track_run_status_name(runs[i].status));
        json_kv_i64(w, "start_ms", runs[i].start_ms);
        if (runs[i].end_ms)
            json_kv_i64(w, "end_ms", runs[i].end_ms);
        json_end_object(w);
    }
    json_end_array(w);
}

static void approvals_write(struct json_out *w, const struct overview *o)
{
    json_key(w, "approvals");
    json_begin_array(w);
    for (size_t i = 0; i < o->approvals_len; i++) {
        const struct overview_approval *a = &o->approvals[i];
        json_begin_object(w);
        json_kv_i64(w, "id", a->id);
        json_kv_str(w, "model", a->model);
        json_kv_str(w, "kind", a->kind);
        json_kv_str(w, "subject", a->subject);
        json_kv_i64(w, "version", a->version);
        json_kv_str(w, "old_value", a->old_value);
        json_kv_str(w, "requested_by", a->requested_by);
        json_kv_i64(w, "requested_us", a->requested_us);
        json_kv_i64(w, "expires_us", a->expires_us);
        json_kv_str(w, "reason", a->reason);
        json_end_object(w);
    }
    json_end_array(w);
}

static void alerts_write(struct json_out *w, const struct overview *o)
{
    json_key(w, "endpoint_alerts");
    json_begin_array(w);
    for (size_t i = 0; i < o->endpoint_alerts_len; i++) {
        const struct overview_endpoint_alert *a = &o->endpoint_alerts[i];
        json_begin_object(w);
        json_kv_str(w, "endpoint", a->endpoint);
        json_kv_str(w, "rule", a->rule);
        json_kv_str(w, "subject", a->subject);
        json_kv_f64(w, "value", a->value);
        json_kv_f64(w, "bound", a->bound);
        json_kv_i64(w, "fired_us", a->fired_us);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "run_alerts");
    json_begin_array(w);
    for (size_t i = 0; i < o->run_alerts_len; i++) {
        const struct overview_run_alert *a = &o->run_alerts[i];
        json_begin_object(w);
        json_kv_i64(w, "id", a->id);
        json_kv_str(w, "rule", a->rule);
        json_kv_str(w, "run_id", a->run_id);
        json_kv_str(w, "run_name", a->run_name);
        json_kv_str(w, "metric", a->metric);
        json_kv_str(w, "reason", a->reason);
        json_kv_i64(w, "fired_us", a->fired_us);
        json_end_object(w);
    }
    json_end_array(w);
}

static void rollouts_write(struct json_out *w, const struct overview *o)
{
    json_key(w, "rollouts");
    json_begin_array(w);
    for (size_t i = 0; i < o->rollouts_len; i++) {
        const struct overview_rollout *r = &o->rollouts[i];
        json_begin_object(w);
        json_kv_i64(w, "id", r->id);
        json_kv_str(w, "endpoint", r->endpoint);
        json_kv_i64(w, "control", r->control);
        json_kv_i64(w, "candidate", r->candidate);
        json_kv_i64(w, "started_us", r->started_us);
        if (r->paused.len)
            json_kv_str(w, "paused", r->paused);
        if (r->verdict.len) {
            json_kv_str(w, "verdict", r->verdict);
            json_kv_str(w, "reason", r->reason);
            json_kv_i64(w, "permille", r->permille);
            json_kv_i64(w, "decided_us", r->decided_us);
        }
        json_end_object(w);
    }
    json_end_array(w);
}

static void pipelines_write(struct json_out *w, const struct overview *o)
{
    json_key(w, "pipelines");
    json_begin_array(w);
    for (size_t i = 0; i < o->pipelines_len; i++) {
        const struct overview_pipeline *p = &o->pipelines[i];
        json_begin_object(w);
        json_kv_i64(w, "id", p->id);
        json_kv_str(w, "endpoint", p->endpoint);
        json_kv_str(w, "reason", p->reason);
        json_kv_str(w, "state", p->state);
        if (p->started_us)
            json_kv_i64(w, "started_us", p->started_us);
        if (p->ended_us)
            json_kv_i64(w, "ended_us", p->ended_us);
        json_end_object(w);
    }
    json_end_array(w);
}

static void changes_write(struct json_out *w, const struct overview *o)
{
    json_key(w, "changes");
    json_begin_array(w);
    for (size_t i = 0; i < o->changes_len; i++) {
        const struct overview_change *r = &o->changes[i];
        json_begin_object(w);
        json_kv_i64(w, "seq", r->seq);
        json_kv_i64(w, "time_us", r->time_us);
        json_kv_str(w, "actor", r->actor);
        json_kv_str(w, "verb", r->verb);
        json_kv_str(w, "kind", r->kind);
        json_kv_str(w, "object", r->object);
        json_key(w, "detail");
        json_raw(w, r->detail.len ? r->detail : STR("{}"));
        json_end_object(w);
    }
    json_end_array(w);
}

enum err native_overview(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct overview o;
    struct json_out w;
    (void)req;
    enum err e = overview_read(op, s->db, &o);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "running_count", o.running_count);
    runs_write(op, &w, "running", o.running, o.running_len);
    runs_write(op, &w, "newest", o.newest, o.newest_len);
    approvals_write(&w, &o);
    alerts_write(&w, &o);
    rollouts_write(&w, &o);
    pipelines_write(&w, &o);
    changes_write(&w, &o);
    json_end_object(&w);
    return OK;
}
