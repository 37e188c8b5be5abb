#include "core/registry/approval.h"

#include "api/native/native.h"
#include "api/native/registry.h"
#include "api/services.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/registry/card_text.h"

/* ---- policies; a path without a model means that of all models ---- */

static struct str policy_model(const struct http_req *req)
{
    return req->path_arg_count ? req->path_args[0] : STR("");
}

static enum err policy_reply(struct op *op, struct services *s, const struct http_req *req, struct http_res *res)
{
    struct registry_policy p;
    struct json_out w;
    enum err e = registry_policy_get(op, s->db, policy_model(req), &p);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "aliases");
    json_begin_array(&w);
    for (size_t i = 0; i < p.alias_count; i++)
        json_str(&w, p.aliases[i]);
    json_end_array(&w);
    json_key(&w, "stages");
    json_begin_array(&w);
    for (unsigned i = 0; i < REGISTRY_STAGES; i++) {
        if (p.stages[i])
            json_cstr(&w, registry_stage_name((enum registry_stage)i));
    }
    json_end_array(&w);
    json_kv_i64(&w, "expires_in_s", p.ttl_us / TIME_US_PER_S);
    json_kv_bool(&w, "self_approval", p.self_approval);
    json_kv_bool(&w, "free_rollback", p.free_rollback);
    json_kv_bool(&w, "own", p.own);
    if (p.updated_us) {
        registry_time_json(&w, "updated", p.updated_us);
        json_kv_str(&w, "updated_by", p.updated_by);
    }
    json_end_object(&w);
    return OK;
}

enum err native_policy_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    return policy_reply(op, s, req, res);
}

/* An absent list is an empty one. */
static enum err names_read(struct op *op, const struct json *body, const char *key, struct str **ret, size_t *ret_n)
{
    *ret_n = SIZE_MAX;
    if (native_get(body, key))
        return native_str_column(op, body, key, ret_n, ret);
    *ret_n = 0;
    return OK;
}

enum err native_policy_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct registry_policy p = {0};
    struct str *stages = NULL;
    size_t stage_count = 0;
    int64_t seconds = 0;
    enum err e = native_body(op, req, &body);
    if (e || (e = names_read(op, body, "aliases", &p.aliases, &p.alias_count)) || (e = names_read(op, body, "stages", &stages, &stage_count)) ||
        (e = json_opt_i64(op, body, "expires_in_s", 1, LIMIT_REGISTRY_APPROVAL_DAYS * 86400LL, REGISTRY_POLICY_TTL_US / TIME_US_PER_S, &seconds)) ||
        (e = json_opt_bool(op, body, "self_approval", false, &p.self_approval)) ||
        (e = json_opt_bool(op, body, "free_rollback", true, &p.free_rollback)))
        return e;
    for (size_t i = 0; i < stage_count; i++) {
        enum registry_stage stage;
        if ((e = registry_stage_parse(op, stages[i], &stage)))
            return e;
        p.stages[stage] = true;
    }
    p.ttl_us = seconds * TIME_US_PER_S;
    e = registry_policy_set(op, s->db, policy_model(req), &p);
    return e ? e : policy_reply(op, s, req, res);
}

enum err native_policy_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    enum err e = registry_policy_clear(op, s->db, policy_model(req));
    return e ? e : policy_reply(op, s, req, res);
}

/* ---- requests ---- */

