#include "api/mlflow/logged_models.h"

#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/track/logged_model.h"

struct model_in {
    struct str experiment_id, name, model_type, source_run_id, status, filter, page_token;
    struct track_kvs params, tags;
    struct str_list experiment_ids;
    const struct json *order_by, *datasets;
    int64_t max_results;
    bool allow_deleted;
};

static enum err answer(struct op *op, const struct logged_model *m, struct http_res *res)
{
    struct json_out w;
    encode_begin(&w, res);
    json_key(&w, "model");
    encode_logged_model(&w, m);
    return encode_end(op, &w, res);
}

static const struct field create_fields[] = {
    FIELD(struct model_in, experiment_id, FIELD_STR, true), FIELD(struct model_in, name, FIELD_STR, false),
    FIELD(struct model_in, model_type, FIELD_STR, false),   FIELD(struct model_in, source_run_id, FIELD_STR, false),
    FIELD(struct model_in, params, FIELD_KVS, false),       FIELD(struct model_in, tags, FIELD_KVS, false),
};

enum err mlflow_logged_model_create(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    struct logged_model_new m = {0};
    struct logged_model made;
    enum err e = DECODE(op, req, create_fields, &in);
    if (!e)
        e = names_parse_experiment_id(op, in.experiment_id, &m.experiment_id);
    if (e)
        return e;
    m.name = in.name;
    m.model_type = in.model_type;
    m.source_run_id = in.source_run_id;
    m.params = in.params.p;
    m.param_count = in.params.len;
    m.tags = in.tags.p;
    m.tag_count = in.tags.len;
    e = logged_model_create(op, s->db, &m, &made);
    return e ? e : answer(op, &made, res);
}

static const struct field get_fields[] = {FIELD(struct model_in, allow_deleted, FIELD_BOOL, false)};

enum err mlflow_logged_model_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    struct logged_model m;
    enum err e = DECODE(op, req, get_fields, &in);
    if (!e)
        e = logged_model_get(op, s->db, req->path_args[0], in.allow_deleted, &m);
    return e ? e : answer(op, &m, res);
}

static const struct field status_fields[] = {FIELD(struct model_in, status, FIELD_NAME, true)};

enum err mlflow_logged_model_finalize(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    static const char *const names[] = {"LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"};
    struct model_in in = {0};
    struct logged_model m;
    enum err e = DECODE(op, req, status_fields, &in);
    if (e)
        return e;
    size_t i = decode_name(in.status, names, ARRAY_LEN(names));
    if (i == SIZE_MAX)
        return decode_bad_name(op, "status", in.status);
    e = logged_model_finalize(op, s->db, req->path_args[0], (enum logged_model_status)(i + 1), &m);
    return e ? e : answer(op, &m, res);
}

enum err mlflow_logged_model_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    enum err e = logged_model_delete(op, s->db, req->path_args[0]);
    return e ? e : encode_empty(op, res);
}

static const struct field params_fields[] = {FIELD(struct model_in, params, FIELD_KVS, false)};

enum err mlflow_logged_model_params(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    enum err e = DECODE(op, req, params_fields, &in);
    if (!e)
        e = logged_model_log_params(op, s->db, req->path_args[0], in.params.p, in.params.len);
    return e ? e : encode_empty(op, res);
}

static const struct field tags_fields[] = {FIELD(struct model_in, tags, FIELD_KVS, false)};

