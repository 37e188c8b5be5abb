#include "core/track/run_search.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/index.h"
#include "core/track/input.h"
#include "core/track/metric.h"
#include "core/track/order.h"
#include "core/track/page.h"
#include "core/track/run_scan.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define SNAPSHOTS 3 /* taken while other searches change the index, before the search goes row by row */

static const struct filter_attr attrs[] = {
    {"artifact_uri", RUN_ATTR_ARTIFACT_URI, false, false, false}, {"end_time", RUN_ATTR_END, true, false, false},
    {"run_id", RUN_ATTR_ID, false, true, false},                  {"run_name", RUN_ATTR_NAME, false, false, false},
    {"start_time", RUN_ATTR_START, true, false, false},           {"status", RUN_ATTR_STATUS, false, false, false},
    {"user_id", RUN_ATTR_USER, false, false, false},              {"created", RUN_ATTR_START, true, false, true},
    {"Created", RUN_ATTR_START, true, false, true},               {"run name", RUN_ATTR_NAME, false, false, true},
    {"Run name", RUN_ATTR_NAME, false, false, true},              {"Run Name", RUN_ATTR_NAME, false, false, true},
};
const struct filter_rules run_search_rules = {
    1u << FILTER_ATTRIBUTE | 1u << FILTER_METRIC | 1u << FILTER_PARAM | 1u << FILTER_TAG | 1u << FILTER_DATASET,
    attrs, ARRAY_LEN(attrs), FILTER_RUNS};
static const struct filter_rules order_rules = {
    1u << FILTER_ATTRIBUTE | 1u << FILTER_METRIC | 1u << FILTER_PARAM | 1u << FILTER_TAG, attrs, ARRAY_LEN(attrs), FILTER_RUNS};

struct search {
    const struct run_query *q;
    struct run_plan plan;
    struct run_hits hits;
    bool selected; /* `hits` is there */
    bool loaded;   /* `page` is there */
    struct run_page page;
};

/* ---- loading ---- */

static enum err some_texts(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t row, const struct str *keys, size_t n, struct track_kvs *ret)
{
    struct track_kv *kv = arena_array(op->arena, n + 1, struct track_kv);
    if (!kv)
        return op_fail(op, E_TOO_LARGE, "too many keys to hold in memory");
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        kv[len].key = keys[i];
        enum err e = store_room(op, 0);
        if (!e)
            e = store_find_text(op, tx, sql, row, keys[i], &found, &kv[len].value);
        if (e)
            return e;
        len += found;
    }
    *ret = (struct track_kvs){kv, len};
    return OK;
}

static enum err some_metrics(struct op *op, struct db_tx *tx, const struct run_columns *c, struct track_run *r)
{
    r->metrics = arena_array(op->arena, c->metric_count + 1, struct track_metric);
    if (!r->metrics)
        return op_fail(op, E_TOO_LARGE, "too many metrics to hold in memory");
    for (size_t i = 0; i < c->metric_count; i++) {
        struct db_val v[5];
        enum err e = db_query_one(op, tx, &sql_track_series_get, DB_ARGS(DB_I64(r->row), DB_TEXT(c->some_metrics[i])), v, ARRAY_LEN(v));
        if (e == E_NOT_FOUND) {
            op_clear(op);
            continue;
        }
        if (e)
            return e;
        r->metrics[r->metric_count++] = (struct track_metric){
            .key = c->some_metrics[i], .value = v[2].i ? (double)NAN : store_to_f64(v[1].i), .time_ms = v[3].i, .step = v[4].i};
    }
    return OK;
}

static enum err fill_some(struct op *op, struct db_tx *tx, const struct run_columns *c, struct track_run *r)
{
    enum err e = c->params ? store_kvs(op, tx, &sql_track_params, r->row, &r->params)
                           : some_texts(op, tx, &sql_track_param_get, r->row, c->some_params, c->param_count, &r->params);
    if (!e)
        e = c->tags ? store_kvs(op, tx, &sql_track_tags, r->row, &r->tags)
                    : some_texts(op, tx, &sql_track_tag_get, r->row, c->some_tags, c->tag_count, &r->tags);
    if (!e)
        e = c->metrics ? metric_load_latest(op, tx, r->row, &r->metrics, &r->metric_count) : some_metrics(op, tx, c, r);
    if (e || (!c->inputs && !c->outputs))
        return e;
    struct track_run all = {.row = r->row};
    e = input_load(op, tx, &all);
    if (c->inputs) {
        r->datasets = all.datasets;
        r->dataset_count = all.dataset_count;
        r->inputs = all.inputs;
        r->input_count = all.input_count;
    }
    if (c->outputs) {
        r->outputs = all.outputs;
        r->output_count = all.output_count;
    }
    return e;
}

