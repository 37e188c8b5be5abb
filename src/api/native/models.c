/* models.c - the registry as people look at it: the list of models, what an act would do before it is done, a version's files, two versions beside each
 * other. The acts themselves are in registry.c. */
#include "api/native/native.h"
#include "api/native/registry.h"
#include "api/services.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/registry/card_text.h"
#include "core/registry/files.h"
#include "core/registry/model_list.h"
#include "core/registry/preview.h"
#include "core/registry/release.h"
#include "core/registry/signature.h"
#include "core/serve/serve.h"

static void newest_write(struct json_out *w, const struct registry_version *v)
{
    json_key(w, "newest");
    if (!v->version) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_kv_i64(w, "version", v->version);
    json_kv_str(w, "semver", v->semver);
    json_kv_cstr(w, "stage", registry_stage_name(v->stage));
    json_kv_str(w, "run_id", v->run_id);
    json_kv_str(w, "created_by", v->user_id);
    registry_time_json(w, "created", v->created_ms * TIME_US_PER_MS);
    json_end_object(w);
}

static void served_write(struct json_out *w, const struct registry_model_row *r)
{
    json_key(w, "endpoints");
    json_begin_array(w);
    for (size_t i = 0; i < r->served_count; i++) {
        json_begin_object(w);
        json_kv_str(w, "endpoint", r->served[i].endpoint);
        json_kv_i64(w, "version", r->served[i].version);
        json_end_object(w);
    }
    json_end_array(w);
}

void native_model_facts(struct json_out *w, const struct registry_model_row *r)
{
    json_kv_str(w, "owner", r->owner);
    json_kv_i64(w, "versions", r->versions);
    served_write(w, r);
}

static void row_write(struct json_out *w, const struct registry_model_row *r)
{
    json_begin_object(w);
    json_kv_str(w, "model", r->name);
    json_kv_str(w, "description", r->description);
    json_kv_str(w, "owner", r->owner);
    registry_time_json(w, "created", r->created_ms * TIME_US_PER_MS);
    registry_time_json(w, "updated", r->updated_ms * TIME_US_PER_MS);
    json_kv_i64(w, "versions", r->versions);
    json_kv_i64(w, "waiting", r->waiting);
    newest_write(w, &r->newest);
    json_key(w, "aliases");
    json_begin_object(w);
    for (size_t i = 0; i < r->alias_count; i++) {
        json_key_str(w, r->aliases[i].alias);
        json_i64(w, r->aliases[i].version);
    }
    json_end_object(w);
    json_key(w, "stages");
    json_begin_object(w);
    for (unsigned i = 0; i < REGISTRY_STAGES; i++) {
        if (r->staged[i])
            json_kv_i64(w, registry_stage_name((enum registry_stage)i), r->staged[i]);
    }
    json_end_object(w);
    served_write(w, r);
    json_end_object(w);
}

enum err native_model_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_model_query q = {.search = STR(""), .after = STR("")};
    struct registry_model_row *rows = NULL;
    size_t n = 0;
    bool more = false;
    int64_t limit = 0;
    struct json_out w;
    enum err e = native_query_i64(op, req, "limit", 1, LIMIT_REGISTRY_LIST, 100, &limit);
    http_query_get(op, req, "search", &q.search);
    http_query_get(op, req, "after", &q.after);
    q.limit = (size_t)limit;
    if (e || (e = registry_model_list(op, s->db, &q, &rows, &n, &more)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "models");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        row_write(&w, &rows[i]);
    json_end_array(&w);
    if (more)
        json_kv_str(&w, "next", rows[n - 1].name);
    json_end_object(&w);
    return OK;
}

/* ---- what an act would do ---- */

/* Endpoints of the model; `along`: the act moves them too, as native_model_rollback does with those that answer with the version that is left. */
static void endpoints_write(struct op *op, struct services *s, const struct registry_preview *p, bool along, struct json_out *w)
{
    struct str *names = NULL;
    size_t n = s->serve ? serve_list(op, s->serve, &names) : 0;
    int64_t from = 0;
    json_key(w, "endpoints");
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        int64_t live = native_live_version(op, s, names[i], p->model);
        if (!live)
            continue;
        json_begin_object(w);
        json_kv_str(w, "endpoint", names[i]);
        json_kv_i64(w, "version", live);
        json_kv_bool(w, "moves", along && p->changed && str_parse_i64(p->from, &from) && from == live);
        json_end_object(w);
    }
    json_end_array(w);
}

