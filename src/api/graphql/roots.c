#include "api/graphql/roots.h"

#include "base/limits.h"
#include "core/track/history.h"

#include <inttypes.h>

#define VERSIONS_OF_RUN 1000 /* shown with a run */

/* Graphene calls a resolver without the argument that the document leaves out, which fails with this text. */
static enum err input_missing(struct gql_context *x, const struct gql_input *in, const char *resolver)
{
    if (in->given)
        return OK;
    return op_fail_field(x->op, "input", "QueryType.%s() missing 1 required positional argument: 'input'", resolver);
}

static struct str run_of(const struct gql_input *in)
{
    return in->run_id.len ? in->run_id : in->run_uuid;
}

enum err gql_load_experiment(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
{
    (void)object;
    (void)ret_len;
    int64_t id = 0;
    struct experiment *e = op_new(x->op, struct experiment);
    enum err bad = input_missing(x, in, "resolve_mlflow_get_experiment");
    if (!bad)
        bad = names_parse_experiment_id(x->op, in->experiment_id, &id);
    if (!bad)
        bad = experiment_get(x->op, x->services->db, id, e);
    *ret = e;
    return bad;
}

enum err gql_load_run(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
{
    (void)object;
    (void)ret_len;
    struct track_run *r = op_new(x->op, struct track_run);
    enum err e = input_missing(x, in, "resolve_mlflow_get_run");
    if (!e)
        e = track_run_get(x->op, x->services->db, run_of(in), r);
    *ret = r;
    return e;
}

static enum err experiment_ids(struct op *op, const struct gql_texts *texts, int64_t **ret)
{
    int64_t *ids = arena_array(op->arena, texts->len + 1, int64_t);
    if (!ids)
        return op_fail(op, E_TOO_LARGE, "'experimentIds' is too long");
    for (size_t i = 0; i < texts->len; i++) {
        enum err e = names_parse_experiment_id(op, texts->p[i], &ids[i]);
        if (e)
            return e;
    }
    *ret = ids;
    return OK;
}

enum err gql_load_runs(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
{
    (void)object;
    (void)ret_len;
    int64_t *ids = NULL;
    struct run_page *page = op_new(x->op, struct run_page);
    enum err e = input_missing(x, in, "resolve_mlflow_search_runs");
    if (!e)
        e = experiment_ids(x->op, &in->experiment_ids, &ids);
    struct run_query q = {
        .experiments = ids, .experiment_count = in->experiment_ids.len, .filter = in->filter, .order_by = in->order_by.p,
        .order_count = in->order_by.len, .view = in->view ? (enum track_view)in->view : TRACK_VIEW_ACTIVE,
        .max_results = in->max_results == GQL_ABSENT ? 1000 : in->max_results, .page_token = in->page_token,
        .index = x->services->run_index,
    };
    if (!e)
        e = run_search(x->op, x->services->db, &q, page);
    *ret = page;
    return e;
}

enum err gql_load_versions(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
{
    (void)object;
    (void)ret_len;
    struct registry_version_page *page = op_new(x->op, struct registry_version_page);
    enum err e = input_missing(x, in, "resolve_mlflow_search_model_versions");
    struct registry_search q = {
        .filter = in->filter, .order_by = in->order_by.p, .order_count = in->order_by.len,
        .max_results = in->max_results == GQL_ABSENT ? LIMIT_REGISTRY_SEARCH_VERSIONS : in->max_results, .page_token = in->page_token,
    };
    if (!e)
        e = registry_version_search(x->op, x->services->db, &q, page);
    *ret = page;
    return e;
}

/* The paths of a listing are below the run, those of the core below the folder that was asked for. */
static enum err join_paths(struct op *op, struct artifact_list *list, struct str folder)
{
    for (size_t i = 0; folder.len && i < list->len; i++) {
        if (arena_left(op->arena) < LIMIT_KIB(64))
            return op_fail(op, E_TOO_LARGE, "the listing does not fit in memory");
        list->items[i].path = artifact_path_join(op, folder, list->items[i].path);
    }
    return OK;
}

enum err gql_load_artifacts(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
{
    (void)object;
    (void)ret_len;
    struct op *op = x->op;
    struct track_run r;
    struct str root, folder;
    struct gql_artifacts *a = op_new(op, struct gql_artifacts);
    enum err e = input_missing(x, in, "resolve_mlflow_list_artifacts");
    if (!e)
        e = track_run_get(op, x->services->db, run_of(in), &r);
    if (!e)
        e = artifact_path_clean(op, in->path, &folder);
    if (!e)
        e = artifact_root(op, r.artifact_uri, &root);
    if (!e)
        e = artifact_list(op, x->services->db, artifact_path_join(op, root, folder), &a->list);
    if (!e)
        e = join_paths(op, &a->list, folder);
    a->root_uri = e ? STR("") : r.artifact_uri;
    *ret = a;
    return e;
}

static enum err interval_check(struct op *op, const struct gql_input *in)
{
    if (in->run_ids.len > LIMIT_TRACK_BULK_RUNS)
        return op_fail_field(op, "runIds", "GetMetricHistoryBulkInterval request must specify at most %d run_ids. Received %zu run_ids.",
                             LIMIT_TRACK_BULK_RUNS, in->run_ids.len);
    if (in->max_results != GQL_ABSENT && (in->max_results < 1 || in->max_results > LIMIT_TRACK_SAMPLE_POINTS))
        return op_fail_field(op, "maxResults", "max_results must be between 1 and %d.", LIMIT_TRACK_SAMPLE_POINTS);
    if ((in->start_step == GQL_ABSENT) != (in->end_step == GQL_ABSENT))
        return op_fail_field(op, "startStep", "If either start step or end step are specified, both must be specified.");
    if (in->start_step > in->end_step)
        return op_fail_field(op, "endStep", "end_step must be greater than start_step. Found start_step=%" PRId64 " and end_step=%" PRId64 ".",
                             in->start_step, in->end_step);
    return OK;
}

/* Unlike upstream, whose GraphQL form looks for these three in the URL and so never sees them, maxResults, startStep and endStep count. */
enum err gql_load_interval(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
{
    (void)object;
    (void)ret_len;
    struct op *op = x->op;
    struct history_points points[LIMIT_TRACK_BULK_RUNS];
    size_t n = in->run_ids.len, room = 0, max = in->max_results == GQL_ABSENT ? LIMIT_TRACK_SAMPLE_POINTS : (size_t)in->max_results;
    struct sample_range range = {in->start_step != GQL_ABSENT, in->start_step, in->end_step};
    struct gql_metrics *out = op_new(op, struct gql_metrics);
    enum err e = input_missing(x, in, "resolve_mlflow_get_metric_history_bulk_interval");
    if (!e)
        e = interval_check(op, in);
    if (!e)
        e = history_sample(op, x->services->db, x->services->series, in->run_ids.p, n, in->metric_key, range, max, points);
    if (e)
        return e;
    for (size_t i = 0; i < n; i++)
        room += points[i].len;
    out->p = arena_array(op->arena, room + 1, struct track_metric);
    if (!out->p)
        return op_fail(op, E_TOO_LARGE, "the metrics do not fit in memory: ask for fewer runs");
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < points[i].len; k++)
            out->p[out->len++] = (struct track_metric){.key = in->metric_key, .value = points[i].p[k].value, .run_id = in->run_ids.p[i],
                                                       .time_ms = points[i].p[k].time_ms, .step = points[i].p[k].step};
    }
    *ret = out;
    return OK;
}

enum err gql_load_datasets(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
{
    (void)object;
    (void)ret_len;
    int64_t *ids = NULL;
    struct gql_datasets *d = op_new(x->op, struct gql_datasets);
    enum err e = input_missing(x, in, "resolve_mlflow_search_datasets");
    if (!e)
        e = experiment_ids(x->op, &in->experiment_ids, &ids);
    if (!e)
        e = dataset_search(x->op, x->services->db, ids, in->experiment_ids.len, &d->p, &d->len);
    *ret = d;
    return e;
}

enum err gql_load_test(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
{
    (void)object;
    (void)ret_len;
    if (!in->given)
        return op_fail_field(x->op, "inputString", "Query.resolve_test() missing 1 required positional argument: 'input_string'");
    struct gql_test *t = op_new(x->op, struct gql_test);
    t->text = in->text;
    *ret = t;
    return OK;
}

/* ---- what hangs on a run ---- */

enum err gql_load_experiment_of_run(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
{
    (void)in;
    (void)ret_len;
    const struct track_run *r = object;
    enum err e = OK;
    if (!x->experiment || x->experiment->id != r->experiment_id) {
        struct experiment *loaded = op_new(x->op, struct experiment);
        e = experiment_get(x->op, x->services->db, r->experiment_id, loaded);
        if (!e)
            x->experiment = loaded;
    }
    *ret = x->experiment;
    return e;
}

enum err gql_load_versions_of_run(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
{
    (void)in;
    const struct track_run *r = object;
    struct registry_version_page page;
    struct registry_search q = {.filter = str_from(op_printf(x->op, "run_id='%.*s'", STR_FMT(r->run_id))), .page_token = STR(""),
                                .max_results = VERSIONS_OF_RUN};
    enum err e = registry_version_search(x->op, x->services->db, &q, &page);
    if (e)
        return e;
    *ret = page.versions;
    *ret_len = page.len;
    return OK;
}
