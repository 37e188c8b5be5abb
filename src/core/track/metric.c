/* The series row of a metric carries its latest point, how many points it has, and the newest of them packed (points.h). A batch is gathered by
 * metric first, so that it writes each row once, however many points it brings. */
#include "core/track/metric.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "core/track/change.h"
#include "core/track/points.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

/* From so many keys on a batch reads the run's series in one pass, which costs less per series than a look for each, and so
 * pays even when the run has several times as many. */
#define SCAN_MIN_KEYS 16
#define SCAN_FACTOR 3

/* Of a value in an error message. */
#define SHOWN_CHARS 250

struct point {
    int64_t value, is_nan, time_ms, step;
};
struct series {
    int64_t id;          /* 0: not there */
    struct str tail;
    struct point latest;
    size_t first, last, count; /* of its points in the batch, by `next` */
};
/* The points of a batch, gathered by series. */
struct gathered {
    struct map open;     /* key to struct series */
    size_t *next;        /* the place of the same series' next point */
};

static struct point point_of(const struct track_metric *m)
{
    double v = m->value;
    if (isinf(v))
        v = v > 0 ? DBL_MAX : -DBL_MAX;
    bool nan = isnan(v);
    return (struct point){nan ? 0 : store_from_f64(v), nan, m->time_ms, m->step};
}

static double point_value(int64_t value, bool nan)
{
    return nan ? (double)NAN : store_to_f64(value);
}

static bool point_after(const struct point *a, const struct point *b)
{
    if (a->step != b->step)
        return a->step > b->step;
    if (a->time_ms != b->time_ms)
        return a->time_ms > b->time_ms;
    return a->value > b->value;
}

/* Fills in what the columns id, value, is_nan, time_ms, step, tail that begin at `i` say. */
static void series_row(struct op *op, struct db_tx *tx, struct db_rows *rows, int i, struct series *s)
{
    s->id = db_col_i64(tx, rows, i);
    s->latest = (struct point){db_col_i64(tx, rows, i + 1), db_col_i64(tx, rows, i + 2), db_col_i64(tx, rows, i + 3), db_col_i64(tx, rows, i + 4)};
    s->tail = db_col_null(tx, rows, i + 5) ? (struct str){0} : db_col_dup(op, tx, rows, i + 5);
}

/* The series of a key; its id stays 0 when the run never logged it. */
static enum err series_open(struct op *op, struct db_tx *tx, int64_t run, struct str key, struct series *s)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_series_open, DB_ARGS(DB_I64(run), DB_TEXT(key)), &rows);
    if (e)
        return e;
    bool row = false;
    e = db_step(op, tx, rows, &row);
    if (!e && row)
        series_row(op, tx, rows, 0, s);
    db_end(tx, rows);
    return e;
}

/* Fills in those of `wanted` (key to struct series) that the run has, in one pass over its series. It ends after `max_rows` of them,
 * so that a small batch on a run with very many does not pay for all; *ret_all then is false. */
static enum err series_scan(struct op *op, struct db_tx *tx, int64_t run, const struct map *wanted, int64_t max_rows, bool *ret_all)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_series_scan, DB_ARGS(DB_I64(run), DB_I64(max_rows)), &rows);
    if (e)
        return e;
    bool more = false;
    int64_t n = 0;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct series *s = map_find(wanted, db_col_str(tx, rows, 0));
        if (s)
            series_row(op, tx, rows, 1, s);
        n++;
    }
    db_end(tx, rows);
    *ret_all = n < max_rows;
    return e;
}

static enum err series_insert(struct op *op, struct db_tx *tx, int64_t run, struct str key, const struct series *s, int64_t points, struct str tail, bool now)
{
    const struct db_val v[] = {DB_I64(run), DB_TEXT(key), DB_I64(s->latest.value), DB_I64(s->latest.is_nan), DB_I64(s->latest.time_ms),
                               DB_I64(s->latest.step), DB_I64(points), tail.len ? DB_BLOB(tail) : DB_NULL};
    return now ? db_exec(op, tx, &sql_track_series_insert, v, ARRAY_LEN(v), NULL) : db_exec_later(op, tx, &sql_track_series_insert, v, ARRAY_LEN(v), NULL);
}