static void preview_write(struct op *op, struct services *s, const struct registry_preview *p, bool along, struct json_out *w)
{
    json_begin_object(w);
    json_kv_str(w, "model", p->model);
    if (p->act != REGISTRY_ACT_DELETE) {
        if (p->alias.p)
            json_kv_str(w, "alias", p->alias);
        else
            json_kv_cstr(w, "stage", registry_stage_name(p->stage));
    }
    json_key(w, "version");
    p->to ? json_i64(w, p->to) : json_null(w);
    json_key(w, "from");
    p->from.p ? json_str(w, p->from) : json_null(w);
    json_kv_bool(w, "changed", p->changed);
    json_key(w, "refused");
    if (p->refused) {
        json_begin_object(w);
        json_kv_cstr(w, "code", err_name(p->refused));
        json_kv_cstr(w, "error", p->why ? p->why : err_name(p->refused));
        json_end_object(w);
    } else {
        json_null(w);
    }
    json_kv_bool(w, "needs_approval", p->needs_approval);
    json_kv_bool(w, "self_approval", p->self_approval);
    json_kv_i64(w, "expires_in_s", p->ttl_us / TIME_US_PER_S);
    json_key(w, "archives");
    json_begin_array(w);
    for (size_t i = 0; i < p->archive_count; i++)
        json_i64(w, p->archives[i]);
    json_end_array(w);
    endpoints_write(op, s, p, along, w);
    json_end_object(w);
}

static enum err preview_read(struct op *op, const struct json *body, struct registry_preview *p, bool *ret_along)
{
    struct str act, stage;
    enum err e = json_want_str(op, body, "act", &act);
    if (e || (e = registry_act_parse(op, act, &p->act)) || (e = json_opt_str(op, body, "alias", (struct str){0}, &p->alias)) ||
        (e = json_opt_str(op, body, "stage", (struct str){0}, &stage)) || (e = json_opt_i64(op, body, "version", 0, INT64_MAX, 0, &p->version)) ||
        (e = json_opt_bool(op, body, "archive_others", false, &p->archive_others)) || (e = json_opt_bool(op, body, "endpoints", false, ret_along)))
        return e;
    bool staged = p->act == REGISTRY_ACT_STAGE || (p->act == REGISTRY_ACT_ROLLBACK && !p->alias.p);
    if (p->act == REGISTRY_ACT_ALIAS && !p->alias.p)
        return op_fail_field(op, "alias", "this act names an 'alias'");
    if (p->act == REGISTRY_ACT_ROLLBACK && !p->alias.p == !stage.p)
        return op_fail(op, E_INVALID, "a rollback names an 'alias' or a 'stage'");
    if (p->act != REGISTRY_ACT_ALIAS && p->act != REGISTRY_ACT_ROLLBACK && !p->version)
        return op_fail_field(op, "version", "this act names a 'version'");
    if (p->alias.p && (e = registry_alias_check(op, p->alias)))
        return e;
    return staged || stage.p ? registry_stage_parse(op, stage, &p->stage) : OK;
}

enum err native_model_preview(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_preview p = {.model = req->path_args[0]};
    struct json *body = NULL;
    bool along = false;
    struct json_out w;
    enum err e = native_body(op, req, &body);
    if (e || (e = preview_read(op, body, &p, &along)) || (e = registry_preview(op, s->db, &p)))
        return e;
    native_reply(res, &w);
    preview_write(op, s, &p, along, &w);
    return OK;
}

/* ---- a version's files; two versions ---- */

enum err native_version_files(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_version v;
    struct registry_files f;
    struct json_out w;
    enum err e = native_version_arg(op, s->db, req, &v);
    if (e || (e = registry_version_files(op, s->db, &v, &f)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "source", v.source);
    json_key(&w, "root");
    f.root.p ? json_str(&w, f.root) : json_null(&w);
    json_key(&w, "files");
    json_begin_array(&w);
    for (size_t i = 0; i < f.len; i++) {
        json_begin_object(&w);
        json_kv_str(&w, "path", f.files[i].path);
        json_kv_i64(&w, "size_bytes", f.files[i].size_bytes);
        json_kv_cstr(&w, "sha256", f.files[i].sha256);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_kv_bool(&w, "truncated", f.truncated);
    json_end_object(&w);
    return OK;
}

static const char *bump_name(enum semver_bump b)
{
    return b == SEMVER_MAJOR ? "major" : b == SEMVER_MINOR ? "minor" : "patch";
}

enum err native_version_compare(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_version v, other;
    struct signature_diff d;
    struct json_out w;
    enum err e = native_version_arg(op, s->db, req, &v);
    if (e || (e = registry_resolve(op, s->db, req->path_args[0], req->path_args[2], &other)))
        return e;
    signature_compare(op, other.signature, v.signature, &d);
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "model", v.name);
    json_kv_i64(&w, "version", v.version);
    json_kv_i64(&w, "with", other.version);
    json_kv_cstr(&w, "bump", bump_name(d.bump));
    json_key(&w, "changes");
    json_begin_array(&w);
    for (size_t i = 0; i < d.len; i++) {
        json_begin_object(&w);
        json_kv_cstr(&w, "bump", bump_name(d.changes[i].bump));
        json_kv_str(&w, "text", d.changes[i].text);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_kv_i64(&w, "total", (int64_t)d.total);
    json_end_object(&w);
    return OK;
}