static void approval_write(struct json_out *w, const struct registry_approval *a, bool notes)
{
    json_begin_object(w);
    json_kv_i64(w, "id", a->id);
    json_kv_str(w, "state", a->state);
    json_kv_str(w, "model", a->model);
    json_kv_str(w, "kind", a->kind);
    json_kv_str(w, "subject", a->subject);
    json_key(w, "version");
    a->version ? json_i64(w, a->version) : json_null(w);
    json_key(w, "from");
    a->old_value.len ? json_str(w, a->old_value) : json_null(w);
    json_kv_bool(w, "archive_others", a->archive_others);
    json_kv_str(w, "reason", a->reason);
    json_kv_str(w, "requested_by", a->requested_by);
    registry_time_json(w, "requested", a->requested_us);
    registry_time_json(w, "expires", a->expires_us);
    if (a->decided_us) {
        json_kv_str(w, "decided_by", a->decided_by);
        registry_time_json(w, "decided", a->decided_us);
    }
    json_kv_str(w, "request_id", a->request_id);
    if (notes) {
        json_key(w, "notes");
        json_begin_array(w);
        for (size_t i = 0; i < a->note_count; i++) {
            json_begin_object(w);
            registry_time_json(w, "time", a->notes[i].at_us);
            json_kv_str(w, "actor", a->notes[i].actor);
            json_kv_str(w, "action", a->notes[i].verdict);
            json_kv_str(w, "text", a->notes[i].body);
            json_end_object(w);
        }
        json_end_array(w);
    }
    json_end_object(w);
}

enum err native_approval_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_approval_query q = {.model = STR("")};
    struct registry_approval *list = NULL;
    struct str state = STR("pending");
    size_t n = 0;
    int64_t limit = 0;
    struct json_out w;
    enum err e = native_query_i64(op, req, "limit", 1, LIMIT_REGISTRY_HISTORY_PAGE, 100, &limit);
    if (e || (e = native_query_i64(op, req, "before", 0, INT64_MAX, 0, &q.before)))
        return e;
    http_query_get(op, req, "model", &q.model);
    http_query_get(op, req, "state", &state);
    q.pending = str_eqc(state, "pending");
    if (!q.pending && !str_eqc(state, "all"))
        return op_fail_field(op, "state", "state must be pending or all, not '%.*s'", STR_FMT(str_sub(state, 0, 100)));
    q.limit = (size_t)limit;
    if ((e = registry_approval_list(op, s->db, &q, &list, &n)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "approvals");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        approval_write(&w, &list[i], false);
    json_end_array(&w);
    if (n == q.limit)
        json_kv_i64(&w, "next", list[n - 1].id);
    json_end_object(&w);
    return OK;
}

static enum err id_arg(struct op *op, const struct http_req *req, int64_t *ret)
{
    if (!str_parse_i64(req->path_args[0], ret) || *ret < 1)
        return op_fail_field(op, "id", "a request is named by its number, not '%.*s'", STR_FMT(str_sub(req->path_args[0], 0, 100)));
    return OK;
}

enum err native_approval_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_approval a;
    struct json_out w;
    int64_t id = 0;
    enum err e = id_arg(op, req, &id);
    if (e || (e = registry_approval_get(op, s->db, id, &a)))
        return e;
    native_reply(res, &w);
    approval_write(&w, &a, true);
    return OK;
}

/* To approve is to put a version into production; to ask for that, withdraw it or talk about it is not. */
static enum err check_may(struct op *op, enum registry_verdict verdict)
{
    bool decides = verdict == REGISTRY_APPROVE || verdict == REGISTRY_REJECT;
    if (decides && !(op->actor.perms & 1u << PERM_DEPLOY))
        return op_fail(op, E_DENIED, "'%.*s' may not approve or reject", STR_FMT(op->actor.name));
    return OK;
}

enum err native_approval_decide(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_approval a;
    struct json *body = NULL;
    struct json_out w;
    struct str action, comment;
    enum registry_verdict verdict;
    int64_t id = 0;
    enum err e = id_arg(op, req, &id);
    if (e || (e = native_body(op, req, &body)) || (e = json_want_str(op, body, "action", &action)) ||
        (e = json_opt_str(op, body, "comment", STR(""), &comment)) || (e = registry_verdict_parse(op, action, &verdict)) ||
        (e = check_may(op, verdict)) || (e = registry_approval_decide(op, s->db, id, verdict, comment, &a)))
        return e;
    native_reply(res, &w);
    approval_write(&w, &a, true);
    return OK;
}
