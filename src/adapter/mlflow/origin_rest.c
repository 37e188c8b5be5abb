#include "adapter/mlflow/origin_rest.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "adapter/mlflow/rest.h"
#include "base/limits.h"

#define API "/api/2.0/mlflow"
#define EXPERIMENTS_PAGE 500
#define RUNS_PAGE 200
#define POINTS_PAGE 25000 /* what MLflow's own client asks for */
#define TIMEOUT_MS 120000

static enum err no_room(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "a page of the server does not fit in memory");
}

/* Starts a body; the caller adds members and ends it with body_end(). */
static void body_begin(struct buf *b, struct json_out *w)
{
    buf_init(b, LIMIT_MIB(16));
    json_out_init(w, b, 0);
    json_begin_object(w);
}

static void cursor_put(struct json_out *w, struct str cursor)
{
    if (cursor.len)
        json_kv_str(w, "page_token", cursor);
}

/* ---- experiments ---- */

static enum err experiment_keep(struct op *op, struct mlflow_rest *m, struct str id)
{
    if (m->experiment_count == m->experiment_room) {
        size_t room = m->experiment_room * 2 + 64;
        struct str *grown = arena_array(m->arena, room, struct str);
        if (!grown)
            return no_room(op);
        if (m->experiment_count)
            memcpy(grown, m->experiments, m->experiment_count * sizeof *grown);
        m->experiments = grown;
        m->experiment_room = room;
    }
    for (size_t i = 0; i < m->experiment_count; i++)
        if (str_eq(m->experiments[i], id))
            return OK; /* read again */
    m->experiments[m->experiment_count++] = str_dup(m->arena, id);
    return OK;
}

static enum err rest_experiments(void *self, struct op *op, struct str *cursor, struct origin_experiment **ret, size_t *ret_n)
{
    struct mlflow_rest *m = self;
    AUTO(buf) struct buf body;
    struct json_out w;
    struct json *doc = NULL;
    const struct json *items = NULL;
    *ret_n = 0;
    body_begin(&body, &w);
    if (str_eq(*cursor, REST_END))
        return OK;
    json_kv_i64(&w, "max_results", EXPERIMENTS_PAGE);
    json_kv_cstr(&w, "view_type", "ALL");
    cursor_put(&w, *cursor);
    json_end_object(&w);
    enum err e = rest_post(m, op, API "/experiments/search", buf_str(&body), &doc);
    if (e)
        return e;
    size_t n = record_items(doc, "experiments", &items);
    struct origin_experiment *out = arena_array(op->arena, n + 1, struct origin_experiment);
    if (!out)
        return no_room(op);
    for (size_t i = 0; !e && i < n; i++) {
        e = record_experiment(op, &items[i], &out[i]);
        if (!e)
            e = experiment_keep(op, m, out[i].id);
    }
    *cursor = rest_next(doc);
    *ret = out;
    *ret_n = e ? 0 : n;
    return e;
}

/* ---- runs ---- */

/* One experiment at a time, each in pages: the cursor is "<index> <token>". */
static bool runs_cursor(struct str cursor, size_t *ret_index, struct str *ret_token)
{
    size_t blank = str_find_char(cursor, ' ');
    uint64_t index = 0;
    *ret_index = 0;
    *ret_token = STR("");
    if (!cursor.len)
        return true;
    if (blank == SIZE_MAX || !str_parse_u64(str_sub(cursor, 0, blank), &index))
        return false;
    *ret_index = (size_t)index;
    *ret_token = str_sub(cursor, blank + 1, cursor.len);
    return true;
}

static enum err runs_page(struct mlflow_rest *m, struct op *op, size_t index, struct str token, struct json **ret)
{
    AUTO(buf) struct buf body;
    struct json_out w;
    body_begin(&body, &w);
    json_key(&w, "experiment_ids");
    json_begin_array(&w);
    json_str(&w, m->experiments[index]);
    json_end_array(&w);
    json_kv_i64(&w, "max_results", RUNS_PAGE);
    json_kv_cstr(&w, "run_view_type", "ALL");
    cursor_put(&w, token);
    json_end_object(&w);
    return rest_post(m, op, API "/runs/search", buf_str(&body), ret);
}

