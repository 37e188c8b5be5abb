#include "core/rollout/rollout.h"

#include "api/native/native.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/monitor/monitor.h"
#include "core/serve/serve.h"

/* Event time for a rollout that names none: the newest prediction that the endpoint's monitor has seen; after a restart the end of
 * the last window that was closed (too early does no harm, but evidence from before a start does not count, so that a start
 * by the clock would never end where event time is in the past); else the clock. */
int64_t native_event_now(struct op *op, struct services *s, struct str endpoint)
{
    struct monitor_stats m;
    if (!monitor_stats(s->monitor, endpoint, &m) || (m.latest_event_us == INT64_MIN && m.closed_until_us == INT64_MIN))
        return op->now_us;
    return m.latest_event_us != INT64_MIN ? m.latest_event_us : m.closed_until_us;
}

static enum err state_reply(struct op *op, struct services *s, struct str name, int64_t id, struct http_res *res)
{
    struct serve_endpoint *endpoint = NULL;
    enum err e = serve_acquire(op, s->serve, name, &endpoint);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(endpoint);
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "rollout_id", id);
    json_kv_i64(&w, "version", info->live);
    json_kv_bool(&w, "active", info->weights.active);
    json_kv_i64(&w, "candidate", info->weights.candidate);
    json_kv_i64(&w, "permille", info->weights.active ? info->weights.permille : 0);
    json_end_object(&w);
    serve_release(endpoint);
    return OK;
}

/* The plan with the member "kind", where it lacks one and the request names one. */
static const struct json *plan_of_kind(struct op *op, const struct json *plan, struct str kind)
{
    if (!kind.len || json_get(plan, "kind") || (plan && plan->type != JSON_OBJECT))
        return plan;
    uint32_t n = plan ? plan->len : 0;
    struct json *whole = op_new(op, struct json);
    *whole = (struct json){.type = JSON_OBJECT, .len = n + 1, .members = arena_alloc(op->arena, (n + 1) * sizeof(struct json_member))};
    whole->members[0] = (struct json_member){STR("kind"), {.type = JSON_STRING, .s = kind}};
    for (uint32_t i = 0; i < n; i++)
        whole->members[i + 1] = plan->members[i];
    return whole;
}

enum err native_rollout_start(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct str kind = STR(""), name = req->path_args[0];
    struct rollout_plan plan, *given = NULL;
    int64_t version = 0, start = native_event_now(op, s, name), id = 0;
    enum err e = native_body(op, req, &body);
    if (e || (e = json_opt_str(op, body, "kind", STR(""), &kind)) || (e = json_want_i64(op, body, "version", 1, INT64_MAX, &version)) ||
        (e = json_opt_i64(op, body, "start_us", INT64_MIN, INT64_MAX, start, &start)))
        return e;
    if (native_get(body, "kind") && !kind.len)
        return op_fail_field(op, "kind", "'kind' must not be empty");
    if (native_get(body, "plan") || (kind.len && !str_eqc(kind, "canary"))) {
        if ((e = rollout_plan_parse(op, plan_of_kind(op, native_get(body, "plan"), kind), &plan)))
            return e;
        if (kind.len && !str_eqc(kind, rollout_kind_name(plan.kind)))
            return op_fail_field(op, "kind", "the plan is of kind '%s', not '%.*s'", rollout_kind_name(plan.kind), STR_FMT(kind));
        given = &plan;
    }
    if ((e = serve_start_rollout(op, s->serve, name, version, given, start, &id)))
        return e;
    return state_reply(op, s, name, id, res);
}

enum err native_rollout_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json_out w;
    bool brief = false;
    struct rollout_page page;
    enum err e = native_endpoint_known(op, s, req->path_args[0]);
    if (e || (e = native_query_bool(op, req, "brief", &brief)) || (e = native_query_i64(op, req, "limit", 1, LIMIT_ROLLOUT_LIST, LIMIT_ROLLOUT_LIST, &page.limit)) ||
        (e = native_query_i64(op, req, "before", 1, INT64_MAX, INT64_MAX, &page.before)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "rollouts");
    e = brief ? rollout_brief_json(op, s->db, req->path_args[0], &page, &w) : rollout_list_json(op, s->db, req->path_args[0], &page, &w);
    json_end_object(&w);
    return e;
}

enum err native_rollout_finish(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct str why = STR(""), name = req->path_args[0];
    struct rollout_decision decision;
    struct str action = req->path_args[1];
    bool promote = str_eqc(action, "promote"), pause = str_eqc(action, "pause"), resume = str_eqc(action, "resume");
    if (!promote && !pause && !resume && !str_eqc(action, "rollback"))
        return op_fail(op, E_NOT_FOUND, "a rollout knows 'promote', 'rollback', 'pause' and 'resume', not '%.*s'", STR_FMT(action));
    enum err e = req->body.len ? native_body(op, req, &body) : OK;
    if (e || (body && (e = json_opt_str(op, body, "why", STR(""), &why))) ||
        (e = pause    ? rollout_pause(op, s->db, name, why, native_event_now(op, s, name), &decision)
             : resume ? rollout_resume(op, s->db, name, why, native_event_now(op, s, name), &decision)
                      : rollout_finish(op, s->db, name, promote, why, native_event_now(op, s, name), &decision)) ||
        (e = serve_apply(op, s->serve, name, &decision)))
        return e;
    return state_reply(op, s, name, decision.rollout_id, res);
}
