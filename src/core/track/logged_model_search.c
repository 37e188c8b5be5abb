/* A metric of a model may have been measured by several runs, on several datasets. A clause asks whether any of these
 * values fulfils it; an order goes by the one that was logged last. */
#include "core/track/logged_model.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/order.h"
#include "core/track/page.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { ATTR_NAME, ATTR_MODEL_ID, ATTR_TYPE, ATTR_STATUS, ATTR_RUN, ATTR_EXPERIMENT, ATTR_URI, ATTR_CREATED, ATTR_UPDATED };
static const struct filter_attr attrs[] = {
    {"name", ATTR_NAME, false, true, false},
    {"model_id", ATTR_MODEL_ID, false, true, false},
    {"model_type", ATTR_TYPE, false, true, false},
    {"status", ATTR_STATUS, false, true, false},
    {"source_run_id", ATTR_RUN, false, true, false},
    {"experiment_id", ATTR_EXPERIMENT, false, true, false},
    {"artifact_location", ATTR_URI, false, true, false},
    {"creation_timestamp", ATTR_CREATED, true, false, false},
    {"last_updated_timestamp", ATTR_UPDATED, true, false, false},
    {"creation_time", ATTR_CREATED, true, false, true},
    {"creation_timestamp_ms", ATTR_CREATED, true, false, true},
    {"last_updated_timestamp_ms", ATTR_UPDATED, true, false, true},
};
static const struct filter_rules rules = {1u << FILTER_ATTRIBUTE | 1u << FILTER_METRIC | 1u << FILTER_PARAM | 1u << FILTER_TAG, attrs,
                                          ARRAY_LEN(attrs), FILTER_LOGGED_MODELS};

struct hit {
    int64_t created_ms;
    struct str model_id;
    const struct order_key *keys;
};
struct search {
    const struct logged_model_query *q;
    struct filter filter;
    struct filter_order order[LIMIT_TRACK_ORDER_BY];
    bool names_metrics; /* the filter does: the datasets restrict those */
    int64_t offset;
    struct db_tx *tx;
    struct logged_model *m;
    struct arena *scratch; /* emptied for each model, so that a scan needs little */
    VEC(struct hit) hits;
    struct logged_model_page page;
};
/* What is sought among the values of a metric: of some datasets, the last one or any that fulfils a clause. */
struct wanted {
    struct str key;
    const struct logged_model_dataset *datasets; /* none: all */
    size_t dataset_count;
    const struct filter_clause *clause; /* NULL: the last one */
    bool found;
    double value;
};

static struct order_key attribute_of(struct op *op, const struct logged_model *m, int attr)
{
    switch (attr) {
    case ATTR_NAME:
        return order_text(m->name);
    case ATTR_MODEL_ID:
        return order_text(m->model_id);
    case ATTR_TYPE:
        return m->model_type.len ? order_text(m->model_type) : order_absent();
    case ATTR_STATUS: /* without the prefix, as clients write it */
        return order_text(str_from(logged_model_status_name(m->status) + strlen("LOGGED_MODEL_")));
    case ATTR_RUN:
        return m->source_run_id.len ? order_text(m->source_run_id) : order_absent();
    case ATTR_EXPERIMENT:
        return order_text(str_from(op_printf(op, "%" PRId64, m->experiment_id)));
    case ATTR_URI:
        return order_text(m->artifact_uri);
    default:
        return order_whole(attr == ATTR_CREATED ? m->created_ms : m->updated_ms);
    }
}

static bool is_on(const struct wanted *w, struct str name, struct str digest)
{
    bool on = w->dataset_count == 0;
    for (size_t i = 0; i < w->dataset_count && !on; i++) {
        const struct logged_model_dataset *d = &w->datasets[i];
        on = str_eq(d->name, name) && (d->digest.len == 0 || str_eq(d->digest, digest));
    }
    return on;
}

/* Sets w->found and w->value. The rows come with the last one first. */
static enum err look(struct op *op, struct search *s, struct wanted *w)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, s->tx, &sql_track_model_metric_values, DB_ARGS(DB_I64(s->m->row), DB_TEXT(w->key)), &rows);
    if (e)
        return e;
    bool more = false;
    while (!w->found && !(e = db_step(op, s->tx, rows, &more)) && more) {
        if (!is_on(w, db_col_str(s->tx, rows, 2), db_col_str(s->tx, rows, 3)))
            continue;
        w->value = db_col_i64(s->tx, rows, 1) ? (double)NAN : store_to_f64(db_col_i64(s->tx, rows, 0));
        w->found = !w->clause || filter_test_f64(w->clause, w->value);
    }
    db_end(s->tx, rows);
    return e;
}

