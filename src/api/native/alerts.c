#include "core/alert/alert.h"

#include <inttypes.h>

#include "api/native/native.h"
#include "api/services.h"
#include "base/time.h"
#include "core/track/names.h"

static enum err served(struct op *op, const struct services *s)
{
    return s->alerts ? OK : op_fail(op, E_UNSUPPORTED, "this server has no alert rules");
}

static void kv_time(struct json_out *w, const char *key, int64_t us)
{
    char text[32];
    if (us)
        json_kv_str(w, key, (struct str){text, time_format(us, text)});
}

static void rule_write(struct op *op, struct json_out *w, const struct alert_rule *r)
{
    json_begin_object(w);
    json_kv_str(w, "name", r->name);
    json_kv_cstr(w, "kind", alert_kind_name(r->kind));
    json_kv_str(w, "rule", alert_rule_text(op, r));
    if (r->experiment != ALERT_ALL_EXPERIMENTS)
        json_kv_cstr(w, "experiment_id", op_printf(op, "%" PRId64, r->experiment));
    if (r->filter.len)
        json_kv_str(w, "filter", r->filter);
    if (r->metric.len)
        json_kv_str(w, "metric", r->metric);
    if (r->kind == ALERT_METRIC) {
        json_kv_cstr(w, "comparison", alert_comparison_text(r->comparison));
        json_kv_f64(w, "threshold", r->threshold);
        json_kv_i64(w, "points", r->points);
    }
    if (r->kind == ALERT_STALE)
        json_kv_i64(w, "after_s", r->span_us / TIME_US_PER_S);
    if (r->webhook_id.len)
        json_kv_str(w, "webhook", r->webhook_id);
    json_kv_str(w, "created_by", r->actor);
    kv_time(w, "created", r->created_us);
    json_end_object(w);
}

enum err native_alert_rule_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct alert_rule *rules = NULL;
    size_t n = 0;
    (void)req;
    enum err e = served(op, s);
    if (e || (e = alert_rule_list(op, s->alerts, &rules, &n)))
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "rules");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        rule_write(op, &w, &rules[i]);
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

/* Texts of the body by the names of the rule's own members; absent ones are "". */
static enum err rule_of(struct op *op, const struct json *j, struct alert_rule *r, struct alert_receiver *to)
{
    struct str kind = STR("metric"), comparison = STR(">"), experiment = STR(""), after = STR(""), none = STR("");
    const struct {
        const char *key;
        struct str *at;
    } texts[] = {{"kind", &kind}, {"comparison", &comparison}, {"experiment_id", &experiment}, {"after", &after}, {"filter", &r->filter},
                 {"metric", &r->metric}, {"webhook", &to->webhook_id}, {"url", &to->url}, {"secret", &to->secret}};
    enum err e = json_want_str(op, j, "name", &r->name);
    for (size_t i = 0; !e && i < ARRAY_LEN(texts); i++)
        e = json_opt_str(op, j, texts[i].key, texts[i].at->p ? *texts[i].at : none, texts[i].at);
    if (e || (e = json_opt_f64(op, j, "threshold", 0, &r->threshold)) || (e = json_opt_i64(op, j, "points", 1, INT32_MAX, 1, &r->points)))
        return e;
    if (!alert_kind_parse(kind, &r->kind))
        return op_fail_field(op, "kind", "'kind' must be metric, nan, stale or failed, not '%.*s'", STR_FMT(kind));
    if (!alert_comparison_parse(comparison, &r->comparison))
        return op_fail_field(op, "comparison", "'comparison' must be >, >=, <, <=, == or !=, not '%.*s'", STR_FMT(comparison));
    if (r->kind == ALERT_METRIC && !native_get(j, "threshold"))
        return op_fail_field(op, "threshold", "a rule of kind 'metric' needs a threshold");
    if (after.len && !time_parse_span(after, INT64_MAX, &r->span_us))
        return op_fail_field(op, "after", "'after' must be a length of time such as 90s, 10m or 2h, not '%.*s'", STR_FMT(after));
    r->experiment = ALERT_ALL_EXPERIMENTS;
    return experiment.len ? names_parse_experiment_id(op, experiment, &r->experiment) : OK;
}

enum err native_alert_rule_add(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct alert_rule rule = {0}, made;
    struct alert_receiver to = {0};
    struct json *body = NULL;
    enum err e = served(op, s);
    if (e || (e = native_body(op, req, &body)) || (e = rule_of(op, body, &rule, &to)) || (e = alert_rule_add(op, s->alerts, &rule, &to, &made)))
        return e;
    struct json_out w;
    native_reply(res, &w);
    http_set_status(res, 201);
    rule_write(op, &w, &made);
    return OK;
}

enum err native_alert_rule_remove(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    enum err e = served(op, s);
    if (e || (e = alert_rule_remove(op, s->alerts, req->path_args[0])))
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "removed", req->path_args[0]);
    json_end_object(&w);
    return OK;
}

static void alert_write(struct op *op, struct json_out *w, const struct alert *a)
{
    json_begin_object(w);
    json_kv_i64(w, "seq", a->row);
    json_kv_str(w, "rule", a->rule);
    json_kv_cstr(w, "kind", alert_kind_name(a->kind));
    json_kv_cstr(w, "state", a->firing ? "firing" : "resolved");
    json_kv_cstr(w, "experiment_id", op_printf(op, "%" PRId64, a->experiment));
    json_kv_str(w, "run_id", a->run_id);
    if (a->metric.len)
        json_kv_str(w, "metric", a->metric);
    if (a->has_value) {
        json_kv_f64(w, "value", a->value);
        json_kv_i64(w, "step", a->step);
    }
    json_kv_str(w, "reason", a->reason);
    kv_time(w, "fired", a->fired_us);
    kv_time(w, "resolved", a->resolved_us);
    json_end_object(w);
}

enum err native_alert_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct alert *alerts = NULL;
    size_t n = 0;
    int64_t limit = 0, before = 0;
    struct str state = STR("all"), rule = STR("");
    enum err e = served(op, s);
    if (e || (e = native_query_i64(op, req, "limit", 1, NATIVE_PAGE_MAX, 100, &limit)) ||
        (e = native_query_i64(op, req, "before", 0, INT64_MAX, 0, &before)))
        return e;
    http_query_get(op, req, "rule", &rule);
    http_query_get(op, req, "state", &state);
    bool firing = str_eqc(state, "firing"), over = str_eqc(state, "resolved");
    if (!firing && !over && !str_eqc(state, "all"))
        return op_fail_field(op, "state", "query parameter 'state' must be firing, resolved or all, not '%.*s'", STR_FMT(state));
    e = alert_list(op, s->alerts, rule, firing ? ALERTS_FIRING : over ? ALERTS_RESOLVED : ALERTS_ALL, before, (size_t)limit, &alerts, &n);
    if (e)
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "alerts");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        alert_write(op, &w, &alerts[i]);
    json_end_array(&w);
    if (n == (size_t)limit)
        json_kv_i64(&w, "next", alerts[n - 1].row);
    json_end_object(&w);
    return OK;
}
