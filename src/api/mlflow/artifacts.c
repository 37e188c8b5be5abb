#include "api/mlflow/artifacts.h"

#include "api/download.h"
#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"
#include "api/services.h"
#include "core/registry/version.h"
#include "core/track/artifact.h"

#include <inttypes.h>

#define PIECE_BYTES ((size_t)128 << 10)

struct artifact_in {
    struct str run_id, path, name, version, artifact_directory_path, artifact_file_path;
};

/* A name below the root that `uri` stands for. */
static enum err path_below(struct op *op, struct str uri, struct str path, struct str *ret_root, struct str *ret_path)
{
    struct str root, clean;
    enum err e = artifact_path_clean(op, path.p ? path : STR(""), &clean);
    if (!e)
        e = artifact_root(op, uri, &root);
    if (e)
        return e;
    *ret_root = root;
    *ret_path = clean;
    return OK;
}

/* ---- upload ---- */

enum err artifacts_store_body(struct op *op, struct services *s, struct http_req *req, struct blob_id *ret_id, uint64_t *ret_size)
{
    struct blob_writer *w = NULL;
    char *piece = arena_alloc(op->arena, PIECE_BYTES);
    enum err e = blob_writer_open(op, s->blobs, &w);
    if (e)
        return e;
    for (;;) {
        size_t n = 0;
        e = http_body_read(op, req, piece, PIECE_BYTES, &n);
        if (e || n == 0)
            break;
        e = blob_write(op, s->blobs, w, piece, n);
        if (e)
            break;
    }
    if (e) {
        blob_abort(s->blobs, w);
        return e;
    }
    return blob_commit(op, s->blobs, w, ret_id, ret_size);
}

enum err mlflow_artifact_upload(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct str path;
    struct blob_id id;
    uint64_t size = 0;
    enum err e = artifact_path_clean(op, req->path_args[0], &path);
    if (!e && path.len == 0)
        e = op_fail_field(op, "path", "Invalid path");
    if (!e)
        e = artifacts_store_body(op, s, req, &id, &size);
    if (!e)
        e = artifact_put(op, s->db, path, &id, size);
    return e ? e : encode_empty(op, res);
}

/* ---- download ---- */

/* What a browser could run in our name (HTML, SVG, XML, scripts) is plain text, whatever it calls itself. */
static struct str media_type(struct str name)
{
    static const char *const texts[] = {"txt", "log", "err", "cfg", "conf", "cnf", "cf", "ini", "properties", "prop", "hocon", "toml", "yaml", "yml", "xml",
                                        "json", "js", "mjs", "py", "py3", "csv", "tsv", "md", "rst", "ipynb", "html", "htm", "xhtml", "svg", "css", "sh", "c", "h"};
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {"png", "image/png"},  {"jpg", "image/jpeg"},      {"jpeg", "image/jpeg"}, {"gif", "image/gif"},  {"webp", "image/webp"}, {"bmp", "image/bmp"},
        {"pdf", "application/pdf"}, {"mp4", "video/mp4"}, {"webm", "video/webm"}, {"mp3", "audio/mpeg"}, {"wav", "audio/x-wav"}, {"ogg", "audio/ogg"},
        {"zip", "application/zip"},
    };
    if (str_eqc(name, "MLmodel") || str_eqc(name, "MLproject"))
        return STR("text/plain");
    size_t dot = name.len;
    while (dot > 0 && name.p[dot - 1] != '.')
        dot--;
    struct str suffix = str_sub(name, dot, name.len);
    for (size_t i = 0; dot > 0 && i < ARRAY_LEN(texts); i++) {
        if (str_ieq(suffix, str_from(texts[i])))
            return STR("text/plain");
    }
    for (size_t i = 0; dot > 0 && i < ARRAY_LEN(types); i++) {
        if (str_ieq(suffix, str_from(types[i].suffix)))
            return str_from(types[i].type);
    }
    return STR("application/octet-stream");
}

static struct str last_segment(struct str path)
{
    size_t i = path.len;
    while (i > 0 && path.p[i - 1] != '/')
        i--;
    return str_sub(path, i, path.len);
}

/* RFC 6266: a plain name where it is plain ASCII, else the percent-encoded form beside a harmless one. */
static struct str disposition(struct op *op, struct str name)
{
    bool plain = true;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];
        plain = plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-+", c));
    }
    if (plain)
        return str_from(op_printf(op, "attachment; filename=%.*s", STR_FMT(name)));
    struct str coded = http_percent_encode(op->arena, name, true);
    return str_from(op_printf(op, "attachment; filename=download; filename*=UTF-8''%.*s", STR_FMT(coded)));
}

static enum err send_artifact(struct op *op, struct services *s, struct http_req *req, struct http_res *res, struct str path)
{
    struct blob_id id;
    uint64_t size = 0;
    enum err e = artifact_find(op, s->db, path, &id, &size);
    if (e)
        return e;
    struct str name = last_segment(path);
    http_set_header(res, "Content-Type", media_type(name));
    http_set_header(res, "Content-Disposition", disposition(op, name));
    return download_blob(op, s->blobs, req, res, &id, size);
}

