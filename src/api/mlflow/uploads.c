/* uploads.c - MLflow's client, told to upload in parts, asks for an upload (its answer names an address per part), PUTs each part to
 * its address without credentials, and completes with the ETag headers that it got. With MLflow's own server the addresses are a
 * cloud store's; here they are ours, under the name by which the client reached us. The id stands in the query, which is not
 * logged: whoever has it may send parts. */
#include "api/mlflow/uploads.h"

#include "api/mlflow/artifacts.h"
#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/track/upload.h"

struct upload_in {
    struct str path, upload_id;
    int64_t num_parts;
    const struct json *parts;
};
static const struct field create_fields[] = {FIELD(struct upload_in, path, FIELD_STR, true), FIELD(struct upload_in, num_parts, FIELD_I64, false)};
static const struct field end_fields[] = {
    FIELD(struct upload_in, path, FIELD_STR, true),
    FIELD(struct upload_in, upload_id, FIELD_STR, true),
    FIELD(struct upload_in, parts, FIELD_ITEMS, false),
};
static const struct field part_fields[] = {
    {.name = "part_number", .kind = FIELD_I64, .at = offsetof(struct upload_part, number), .required = true},
    {.name = "etag", .kind = FIELD_STR, .at = offsetof(struct upload_part, etag)},
};

/* The folder of the address and the last segment of the client's own path: its folders are nobody's business. */
static enum err target_path(struct op *op, const struct http_req *req, struct str local, struct str *ret)
{
    struct str folder, name;
    size_t i = local.len;
    while (i > 0 && local.p[i - 1] != '/' && local.p[i - 1] != '\\')
        i--;
    enum err e = artifact_path_clean(op, req->path_args[0], &folder);
    if (!e)
        e = artifact_path_clean(op, str_sub(local, i, local.len), &name);
    if (!e && (name.len == 0 || str_find_char(name, '/') != SIZE_MAX))
        e = op_fail_field(op, "path", "Invalid path");
    if (!e)
        *ret = artifact_path_join(op, folder, name);
    return e;
}

/* Letters, digits and what stands in host names, ports and paths. */
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~:[]/", c)))
            return false;
    }
    return s.len > 0;
}

/* "https://name:port/prefix/api/2.0/mlflow-artifacts/mpu/part", as the client sees us: a proxy in front tells the scheme and the path that
 * it took off. Both come from the request whose sender gets the answer, so a lie harms nobody else. */
static struct str part_address(struct op *op, const struct http_req *req)
{
    struct str proto = http_header_get(req, "x-forwarded-proto"), prefix = http_header_get(req, "x-forwarded-prefix");
    bool https = req->tls || str_eqc(proto, "https");
    size_t at = str_find(req->target, STR("/mpu/create"));
    struct str base = str_sub(req->target, 0, at == SIZE_MAX ? 0 : at);
    while (prefix.len && prefix.p[prefix.len - 1] == '/')
        prefix.len--;
    if (!is_plain(prefix) || prefix.p[0] != '/' || str_starts(prefix, STR("//")) || str_starts(base, prefix))
        prefix = STR("");
    return str_from(op_printf(op, "%s://%.*s%.*s%.*s/mpu/part", https ? "https" : "http", STR_FMT(req->host), STR_FMT(prefix), STR_FMT(base)));
}

enum err mlflow_upload_create(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct upload_in in = {.num_parts = 1};
    struct str path, id;
    enum err e = DECODE(op, req, create_fields, &in);
    if (!e)
        e = target_path(op, req, in.path, &path);
    if (!e)
        e = upload_create(op, s->db, path, in.num_parts, &id);
    if (e)
        return e;
    struct str address = part_address(op, req);
    struct json_out w;
    encode_begin(&w, res);
    json_kv_str(&w, "upload_id", id);
    json_key(&w, "credentials");
    json_begin_array(&w);
    struct buf url;
    buf_init(&url, LIMIT_HTTP_TARGET_BYTES * 2);
    for (int64_t n = 1; n <= in.num_parts; n++) {
        buf_reset(&url);
        buf_addf(&url, "%.*s?upload_id=%.*s&part_number=%lld", STR_FMT(address), STR_FMT(id), (long long)n);
        json_begin_object(&w);
        json_kv_str(&w, "url", buf_str(&url));
        json_kv_i64(&w, "part_number", n);
        json_key(&w, "headers");
        json_begin_object(&w);
        json_end_object(&w);
        json_end_object(&w);
    }
    buf_clear(&url);
    json_end_array(&w);
    return encode_end(op, &w, res);
}

enum err mlflow_upload_part(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct str id, number_text, etag;
    struct blob_id blob;
    int64_t number = 0;
    uint64_t size = 0;
    if (!http_query_get(op, req, "upload_id", &id) || !http_query_get(op, req, "part_number", &number_text) || !str_parse_i64(number_text, &number))
        return op_fail_field(op, "part_number", "a part is sent to the address that its upload was answered with");
    enum err e = upload_check_part(op, s->db, id, number);
    if (!e)
        e = artifacts_store_body(op, s, req, &blob, &size);
    if (!e)
        e = upload_put_part(op, s->db, id, number, &blob, size, &etag);
    if (e)
        return e;
    http_set_header(res, "ETag", etag);
    return OK;
}