static enum err match_metric(struct op *op, struct search *s, const struct filter_clause *c, bool *ret)
{
    struct filter_clause any = {.op = FILTER_NOT_NULL};
    struct wanted w = {.key = c->key, .datasets = s->q->datasets, .dataset_count = s->q->dataset_count,
                       .clause = c->op == FILTER_IS_NULL ? &any : c};
    enum err e = look(op, s, &w);
    *ret = w.found != (c->op == FILTER_IS_NULL);
    return e;
}

static enum err match_clause(struct op *op, void *arg, const struct filter_clause *c, bool *ret)
{
    struct search *s = arg;
    struct order_key k = order_absent();
    bool found = false;
    struct str text = {0};
    enum err e = OK;
    if (c->entity == FILTER_METRIC)
        return match_metric(op, s, c, ret);
    if (c->entity == FILTER_ATTRIBUTE)
        k = attribute_of(op, s->m, c->attr);
    else
        e = store_find_text(op, s->tx, c->entity == FILTER_TAG ? &sql_track_model_tag_get : &sql_track_model_param_get, s->m->row, c->key,
                            &found, &text);
    if (found)
        k = order_text(text);
    if (k.kind == ORDER_ABSENT)
        *ret = c->op == FILTER_IS_NULL;
    else
        *ret = k.kind == ORDER_WHOLE ? filter_test_i64(c, k.whole) : filter_test_text(c, k.text);
    return e;
}

static enum err order_key_of(struct op *op, struct search *s, size_t i, struct order_key *ret)
{
    const struct filter_order *o = &s->order[i];
    const struct logged_model_order *asked = &s->q->order_by[i];
    if (o->entity == FILTER_METRIC) {
        struct wanted w = {.key = o->key, .datasets = &asked->dataset, .dataset_count = asked->dataset.name.len > 0};
        enum err e = look(op, s, &w);
        *ret = w.found ? order_real(w.value) : order_absent();
        return e;
    }
    *ret = attribute_of(op, s->m, o->attr);
    if (ret->kind == ORDER_TEXT)
        ret->text = str_dup(op->arena, ret->text);
    return OK;
}

static enum err keep(struct op *op, struct search *s)
{
    struct hit *h = store_room(op, 0) ? NULL : vec_push(&s->hits, op->arena);
    struct order_key *keys = h ? arena_array(op->arena, s->q->order_count + 1, struct order_key) : NULL;
    if (!keys)
        return op_fail(op, E_TOO_LARGE, "the search finds more models than fit in memory: narrow the filter");
    *h = (struct hit){s->m->created_ms, str_dup(op->arena, s->m->model_id), keys};
    for (size_t i = 0; i < s->q->order_count; i++) {
        enum err e = order_key_of(op, s, i, &keys[i]);
        if (e)
            return e;
    }
    return OK;
}

/* Does the model have a metric on one of the datasets that are asked for? */
static enum err match_datasets(struct op *op, struct search *s, bool *ret)
{
    const struct wanted w = {.datasets = s->q->datasets, .dataset_count = s->q->dataset_count};
    struct db_rows *rows = NULL;
    *ret = s->q->dataset_count == 0 || s->names_metrics;
    if (*ret)
        return OK;
    enum err e = db_query(op, s->tx, &sql_track_model_metric_datasets, DB_ARGS(DB_I64(s->m->row)), &rows);
    if (e)
        return e;
    bool more = false;
    while (!*ret && !(e = db_step(op, s->tx, rows, &more)) && more)
        *ret = is_on(&w, db_col_str(s->tx, rows, 0), db_col_str(s->tx, rows, 1));
    db_end(s->tx, rows);
    return e;
}

static enum err judge(struct op *op, struct search *s, struct db_rows *rows)
{
    struct op scratch = *op;
    scratch.arena = s->scratch;
    struct logged_model m;
    bool hit = false;
    logged_model_row(&scratch, s->tx, rows, &m);
    s->m = &m;
    enum err e = match_datasets(&scratch, s, &hit);
    if (!e && hit)
        e = filter_match(&scratch, &s->filter, match_clause, s, &hit);
    if (e)
        e = op_fail(op, e, "%s", scratch.msg ? scratch.msg : "the filter could not be evaluated");
    if (!e && hit)
        e = keep(op, s);
    arena_reset(s->scratch);
    return e;
}

