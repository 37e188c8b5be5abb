#include "api/native/registry.h"

#include "api/native/native.h"
#include "api/services.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/registry/approval.h"
#include "core/registry/card_text.h"
#include "core/registry/model.h"
#include "core/registry/move.h"
#include "core/registry/release.h"
#include "core/registry/rollback.h"
#include "core/registry/signature.h"
#include "core/serve/serve.h"

enum err native_version_arg(struct op *op, struct db *db, const struct http_req *req, struct registry_version *ret)
{
    return registry_resolve(op, db, req->path_args[0], req->path_args[1], ret);
}

enum err native_reason_body(struct op *op, struct http_req *req, struct json **ret)
{
    static const struct json empty = {.type = JSON_OBJECT};
    enum err e = OK;
    *ret = op_new(op, struct json);
    **ret = empty;
    if (req->body.len)
        e = native_body(op, req, ret);
    return e ? e : json_opt_str(op, *ret, "reason", op->reason, &op->reason);
}

static void version_write(struct op *op, struct json_out *w, const struct registry_version *v)
{
    struct json *signature = NULL;
    json_begin_object(w);
    json_kv_str(w, "model", v->name);
    json_kv_i64(w, "version", v->version);
    json_kv_str(w, "semver", v->semver);
    json_kv_str(w, "semver_bump", v->semver_bump);
    json_key(w, "semver_changes");
    json_raw(w, v->semver_changes.len ? v->semver_changes : STR("[]"));
    json_kv_cstr(w, "stage", registry_stage_name(v->stage));
    json_key(w, "aliases");
    json_begin_array(w);
    for (size_t i = 0; i < v->alias_count; i++)
        json_str(w, v->aliases[i]);
    json_end_array(w);
    json_key(w, "tags");
    json_begin_object(w);
    for (size_t i = 0; i < v->tags.len; i++) {
        json_key_str(w, v->tags.p[i].key);
        json_str(w, v->tags.p[i].value);
    }
    json_end_object(w);
    json_kv_str(w, "description", v->description);
    json_kv_str(w, "source", v->source);
    json_kv_str(w, "storage_location", v->storage_location);
    json_kv_str(w, "run_id", v->run_id);
    json_kv_str(w, "logged_model", v->model_id);
    json_kv_str(w, "data_version", v->data_version);
    json_key(w, "signature");
    if (v->signature.len && !json_parse(op, v->signature, JSON_STRICT, &signature))
        json_value(w, signature);
    else
        json_null(w);
    op_clear(op);
    json_kv_str(w, "created_by", v->user_id);
    registry_time_json(w, "created", v->created_ms * TIME_US_PER_MS);
    registry_time_json(w, "updated", v->updated_ms * TIME_US_PER_MS);
    json_end_object(w);
}

enum err native_version_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_version v;
    struct json_out w;
    enum err e = native_version_arg(op, s->db, req, &v);
    if (e)
        return e;
    native_reply(res, &w);
    version_write(op, &w, &v);
    return OK;
}

