/* logs.c - what is kept of an endpoint's requests as Parquet files, listed and fetched: the prediction log and the payload log. */
#include "api/native/native.h"

#include "api/services.h"
#include "core/payload/store.h"
#include "core/predlog/predlog.h"

static enum err files_reply(struct op *op, struct services *s, const struct log_files *log, const char *key, struct http_req *req, struct http_res *res)
{
    struct log_file *files = NULL;
    size_t n = 0;
    int64_t after = 0;
    enum err e = native_query_i64(op, req, "after", 0, INT64_MAX, 0, &after);
    if (e || (e = native_endpoint_known(op, s, req->path_args[0])) ||
        (e = log_files_list(op, s->db, log, req->path_args[0], after, NATIVE_PAGE_MAX, &files, &n)))
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, key);
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&w);
        json_kv_i64(&w, "seq", files[i].seq);
        json_kv_i64(&w, "start_us", files[i].start_us);
        json_kv_i64(&w, "end_us", files[i].end_us);
        json_kv_i64(&w, "rows", files[i].rows);
        json_kv_i64(&w, "size_bytes", (int64_t)files[i].size_bytes);
        json_kv_str(&w, "sha256", blob_id_hex(op, &files[i].blob));
        if (files[i].expires_us)
            json_kv_i64(&w, "expires_us", files[i].expires_us);
        json_end_object(&w);
    }
    json_end_array(&w);
    if (n == NATIVE_PAGE_MAX)
        json_kv_i64(&w, "next", files[n - 1].seq);
    json_end_object(&w);
    return OK;
}

static enum err parquet_stream(struct op *op, struct services *s, const struct blob_id *id, struct http_res *res)
{
    struct blob_reader *r = NULL;
    uint64_t size = 0;
    enum err e = blob_reader_open(op, s->blobs, id, &r, &size);
    if (e)
        return e;
    http_set_type(res, "application/vnd.apache.parquet");
    char *piece = arena_alloc(op->arena, LIMIT_KIB(64));
    size_t n = 0;
    uint64_t at = 0;
    e = http_stream_begin(op, res, size);
    while (!e && !(e = blob_read(op, s->blobs, r, at, piece, LIMIT_KIB(64), &n)) && n) {
        e = http_stream_write(op, res, piece, n);
        at += n;
    }
    blob_reader_close(s->blobs, r);
    return e;
}

static enum err file_reply(struct op *op, struct services *s, const struct log_files *log, struct http_req *req, struct http_res *res)
{
    struct log_file file;
    int64_t seq = 0;
    if (!str_parse_i64(req->path_args[1], &seq))
        return op_fail(op, E_NOT_FOUND, "the %s has no file '%.*s'", log->what, STR_FMT(req->path_args[1]));
    enum err e = log_files_get(op, s->db, log, req->path_args[0], seq, &file);
    return e ? e : parquet_stream(op, s, &file.blob, res);
}

enum err native_predictions_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    return files_reply(op, s, &predlog_files, "predictions", req, res);
}

enum err native_predictions_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    return file_reply(op, s, &predlog_files, req, res);
}

enum err native_payloads_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    return files_reply(op, s, &payload_files, "payloads", req, res);
}

enum err native_payloads_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    return file_reply(op, s, &payload_files, req, res);
}