enum err mlflow_upload_complete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    static const struct upload_part none = {.etag = STR_INIT("")};
    struct upload_in in = {0};
    struct str path;
    void *parts = NULL;
    size_t n = 0;
    enum err e = DECODE(op, req, end_fields, &in);
    if (!e && !in.parts)
        e = decode_missing(op, "parts");
    if (!e)
        e = decode_items(op, in.parts, "parts", part_fields, ARRAY_LEN(part_fields), sizeof none, &none, &parts, &n);
    if (!e)
        e = target_path(op, req, in.path, &path);
    if (!e)
        e = upload_complete(op, s->db, s->blobs, in.upload_id, path, parts, n);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_upload_abort(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct upload_in in = {0};
    struct str path;
    enum err e = DECODE(op, req, end_fields, &in);
    if (!e)
        e = target_path(op, req, in.path, &path);
    if (!e)
        e = upload_abort(op, s->db, in.upload_id, path);
    return e ? e : encode_empty(op, res);
}

/* ---- MLflow's interface ---- */

enum err mlflow_upload_form(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct str run_id = STR(""), raw = STR(""), root, path;
    struct track_run run;
    struct blob_id blob;
    if (!http_query_get(op, req, "run_uuid", &run_id) || !run_id.len)
        return op_fail_field(op, "run_uuid", "Request must specify run_uuid.");
    if (!http_query_get(op, req, "path", &raw) || !raw.len)
        return op_fail_field(op, "path", "Request must specify path.");
    enum err e = artifact_path_clean(op, raw, &path);
    if (!e && !path.len)
        e = op_fail_field(op, "path", "Invalid path");
    if (!e && req->body.len > LIMIT_TRACK_ARTIFACT_FORM_BYTES)
        e = op_fail(op, E_INVALID, "Artifact size is too large. Max size is 10MB.");
    if (!e && !req->body.len)
        e = op_fail(op, E_INVALID, "Request must specify data.");
    if (!e)
        e = track_run_get(op, s->db, run_id, &run);
    if (!e)
        e = artifact_root(op, run.artifact_uri, &root);
    if (!e)
        e = blob_put(op, s->blobs, req->body, &blob);
    if (!e)
        e = artifact_put(op, s->db, artifact_path_join(op, root, path), &blob, req->body.len);
    if (!e)
        http_set_type(res, "application/json");
    return e;
}

/* ---- addresses signed for a cloud store ---- */

enum err mlflow_presigned_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)s, (void)res;
    struct str path;
    enum err e = artifact_path_clean(op, req->path_args[0], &path);
    return e ? e : op_fail(op, E_UNSUPPORTED, "Multipart download is not supported for the current artifact repository");
}

struct presigned_in {
    struct str run_id, model_id, path;
    int64_t expiration;
};
static const struct field presigned_upload_fields[] = {
    FIELD(struct presigned_in, run_id, FIELD_STR, false),
    FIELD(struct presigned_in, model_id, FIELD_STR, false),
    FIELD(struct presigned_in, path, FIELD_STR, true),
    FIELD(struct presigned_in, expiration, FIELD_I64, false),
};
static const struct field presigned_download_fields[] = {
    FIELD(struct presigned_in, run_id, FIELD_STR, true),
    FIELD(struct presigned_in, path, FIELD_STR, true),
    FIELD(struct presigned_in, expiration, FIELD_I64, false),
};

static enum err no_signature(struct op *op, struct str uri, bool upload)
{
    size_t colon = str_find_char(uri, ':');
    struct str scheme = colon == SIZE_MAX ? STR("") : str_sub(uri, 0, colon);
    if (!str_eqc(scheme, "mlflow-artifacts") && !str_eqc(scheme, "http") && !str_eqc(scheme, "https"))
        return op_fail(op, E_UNSUPPORTED, "Presigned %s is not supported for the current artifact repository", upload ? "upload" : "download");
    return op_fail(op, E_INVALID,
                   "Presigned %s is not supported for %s (artifact URI scheme: %.*s). This endpoint requires a %s.", upload ? "upload" : "download",
                   upload ? "proxied artifact storage" : "runs with proxied artifact storage", STR_FMT(scheme),
                   upload ? "direct cloud storage artifact URI" : "run with a direct cloud storage artifact URI");
}

enum err mlflow_presigned_upload_url(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)res;
    struct presigned_in in = {0};
    struct str path;
    struct track_run run;
    struct logged_model model;
    enum err e = DECODE(op, req, presigned_upload_fields, &in);
    if (!e && (in.run_id.len > 0) == (in.model_id.len > 0))
        e = op_fail(op, E_INVALID, "Exactly one of run_id and model_id must be provided.");
    if (!e)
        e = artifact_path_clean(op, in.path, &path);
    if (!e)
        e = in.run_id.len ? track_run_get(op, s->db, in.run_id, &run) : logged_model_get(op, s->db, in.model_id, false, &model);
    return e ? e : no_signature(op, in.run_id.len ? run.artifact_uri : model.artifact_uri, true);
}

enum err mlflow_presigned_download_url(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)res;
    struct presigned_in in = {.expiration = 300};
    struct str path;
    struct track_run run;
    enum err e = DECODE(op, req, presigned_download_fields, &in);
    if (!e)
        e = artifact_path_clean(op, in.path, &path);
    if (!e && (in.expiration < 1 || in.expiration > 604800))
        e = op_fail(op, E_INVALID, "expiration must be between 1 and 604800 seconds (got %lld).", (long long)in.expiration);
    if (!e)
        e = track_run_get(op, s->db, in.run_id, &run);
    return e ? e : no_signature(op, run.artifact_uri, false);
}