/* The row of a new series as it will be, or, when its points do not fit into it, one that is completed once its number is known. */
static enum err series_make(struct op *op, struct db_tx *tx, struct points_edit *edit, int64_t run, struct str key, struct series *s)
{
    enum err e = series_insert(op, tx, run, key, s, 0, (struct str){0}, true);
    if (!e)
        points_edit_made(edit, s->id = db_last_id(tx));
    return e;
}

/* Stores a series' points of the batch; *add_new counts those that were not there. */
static enum err series_log(struct op *op, struct db_tx *tx, struct points_edit *edit, int64_t run, const struct track_metric *m, const size_t *next, struct series *s, int64_t *add_new)
{
    struct str key = m[s->first].key, tail = {0};
    bool known = s->id != 0, changed = !known, new = false, fits = false;
    int64_t added = 0;
    enum err e = points_edit_begin(op, edit, s->id, s->tail);
    if (!known)
        s->latest = point_of(&m[s->first]);
    if (!e && !known && s->count > POINTS_UNMADE)
        e = series_make(op, tx, edit, run, key, s);
    size_t at = s->first;
    for (size_t i = 0; !e && i < s->count; i++, at = i < s->count ? next[at] : 0) {
        struct point p = point_of(&m[at]);
        bool after = point_after(&p, &s->latest), first = !known && i == 0;
        e = points_edit_add(op, tx, edit, &(struct page_point){p.time_ms, p.step, p.value, p.is_nan}, after || first, &new);
        added += !e && new;
        if (after)
            s->latest = p;
        changed |= after;
    }
    *add_new += added;
    if (e || !(changed || added))
        return e;
    e = points_edit_end(op, tx, edit, &tail, &fits);
    if (!e && !fits && !(e = series_make(op, tx, edit, run, key, s)))
        e = points_edit_end(op, tx, edit, &tail, &fits);
    if (e)
        return e;
    if (!s->id)
        return series_insert(op, tx, run, key, s, added, tail, false);
    const struct point *p = &s->latest;
    return db_exec_later(op, tx, &sql_track_series_update,
                         DB_ARGS(DB_I64(s->id), DB_I64(p->value), DB_I64(p->is_nan), DB_I64(p->time_ms), DB_I64(p->step), DB_I64(added), DB_BLOB(tail)), NULL);
}

