#include <math.h>

#include "api/native/native.h"
#include "api/services.h"
#include "core/monitor/monitor.h"
#include "core/rollout/rollout.h"
#include "core/serve/serve.h"

enum err native_rollout_rewards(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    int64_t *ids = NULL, now = 0;
    double *rewards = NULL, *covariates = NULL;
    size_t n = SIZE_MAX;
    uint64_t counted = 0;
    struct rollout_decision decision;
    struct str name = req->path_args[0];
    enum err e = native_endpoint_known(op, s, name);
    if (e || (e = native_body(op, req, &body)) || (e = native_i64_column(op, body, "ids", &n, &ids)) ||
        (e = native_f64_column(op, body, "rewards", &n, &rewards)) ||
        (native_get(body, "covariates") && (e = native_f64_column(op, body, "covariates", &n, &covariates))) ||
        (e = json_opt_i64(op, body, "now_us", INT64_MIN, INT64_MAX, native_event_now(op, s, name), &now)))
        return e;
    if (!s->live)
        return op_fail(op, E_UNSUPPORTED, "this server remembers no picks");
    struct rollout_given *given = arena_array(op->arena, n + 1, struct rollout_given);
    if (!given)
        return op_fail(op, E_TOO_LARGE, "%zu rewards find no room", n);
    for (size_t i = 0; i < n; i++)
        given[i] = (struct rollout_given){ids[i], rewards[i], covariates ? covariates[i] : 0};
    if ((e = rollout_reward(op, s->db, s->live, name, given, n, now, &counted, &decision)) || (e = serve_apply(op, s->serve, name, &decision)))
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "counted", (int64_t)counted);
    json_kv_i64(&w, "unknown", (int64_t)(n - counted));
    json_key(&w, "decision");
    rollout_decision_json(&w, &decision);
    json_end_object(&w);
    return OK;
}

static enum err rollout_id(struct op *op, struct http_req *req, int64_t *ret)
{
    return str_parse_i64(req->path_args[1], ret) ? OK : op_fail(op, E_NOT_FOUND, "there is no rollout '%.*s'", STR_FMT(req->path_args[1]));
}

enum err native_rollout_report(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    int64_t id = 0;
    struct json_out w;
    enum err e = native_endpoint_known(op, s, req->path_args[0]);
    if (e || (e = rollout_id(op, req, &id)))
        return e;
    native_reply(res, &w);
    return rollout_report_json(op, s->db, req->path_args[0], id, &w);
}

enum err native_rollout_course(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    int64_t id = 0;
    struct json_out w;
    enum err e = native_endpoint_known(op, s, req->path_args[0]);
    if (e || (e = rollout_id(op, req, &id)))
        return e;
    native_reply(res, &w);
    return rollout_course_json(op, s->db, req->path_args[0], id, native_event_now(op, s, req->path_args[0]), &w);
}

enum err native_rollout_replay(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    int64_t id = 0;
    size_t decisions = 0;
    struct json_out w;
    enum err e = native_endpoint_known(op, s, req->path_args[0]);
    if (e || (e = rollout_id(op, req, &id)) || (e = rollout_replay(op, s->db, id, &decisions)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "rollout_id", id);
    json_kv_i64(&w, "decisions", (int64_t)decisions);
    json_kv_bool(&w, "same", true);
    json_end_object(&w);
    return OK;
}

/* {"baseline_rate": p} or {"sd": s}, "delta", and what is optional: alpha 0.05, power 0.8, candidates 1, one_sided, covariate_r. */
enum err native_rollout_plan(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct experiment_design d = {.ratio = 1};
    double rate = NAN, sd = NAN, per_day = 0;
    int64_t candidates = 1;
    (void)s;
    enum err e = native_body(op, req, &body);
    if (e || (e = json_opt_f64(op, body, "baseline_rate", NAN, &rate)) || (e = json_opt_f64(op, body, "sd", NAN, &sd)) ||
        (e = json_want_f64(op, body, "delta", &d.delta)) || (e = json_opt_f64(op, body, "alpha", 0.05, &d.alpha)) ||
        (e = json_opt_f64(op, body, "power", 0.8, &d.power)) || (e = json_opt_i64(op, body, "candidates", 1, LIMIT_ROLLOUT_ARMS - 1, 1, &candidates)) ||
        (e = json_opt_bool(op, body, "one_sided", false, &d.one_sided)) || (e = json_opt_f64(op, body, "covariate_r", 0, &d.covariate_r)) ||
        (e = json_opt_f64(op, body, "units_per_day", 0, &per_day)))
        return e;
    d.comparisons = (int)candidates;
    d.sd_a = isnan(sd) ? sqrt(rate * (1 - rate)) : sd;
    d.sd_b = isnan(sd) ? sqrt((rate + d.delta) * (1 - rate - d.delta)) : sd;
    double fixed = experiment_size(&d), always = experiment_size_any_time(&d, 5000);
    if (isnan(fixed))
        return op_fail(op, E_INVALID, "give baseline_rate (0..1, with delta still within) or sd > 0; delta > 0; alpha, power within 0..1");
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_f64(&w, "samples_per_arm", fixed);
    json_kv_f64(&w, "samples_per_arm_always_valid", always);
    json_kv_f64(&w, "samples", fixed * (double)(candidates + 1));
    json_kv_f64(&w, "days", per_day > 0 ? fixed * (double)(candidates + 1) / per_day : NAN);
    json_kv_f64(&w, "days_always_valid", per_day > 0 ? always * (double)(candidates + 1) / per_day : NAN);
    json_end_object(&w);
    return OK;
}

enum err native_rollout_defaults(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    for (int kind = ROLLOUT_CANARY; kind <= ROLLOUT_BANDIT; kind++) {
        struct rollout_plan plan;
        rollout_plan_default_of((enum rollout_kind)kind, &plan);
        json_key(&w, rollout_kind_name(plan.kind));
        rollout_plan_json(&w, &plan);
    }
    json_end_object(&w);
    return OK;
}
