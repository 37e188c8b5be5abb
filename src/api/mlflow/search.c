#include "api/mlflow/search.h"

#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/track/dataset_search.h"
#include "core/track/run_search.h"

struct search_in {
    struct str filter, page_token, run_view_type;
    struct str_list experiment_ids, order_by, columns;
    int64_t max_results;
    bool count_only, include_total, all_experiments;
};
static const struct field search_fields[] = {
    FIELD(struct search_in, experiment_ids, FIELD_STRS, false),  FIELD(struct search_in, filter, FIELD_STR, false),
    FIELD(struct search_in, run_view_type, FIELD_NAME, false),   FIELD(struct search_in, max_results, FIELD_I64, false),
    FIELD(struct search_in, order_by, FIELD_STRS, false),        FIELD(struct search_in, page_token, FIELD_STR, false),
    /* Ours. */
    FIELD(struct search_in, columns, FIELD_STRS, false),         FIELD(struct search_in, count_only, FIELD_BOOL, false),
    FIELD(struct search_in, include_total, FIELD_BOOL, false),   FIELD(struct search_in, all_experiments, FIELD_BOOL, false),
};

static enum err experiment_ids(struct op *op, const struct str_list *texts, int64_t **ret)
{
    int64_t *ids = arena_array(op->arena, texts->len + 1, int64_t);
    if (!ids)
        return op_fail(op, E_TOO_LARGE, "'experiment_ids' is too long");
    for (size_t i = 0; i < texts->len; i++) {
        enum err e = names_parse_experiment_id(op, texts->p[i], &ids[i]);
        if (e)
            return e;
    }
    *ret = ids;
    return OK;
}

static enum err search_query(struct op *op, const struct search_in *in, struct run_query *q)
{
    static const char *const views[] = {"ACTIVE_ONLY", "DELETED_ONLY", "ALL"};
    int64_t *ids = NULL;
    enum err e = experiment_ids(op, &in->experiment_ids, &ids);
    if (e)
        return e;
    *q = (struct run_query){.experiments = ids, .experiment_count = in->experiment_ids.len, .all_experiments = in->all_experiments,
                            .filter = in->filter, .order_by = in->order_by.p, .order_count = in->order_by.len,
                            .view = TRACK_VIEW_ACTIVE, .max_results = in->max_results, .page_token = in->page_token,
                            .count = in->include_total, .count_only = in->count_only};
    if (in->max_results > LIMIT_TRACK_SEARCH_RUNS)
        return op_fail_field(op, "max_results",
                             "Invalid value %lld for parameter 'max_results' supplied:  Hint: Value was of type 'int'. See the "
                             "API docs for more information about request parameters.",
                             (long long)in->max_results);
    size_t i = in->run_view_type.len ? decode_name(in->run_view_type, views, ARRAY_LEN(views)) : 0;
    if (i == SIZE_MAX)
        return op_fail_field(op, "run_view_type", "Invalid value \"%.*s\" for parameter 'run_view_type' supplied.",
                             STR_FMT(in->run_view_type));
    q->view = (enum track_view)(i + 1);
    if (in->columns.p) {
        struct run_columns *c = op_new(op, struct run_columns);
        e = run_columns_parse(op, in->columns.p, in->columns.len, c);
        q->columns = c;
    }
    return e;
}

enum err mlflow_run_search(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct search_in in = {.max_results = 1000};
    struct run_query q;
    struct run_page page;
    enum err e = DECODE(op, req, search_fields, &in);
    if (!e)
        e = search_query(op, &in, &q);
    if (e)
        return e;
    q.index = s->run_index;
    e = run_search(op, s->db, &q, &page);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    if (page.len) {
        json_key(&w, "runs");
        json_begin_array(&w);
        for (size_t i = 0; i < page.len; i++)
            encode_run(&w, &page.runs[i]);
        json_end_array(&w);
    }
    encode_text(&w, "next_page_token", page.next_token);
    if (q.count || q.count_only)
        json_kv_i64(&w, "total", page.total);
    return encode_end(op, &w, res);
}

struct datasets_in {
    struct str_list experiment_ids;
};
static const struct field datasets_fields[] = {FIELD(struct datasets_in, experiment_ids, FIELD_STRS, false)};

enum err mlflow_dataset_search(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct datasets_in in = {0};
    struct dataset_summary *found = NULL;
    int64_t *ids = NULL;
    size_t n = 0;
    enum err e = DECODE(op, req, datasets_fields, &in);
    if (!e)
        e = experiment_ids(op, &in.experiment_ids, &ids);
    if (!e)
        e = dataset_search(op, s->db, ids, in.experiment_ids.len, &found, &n);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    if (n) {
        json_key(&w, "dataset_summaries");
        json_begin_array(&w);
    }
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&w);
        encode_id(&w, "experiment_id", found[i].experiment_id);
        json_kv_str(&w, "name", found[i].name);
        json_kv_str(&w, "digest", found[i].digest);
        encode_text(&w, "context", found[i].context);
        json_end_object(&w);
    }
    if (n)
        json_end_array(&w);
    return encode_end(op, &w, res);
}