/* A value measured on a logged model is kept with the model as well. */
static enum err model_metric(struct op *op, struct db_tx *tx, struct str run_id, const struct track_metric *m)
{
    struct db_val v[12];
    enum err e = db_query_one(op, tx, &sql_track_model_by_id, DB_ARGS(DB_TEXT(m->model_id)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return op_fail(op, E_NOT_FOUND, "Logged model with ID '%.*s' not found.", STR_FMT(m->model_id));
    }
    if (e)
        return e;
    struct point p = point_of(m);
    struct str none = STR("");
    return db_exec(op, tx, &sql_track_model_metric_put,
                   DB_ARGS(v[0], DB_TEXT(m->key), DB_TEXT(run_id), DB_TEXT(m->dataset_name.p ? m->dataset_name : none),
                           DB_TEXT(m->dataset_digest.p ? m->dataset_digest : none), DB_I64(p.value), DB_I64(p.is_nan),
                           DB_I64(p.time_ms), DB_I64(p.step)), NULL);
}

/* One struct series per key, its id still 0. */
static enum err batch_gather(struct op *op, const struct track_batch *b, struct gathered *g)
{
    map_init(&g->open, op->arena);
    g->next = arena_array(op->arena, b->metric_count + 1, size_t);
    if (!g->next)
        return op_fail(op, E_TOO_LARGE, "the batch needs too much memory");
    for (size_t i = 0; i < b->metric_count; i++) {
        struct series *s = map_find(&g->open, b->metrics[i].key);
        if (s) {
            g->next[s->last] = i;
        } else {
            s = op_new(op, struct series);
            s->first = i;
            if (!map_put(&g->open, b->metrics[i].key, s))
                return op_fail(op, E_TOO_LARGE, "the batch needs too much memory");
        }
        s->last = i;
        s->count++;
    }
    return OK;
}

static enum err log_metrics(struct op *op, struct db_tx *tx, int64_t run, const struct track_batch *b, int64_t *ret_added)
{
    struct gathered g;
    AUTO(points_edit) struct points_edit *edit = NULL;
    bool all = false;
    *ret_added = 0;
    if (!b->metric_count)
        return OK;
    enum err e = batch_gather(op, b, &g);
    if (!e)
        e = points_edit_create(op, &edit);
    if (!e && g.open.len >= SCAN_MIN_KEYS)
        e = series_scan(op, tx, run, &g.open, (int64_t)g.open.len * SCAN_FACTOR, &all);
    for (size_t i = 0; !e && i < g.open.len; i++) {
        struct series *s = g.open.entries[i].value;
        if (!s->id && !all)
            e = series_open(op, tx, run, b->metrics[s->first].key, s);
        if (!e)
            e = series_log(op, tx, edit, run, b->metrics, g.next, s, ret_added);
    }
    for (size_t i = 0; !e && i < b->metric_count; i++)
        if (b->metrics[i].model_id.len > 0)
            e = model_metric(op, tx, b->run_id, &b->metrics[i]);
    return e ? e : db_settle(op, tx);
}

static enum err log_params(struct op *op, struct db_tx *tx, int64_t run, const struct track_batch *b)
{
    char *clash = NULL;
    int64_t *new = arena_array(op->arena, b->param_count + 1, int64_t);
    if (!new)
        return op_fail(op, E_TOO_LARGE, "the batch needs too much memory");
    enum err e = OK;
    for (size_t i = 0; !e && i < b->param_count; i++)
        e = db_exec_later(op, tx, &sql_track_param_insert,
                          DB_ARGS(DB_I64(run), DB_TEXT(b->params[i].key), DB_TEXT(names_clip(b->params[i].value, LIMIT_TRACK_PARAM_VALUE))), &new[i]);
    if (!e)
        e = db_settle(op, tx);
    for (size_t i = 0; !e && i < b->param_count; i++) {
        struct str key = b->params[i].key, value = names_clip(b->params[i].value, LIMIT_TRACK_PARAM_VALUE), old = {0};
        bool found = false;
        if (!new[i])
            e = store_find_text(op, tx, &sql_track_param_get, run, key, &found, &old);
        if (e || !found || str_eq(old, value))
            continue;
        if (b->single)
            return op_fail_field(op, "key",
                                 "Changing param values is not allowed. Param with key='%.*s' was already logged with "
                                 "value='%.*s' for run ID='%.*s'. Attempted logging new value '%.*s'.",
                                 STR_FMT(key), STR_FMT(old), STR_FMT(b->run_id), STR_FMT(value));
        struct str k = names_repr(op, key), was = names_repr(op, names_clip(old, SHOWN_CHARS)), is = names_repr(op, names_clip(value, SHOWN_CHARS));
        clash = op_printf(op, "%s%s{'key': %.*s, 'old_value': %.*s, 'new_value': %.*s}", clash ? clash : "",
                          clash ? ", " : "", STR_FMT(k), STR_FMT(was), STR_FMT(is));
    }
    if (!e && clash)
        return op_fail_field(op, "params",
                             "Changing param values is not allowed. Params were already logged='[%s]' for run ID='%.*s'.",
                             clash, STR_FMT(b->run_id));
    return e;
}

/* One point alone, the most frequent write of all: run and series come in one look. */
static enum err point_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct track_batch *b = arg;
    const struct track_metric *m = &b->metrics[0];
    struct track_run_head h = {0};
    struct series s = {0};
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_series_of_head, DB_ARGS(DB_TEXT(b->run_id), DB_TEXT(m->key)), &rows);
    if (e)
        return e;
    bool row = false, known = false;
    e = db_step(op, tx, rows, &row);
    if (!e && row) {
        h = (struct track_run_head){.row = db_col_i64(tx, rows, 0), .deleted = db_col_i64(tx, rows, 1) != 0};
        known = !db_col_null(tx, rows, 2);
        if (known)
            series_row(op, tx, rows, 2, &s);
    }
    db_end(tx, rows);
    if (!e && (!row || h.deleted))
        e = track_run_find(op, tx, b->run_id, true, &h); /* fails, and says why */
    AUTO(points_edit) struct points_edit *edit = NULL;
    int64_t added = 0;
    s.count = 1;
    if (!e)
        e = points_edit_create(op, &edit);
    if (!e)
        e = series_log(op, tx, edit, h.row, m, NULL, &s, &added);
    if (!e && m->model_id.len > 0)
        e = model_metric(op, tx, b->run_id, m);
    return e ? e : track_change_note(op, tx, h.row);
}

