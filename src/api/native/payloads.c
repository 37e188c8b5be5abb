/* payloads.c - the payload log: its files, listed and fetched. */
#include "api/native/native.h"

#include "api/services.h"
#include "core/payload/payload.h"
#include "core/payload/store.h"

enum err native_payloads_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct payload_entry *entries = NULL;
    size_t n = 0;
    int64_t after = 0;
    enum err e = native_query_i64(op, req, "after", 0, INT64_MAX, 0, &after);
    if (e || (e = native_endpoint_known(op, s, req->path_args[0])) ||
        (e = payload_list(op, s->db, req->path_args[0], after, NATIVE_PAGE_MAX, &entries, &n)))
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "payloads");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&w);
        json_kv_i64(&w, "seq", entries[i].seq);
        json_kv_i64(&w, "start_us", entries[i].start_us);
        json_kv_i64(&w, "end_us", entries[i].end_us);
        json_kv_i64(&w, "rows", entries[i].rows);
        json_kv_i64(&w, "size_bytes", (int64_t)entries[i].size_bytes);
        json_kv_str(&w, "sha256", blob_id_hex(op, &entries[i].blob));
        if (entries[i].expires_us)
            json_kv_i64(&w, "expires_us", entries[i].expires_us);
        json_end_object(&w);
    }
    json_end_array(&w);
    if (n == NATIVE_PAGE_MAX)
        json_kv_i64(&w, "next", entries[n - 1].seq);
    json_end_object(&w);
    return OK;
}

enum err native_payloads_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct payload_entry entry;
    int64_t seq = 0;
    if (!str_parse_i64(req->path_args[1], &seq))
        return op_fail(op, E_NOT_FOUND, "no payload file '%.*s'", STR_FMT(req->path_args[1]));
    enum err e = payload_get(op, s->db, req->path_args[0], seq, &entry);
    return e ? e : native_parquet(op, s, &entry.blob, res);
}