enum err mlflow_logged_model_set_tags(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {0};
    enum err e = DECODE(op, req, tags_fields, &in);
    if (!e)
        e = logged_model_set_tags(op, s->db, req->path_args[0], in.tags.p, in.tags.len);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_logged_model_delete_tag(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    enum err e = logged_model_delete_tag(op, s->db, req->path_args[0], req->path_args[1]);
    return e ? e : encode_empty(op, res);
}

struct dataset_in {
    struct str dataset_name, dataset_digest;
};
struct order_in {
    struct str field_name, dataset_name, dataset_digest;
    bool ascending;
};
static const struct field order_fields[] = {
    FIELD(struct order_in, field_name, FIELD_STR, true),
    FIELD(struct order_in, ascending, FIELD_BOOL, false),
    FIELD(struct order_in, dataset_name, FIELD_STR, false),
    FIELD(struct order_in, dataset_digest, FIELD_STR, false),
};
static const struct field dataset_fields[] = {
    FIELD(struct dataset_in, dataset_name, FIELD_STR, false),
    FIELD(struct dataset_in, dataset_digest, FIELD_STR, false),
};
static const struct field search_fields[] = {
    FIELD(struct model_in, experiment_ids, FIELD_STRS, true), FIELD(struct model_in, filter, FIELD_STR, false),
    FIELD(struct model_in, max_results, FIELD_I64, false),    FIELD(struct model_in, order_by, FIELD_ITEMS, false),
    FIELD(struct model_in, page_token, FIELD_STR, false),     FIELD(struct model_in, datasets, FIELD_ITEMS, false),
};

static enum err search_datasets(struct op *op, const struct model_in *in, struct logged_model_query *q)
{
    struct dataset_in none = {0};
    void *given = NULL;
    enum err e = decode_items(op, in->datasets, "datasets", dataset_fields, ARRAY_LEN(dataset_fields), sizeof none, &none, &given, &q->dataset_count);
    const struct dataset_in *datasets = given;
    struct logged_model_dataset *out = e ? NULL : arena_array(op->arena, q->dataset_count + 1, struct logged_model_dataset);
    if (!out)
        return e ? e : op_fail(op, E_TOO_LARGE, "the request is too long");
    for (size_t i = 0; i < q->dataset_count; i++)
        out[i] = (struct logged_model_dataset){datasets[i].dataset_name, datasets[i].dataset_digest};
    q->datasets = out;
    return OK;
}

static enum err search_query(struct op *op, const struct model_in *in, struct logged_model_query *q)
{
    struct order_in dflt = {.ascending = true};
    void *orders = NULL;
    size_t n = 0;
    enum err e = decode_items(op, in->order_by, "order_by", order_fields, ARRAY_LEN(order_fields), sizeof dflt, &dflt, &orders, &n);
    if (e)
        return e;
    const struct order_in *given = orders;
    struct logged_model_order *order = arena_array(op->arena, n + 1, struct logged_model_order);
    int64_t *ids = arena_array(op->arena, in->experiment_ids.len + 1, int64_t);
    if (!order || !ids)
        return op_fail(op, E_TOO_LARGE, "the request is too long");
    for (size_t i = 0; i < n; i++)
        order[i] = (struct logged_model_order){given[i].field_name, !given[i].ascending, {given[i].dataset_name, given[i].dataset_digest}};
    for (size_t i = 0; i < in->experiment_ids.len; i++) {
        e = names_parse_experiment_id(op, in->experiment_ids.p[i], &ids[i]);
        if (e)
            return e;
    }
    *q = (struct logged_model_query){.experiments = ids, .experiment_count = in->experiment_ids.len, .filter = in->filter,
                                     .order_by = order, .order_count = n, .max_results = in->max_results,
                                     .page_token = in->page_token};
    return search_datasets(op, in, q);
}

enum err mlflow_logged_model_search(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct model_in in = {.max_results = 100};
    struct logged_model_query q;
    struct logged_model_page page;
    enum err e = DECODE(op, req, search_fields, &in);
    if (!e)
        e = search_query(op, &in, &q);
    if (!e)
        e = logged_model_search(op, s->db, &q, &page);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    if (page.len) {
        json_key(&w, "models");
        json_begin_array(&w);
        for (size_t i = 0; i < page.len; i++)
            encode_logged_model(&w, &page.models[i]);
        json_end_array(&w);
    }
    encode_text(&w, "next_page_token", page.next_token);
    return encode_end(op, &w, res);
}