static enum err batch_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct track_batch *b = arg;
    struct track_run_head h;
    int64_t added = 0;
    enum err e = track_run_find(op, tx, b->run_id, true, &h);
    if (!e)
        e = log_params(op, tx, h.row, b);
    if (!e)
        e = log_metrics(op, tx, h.row, b, &added);
    for (size_t i = 0; !e && i < b->tag_count; i++)
        e = track_run_put_tag(op, tx, h.row, b->tags[i].key, b->tags[i].value);
    return e ? e : track_change_note(op, tx, h.row);
}

enum err metric_add_points(struct op *op, struct db_tx *tx, int64_t run_row, const struct track_metric *points, size_t n, int64_t *ret_added)
{
    return log_metrics(op, tx, run_row, &(struct track_batch){.metrics = points, .metric_count = n}, ret_added);
}

static enum err check_count(struct op *op, const char *what, size_t max, size_t n)
{
    if (n > max)
        return op_fail_field(op, what,
                             "A batch logging request can contain at most %zu %s. Got %zu %s. Please split up %s across "
                             "multiple requests and try again.",
                             max, what, n, what, what);
    return OK;
}

/* Where an item stands in the request. The way there is only needed for a failure, and naming it costs more than the checks:
 * `where` NULL, and all is checked again with a name after a failure. */
struct place {
    const char *where; /* "metrics" */
    size_t i;
};

static const char *place_name(struct op *op, const struct place *at, const char *member)
{
    return at->where ? op_printf(op, "%s[%zu].%s", at->where, at->i, member) : member;
}

static enum err check_metric(struct op *op, const struct track_metric *m, const struct place *at)
{
    if (!m->dataset_name.len != !m->dataset_digest.len)
        return op_fail_field(op, place_name(op, at, "dataset_name"),
                             "Both dataset_name and dataset_digest must be provided if one is provided");
    enum err e = names_check_key(op, m->key, place_name(op, at, "name"));
    if (!e && m->time_ms < 0) {
        char value[32] = "nan";
        if (isfinite(m->value))
            value[json_format_f64(m->value, value)] = 0;
        const char *path = place_name(op, at, "timestamp");
        e = op_fail_field(op, path,
                          "Invalid value %" PRId64 " for parameter '%s' supplied: metric '%.*s' (value=%s). "
                          "Timestamp must be a nonnegative long (64-bit integer) ",
                          m->time_ms, path, STR_FMT(m->key), isinf(m->value) ? (m->value < 0 ? "-inf" : "inf") : value);
    }
    if (!e)
        e = names_check_length(op, "dataset_name", m->dataset_name, LIMIT_TRACK_DATASET_NAME);
    if (!e)
        e = names_check_length(op, "dataset_digest", m->dataset_digest, LIMIT_TRACK_DATASET_DIGEST);
    return e ? e : names_check_length(op, "Metric name", m->key, LIMIT_TRACK_KEY);
}

static enum err check_param(struct op *op, const struct track_kv *kv, const struct place *at)
{
    enum err e = names_check_key(op, kv->key, place_name(op, at, "key"));
    return e ? e : names_check_length(op, "Param key", kv->key, LIMIT_TRACK_KEY);
}

static enum err check_tag(struct op *op, const struct track_kv *kv, const struct place *at)
{
    return track_run_check_tag(op, kv->key, kv->value, place_name(op, at, "key"));
}

/* Every item by itself; `named` tells the places in failures. */
static enum err check_items(struct op *op, const struct track_batch *b, bool named)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < b->metric_count; i++)
        e = check_metric(op, &b->metrics[i], &(struct place){named ? "metrics" : NULL, i});
    for (size_t i = 0; !e && i < b->param_count; i++)
        e = check_param(op, &b->params[i], &(struct place){named ? "params" : NULL, i});
    for (size_t i = 0; !e && i < b->tag_count; i++)
        e = check_tag(op, &b->tags[i], &(struct place){named ? "tags" : NULL, i});
    return e;
}

