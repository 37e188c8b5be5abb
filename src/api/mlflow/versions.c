#include "api/mlflow/versions.h"

#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/registry/model.h"
#include "core/registry/signature.h"
#include "core/registry/source_pattern.h"

struct version_in {
    struct str name, version, source, run_id, run_link, description, model_id, data_version, signature;
    struct str stage, key, value, filter, page_token;
    struct track_kvs tags;
    struct str_list order_by;
    int64_t max_results;
    bool archive_existing_versions;
};

static enum err answer(struct op *op, const struct registry_version *v, struct http_res *res)
{
    struct json_out w;
    encode_begin(&w, res);
    json_key(&w, "model_version");
    encode_version(&w, v);
    return encode_end(op, &w, res);
}

/* data_version and signature are ours: lineage that MLflow keeps elsewhere or not at all. */
static const struct field create_fields[] = {
    FIELD(struct version_in, name, FIELD_STR, true),          FIELD(struct version_in, source, FIELD_STR, true),
    FIELD(struct version_in, run_id, FIELD_STR, false),       FIELD(struct version_in, run_link, FIELD_STR, false),
    FIELD(struct version_in, description, FIELD_STR, false),  FIELD(struct version_in, model_id, FIELD_STR, false),
    FIELD(struct version_in, data_version, FIELD_STR, false), FIELD(struct version_in, signature, FIELD_STR, false),
    FIELD(struct version_in, tags, FIELD_KVS, false),
};

enum err mlflow_version_create(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct version_in in = {0};
    struct registry_version v;
    enum err e = DECODE(op, req, create_fields, &in);
    struct registry_version_new n = {
        .name = in.name, .source = in.source, .run_id = in.run_id, .run_link = in.run_link, .description = in.description,
        .model_id = in.model_id, .data_version = in.data_version, .signature = in.signature,
        .tags = in.tags.p, .tag_count = in.tags.len,
    };
    if (!e)
        e = source_pattern_check(op, s->version_sources, in.source);
    if (!e)
        n.signature = signature_find(op, s->db, s->blobs, &n);
    if (!e)
        e = registry_version_create(op, s->db, &n, &v);
    return e ? e : answer(op, &v, res);
}

static const struct field id_fields[] = {
    FIELD(struct version_in, name, FIELD_STR, true),
    FIELD(struct version_in, version, FIELD_STR, true),
    FIELD(struct version_in, key, FIELD_STR, true),
    FIELD(struct version_in, value, FIELD_STR, false),
};
enum { ID_FIELDS = 2, KEY_FIELDS = 3, TAG_FIELDS = 4 };

static enum err decode_version(struct op *op, const struct http_req *req, const struct field *fields, size_t n, struct version_in *in, int64_t *ret)
{
    enum err e = decode_request(op, req, fields, n, in);
    return e ? e : registry_version_parse(op, in->version, ret);
}

enum err mlflow_version_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct version_in in = {0};
    struct registry_version v;
    int64_t version = 0;
    enum err e = decode_version(op, req, id_fields, ID_FIELDS, &in, &version);
    if (!e)
        e = registry_version_get(op, s->db, in.name, version, &v);
    return e ? e : answer(op, &v, res);
}

static const struct field update_fields[] = {
    FIELD(struct version_in, name, FIELD_STR, true),
    FIELD(struct version_in, version, FIELD_STR, true),
    FIELD(struct version_in, description, FIELD_STR, false),
};

enum err mlflow_version_update(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct version_in in = {0};
    struct registry_version v;
    int64_t version = 0;
    enum err e = decode_version(op, req, update_fields, ARRAY_LEN(update_fields), &in, &version);
    if (!e)
        e = registry_version_describe(op, s->db, in.name, version, in.description, &v);
    return e ? e : answer(op, &v, res);
}

enum err mlflow_version_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct version_in in = {0};
    int64_t version = 0;
    enum err e = decode_version(op, req, id_fields, ID_FIELDS, &in, &version);
    if (!e)
        e = registry_version_delete(op, s->db, in.name, version);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_version_set_tag(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct version_in in = {0};
    int64_t version = 0;
    enum err e = decode_version(op, req, id_fields, TAG_FIELDS, &in, &version);
    if (!e)
        e = registry_version_set_tag(op, s->db, in.name, version, in.key, in.value);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_version_delete_tag(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct version_in in = {0};
    int64_t version = 0;
    enum err e = decode_version(op, req, id_fields, KEY_FIELDS, &in, &version);
    if (!e)
        e = registry_version_delete_tag(op, s->db, in.name, version, in.key);
    return e ? e : encode_empty(op, res);
}

static const struct field stage_fields[] = {
    FIELD(struct version_in, name, FIELD_STR, true),
    FIELD(struct version_in, version, FIELD_STR, true),
    FIELD(struct version_in, stage, FIELD_STR, true),
    FIELD(struct version_in, archive_existing_versions, FIELD_BOOL, false),
};

enum err mlflow_version_stage(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct version_in in = {0};
    struct registry_version v;
    int64_t version = 0;
    enum err e = decode_version(op, req, stage_fields, ARRAY_LEN(stage_fields), &in, &version);
    if (!e)
        e = registry_version_set_stage(op, s->db, in.name, version, in.stage, in.archive_existing_versions, &v);
    return e ? e : answer(op, &v, res);
}

enum err mlflow_version_uri(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct version_in in = {0};
    int64_t version = 0;
    struct str uri;
    enum err e = decode_version(op, req, id_fields, ID_FIELDS, &in, &version);
    if (!e)
        e = registry_version_uri(op, s->db, in.name, version, &uri);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    json_kv_str(&w, "artifact_uri", uri);
    return encode_end(op, &w, res);
}

static const struct field search_fields[] = {
    FIELD(struct version_in, filter, FIELD_STR, false),
    FIELD(struct version_in, max_results, FIELD_I64, false),
    FIELD(struct version_in, order_by, FIELD_STRS, false),
    FIELD(struct version_in, page_token, FIELD_STR, false),
};

enum err mlflow_version_search(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct version_in in = {.max_results = 10000};
    struct registry_version_page page;
    enum err e = DECODE(op, req, search_fields, &in);
    struct registry_search q = {in.filter, in.order_by.p, in.order_by.len, in.max_results, in.page_token};
    if (!e && in.max_results > LIMIT_REGISTRY_SEARCH_VERSIONS)
        e = decode_bad_text(op, "max_results", str_from(op_printf(op, "%lld", (long long)in.max_results)));
    if (!e)
        e = registry_version_search(op, s->db, &q, &page);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    if (page.len) {
        json_key(&w, "model_versions");
        json_begin_array(&w);
        for (size_t i = 0; i < page.len; i++)
            encode_version(&w, &page.versions[i]);
        json_end_array(&w);
    }
    encode_text(&w, "next_page_token", page.next_token);
    return encode_end(op, &w, res);
}