/* A run that is gone by now leaves no trace in the page. */
static enum err load_run(struct op *op, struct db_tx *tx, struct search *s, int64_t row)
{
    bool there = false;
    enum err e = run_load(op, tx, row, s->q->columns, &s->page.runs[s->page.len], &there);
    s->page.len += !e && there;
    return e;
}

enum err run_load(struct op *op, struct db_tx *tx, int64_t row, const struct run_columns *columns, struct track_run *r, bool *ret)
{
    struct db_rows *rows = NULL;
    bool there = false;
    enum err e = db_query(op, tx, &sql_track_run_by_id, DB_ARGS(DB_I64(row)), &rows);
    if (e)
        return e;
    e = db_step(op, tx, rows, &there);
    if (!e && there)
        track_run_row(op, tx, rows, r);
    db_end(tx, rows);
    if (!e)
        *ret = there;
    if (e || !there)
        return e;
    return columns ? fill_some(op, tx, columns, r) : track_run_fill(op, tx, r);
}

static enum err load_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct search *s = arg;
    s->loaded = true;
    s->page.total = s->hits.total;
    if (s->q->count_only)
        return OK;
    s->page.runs = arena_array(op->arena, s->hits.len + 1, struct track_run);
    if (!s->page.runs)
        return op_fail(op, E_TOO_LARGE, "the page does not fit in memory: lower max_results");
    for (size_t i = 0; i < s->hits.len; i++) {
        enum err e = load_run(op, tx, s, s->hits.rows[i]);
        if (e)
            return e;
    }
    if (s->hits.more)
        s->page.next_token = keyset_token(op, s->plan.order, s->plan.order_count, &s->hits.last, (int64_t)(s->plan.offset + s->hits.len));
    return OK;
}

/* ---- planning ---- */

static int id_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum err all_experiments(struct op *op, struct db_tx *tx, struct run_plan *plan)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_experiment_ids, DB_NO_ARGS, &rows);
    if (e)
        return e;
    VEC(int64_t) ids = {0};
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        int64_t *id = vec_push(&ids, op->arena);
        if (!id) {
            e = op_fail(op, E_TOO_LARGE, "too many experiments to search");
            break;
        }
        *id = db_col_i64(tx, rows, 0);
    }
    db_end(tx, rows);
    plan->experiments = ids.p;
    plan->experiment_count = ids.len;
    return e;
}

enum err run_plan_experiments(struct op *op, struct db_tx *tx, const struct run_query *q, struct run_plan *plan)
{
    if (q->all_experiments)
        return all_experiments(op, tx, plan);
    plan->experiments = arena_array(op->arena, q->experiment_count + 1, int64_t);
    if (!plan->experiments)
        return op_fail(op, E_TOO_LARGE, "too many experiments to search");
    for (size_t i = 0; i < q->experiment_count; i++)
        plan->experiments[i] = q->experiments[i];
    qsort(plan->experiments, q->experiment_count, sizeof(int64_t), id_compare);
    plan->experiment_count = 0;
    for (size_t i = 0; i < q->experiment_count; i++) {
        if (i == 0 || plan->experiments[i] != plan->experiments[i - 1])
            plan->experiments[plan->experiment_count++] = plan->experiments[i];
    }
    return OK;
}

static enum err search_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct search *s = arg;
    enum index_outcome outcome = INDEX_UNFIT;
    enum err e = run_plan_experiments(op, tx, s->q, &s->plan);
    if (!e && s->q->index)
        e = run_index_select(op, s->q->index, tx, &s->plan, &s->hits, &outcome);
    s->selected = outcome == INDEX_DONE || outcome == INDEX_AHEAD;
    if (e || outcome != INDEX_DONE)
        return e;
    return load_tx(op, tx, s);
}

static enum err scan_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct search *s = arg;
    enum err e = run_plan_experiments(op, tx, s->q, &s->plan);
    if (!e)
        e = run_scan(op, tx, &s->plan, &s->hits);
    return e ? e : load_tx(op, tx, s);
}

/* MLflow refuses the same key twice (with a 500). */
static enum err check_repeat(struct op *op, const struct filter_order *order, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        bool attr = order[k].entity == FILTER_ATTRIBUTE;
        if (order[k].entity == order[i].entity && (attr ? order[k].attr == order[i].attr : str_eq(order[k].key, order[i].key)))
            return op_fail_field(op, "order_by", "`order_by` contains duplicate fields: '%.*s'", STR_FMT(order[i].key));
    }
    return OK;
}

