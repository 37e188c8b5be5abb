/* Points are keyed by a series number (one per run and metric) and ordered by (time, step, value, is_nan), which
 * is the order of the history, so that a page of it is one range scan and an exact duplicate is refused by
 * the primary key. The series row carries the latest point. A batch touches each series row twice at most,
 * however many points it brings. */
#include "core/track/metric.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "core/track/change.h"
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
    int64_t id;
    struct point latest;
    bool changed;
    bool created;      /* by this write: the row counts its first point already */
    int64_t added;     /* points that were no duplicates */
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

/* A series from the columns id, value, is_nan, time_ms, step that begin at `i`. */
static struct series series_row(struct db_tx *tx, struct db_rows *rows, int i)
{
    return (struct series){.id = db_col_i64(tx, rows, i),
                           .latest = {db_col_i64(tx, rows, i + 1), db_col_i64(tx, rows, i + 2), db_col_i64(tx, rows, i + 3),
                                      db_col_i64(tx, rows, i + 4)}};
}

/* Made with its first point. */
static enum err series_create(struct op *op, struct db_tx *tx, int64_t run, struct str key, const struct point *first, struct series *ret)
{
    enum err e = db_exec(op, tx, &sql_track_series_insert,
                DB_ARGS(DB_I64(run), DB_TEXT(key), DB_I64(first->value), DB_I64(first->is_nan), DB_I64(first->time_ms),
                        DB_I64(first->step)), NULL);
    if (!e)
        *ret = (struct series){.id = db_last_id(tx), .latest = *first, .created = true};
    return e;
}

/* The series of a key, made with its first point when the run never logged it. */
static enum err series_open(struct op *op, struct db_tx *tx, int64_t run, struct str key, const struct point *first, struct series *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_series_get, DB_ARGS(DB_I64(run), DB_TEXT(key)), &rows);
    if (e)
        return e;
    bool row = false;
    e = db_step(op, tx, rows, &row);
    if (!e && row)
        *ret = series_row(tx, rows, 0);
    db_end(tx, rows);
    return e || row ? e : series_create(op, tx, run, key, first, ret);
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
        if (s) {
            bool created = s->created; /* by series_make(), which did not ask for its number */
            *s = series_row(tx, rows, 1);
            s->created = created;
        }
        n++;
    }
    db_end(tx, rows);
    *ret_all = n < max_rows;
    return e;
}

/* Makes those of a batch's series that the run lacks, all in one go, and looks for their numbers afterwards: to a database server that is two round
 * trips in place of one for each. */
static enum err series_make(struct op *op, struct db_tx *tx, int64_t run, const struct track_batch *b, const struct map *wanted, struct series *const *of)
{
    enum err e = OK;
    bool made = false, all = false;
    for (size_t i = 0; !e && i < b->metric_count; i++) {
        struct point p = point_of(&b->metrics[i]);
        if (of[i]->id || of[i]->created)
            continue;
        of[i]->created = made = true;
        e = db_exec_later(op, tx, &sql_track_series_insert,
                          DB_ARGS(DB_I64(run), DB_TEXT(b->metrics[i].key), DB_I64(p.value), DB_I64(p.is_nan), DB_I64(p.time_ms), DB_I64(p.step)), NULL);
    }
    return e || !made ? e : series_scan(op, tx, run, wanted, INT64_MAX, &all);
}

static enum err series_add(struct op *op, struct db_tx *tx, struct series *s, const struct point *p)
{
    if (point_after(p, &s->latest)) {
        s->latest = *p;
        s->changed = true;
    }
    return db_exec_later(op, tx, &sql_track_point_insert,
                         DB_ARGS(DB_I64(s->id), DB_I64(p->time_ms), DB_I64(p->step), DB_I64(p->value), DB_I64(p->is_nan)), &s->added);
}

/* db_settle has been called: the points are counted. */
static enum err series_close(struct op *op, struct db_tx *tx, const struct series *s)
{
    int64_t more = s->added - s->created;
    if (!s->changed && !more)
        return OK;
    const struct point *p = &s->latest;
    return db_exec_later(op, tx, &sql_track_series_update,
                         DB_ARGS(DB_I64(s->id), DB_I64(p->value), DB_I64(p->is_nan), DB_I64(p->time_ms), DB_I64(p->step), DB_I64(more)), NULL);
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

/* Where each metric of a batch belongs: one struct series per key, its id still 0. */
static enum err batch_keys(struct op *op, const struct track_batch *b, struct map *open, struct series ***ret)
{
    struct series **of = arena_array(op->arena, b->metric_count, struct series *);
    if (b->metric_count && !of)
        return op_fail(op, E_TOO_LARGE, "the batch needs too much memory");
    for (size_t i = 0; i < b->metric_count; i++) {
        struct str key = b->metrics[i].key;
        of[i] = map_find(open, key);
        if (of[i])
            continue;
        of[i] = op_new(op, struct series);
        if (!map_put(open, key, of[i]))
            return op_fail(op, E_TOO_LARGE, "the batch needs too much memory");
    }
    *ret = of;
    return OK;
}

static enum err log_metrics(struct op *op, struct db_tx *tx, int64_t run, const struct track_batch *b, int64_t *ret_added)
{
    struct map open;
    struct series **of = NULL;
    bool all = false;
    *ret_added = 0;
    map_init(&open, op->arena);
    enum err e = batch_keys(op, b, &open, &of);
    if (!e && open.len >= SCAN_MIN_KEYS)
        e = series_scan(op, tx, run, &open, (int64_t)open.len * SCAN_FACTOR, &all);
    if (!e && all)
        e = series_make(op, tx, run, b, &open, of);
    for (size_t i = 0; !e && i < b->metric_count; i++) {
        const struct track_metric *m = &b->metrics[i];
        struct point p = point_of(m);
        if (!of[i]->id)
            e = series_open(op, tx, run, m->key, &p, of[i]);
        if (!e)
            e = series_add(op, tx, of[i], &p);
        if (!e && m->model_id.len > 0)
            e = model_metric(op, tx, b->run_id, m);
    }
    if (!e)
        e = db_settle(op, tx);
    for (size_t i = 0; !e && i < open.len; i++) {
        const struct series *s = open.entries[i].value;
        *ret_added += s->added;
        e = series_close(op, tx, s);
    }
    return e;
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
    struct point p = point_of(m);
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
            s = series_row(tx, rows, 2);
    }
    db_end(tx, rows);
    if (!e && (!row || h.deleted))
        e = track_run_find(op, tx, b->run_id, true, &h); /* fails, and says why */
    if (!e && !known)
        e = series_create(op, tx, h.row, m->key, &p, &s);
    if (!e)
        e = series_add(op, tx, &s, &p);
    if (!e)
        e = db_settle(op, tx);
    if (!e)
        e = series_close(op, tx, &s);
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
