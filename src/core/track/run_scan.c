#include "core/track/run_scan.h"

#include "base/vec.h"
#include "core/track/input.h"
#include "core/track/metric.h"
#include "core/track/order.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <stdlib.h>

struct found {
    int64_t row, start_ms;
    struct str run_id;
    const struct order_key *keys;
};
struct search {
    const struct run_plan *plan;
    bool streaming;       /* rows come in the order of the answer: stop when the page is full */
    struct db_tx *tx;
    struct track_run *run; /* the row being judged */
    struct arena *scratch;
    VEC(struct found) found;
    size_t seen; /* hits, also those in front of a page that begins behind a run */
};

static enum err match_dataset(struct op *op, struct search *s, const struct filter_clause *c, bool *ret)
{
    struct track_run r = {.row = s->run->row};
    enum err e = input_load(op, s->tx, &r);
    if (e)
        return e;
    bool hit = false, none = c->op == FILTER_IS_NULL;
    for (size_t i = 0; i < r.dataset_count && !hit; i++) {
        const struct track_dataset *d = &r.datasets[i];
        struct str context = names_find(d->tags.p, d->tags.len, "mlflow.data.context");
        struct str part = c->attr == 2 ? context : c->attr ? d->digest : d->name;
        hit = part.p && (none || filter_test_text(c, part));
    }
    *ret = hit != none;
    return OK;
}

static bool match_attribute(const struct track_run *r, const struct filter_clause *c)
{
    switch (c->attr) {
    case RUN_ATTR_ID:
        return filter_test_text(c, r->run_id);
    case RUN_ATTR_NAME:
        return filter_test_text(c, r->name);
    case RUN_ATTR_USER:
        return filter_test_text(c, r->user_id);
    case RUN_ATTR_STATUS:
        return filter_test_text(c, str_from(track_run_status_name(r->status)));
    case RUN_ATTR_ARTIFACT_URI:
        return filter_test_text(c, r->artifact_uri);
    case RUN_ATTR_START:
        return filter_test_i64(c, r->start_ms);
    default:
        return r->has_end ? filter_test_i64(c, r->end_ms) : c->op == FILTER_IS_NULL;
    }
}

static enum err match_clause(struct op *op, void *arg, const struct filter_clause *c, bool *ret)
{
    struct search *s = arg;
    bool found = false;
    struct str text = {0};
    double value = 0;
    enum err e = OK;
    switch (c->entity) {
    case FILTER_METRIC:
        e = metric_latest(op, s->tx, s->run->row, c->key, &found, &value);
        *ret = found ? filter_test_f64(c, value) : c->op == FILTER_IS_NULL;
        return e;
    case FILTER_PARAM:
    case FILTER_TAG:
        e = store_find_text(op, s->tx, c->entity == FILTER_TAG ? &sql_track_tag_get : &sql_track_param_get, s->run->row,
                            c->key, &found, &text);
        *ret = found ? filter_test_text(c, text) : c->op == FILTER_IS_NULL;
        return e;
    case FILTER_DATASET:
        return match_dataset(op, s, c, ret);
    default:
        *ret = match_attribute(s->run, c);
        return OK;
    }
}

enum err run_scan_match(struct op *op, struct db_tx *tx, const struct filter *f, struct track_run *run, bool *ret)
{
    struct search s = {.tx = tx, .run = run};
    return filter_match(op, f, match_clause, &s, ret);
}

static enum err order_key_of(struct op *op, struct search *s, const struct filter_order *o, struct order_key *ret)
{
    const struct track_run *r = s->run;
    bool found = false;
    double value = 0;
    struct str text = {0};
    enum err e;
    if (o->entity == FILTER_METRIC) {
        e = metric_latest(op, s->tx, r->row, o->key, &found, &value);
        *ret = found ? order_real(value) : order_absent();
        return e;
    }
    if (o->entity == FILTER_PARAM || o->entity == FILTER_TAG) {
        e = store_find_text(op, s->tx, o->entity == FILTER_TAG ? &sql_track_tag_get : &sql_track_param_get, r->row, o->key,
                            &found, &text);
        *ret = found ? order_text(text) : order_absent();
        return e;
    }
    switch (o->attr) {
    case RUN_ATTR_ID:
        *ret = order_text(r->run_id);
        break;
    case RUN_ATTR_NAME:
        *ret = order_text(r->name);
        break;
    case RUN_ATTR_USER:
        *ret = order_text(r->user_id);
        break;
    case RUN_ATTR_STATUS:
        *ret = order_text(str_from(track_run_status_name(r->status)));
        break;
    case RUN_ATTR_ARTIFACT_URI:
        *ret = order_text(r->artifact_uri);
        break;
    case RUN_ATTR_START:
        *ret = order_whole(r->start_ms);
        break;
    default:
        *ret = r->has_end ? order_whole(r->end_ms) : order_absent();
    }
    return OK;
}

static enum err keep(struct op *op, struct search *s)
{
    struct found *f = store_room(op, 0) ? NULL : vec_push(&s->found, op->arena);
    if (!f)
        return op_fail(op, E_TOO_LARGE, "the search finds more runs than fit in memory: narrow the filter");
    *f = (struct found){s->run->row, s->run->start_ms, str_dup(op->arena, s->run->run_id), NULL};
    if (s->plan->order_count == 0)
        return OK;
    struct order_key *keys = arena_array(op->arena, s->plan->order_count, struct order_key);
    if (!keys)
        return op_fail(op, E_TOO_LARGE, "the search finds more runs than fit in memory: narrow the filter");
    for (size_t i = 0; i < s->plan->order_count; i++) {
        enum err e = order_key_of(op, s, &s->plan->order[i], &keys[i]);
        if (e)
            return e;
        if (keys[i].kind == ORDER_TEXT && s->plan->order[i].entity == FILTER_ATTRIBUTE)
            keys[i].text = str_dup(op->arena, keys[i].text);
    }
    f->keys = keys;
    return OK;
}