static enum err scan(struct op *op, struct search *s, int64_t experiment)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, s->tx, &sql_track_model_scan, DB_ARGS(DB_I64(experiment)), &rows);
    if (e)
        return e;
    bool more = false;
    while (!(e = db_step(op, s->tx, rows, &more)) && more && !(e = judge(op, s, rows)))
        ;
    db_end(s->tx, rows);
    return e;
}

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct hit *a = pa, *b = pb;
    const struct search *s = arg;
    int c = order_compare(s->order, s->q->order_count, a->keys, b->keys);
    if (c)
        return c;
    if (a->created_ms != b->created_ms)
        return a->created_ms < b->created_ms ? 1 : -1;
    return str_cmp(a->model_id, b->model_id);
}

static enum err load_page(struct op *op, struct search *s)
{
    size_t from = (size_t)s->offset < s->hits.len ? (size_t)s->offset : s->hits.len;
    size_t n = s->hits.len - from;
    if (n > (size_t)s->q->max_results) {
        n = (size_t)s->q->max_results;
        s->page.next_token = page_token(op, (int64_t)(from + n));
    }
    s->page.models = arena_array(op->arena, n + 1, struct logged_model);
    if (!s->page.models)
        return op_fail(op, E_TOO_LARGE, "the page does not fit in memory: lower max_results");
    for (size_t i = 0; i < n; i++) {
        enum err e = store_room(op, 0);
        if (!e)
            e = logged_model_find(op, s->tx, s->hits.p[from + i].model_id, &s->page.models[i]);
        if (!e)
            e = logged_model_fill(op, s->tx, &s->page.models[i]);
        if (e)
            return e;
    }
    s->page.len = n;
    return OK;
}

static enum err search_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct search *s = arg;
    s->tx = tx;
    for (size_t i = 0; i < s->q->experiment_count; i++) {
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = s->q->experiments[k] == s->q->experiments[i];
        enum err e = again ? OK : scan(op, s, s->q->experiments[i]);
        if (e)
            return e;
    }
    if (s->hits.len > 1)
        qsort_r(s->hits.p, s->hits.len, sizeof *s->hits.p, compare, s);
    return load_page(op, s);
}

static enum err check_order(struct op *op, const struct logged_model_query *q, struct filter_order *ret)
{
    if (q->order_count > LIMIT_TRACK_ORDER_BY)
        return op_fail_field(op, "order_by", "order_by has more than %d keys", LIMIT_TRACK_ORDER_BY);
    for (size_t i = 0; i < q->order_count; i++) {
        const struct logged_model_order *o = &q->order_by[i];
        struct str entity = str_sub(o->field, 0, str_find_char(o->field, '.'));
        if (entity.len < o->field.len && !str_eqc(entity, "metrics"))
            return op_fail_field(op, "order_by", "Invalid order by field name: %.*s. Only metrics are supported.", STR_FMT(o->field));
        if (o->dataset.digest.len && !o->dataset.name.len)
            return op_fail_field(op, "order_by", "`dataset_digest` can only be specified if `dataset_name` is also specified.");
        enum err e = filter_parse_order(op, &rules, o->field, &ret[i]);
        if (e) {
            op_clear(op);
            return op_fail_field(op, "order_by", "Invalid order by field name: %.*s", STR_FMT(o->field));
        }
        ret[i].descending = o->descending;
    }
    return OK;
}

enum err logged_model_search(struct op *op, struct db *db, const struct logged_model_query *q, struct logged_model_page *ret)
{
    if (q->max_results < 1 || q->max_results > LIMIT_TRACK_SEARCH_LOGGED_MODELS)
        return op_fail_field(op, "max_results", "Invalid value %" PRId64 " for parameter 'max_results' supplied. It must be between 1 and %d",
                             q->max_results, LIMIT_TRACK_SEARCH_LOGGED_MODELS);
    for (size_t i = 0; i < q->dataset_count; i++) {
        if (q->datasets[i].name.len == 0)
            return op_fail_field(op, "datasets", "`dataset_name` in the `datasets` clause must be specified.");
    }
    AUTO(arena) struct arena *scratch = arena_create(LIMIT_TRACK_SCRATCH);
    struct search *s = op_new(op, struct search);
    s->q = q;
    s->scratch = scratch;
    enum err e = page_offset(op, q->page_token, &s->offset);
    if (!e)
        e = filter_parse(op, &rules, q->filter, &s->filter);
    for (size_t i = 0; !e && i < s->filter.clause_count; i++)
        s->names_metrics = s->names_metrics || s->filter.clauses[i].entity == FILTER_METRIC;
    if (!e)
        e = check_order(op, q, s->order);
    if (!e)
        e = db_read(op, db, search_tx, s);
    if (!e)
        *ret = s->page;
    return e;
}
