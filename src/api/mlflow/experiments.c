#include "api/mlflow/experiments.h"

#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"
#include "api/services.h"
#include "core/track/experiment.h"

struct experiment_in {
    struct str experiment_id, experiment_name, name, new_name, artifact_location, key, value;
    struct track_kvs tags;
};

static const struct field create_fields[] = {
    FIELD(struct experiment_in, name, FIELD_STR, true),
    FIELD(struct experiment_in, artifact_location, FIELD_STR, false),
    FIELD(struct experiment_in, tags, FIELD_KVS, false),
};

enum err mlflow_experiment_create(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct experiment_in in = {0};
    int64_t id = 0;
    enum err e = DECODE(op, req, create_fields, &in);
    if (!e)
        e = experiment_create_below(op, s->db, in.name, in.artifact_location, s->artifact_root, in.tags.p, in.tags.len, &id);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    encode_id(&w, "experiment_id", id);
    return encode_end(op, &w, res);
}

static const struct field id_fields[] = {FIELD(struct experiment_in, experiment_id, FIELD_STR, true)};

static enum err decode_id(struct op *op, const struct http_req *req, int64_t *ret)
{
    struct experiment_in in = {0};
    enum err e = DECODE(op, req, id_fields, &in);
    return e ? e : names_parse_experiment_id(op, in.experiment_id, ret);
}

static enum err answer(struct op *op, const struct experiment *x, struct http_res *res)
{
    struct json_out w;
    encode_begin(&w, res);
    json_key(&w, "experiment");
    encode_experiment(&w, x);
    return encode_end(op, &w, res);
}

enum err mlflow_experiment_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    int64_t id = 0;
    struct experiment x;
    enum err e = decode_id(op, req, &id);
    if (!e)
        e = experiment_get(op, s->db, id, &x);
    return e ? e : answer(op, &x, res);
}

static const struct field by_name_fields[] = {FIELD(struct experiment_in, experiment_name, FIELD_STR, true)};

enum err mlflow_experiment_get_by_name(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct experiment_in in = {0};
    struct experiment x;
    enum err e = DECODE(op, req, by_name_fields, &in);
    if (!e)
        e = experiment_get_by_name(op, s->db, in.experiment_name, &x);
    return e ? e : answer(op, &x, res);
}

enum err mlflow_experiment_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    int64_t id = 0;
    enum err e = decode_id(op, req, &id);
    if (!e)
        e = experiment_delete(op, s->db, id);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_experiment_restore(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    int64_t id = 0;
    enum err e = decode_id(op, req, &id);
    if (!e)
        e = experiment_restore(op, s->db, id);
    return e ? e : encode_empty(op, res);
}

static const struct field update_fields[] = {
    FIELD(struct experiment_in, experiment_id, FIELD_STR, true),
    FIELD(struct experiment_in, new_name, FIELD_STR, true),
};

enum err mlflow_experiment_update(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct experiment_in in = {0};
    int64_t id = 0;
    enum err e = DECODE(op, req, update_fields, &in);
    if (!e)
        e = names_parse_experiment_id(op, in.experiment_id, &id);
    if (!e)
        e = experiment_rename(op, s->db, id, in.new_name);
    return e ? e : encode_empty(op, res);
}

static const struct field set_tag_fields[] = {
    FIELD(struct experiment_in, experiment_id, FIELD_STR, true),
    FIELD(struct experiment_in, key, FIELD_STR, true),
    FIELD(struct experiment_in, value, FIELD_STR, false),
};

enum err mlflow_experiment_set_tag(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct experiment_in in = {.value = STR("")};
    int64_t id = 0;
    enum err e = DECODE(op, req, set_tag_fields, &in);
    if (!e)
        e = names_parse_experiment_id(op, in.experiment_id, &id);
    if (!e)
        e = experiment_set_tag(op, s->db, id, in.key, in.value);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_experiment_delete_tag(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct experiment_in in = {0};
    int64_t id = 0;
    enum err e = decode_request(op, req, set_tag_fields, 2, &in);
    if (!e)
        e = names_parse_experiment_id(op, in.experiment_id, &id);
    if (!e)
        e = experiment_delete_tag(op, s->db, id, in.key);
    return e ? e : encode_empty(op, res);
}

struct search_in {
    struct str filter, page_token, view_type;
    struct str_list order_by;
    int64_t max_results;
};
static const struct field search_fields[] = {
    FIELD(struct search_in, filter, FIELD_STR, false),
    FIELD(struct search_in, page_token, FIELD_STR, false),
    FIELD(struct search_in, order_by, FIELD_STRS, false),
    FIELD(struct search_in, max_results, FIELD_I64, false),
    FIELD(struct search_in, view_type, FIELD_NAME, false),
};

static enum err parse_view(struct op *op, struct str text, enum track_view *ret)
{
    static const char *const names[] = {"ACTIVE_ONLY", "DELETED_ONLY", "ALL"};
    size_t i = text.len ? decode_name(text, names, ARRAY_LEN(names)) : 0;
    if (i == SIZE_MAX)
        return decode_bad_name(op, "view_type", text);
    *ret = (enum track_view)(i + 1);
    return OK;
}

enum err mlflow_experiment_search(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct search_in in = {0};
    struct experiment_query q = {0};
    struct experiment_page page;
    enum err e = DECODE(op, req, search_fields, &in);
    if (!e)
        e = parse_view(op, in.view_type, &q.view);
    if (e)
        return e;
    q.filter = in.filter;
    q.order_by = in.order_by.p;
    q.order_count = in.order_by.len;
    q.max_results = in.max_results;
    q.page_token = in.page_token;
    e = experiment_search(op, s->db, &q, &page);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    if (page.len) {
        json_key(&w, "experiments");
        json_begin_array(&w);
        for (size_t i = 0; i < page.len; i++)
            encode_experiment(&w, &page.items[i]);
        json_end_array(&w);
    }
    encode_text(&w, "next_page_token", page.next_token);
    return encode_end(op, &w, res);
}