/* A hit; it is kept unless it lies in front of the page. */
static enum err take(struct op *op, struct search *s)
{
    s->seen++;
    enum err e = keep(op, s);
    if (e || !s->plan->keyed)
        return e;
    const struct found *f = &s->found.p[s->found.len - 1];
    if (keyset_compare(s->plan->order, s->plan->order_count, f->keys, f->start_ms, f->run_id, &s->plan->after) <= 0)
        s->found.len--;
    return OK;
}

/* The row as views that die with the next step: most rows are only looked at. */
static struct track_run row_view(struct db_tx *tx, struct db_rows *rows)
{
    return (struct track_run){
        .row = db_col_i64(tx, rows, 0),
        .run_id = db_col_str(tx, rows, 1),
        .experiment_id = db_col_i64(tx, rows, 2),
        .name = db_col_str(tx, rows, 3),
        .user_id = db_col_str(tx, rows, 4),
        .status = (enum track_run_status)db_col_i64(tx, rows, 5),
        .start_ms = db_col_i64(tx, rows, 6),
        .has_end = !db_col_null(tx, rows, 7),
        .end_ms = db_col_i64(tx, rows, 7),
        .deleted = db_col_i64(tx, rows, 8) != 0,
        .artifact_uri = db_col_str(tx, rows, 9),
    };
}

/* Judges the row in a memory of its own, emptied for each, so that a scan of any length needs little. */
static enum err judge(struct op *op, struct search *s, bool *ret_hit)
{
    if (s->plan->filter.clause_count == 0) {
        *ret_hit = true;
        return OK;
    }
    struct op scratch = *op;
    scratch.arena = s->scratch;
    enum err e = filter_match(&scratch, &s->plan->filter, match_clause, s, ret_hit);
    if (e)
        e = op_fail(op, e, "%s", scratch.msg ? scratch.msg : "the filter could not be evaluated");
    arena_reset(s->scratch);
    return e;
}

static enum err scan_experiment(struct op *op, struct search *s, int64_t experiment)
{
    int64_t lo = !s->plan->active, hi = s->plan->deleted;
    size_t enough = (s->plan->keyed ? 0 : s->plan->offset) + s->plan->limit + 1;
    struct db_rows *rows = NULL;
    enum err e = db_query(op, s->tx, &sql_track_run_scan, DB_ARGS(DB_I64(experiment), DB_I64(lo), DB_I64(hi)), &rows);
    if (e)
        return e;
    bool more = false;
    while (!(e = db_step(op, s->tx, rows, &more)) && more) {
        bool hit = false;
        struct track_run run = row_view(s->tx, rows);
        s->run = &run;
        e = judge(op, s, &hit);
        if (!e && hit)
            e = take(op, s);
        if (e || (s->streaming && s->found.len == enough))
            break;
    }
    db_end(s->tx, rows);
    return e;
}

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct found *a = pa, *b = pb;
    const struct search *s = arg;
    if (a->keys) {
        int c = order_compare(s->plan->order, s->plan->order_count, a->keys, b->keys);
        if (c)
            return c;
    }
    if (a->start_ms != b->start_ms)
        return a->start_ms < b->start_ms ? 1 : -1;
    return str_cmp(a->run_id, b->run_id);
}

static enum err page(struct op *op, const struct search *s, struct run_hits *ret)
{
    size_t offset = s->plan->keyed ? 0 : s->plan->offset;
    size_t from = offset < s->found.len ? offset : s->found.len, n = s->found.len - from;
    bool more = n > s->plan->limit;
    if (more)
        n = s->plan->limit;
    int64_t *rows = arena_array(op->arena, n + 1, int64_t);
    if (!rows)
        return op_fail(op, E_TOO_LARGE, "the page does not fit in memory: lower max_results");
    for (size_t i = 0; i < n; i++)
        rows[i] = s->found.p[from + i].row;
    *ret = (struct run_hits){.rows = rows, .len = n, .more = more, .total = (int64_t)s->seen};
    if (more) {
        const struct found *f = &s->found.p[from + n - 1];
        ret->last.start_ms = f->start_ms;
        ret->last.run_id = f->run_id;
        for (size_t i = 0; i < s->plan->order_count; i++)
            ret->last.keys[i] = f->keys[i];
    }
    return OK;
}

enum err run_scan(struct op *op, struct db_tx *tx, const struct run_plan *plan, struct run_hits *ret)
{
    AUTO(arena) struct arena *scratch = arena_create(LIMIT_TRACK_SCRATCH);
    struct search *s = op_new(op, struct search);
    *s = (struct search){.plan = plan, .tx = tx, .scratch = scratch,
                         .streaming = plan->experiment_count == 1 && plan->order_count == 0 && !plan->count};
    for (size_t i = 0; i < plan->experiment_count; i++) {
        enum err e = scan_experiment(op, s, plan->experiments[i]);
        if (e)
            return e;
    }
    if (!s->streaming && s->found.len > 1)
        qsort_r(s->found.p, s->found.len, sizeof *s->found.p, compare, s);
    return page(op, s, ret);
}