enum err mlflow_artifact_download(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct str path;
    enum err e = artifact_path_clean(op, req->path_args[0], &path);
    return e ? e : send_artifact(op, s, req, res, path);
}

enum err mlflow_artifact_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct str path;
    enum err e = artifact_path_clean(op, req->path_args[0], &path);
    if (!e)
        e = artifact_delete(op, s->db, path);
    if (e == E_NOT_FOUND) { /* MLflow's server deletes what is not there, too */
        op_clear(op);
        e = OK;
    }
    return e ? e : encode_empty(op, res);
}

/* Downloads a file below a run's, version's or logged model's root. */
static enum err send_below(struct op *op, struct services *s, struct http_req *req, struct http_res *res, struct str uri, struct str path)
{
    struct str root, clean;
    enum err e = path_below(op, uri, path, &root, &clean);
    return e ? e : send_artifact(op, s, req, res, artifact_path_join(op, root, clean));
}

static const struct field run_file_fields[] = {
    {.name = "run_id", .kind = FIELD_STR, .at = offsetof(struct artifact_in, run_id), .required = true, .alias = "run_uuid"},
    FIELD(struct artifact_in, path, FIELD_STR, true),
};

enum err mlflow_run_artifact(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct artifact_in in = {0};
    struct track_run run;
    enum err e = DECODE(op, req, run_file_fields, &in);
    if (!e)
        e = track_run_get(op, s->db, in.run_id, &run);
    return e ? e : send_below(op, s, req, res, run.artifact_uri, in.path);
}

static const struct field version_file_fields[] = {
    FIELD(struct artifact_in, name, FIELD_STR, true),
    FIELD(struct artifact_in, version, FIELD_STR, true),
    FIELD(struct artifact_in, path, FIELD_STR, true),
};

enum err mlflow_version_artifact(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct artifact_in in = {0};
    struct str uri;
    int64_t version = 0;
    enum err e = DECODE(op, req, version_file_fields, &in);
    if (!e)
        e = registry_version_parse(op, in.version, &version);
    if (!e)
        e = registry_version_uri(op, s->db, in.name, version, &uri);
    return e ? e : send_below(op, s, req, res, uri, in.path);
}

static const struct field model_file_fields[] = {FIELD(struct artifact_in, artifact_file_path, FIELD_STR, true)};

enum err mlflow_logged_model_artifact(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct artifact_in in = {0};
    struct logged_model m;
    enum err e = DECODE(op, req, model_file_fields, &in);
    if (!e)
        e = logged_model_get(op, s->db, req->path_args[0], false, &m);
    return e ? e : send_below(op, s, req, res, m.artifact_uri, in.artifact_file_path);
}

/* ---- listings ---- */

/* `uri` NULL: the proxy's own listing, names only. */
static enum err list_below(struct op *op, struct services *s, struct http_res *res, const struct str *uri, struct str path)
{
    struct str root = STR(""), clean;
    struct artifact_list list;
    enum err e = uri ? path_below(op, *uri, path, &root, &clean) : artifact_path_clean(op, path.p ? path : root, &clean);
    if (!e)
        e = artifact_list(op, s->db, artifact_path_join(op, root, clean), &list);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    if (uri)
        json_kv_str(&w, "root_uri", *uri);
    encode_files(&w, &list, uri ? clean : STR(""));
    return encode_end(op, &w, res);
}

static const struct field list_fields[] = {FIELD(struct artifact_in, path, FIELD_STR, false)};

enum err mlflow_artifact_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct artifact_in in = {0};
    enum err e = DECODE(op, req, list_fields, &in);
    return e ? e : list_below(op, s, res, NULL, in.path);
}

static const struct field run_list_fields[] = {
    {.name = "run_id", .kind = FIELD_STR, .at = offsetof(struct artifact_in, run_id), .required = true, .alias = "run_uuid"},
    FIELD(struct artifact_in, path, FIELD_STR, false),
};

enum err mlflow_run_artifacts(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct artifact_in in = {0};
    struct track_run run;
    enum err e = DECODE(op, req, run_list_fields, &in);
    if (!e)
        e = track_run_get(op, s->db, in.run_id, &run);
    return e ? e : list_below(op, s, res, &run.artifact_uri, in.path);
}

static const struct field model_list_fields[] = {FIELD(struct artifact_in, artifact_directory_path, FIELD_STR, false)};

enum err mlflow_logged_model_artifacts(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct artifact_in in = {0};
    struct logged_model m;
    enum err e = DECODE(op, req, model_list_fields, &in);
    if (!e)
        e = logged_model_get(op, s->db, req->path_args[0], false, &m);
    return e ? e : list_below(op, s, res, &m.artifact_uri, in.artifact_directory_path);
}