enum err native_model_versions(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_version_page page;
    struct json_out w;
    int64_t limit = 0, before = 0;
    enum err e = native_query_i64(op, req, "limit", 1, NATIVE_PAGE_MAX, 100, &limit);
    if (e || (e = native_query_i64(op, req, "before", 0, INT64_MAX, 0, &before)) ||
        (e = registry_version_page(op, s->db, req->path_args[0], before, (size_t)limit, &page)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "versions");
    json_begin_array(&w);
    for (size_t i = 0; i < page.len; i++)
        version_write(op, &w, &page.versions[i]);
    json_end_array(&w);
    if (page.len == (size_t)limit && page.versions[page.len - 1].version > 1)
        json_kv_i64(&w, "next", page.versions[page.len - 1].version);
    json_end_object(&w);
    return OK;
}

static void aliases_write(struct json_out *w, const struct registry_model *m)
{
    json_key(w, "aliases");
    json_begin_object(w);
    for (size_t i = 0; i < m->alias_count; i++) {
        json_key_str(w, m->aliases[i].alias);
        json_i64(w, m->aliases[i].version);
    }
    json_end_object(w);
}

enum err native_model_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_model m;
    struct registry_approval *waiting = NULL;
    size_t n = 0;
    struct json_out w;
    struct registry_approval_query q = {.model = req->path_args[0], .pending = true, .limit = 100};
    struct registry_model_row row;
    enum err e = registry_model_get(op, s->db, req->path_args[0], &m);
    if (e || (e = registry_model_row_get(op, s->db, m.name, &row)) || (e = registry_approval_list(op, s->db, &q, &waiting, &n)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "model", m.name);
    json_kv_str(&w, "description", m.description);
    registry_time_json(&w, "created", m.created_ms * TIME_US_PER_MS);
    registry_time_json(&w, "updated", m.updated_ms * TIME_US_PER_MS);
    aliases_write(&w, &m);
    native_model_facts(&w, &row);
    json_key(&w, "latest");
    json_begin_array(&w);
    for (size_t i = 0; i < m.latest_count; i++)
        version_write(op, &w, &m.latest[i]);
    json_end_array(&w);
    json_key(&w, "approvals");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        json_i64(&w, waiting[i].id);
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

enum err native_model_history(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_history_query q = {.model = req->path_args[0], .kind = STR(""), .subject = STR("")};
    struct registry_change *rows = NULL;
    size_t n = 0;
    int64_t limit = 0;
    struct json_out w;
    enum err e = native_query_i64(op, req, "limit", 1, LIMIT_REGISTRY_HISTORY_PAGE, 100, &limit);
    if (e || (e = native_query_i64(op, req, "before", 0, INT64_MAX, 0, &q.before)))
        return e;
    q.limit = (size_t)limit;
    http_query_get(op, req, "kind", &q.kind);
    http_query_get(op, req, "subject", &q.subject);
    if ((e = registry_history_list(op, s->db, &q, &rows, &n)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "history");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        registry_change_json(&rows[i], &w);
    json_end_array(&w);
    if (n == q.limit)
        json_kv_i64(&w, "next", rows[n - 1].id);
    json_end_object(&w);
    return OK;
}

static enum err tags_read(struct op *op, const struct json *body, struct track_kv **ret, size_t *ret_n)
{
    const struct json *tags = json_get(body, "tags");
    *ret_n = 0;
    if (!tags || tags->type == JSON_NULL)
        return OK;
    if (tags->type != JSON_OBJECT)
        return op_fail_field(op, "tags", "'tags' must be an object of texts");
    *ret = arena_alloc(op->arena, sizeof **ret * (tags->len + 1));
    for (uint32_t i = 0; i < tags->len; i++) {
        if (tags->members[i].value.type != JSON_STRING)
            return op_fail_field(op, "tags", "'tags' must be an object of texts");
        (*ret)[(*ret_n)++] = (struct track_kv){tags->members[i].key, tags->members[i].value.s};
    }
    return OK;
}

/* A signature may be given as an object, or as the text of one. */
static enum err signature_arg(struct op *op, const struct json *body, struct str *ret)
{
    const struct json *sig = json_get(body, "signature");
    *ret = STR("");
    if (!sig || sig->type != JSON_OBJECT)
        return json_opt_str(op, body, "signature", STR(""), ret);
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    json_value(&w, sig);
    if (b.failed)
        return op_fail_field(op, "signature", "the signature is too long");
    *ret = str_dup(op->arena, buf_str(&b));
    return OK;
}

enum err native_version_create(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct registry_version_new n = {.name = req->path_args[0]};
    struct registry_version v;
    struct track_kv *tags = NULL;
    struct json_out w;
    struct str none = STR("");
    enum err e = native_body(op, req, &body);
    if (e || (e = json_want_str(op, body, "source", &n.source)) || (e = json_opt_str(op, body, "run_id", none, &n.run_id)) ||
        (e = json_opt_str(op, body, "run_link", none, &n.run_link)) || (e = json_opt_str(op, body, "logged_model", none, &n.model_id)) ||
        (e = json_opt_str(op, body, "description", (struct str){0}, &n.description)) ||
        (e = json_opt_str(op, body, "data_version", none, &n.data_version)) || (e = json_opt_str(op, body, "semver", none, &n.semver)) ||
        (e = signature_arg(op, body, &n.signature)) || (e = tags_read(op, body, &tags, &n.tag_count)))
        return e;
    n.tags = tags;
    n.signature = signature_find(op, s->db, s->blobs, &n);
    if ((e = registry_version_create(op, s->db, &n, &v)))
        return e;
    native_reply(res, &w);
    version_write(op, &w, &v);
    return OK;
}

/* What became of a move: 200 and where things stand, or 202 and the request that waits. */
static enum err move_reply(struct op *op, const struct registry_move *m, enum err e, struct http_res *res)
{
    struct json_out w;
    if (e && !m->pending)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "model", m->model);
    if (m->pending) {
        http_set_status(res, 202);
        json_kv_i64(&w, "approval", m->pending);
        registry_time_json(&w, "expires", m->pending_until_us);
        json_kv_cstr(&w, "message", op->msg);
        op_clear(op);
    }
    if (m->alias.p)
        json_kv_str(&w, "alias", m->alias);
    else
        json_kv_cstr(&w, "stage", registry_stage_name(m->stage));
    json_key(&w, "version");
    m->version ? json_i64(&w, m->version) : json_null(&w);
    json_key(&w, "from");
    m->old_value.p ? json_str(&w, m->old_value) : json_null(&w);
    json_kv_bool(&w, "changed", m->changed);
    json_end_object(&w);
    return OK;
}

enum err native_alias_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct registry_version v;
    struct registry_move m = {.model = req->path_args[0], .alias = req->path_args[1]};
    const struct json *version = NULL;
    enum err e = registry_alias_check(op, m.alias);
    if (e || (e = native_reason_body(op, req, &body)))
        return e;
    version = json_get(body, "version");
    if (version && version->type == JSON_STRING) { /* "^1", another alias */
        if ((e = registry_resolve(op, s->db, m.model, version->s, &v)))
            return e;
        m.version = v.version;
    } else if ((e = json_want_i64(op, body, "version", 1, INT64_MAX, &m.version))) {
        return e;
    }
    return move_reply(op, &m, registry_move(op, s->db, &m), res);
}

enum err native_alias_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct registry_move m = {.model = req->path_args[0], .alias = req->path_args[1]};
    enum err e = native_reason_body(op, req, &body);
    return e ? e : move_reply(op, &m, registry_move(op, s->db, &m), res);
}

