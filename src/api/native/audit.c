#include "core/audit/audit.h"

#include "api/native/native.h"
#include "api/services.h"
#include "base/hash.h"
#include "base/time.h"

static void row_write(struct op *op, struct json_out *w, const struct audit_row *r)
{
    char time[32], *hash = arena_alloc(op->arena, 2 * HASH_SHA256_LEN + 1);
    size_t n = time_format(r->time_us, time);
    hash_hex(r->hash, HASH_SHA256_LEN, hash);
    json_begin_object(w);
    json_kv_i64(w, "seq", r->seq);
    json_kv_str(w, "time", (struct str){time, n});
    json_kv_str(w, "actor", r->actor);
    json_kv_str(w, "verb", r->verb);
    json_kv_str(w, "kind", r->kind);
    json_kv_str(w, "object", r->object);
    json_kv_bool(w, "allowed", r->allowed);
    json_key(w, "detail");
    json_raw(w, r->detail.len ? r->detail : STR("{}"));
    json_kv_str(w, "request_id", r->request_id);
    json_kv_cstr(w, "hash", hash);
    json_end_object(w);
}

enum err native_audit_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct audit_filter f = {0};
    struct audit_row *rows = NULL;
    size_t n = 0;
    int64_t limit = 0;
    enum err e = native_query_i64(op, req, "limit", 1, NATIVE_PAGE_MAX, 100, &limit);
    if (e || (e = native_query_i64(op, req, "before", 0, INT64_MAX, 0, &f.before_seq)))
        return e;
    f.limit = (size_t)limit;
    http_query_get(op, req, "kind", &f.kind);
    http_query_get(op, req, "object", &f.object);
    http_query_get(op, req, "verb", &f.verb);
    if ((e = audit_list(op, s->db, &f, &rows, &n)))
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "rows");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        row_write(op, &w, &rows[i]);
    json_end_array(&w);
    if (n == f.limit && n && rows[n - 1].seq > 1)
        json_kv_i64(&w, "next", rows[n - 1].seq);
    json_end_object(&w);
    return OK;
}

enum err native_audit_verify(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)req;
    struct audit_proof proof;
    enum err e = audit_verify(op, s->db, &proof);
    if (e)
        return e;
    char head[2 * HASH_SHA256_LEN + 1];
    hash_hex(proof.head, HASH_SHA256_LEN, head);
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "rows", proof.rows);
    json_kv_cstr(&w, "head", head);
    json_end_object(&w);
    return OK;
}