/* "start_time DESC" is what comes without an order. */
static enum err plan_order(struct op *op, const struct run_query *q, struct run_plan *p)
{
    enum err e = order_parse(op, &order_rules, q->order_by, q->order_count, p->order);
    for (size_t i = 1; !e && i < q->order_count; i++)
        e = check_repeat(op, p->order, i);
    bool usual = q->order_count == 1 && p->order[0].entity == FILTER_ATTRIBUTE && p->order[0].attr == RUN_ATTR_START && p->order[0].descending;
    p->order_count = usual ? 0 : q->order_count;
    return e;
}

/* max_results 0 stands for "absent" nowhere: the dialect puts its default there. */
enum err run_plan_make(struct op *op, const struct run_query *q, struct run_plan *p)
{
    if (q->max_results < 1 && !q->count_only)
        return op_fail_field(op, "max_results",
                             "Invalid value %" PRId64 " for parameter 'max_results' supplied. It must be a positive integer",
                             q->max_results);
    if (q->max_results > LIMIT_TRACK_SEARCH_RUNS)
        return op_fail_field(op, "max_results",
                             "Invalid value %" PRId64 " for parameter 'max_results' supplied. It must be at most %d",
                             q->max_results, LIMIT_TRACK_SEARCH_RUNS);
    enum err e = filter_parse(op, &run_search_rules, q->filter, &p->filter);
    if (!e)
        e = plan_order(op, q, p);
    int64_t offset = 0;
    if (!e)
        e = keyset_parse(op, q->page_token, p->order, p->order_count, &p->after, &p->keyed, &offset);
    if (!e && offset > INT32_MAX)
        e = op_fail_field(op, "page_token", "Invalid page token, the offset is out of range");
    p->active = q->view != TRACK_VIEW_DELETED;
    p->deleted = q->view != TRACK_VIEW_ACTIVE;
    p->offset = (size_t)offset;
    p->limit = q->count_only ? 1 : (size_t)q->max_results;
    p->count = q->count || q->count_only;
    return e;
}

enum err run_search(struct op *op, struct db *db, const struct run_query *q, struct run_page *ret)
{
    struct search *s = op_new(op, struct search);
    s->q = q;
    enum err e = run_plan_make(op, q, &s->plan);
    for (int i = 0; !e && q->index && !s->selected && i < SNAPSHOTS; i++)
        e = db_read(op, db, search_tx, s);
    if (!e && !s->loaded)
        e = db_read(op, db, s->selected ? load_tx : scan_tx, s);
    if (!e)
        *ret = s->page;
    return e;
}

/* ---- columns ---- */

static int text_compare(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

enum err run_columns_parse(struct op *op, const struct str *texts, size_t n, struct run_columns *ret)
{
    struct run_columns c = {0};
    struct {
        const char *name;
        bool *all;
        struct str **some;
        size_t *count;
    } kinds[] = {{"metrics.", &c.metrics, &c.some_metrics, &c.metric_count},
                 {"params.", &c.params, &c.some_params, &c.param_count},
                 {"tags.", &c.tags, &c.some_tags, &c.tag_count}};
    if (n > LIMIT_TRACK_SEARCH_COLUMNS)
        return op_fail_field(op, "columns", "'columns' names more than %d columns", LIMIT_TRACK_SEARCH_COLUMNS);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        *kinds[k].some = arena_array(op->arena, n + 1, struct str);
        if (!*kinds[k].some)
            return op_fail(op, E_TOO_LARGE, "'columns' is too long");
    }
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < ARRAY_LEN(kinds) && !str_starts(texts[i], str_from(kinds[k].name)))
            k++;
        if (k < ARRAY_LEN(kinds)) {
            struct str key = str_sub(texts[i], strlen(kinds[k].name), texts[i].len);
            *kinds[k].all = *kinds[k].all || str_eqc(key, "*");
            (*kinds[k].some)[(*kinds[k].count)++] = key;
        } else if (str_eqc(texts[i], "inputs")) {
            c.inputs = true;
        } else if (str_eqc(texts[i], "outputs")) {
            c.outputs = true;
        } else if (!str_starts(texts[i], STR("attributes."))) {
            return op_fail_field(op, "columns", "Invalid column '%.*s'. Valid columns are 'metrics.<key>', 'params.<key>', 'tags.<key>' "
                                 "('*' for all keys), 'inputs', 'outputs' and 'attributes.*'.", STR_FMT(texts[i]));
        }
    }
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct str *some = *kinds[k].some;
        size_t all = *kinds[k].count, kept = 0;
        if (all > 1)
            qsort(some, all, sizeof *some, text_compare);
        for (size_t i = 0; i < all; i++) {
            if (i == 0 || !str_eq(some[i], some[kept - 1]))
                some[kept++] = some[i];
        }
        *kinds[k].count = kept;
    }
    *ret = c;
    return OK;
}