enum err native_stage_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct registry_version v;
    struct str stage;
    struct registry_move m = {.model = req->path_args[0]};
    enum err e = native_reason_body(op, req, &body);
    if (e || (e = json_want_str(op, body, "stage", &stage)) || (e = registry_stage_parse(op, stage, &m.stage)) ||
        (e = json_opt_bool(op, body, "archive_others", false, &m.archive_others)) || (e = native_version_arg(op, s->db, req, &v)))
        return e;
    if (m.archive_others && m.stage != REGISTRY_STAGE_STAGING && m.stage != REGISTRY_STAGE_PRODUCTION)
        return op_fail_field(op, "archive_others", "only a move to Staging or Production archives others");
    m.version = v.version;
    return move_reply(op, &m, registry_move(op, s->db, &m), res);
}

/* Endpoints that answer with the version that was left go along. One that cannot says why; the alias has moved all the same. */
static void follow(struct op *op, struct services *s, const struct registry_rollback *r, struct json_out *w)
{
    struct str *names = NULL;
    size_t n = s->serve && r->changed ? serve_list(op, s->serve, &names) : 0;
    json_key(w, "endpoints");
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        int64_t live = native_live_version(op, s, names[i], r->model);
        if (!live || live != r->from)
            continue;
        enum err e = serve_set_version(op, s->serve, names[i], r->went_to);
        json_begin_object(w);
        json_kv_str(w, "endpoint", names[i]);
        json_kv_bool(w, "moved", !e);
        if (e)
            json_kv_cstr(w, "error", op->msg);
        json_end_object(w);
        op_clear(op);
    }
    json_end_array(w);
}

enum err native_model_rollback(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct registry_rollback r = {.model = req->path_args[0]};
    bool endpoints = false;
    struct json_out w;
    enum err e = native_reason_body(op, req, &body);
    if (e || (e = json_opt_str(op, body, "alias", (struct str){0}, &r.alias)) || (e = json_opt_str(op, body, "stage", (struct str){0}, &r.stage)) ||
        (e = json_opt_i64(op, body, "to", 1, INT64_MAX, 0, &r.to)) || (e = json_opt_bool(op, body, "endpoints", false, &endpoints)))
        return e;
    if (!r.alias.p == !r.stage.p)
        return op_fail(op, E_INVALID, "a rollback names an 'alias' or a 'stage'");
    if (endpoints && !(op->actor.perms & 1u << PERM_DEPLOY))
        return op_fail(op, E_DENIED, "'%.*s' may not move endpoints", STR_FMT(op->actor.name));
    if ((e = registry_rollback(op, s->db, &r)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "model", r.model);
    json_kv_str(&w, r.alias.p ? "alias" : "stage", r.alias.p ? r.alias : r.stage);
    json_key(&w, "from");
    r.from ? json_i64(&w, r.from) : json_null(&w);
    json_kv_i64(&w, "version", r.went_to);
    json_kv_bool(&w, "changed", r.changed);
    if (endpoints)
        follow(op, s, &r, &w);
    json_end_object(&w);
    return OK;
}