/* Refuses two values for one key in a batch. */
static enum err check_unique(struct op *op, const struct track_batch *b)
{
    if (b->param_count < 2)
        return OK;
    struct map seen;
    map_init(&seen, op->arena);
    char *dupes = NULL;
    for (size_t i = 0; i < b->param_count; i++) {
        if (map_has(&seen, b->params[i].key))
            dupes = op_printf(op, "%s%s%.*s", dupes ? dupes : "", dupes ? ", " : "",
                              STR_FMT(names_repr(op, b->params[i].key)));
        else if (!map_put(&seen, b->params[i].key, op->arena))
            return op_fail(op, E_TOO_LARGE, "the batch needs too much memory");
    }
    if (dupes)
        return op_fail_field(op, "params",
                             "Duplicate parameter keys have been submitted: [%s]. Please ensure the request contains "
                             "only one param value per param key.",
                             dupes);
    return OK;
}

static enum err check_batch(struct op *op, const struct track_batch *b)
{
    enum err e = names_check_run_id(op, b->run_id);
    if (!e)
        e = check_count(op, "metrics", LIMIT_TRACK_BATCH_METRICS, b->metric_count);
    if (!e)
        e = check_count(op, "params", LIMIT_TRACK_BATCH_PARAMS, b->param_count);
    if (!e)
        e = check_count(op, "tags", LIMIT_TRACK_BATCH_TAGS, b->tag_count);
    if (!e)
        e = check_count(op, "metrics, params, and tags", LIMIT_TRACK_BATCH_ALL,
                        b->metric_count + b->param_count + b->tag_count);
    if (!e && check_items(op, b, false)) {
        if (b->single)
            return op->err;
        op_clear(op);
        e = check_items(op, b, true);
    }
    return e ? e : check_unique(op, b);
}

/* The function that stores a batch. */
static db_fn batch_fn(const struct track_batch *b)
{
    return b->metric_count == 1 && b->param_count == 0 && b->tag_count == 0 ? point_tx : batch_tx;
}

enum err metric_log_batch(struct op *op, struct db *db, const struct track_batch *batch)
{
    enum err e = check_batch(op, batch);
    if (e)
        return e;
    struct track_batch b = *batch;
    return db_write(op, db, batch_fn(&b), &b);
}

enum err metric_log_batch_start(struct op *op, struct db *db, const struct track_batch *batch, db_done_fn done, void *done_arg)
{
    enum err e = check_batch(op, batch);
    if (e)
        return e;
    struct track_batch *b = op_new(op, struct track_batch);
    *b = *batch;
    db_write_start(op, db, batch_fn(b), b, done, done_arg);
    return OK;
}

enum err metric_load_latest(struct op *op, struct db_tx *tx, int64_t run_row, struct track_metric **ret, size_t *ret_len)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_series_of_run, DB_ARGS(DB_I64(run_row)), &rows);
    if (e)
        return e;
    VEC(struct track_metric) v = {0};
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct track_metric *m = store_room(op, 0) ? NULL : vec_push(&v, op->arena);
        if (!m) {
            e = op_fail(op, E_TOO_LARGE, "too many metrics to hold in memory");
            break;
        }
        *m = (struct track_metric){.key = db_col_dup(op, tx, rows, 0),
                                   .value = point_value(db_col_i64(tx, rows, 1), db_col_i64(tx, rows, 2) != 0),
                                   .time_ms = db_col_i64(tx, rows, 3),
                                   .step = db_col_i64(tx, rows, 4)};
    }
    db_end(tx, rows);
    if (e)
        return e;
    *ret = v.p;
    *ret_len = v.len;
    return OK;
}

enum err metric_latest(struct op *op, struct db_tx *tx, int64_t run_row, struct str key, bool *ret_found, double *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_series_get, DB_ARGS(DB_I64(run_row), DB_TEXT(key)), &rows);
    if (e)
        return e;
    bool row = false;
    e = db_step(op, tx, rows, &row);
    if (!e && row)
        *ret = point_value(db_col_i64(tx, rows, 1), db_col_i64(tx, rows, 2) != 0);
    db_end(tx, rows);
    *ret_found = row;
    return e;
}