static enum err rest_runs(void *self, struct op *op, struct str *cursor, struct origin_run **ret, size_t *ret_n)
{
    struct mlflow_rest *m = self;
    size_t index, n = 0;
    struct str token;
    struct json *doc = NULL;
    const struct json *items = NULL;
    *ret_n = 0;
    if (!runs_cursor(*cursor, &index, &token))
        return op_fail(op, E_INTERNAL, "a cursor that is none");
    while (!n && index < m->experiment_count) { /* experiments without runs make no page */
        enum err e = runs_page(m, op, index, token, &doc);
        if (e)
            return e;
        n = record_items(doc, "runs", &items);
        token = rest_next(doc);
        if (str_eq(token, REST_END)) {
            index++;
            token = STR("");
        }
    }
    *cursor = str_from(op_printf(op, "%zu %.*s", index, STR_FMT(token)));
    struct origin_run *out = arena_array(op->arena, n + 1, struct origin_run);
    enum err e = out ? OK : no_room(op);
    for (size_t i = 0; !e && i < n; i++)
        e = record_run(op, &items[i], &out[i]);
    *ret = out;
    *ret_n = e ? 0 : n;
    return e;
}

/* What a search gives is all there is. */
static enum err rest_run_fill(void *self UNUSED, struct op *op UNUSED, struct origin_run *run UNUSED)
{
    return OK;
}

/* One page of one metric's history. */
static enum err points_page(struct mlflow_rest *m, struct op *op, const struct origin_run *run, struct str key, struct str *token, origin_points_fn fn, void *arg)
{
    const struct json *items = NULL;
    struct json *doc = NULL;
    struct str name = rest_quote(op, key), more = rest_quote(op, *token);
    enum err e = rest_get(m, op,
                          op_printf(op, API "/metrics/get-history?run_id=%.*s&metric_key=%.*s&max_results=%d%s%.*s", STR_FMT(run->run_id), STR_FMT(name),
                                    POINTS_PAGE, more.len ? "&page_token=" : "", STR_FMT(more)),
                          &doc);
    if (e)
        return e;
    size_t n = record_items(doc, "metrics", &items);
    struct origin_point *out = arena_array(op->arena, n + 1, struct origin_point);
    if (!out)
        return no_room(op);
    for (size_t i = 0; i < n; i++) {
        double v = record_f64(&items[i], "value");
        out[i] = (struct origin_point){key, record_i64(&items[i], "timestamp"), record_i64(&items[i], "step"), isnan(v) ? 0 : v, isnan(v)};
    }
    struct str next = record_text(doc, "next_page_token");
    *token = str_eq(next, *token) ? STR("") : next;
    return n ? fn(arg, out, n) : OK;
}

static enum err rest_points(void *self, struct op *op, const struct origin_run *run, origin_points_fn fn, void *arg)
{
    struct mlflow_rest *m = self;
    enum err e = OK;
    for (size_t i = 0; !e && i < run->latest_count; i++) {
        struct str token = STR("");
        do {
            AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
            struct op page;
            op_init(&page, arena);
            e = points_page(m, &page, run, run->latest[i].key, &token, fn, arg);
            token = str_dup(op->arena, token);
            if (e)
                e = op_fail(op, e, "%s", page.msg ? page.msg : "a batch of points was refused");
        } while (!e && token.len);
    }
    return e;
}

/* ---- the whole ---- */

static enum err rest_counts(void *self UNUSED, struct op *op UNUSED, struct origin_counts *ret)
{
    *ret = (struct origin_counts){-1, -1, -1, -1, -1, -1, -1, -1, 0};
    return OK;
}

static void rest_close(void *self)
{
    struct mlflow_rest *m = self;
    client_destroy(m->client);
    arena_destroy(m->arena);
    free(m);
}

static const struct origin_ops rest_ops = {
    .name = "mlflow server",
    .counts = rest_counts,
    .experiments = rest_experiments,
    .runs = rest_runs,
    .run_fill = rest_run_fill,
    .points = rest_points,
    .logged_models = rest_logged_models,
    .models = rest_models,
    .versions = rest_versions,
    .files = rest_files,
    .file = rest_file,
    .close = rest_close,
};

enum err mlflow_rest_origin(struct op *op, const struct mlflow_rest_config *config, struct origin *ret)
{
    struct client_config client = {.base_url = config->url, .bearer_token = config->token, .user = config->user, .password = config->password,
                                   .timeout_ms = TIMEOUT_MS};
    struct client *c = NULL;
    struct json *doc = NULL;
    enum err e = client_create(op, &client, &c);
    if (e)
        return e;
    struct mlflow_rest *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->client = c;
    m->arena = arena_create(LIMIT_MIB(256));
    if ((e = rest_get(m, op, API "/experiments/get?experiment_id=0", &doc)) && e != E_NOT_FOUND) { /* does it answer, and let us in? */
        rest_close(m);
        return e;
    }
    op_clear(op);
    *ret = (struct origin){&rest_ops, m};
    return OK;
}
