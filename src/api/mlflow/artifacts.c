#include "api/mlflow/artifacts.h"

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

/* Does a list of tags ("a", W/"b", or *) hold ours? The weak mark is no matter: equal bytes are equal. */
static bool holds_tag(struct str list, struct str tag)
{
    struct str part;
    while (list.len && str_split(&list, ',', &part)) {
        part = str_trim(part);
        if (str_starts(part, STR("W/")))
            part = str_sub(part, 2, part.len);
        if (str_eq(part, tag) || str_eqc(part, "*"))
            return true;
    }
    return false;
}

static enum err send_range(struct op *op, struct services *s, struct http_req *req, struct http_res *res, const struct blob_id *id, uint64_t from, uint64_t len)
{
    if (req->method == HTTP_HEAD)
        return http_stream_begin(op, res, len);
    struct blob_reader *r = NULL;
    uint64_t size = 0;
    char *piece = arena_alloc(op->arena, PIECE_BYTES);
    enum err e = blob_reader_open(op, s->blobs, id, &r, &size);
    if (!e && from + len > size)
        e = op_fail(op, E_CORRUPT, "the blob is shorter than its record");
    bool begun = false;
    for (uint64_t at = from; !e && (at < from + len || !begun);) {
        size_t want = from + len - at < PIECE_BYTES ? (size_t)(from + len - at) : PIECE_BYTES, n = 0;
        if (want)
            e = blob_read(op, s->blobs, r, at, piece, want, &n);
        if (!e && n == 0 && want)
            e = op_fail(op, E_CORRUPT, "the blob is shorter than its record");
        /* The head follows the first bytes: when they cannot be had, the answer is an error and not one that breaks off. */
        if (!e && !begun)
            e = http_stream_begin(op, res, len);
        begun = true;
        if (!e && n)
            e = http_stream_write(op, res, piece, n);
        at += n;
    }
    if (r)
        blob_reader_close(s->blobs, r);
    return e;
}

static enum err send_artifact(struct op *op, struct services *s, struct http_req *req, struct http_res *res, struct str path)
{
    struct blob_id id;
    uint64_t size = 0, from = 0, len = 0;
    bool unsatisfiable = false;
    enum err e = artifact_find(op, s->db, path, &id, &size);
    if (e)
        return e;
    struct str name = last_segment(path);
    len = size;
    res->no_compress = true;
    http_set_header(res, "Content-Type", media_type(name));
    http_set_header(res, "Content-Disposition", disposition(op, name));
    http_set_header(res, "Accept-Ranges", STR("bytes"));
    /* The name of the bytes is their hash: the best of tags. Whoever keeps them asks each time whether they are still those. */
    struct str tag = str_from(op_printf(op, "\"%.*s\"", STR_FMT(blob_id_hex(op, &id))));
    http_set_header(res, "ETag", tag);
    http_set_header(res, "Cache-Control", STR("private, no-cache"));
    if (holds_tag(http_header_get(req, "if-none-match"), tag)) {
        http_set_status(res, 304);
        return OK;
    }
    struct str range = http_header_get(req, "range"), if_range = http_header_get(req, "if-range");
    if (if_range.p && !str_eq(if_range, tag)) /* a part of other bytes than those the client has: all of them, then */
        range = (struct str){0};
    if (http_range_parse(range, size, &from, &len, &unsatisfiable)) {
        if (unsatisfiable) {
            http_set_status(res, 416);
            http_set_header(res, "Content-Range", str_from(op_printf(op, "bytes */%" PRIu64, size)));
            return OK;
        }
        http_set_status(res, 206);
        http_set_header(res, "Content-Range",
                        str_from(op_printf(op, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from, from + len - 1, size)));
    } else {
        from = 0;
        len = size;
    }
    return send_range(op, s, req, res, &id, from, len);
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
