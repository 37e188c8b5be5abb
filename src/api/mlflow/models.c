#include "api/mlflow/models.h"

#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/registry/model.h"

struct model_in {
    struct str name, new_name, description, key, value, alias, version, filter, page_token;
    struct track_kvs tags;
    struct str_list stages, order_by;
    int64_t max_results;
};

static enum err answer(struct op *op, const struct registry_model *m, struct http_res *res)
{
    struct json_out w;
    encode_begin(&w, res);
    json_key(&w, "registered_model");
    encode_model(&w, m);
    return encode_end(op, &w, res);
}

static const struct field create_fields[] = {
    FIELD(struct model_in, name, FIELD_STR, true),
    FIELD(struct model_in, tags, FIELD_KVS, false),
    FIELD(struct model_in, description, FIELD_STR, false),
};

enum err mlflow_model_create(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    struct registry_model m;
    enum err e = DECODE(op, req, create_fields, &in);
    if (!e)
        e = registry_model_create(op, s->db, in.name, in.description, in.tags.p, in.tags.len, &m);
    return e ? e : answer(op, &m, res);
}

enum err mlflow_model_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    struct registry_model m;
    enum err e = decode_request(op, req, create_fields, 1, &in);
    if (!e)
        e = registry_model_get(op, s->db, in.name, &m);
    return e ? e : answer(op, &m, res);
}

static const struct field rename_fields[] = {
    FIELD(struct model_in, name, FIELD_STR, true),
    FIELD(struct model_in, new_name, FIELD_STR, true),
};

enum err mlflow_model_rename(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    struct registry_model m;
    enum err e = DECODE(op, req, rename_fields, &in);
    if (!e)
        e = registry_model_rename(op, s->db, in.name, in.new_name, &m);
    return e ? e : answer(op, &m, res);
}

static const struct field update_fields[] = {
    FIELD(struct model_in, name, FIELD_STR, true),
    FIELD(struct model_in, description, FIELD_STR, false),
};

enum err mlflow_model_update(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    struct registry_model m;
    enum err e = DECODE(op, req, update_fields, &in);
    if (!e)
        e = registry_model_describe(op, s->db, in.name, in.description, &m);
    return e ? e : answer(op, &m, res);
}

enum err mlflow_model_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    enum err e = decode_request(op, req, create_fields, 1, &in);
    if (!e)
        e = registry_model_delete(op, s->db, in.name);
    return e ? e : encode_empty(op, res);
}

static const struct field search_fields[] = {
    FIELD(struct model_in, filter, FIELD_STR, false),
    FIELD(struct model_in, max_results, FIELD_I64, false),
    FIELD(struct model_in, order_by, FIELD_STRS, false),
    FIELD(struct model_in, page_token, FIELD_STR, false),
};

enum err mlflow_model_search(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {.max_results = 100};
    struct registry_model_page page;
    enum err e = DECODE(op, req, search_fields, &in);
    struct registry_search q = {in.filter, in.order_by.p, in.order_by.len, in.max_results, in.page_token};
    if (!e && in.max_results > LIMIT_REGISTRY_SEARCH_MODELS)
        e = decode_bad_text(op, "max_results", str_from(op_printf(op, "%lld", (long long)in.max_results)));
    if (!e)
        e = registry_model_search(op, s->db, &q, &page);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    if (page.len) {
        json_key(&w, "registered_models");
        json_begin_array(&w);
        for (size_t i = 0; i < page.len; i++)
            encode_model(&w, &page.models[i]);
        json_end_array(&w);
    }
    encode_text(&w, "next_page_token", page.next_token);
    return encode_end(op, &w, res);
}

static const struct field latest_fields[] = {
    FIELD(struct model_in, name, FIELD_STR, true),
    FIELD(struct model_in, stages, FIELD_STRS, false),
};

enum err mlflow_model_latest(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    struct registry_version_page page;
    enum err e = DECODE(op, req, latest_fields, &in);
    if (!e)
        e = registry_version_latest(op, s->db, in.name, in.stages.p, in.stages.len, &page);
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
    return encode_end(op, &w, res);
}

static const struct field tag_fields[] = {
    FIELD(struct model_in, name, FIELD_STR, true),
    FIELD(struct model_in, key, FIELD_STR, true),
    FIELD(struct model_in, value, FIELD_STR, false),
};

enum err mlflow_model_set_tag(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    enum err e = DECODE(op, req, tag_fields, &in);
    if (!e)
        e = registry_model_set_tag(op, s->db, in.name, in.key, in.value);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_model_delete_tag(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    enum err e = decode_request(op, req, tag_fields, 2, &in);
    if (!e)
        e = registry_model_delete_tag(op, s->db, in.name, in.key);
    return e ? e : encode_empty(op, res);
}

static const struct field alias_fields[] = {
    FIELD(struct model_in, name, FIELD_STR, true),
    FIELD(struct model_in, alias, FIELD_STR, true),
    FIELD(struct model_in, version, FIELD_STR, true),
};

enum err mlflow_alias_set(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    int64_t version = 0;
    enum err e = DECODE(op, req, alias_fields, &in);
    if (!e)
        e = registry_version_parse(op, in.version, &version);
    if (!e)
        e = registry_alias_set(op, s->db, in.name, in.alias, version);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_alias_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    enum err e = decode_request(op, req, alias_fields, 2, &in);
    if (!e)
        e = registry_alias_delete(op, s->db, in.name, in.alias);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_alias_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    struct registry_version v;
    enum err e = decode_request(op, req, alias_fields, 2, &in);
    if (!e)
        e = registry_alias_resolve(op, s->db, in.name, in.alias, &v);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    json_key(&w, "model_version");
    encode_version(&w, &v);
    return encode_end(op, &w, res);
}
