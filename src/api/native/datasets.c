/* datasets.c - the datasets that runs read, over all experiments. */
#include "api/native/native.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/track/dataset_list.h"

static void item_write(struct json_out *w, const struct dataset_item *d)
{
    json_kv_str(w, "name", d->name);
    json_kv_str(w, "digest", d->digest);
    json_kv_str(w, "source_type", d->source_type);
    json_kv_i64(w, "runs", d->runs);
    if (d->more_runs) /* at least so many */
        json_kv_bool(w, "more_runs", true);
    if (d->runs) {
        if (!d->more_runs)
            json_kv_i64(w, "first_ms", d->first_ms);
        json_kv_i64(w, "last_ms", d->last_ms);
    }
}

enum err native_dataset_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct dataset_list_query q = {.search = STR(""), .name = STR(""), .digest = STR("")};
    struct dataset_item *items = NULL;
    size_t n = 0;
    bool more = false;
    int64_t limit = 0;
    struct json_out w;
    enum err e = native_query_i64(op, req, "limit", 1, LIMIT_DATASET_LIST, 100, &limit);
    http_query_get(op, req, "search", &q.search);
    http_query_get(op, req, "after_name", &q.name);
    http_query_get(op, req, "after_digest", &q.digest);
    q.limit = (size_t)limit;
    if (e || (e = dataset_list(op, s->db, &q, &items, &n, &more)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "datasets");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&w);
        item_write(&w, &items[i]);
        json_end_object(&w);
    }
    json_end_array(&w);
    if (more) {
        json_key(&w, "next");
        json_begin_object(&w);
        json_kv_str(&w, "after_name", items[n - 1].name);
        json_kv_str(&w, "after_digest", items[n - 1].digest);
        json_end_object(&w);
    }
    json_end_object(&w);
    return OK;
}

/* Schema and profile are texts of the client's: JSON as such where they are, else a text. */
static void text_write(struct op *op, struct json_out *w, const char *key, struct str text)
{
    struct json *j = NULL;
    json_key(w, key);
    if (!text.p)
        json_null(w);
    else if (!json_parse(op, text, JSON_STRICT, &j))
        json_value(w, j);
    else
        json_str(w, text);
    op_clear(op);
}

enum err native_dataset_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct dataset_details d;
    struct json_out w;
    struct str name;
    if (!http_query_get(op, req, "name", &name))
        return op_fail_field(op, "name", "query parameter 'name' is missing: a digest may belong to several datasets");
    enum err e = dataset_get(op, s->db, name, req->path_args[0], &d);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    item_write(&w, &d.item);
    json_kv_str(&w, "source", d.source);
    text_write(op, &w, "schema", d.schema);
    text_write(op, &w, "profile", d.profile);
    json_key(&w, "used_by");
    json_begin_array(&w);
    for (size_t i = 0; i < d.use_count; i++) {
        const struct dataset_use *u = &d.uses[i];
        json_begin_object(&w);
        json_kv_str(&w, "run_id", u->run_id);
        json_kv_str(&w, "run", u->run);
        json_kv_str(&w, "context", u->context);
        json_kv_str(&w, "experiment", u->experiment);
        json_kv_i64(&w, "experiment_id", u->experiment_id);
        json_kv_cstr(&w, "status", track_run_status_name(u->status));
        json_kv_i64(&w, "start_ms", u->start_ms);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}
