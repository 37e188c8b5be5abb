/* All lines of a chart share one division of the axis, so that runs of a group can be put together stretch by stretch. Buckets of one run
 * are made in scratch memory that the next run uses again; what lasts are the columns of its line. Smoothing comes last, over
 * the means that are drawn: its strength then means the same whatever the length of a run. */
#include "core/track/compare.h"

#include "base/limits.h"
#include "base/map.h"
#include "core/track/together.h"
#include "num/smooth.h"
#include "sql_gen.h"

#include <math.h>
#include <stdlib.h>

static enum err no_room(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "the comparison does not fit in memory: ask for fewer runs or points");
}

/* ---- runs ---- */

struct runs_arg {
    const struct str *ids;
    size_t n;
    struct track_run *runs;
};

static enum err load_run(struct op *op, struct db_tx *tx, struct str id, struct track_run *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_run_by_uuid, DB_ARGS(DB_TEXT(id)), &rows);
    if (e)
        return e;
    bool found = false;
    e = db_step(op, tx, rows, &found);
    if (!e && found)
        track_run_row(op, tx, rows, ret);
    db_end(tx, rows);
    if (!e && !found)
        return op_fail(op, E_NOT_FOUND, "Run with id=%.*s not found", STR_FMT(id));
    return e ? e : track_run_fill(op, tx, ret);
}

static enum err runs_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct runs_arg *a = arg;
    for (size_t i = 0; i < a->n; i++) {
        enum err e = load_run(op, tx, a->ids[i], &a->runs[i]);
        if (!e)
            e = op_check_deadline(op);
        if (e)
            return e;
    }
    return OK;
}

static enum err runs_check(struct op *op, size_t n)
{
    if (n == 0 || n > LIMIT_TRACK_COMPARE_RUNS)
        return op_fail_field(op, "run_ids", "'run_ids' must name 1 to %d runs, not %zu", LIMIT_TRACK_COMPARE_RUNS, n);
    return OK;
}

/* ---- tables ---- */

static int by_key(const void *a, const void *b)
{
    const struct compare_row *x = a, *y = b;
    return str_cmp(x->key, y->key);
}

/* The row of a key, made when a run has it first. */
static struct compare_row *row_of(struct op *op, struct map *m, struct str key, size_t runs, bool numbers)
{
    struct compare_row *r = map_find(m, key);
    if (r)
        return r;
    r = arena_array(op->arena, 1, struct compare_row);
    if (!r)
        return NULL;
    r->key = key;
    r->texts = numbers ? NULL : arena_array(op->arena, runs, struct str);
    r->numbers = numbers ? arena_array(op->arena, runs, double) : NULL;
    r->has = numbers ? arena_array(op->arena, runs, bool) : NULL;
    if ((numbers ? !r->numbers || !r->has : !r->texts) || !map_put(m, key, r))
        return NULL;
    for (size_t i = 0; numbers && i < runs; i++)
        r->numbers[i] = (double)NAN;
    return r;
}

static enum err rows_finish(struct op *op, const struct map *m, size_t runs, struct compare_rows *ret)
{
    struct compare_row *p = arena_array(op->arena, m->len + 1, struct compare_row);
    if (!p)
        return no_room(op);
    for (size_t i = 0; i < m->len; i++) {
        p[i] = *(const struct compare_row *)m->entries[i].value;
        for (size_t k = 1; k < runs; k++) {
            if (p[i].numbers)
                p[i].differs |= p[i].has[k] != p[i].has[0] || memcmp(&p[i].numbers[k], &p[i].numbers[0], sizeof(double)) != 0;
            else
                p[i].differs |= !p[i].texts[k].p != !p[i].texts[0].p || !str_eq(p[i].texts[k], p[i].texts[0]);
        }
    }
    if (m->len)
        qsort(p, m->len, sizeof *p, by_key);
    *ret = (struct compare_rows){p, m->len};
    return OK;
}

/* Which of a run's texts a table is of. */
enum texts { PARAMS, TAGS, CODE };

static bool belongs(struct str key, enum texts which)
{
    bool ours = str_starts(key, STR("mlflow.source.")) || str_starts(key, STR("mlflow.project."));
    return which == PARAMS || (which == CODE ? ours : !str_starts(key, STR("mlflow.")));
}

static enum err kv_rows(struct op *op, const struct compare_table *t, enum texts which, struct compare_rows *ret)
{
    struct map m;
    map_init(&m, op->arena);
    for (size_t i = 0; i < t->run_count; i++) {
        const struct track_kvs *kvs = which == PARAMS ? &t->runs[i].params : &t->runs[i].tags;
        for (size_t k = 0; k < kvs->len; k++) {
            if (!belongs(kvs->p[k].key, which))
                continue;
            struct compare_row *r = row_of(op, &m, kvs->p[k].key, t->run_count, false);
            if (!r)
                return no_room(op);
            r->texts[i] = kvs->p[k].value;
        }
    }
    return rows_finish(op, &m, t->run_count, ret);
}

/* A run that read several versions of one dataset has all their digests. */
static enum err dataset_rows(struct op *op, const struct compare_table *t, struct compare_rows *ret)
{
    struct map m;
    map_init(&m, op->arena);
    for (size_t i = 0; i < t->run_count; i++) {
        for (size_t k = 0; k < t->runs[i].dataset_count; k++) {
            const struct track_dataset *d = &t->runs[i].datasets[k];
            struct str context = names_find(d->tags.p, d->tags.len, "mlflow.data.context"), key = d->name;
            if (arena_left(op->arena) < LIMIT_KIB(64)) /* texts of thousands of digests are copied for each of them */
                return no_room(op);
            if (context.p)
                key = str_from(op_printf(op, "%.*s (%.*s)", STR_FMT(d->name), STR_FMT(context)));
            struct compare_row *r = row_of(op, &m, key, t->run_count, false);
            if (!r)
                return no_room(op);
            struct str *at = &r->texts[i];
            *at = at->p ? str_from(op_printf(op, "%.*s, %.*s", STR_FMT(*at), STR_FMT(d->digest))) : d->digest;
        }
    }
    return rows_finish(op, &m, t->run_count, ret);
}

static enum err metric_rows(struct op *op, const struct compare_table *t, struct compare_rows *ret)
{
    struct map m;
    map_init(&m, op->arena);
    for (size_t i = 0; i < t->run_count; i++) {
        for (size_t k = 0; k < t->runs[i].metric_count; k++) {
            struct compare_row *r = row_of(op, &m, t->runs[i].metrics[k].key, t->run_count, true);
            if (!r)
                return no_room(op);
            r->numbers[i] = t->runs[i].metrics[k].value;
            r->has[i] = true;
        }
    }
    return rows_finish(op, &m, t->run_count, ret);
}

static struct compare_extreme extreme_of(const struct series *s)
{
    struct compare_extreme x = {.points = s->len};
    for (size_t i = 0; i < s->len; i++) {
        double v = series_value(s, i);
        if (isnan(v))
            continue;
        if (!x.any || v < x.min)
            x.min = v, x.min_step = series_step(s, i);
        if (!x.any || v > x.max)
            x.max = v, x.max_step = series_step(s, i);
        x.any = true;
    }
    return x;
}

struct extremes_arg {
    struct runs_arg runs;
    struct series_cache *cache;
    struct compare_table *t;
};

static enum err table_make(struct op *op, struct compare_table *t)
{
    enum err e = kv_rows(op, t, PARAMS, &t->params);
    if (!e)
        e = kv_rows(op, t, TAGS, &t->tags);
    if (!e)
        e = kv_rows(op, t, CODE, &t->code);
    if (!e)
        e = dataset_rows(op, t, &t->datasets);
    return e ? e : metric_rows(op, t, &t->metrics);
}

static enum err extremes_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct extremes_arg *a = arg;
    struct compare_table *t = a->t;
    enum err e = runs_tx(op, tx, &a->runs);
    if (!e)
        e = table_make(op, t);
    for (size_t i = 0; !e && i < t->metrics.len; i++) {
        struct compare_row *row = &t->metrics.p[i];
        row->extremes = arena_array(op->arena, t->run_count, struct compare_extreme);
        if (!row->extremes)
            return no_room(op);
        for (size_t r = 0; !e && r < t->run_count; r++) {
            AUTO(series) struct series s = {.by_step = true};
            if (row->has[r])
                e = series_cache_get(op, a->cache, tx, t->runs[r].run_id, row->key, &s);
            if (!e)
                e = op_check_deadline(op);
            if (!e)
                row->extremes[r] = extreme_of(&s);
        }
    }
    return e;
}

static enum err compare(struct op *op, struct db *db, struct series_cache *cache, bool extremes, const struct str *run_ids, size_t n, struct compare_table *ret)
{
    enum err e = runs_check(op, n);
    if (e)
        return e;
    struct compare_table t = {.runs = arena_array(op->arena, n, struct track_run), .run_count = n};
    struct extremes_arg a = {{.ids = run_ids, .n = n, .runs = t.runs}, cache, &t};
    e = t.runs ? db_read(op, db, extremes ? extremes_tx : runs_tx, extremes ? (void *)&a : &a.runs) : no_room(op);
    if (!e && !extremes)
        e = table_make(op, &t);
    if (!e)
        *ret = t;
    return e;
}

enum err compare_runs(struct op *op, struct db *db, const struct str *run_ids, size_t n, struct compare_table *ret)
{
    return compare(op, db, NULL, false, run_ids, n, ret);
}

enum err compare_runs_extremes(struct op *op, struct db *db, struct series_cache *cache, const struct str *run_ids, size_t n, struct compare_table *ret)
{
    return compare(op, db, cache, true, run_ids, n, ret);
}

/* ---- charts ---- */

struct chart {
    struct op *op;
    const struct compare_chart *c;
    struct db_tx *tx;
    struct series_cache *cache;
    struct track_run *runs;
    struct sample_buckets plan;
    struct sample_bucket *buckets; /* scratch: of one run */
    struct compare_lines lines;
};

/* A run's points. One series is held at a time: a chart needs no more memory than its longest run, and what the cache does not
 * keep is read again for the second pass. */
static enum err run_series(struct chart *t, size_t run, struct series *ret)
{
    enum err e = series_cache_get(t->op, t->cache, t->tx, t->c->run_ids[run], t->c->metric, ret);
    return e ? e : op_check_deadline(t->op);
}

static enum err run_buckets(struct chart *t, size_t run)
{
    AUTO(series) struct series s = {.by_step = true};
    enum err e = run_series(t, run, &s);
    return e ? e : sample_fill(t->op, &s, &t->plan, t->buckets);
}

static enum err chart_check(struct op *op, const struct compare_chart *c)
{
    enum err e = runs_check(op, c->run_count);
    if (e)
        return e;
    if (c->points < 1 || c->points > LIMIT_TRACK_CHART_POINTS)
        return op_fail_field(op, "points", "'points' must be 1 to %d", LIMIT_TRACK_CHART_POINTS);
    if (c->limited && (e = sample_range_check(op, c->from, c->to, c->log)))
        return e;
    bool ema = c->smoothing == COMPARE_EMA, window = c->smoothing == COMPARE_MEAN;
    if (ema && !(c->strength >= 0 && c->strength < 1))
        return op_fail_field(op, "smoothing.weight", "'weight' must be at least 0 and less than 1");
    if (c->smoothing != COMPARE_RAW && !ema && !(c->strength > 0 && isfinite(c->strength)))
        return op_fail_field(op, "smoothing", "the strength of smoothing must be a number above 0");
    if (window && (c->strength != floor(c->strength) || c->strength > LIMIT_TRACK_CHART_POINTS))
        return op_fail_field(op, "smoothing.window", "'window' must be a whole number from 1 to %d", LIMIT_TRACK_CHART_POINTS);
    return OK;
}

/* The range that was asked for, else from the first to the last point of any run. */
static enum err plan_axis(struct chart *t)
{
    const struct compare_chart *c = t->c;
    double from = (double)INFINITY, to = -(double)INFINITY;
    bool any = false;
    for (size_t i = 0; !c->limited && i < c->run_count; i++) {
        AUTO(series) struct series s = {.by_step = true};
        enum err e = run_series(t, i, &s);
        if (e)
            return e;
        any |= sample_extent(&s, c->axis, c->log, &from, &to);
    }
    if (c->limited)
        from = c->from, to = c->to;
    else if (!any)
        from = to = c->log ? 1 : 0;
    t->plan = (struct sample_buckets){.axis = c->axis, .from = from, .to = to, .log = c->log, .len = c->points};
    return OK;
}

static enum err smooth(struct chart *t, struct compare_line *line)
{
    const struct compare_chart *c = t->c;
    if (c->smoothing == COMPARE_RAW)
        return OK;
    line->smooth = arena_array(t->op->arena, line->len + 1, double);
    if (!line->smooth)
        return no_room(t->op);
    if (c->smoothing == COMPARE_EMA)
        smooth_ema(line->mean, line->len, c->strength, line->smooth);
    else if (c->smoothing == COMPARE_EMA_AXIS)
        smooth_ema_at(line->x, line->mean, line->len, c->strength, line->smooth);
    else if (c->smoothing == COMPARE_MEAN)
        smooth_mean(line->mean, line->len, (size_t)c->strength, line->smooth);
    else
        smooth_gaussian(line->mean, line->len, c->strength, line->smooth);
    return OK;
}

static enum err run_line(struct chart *t, size_t run, struct compare_line *line)
{
    enum err e = run_buckets(t, run);
    if (e)
        return e;
    size_t n = 0;
    for (size_t i = 0; i < t->plan.len; i++)
        n += t->buckets[i].count > 0;
    *line = (struct compare_line){.run_id = t->runs[run].run_id, .name = t->runs[run].name};
    if (!together_columns(t->op, line, n, false))
        return no_room(t->op);
    for (size_t i = 0; i < t->plan.len; i++) {
        const struct sample_bucket *b = &t->buckets[i];
        size_t k = line->len;
        if (!b->count)
            continue;
        bool nan = b->count == b->nan_count;
        line->x[k] = b->x;
        line->mean[k] = together_mean(b);
        line->min[k] = nan ? (double)NAN : b->min.y;
        line->max[k] = nan ? (double)NAN : b->max.y;
        line->first[k] = nan ? (double)NAN : b->first.y;
        line->last[k] = nan ? (double)NAN : b->last.y;
        line->count[k] = b->count;
        line->len++;
    }
    return smooth(t, line);
}

/* The line of all runs whose label is that of run `first`. */
static enum err group_line(struct chart *t, const struct str *labels, size_t first, struct together *sums, struct compare_line *line)
{
    *line = (struct compare_line){.group = labels[first], .run_ids = arena_array(t->op->arena, t->c->run_count, struct str)};
    if (!line->run_ids)
        return no_room(t->op);
    memset(sums, 0, t->plan.len * sizeof *sums);
    for (size_t r = first; r < t->c->run_count; r++) {
        if (!labels[r].p != !labels[first].p || !str_eq(labels[r], labels[first]))
            continue;
        enum err e = run_buckets(t, r);
        if (e)
            return e;
        line->run_ids[line->run_count++] = t->runs[r].run_id;
        together_add(sums, t->buckets, t->plan.len);
    }
    return together_line(t->op, sums, t->plan.len, line) ? smooth(t, line) : no_room(t->op);
}

static enum err group_lines(struct chart *t, struct compare_lines *ret)
{
    const struct compare_chart *c = t->c;
    char *key = str_cstr(t->op->arena, c->group_key);
    struct str labels[LIMIT_TRACK_COMPARE_RUNS];
    struct together *sums = arena_array(t->op->arena, t->plan.len, struct together);
    if (!sums)
        return no_room(t->op);
    for (size_t i = 0; i < c->run_count; i++) {
        const struct track_kvs *kvs = c->group == COMPARE_BY_TAG ? &t->runs[i].tags : &t->runs[i].params;
        labels[i] = names_find(kvs->p, kvs->len, key);
    }
    for (size_t i = 0; i < c->run_count; i++) {
        bool known = false;
        for (size_t k = 0; k < i && !known; k++)
            known = !labels[k].p == !labels[i].p && str_eq(labels[k], labels[i]);
        enum err e = known ? OK : group_line(t, labels, i, sums, &ret->p[ret->len]);
        if (e)
            return e;
        ret->len += !known;
    }
    return OK;
}

static enum err chart_lines(struct chart *t)
{
    const struct compare_chart *c = t->c;
    struct compare_lines *l = &t->lines;
    enum err e = plan_axis(t);
    if (e)
        return e;
    t->buckets = arena_array(t->op->arena, t->plan.len, struct sample_bucket);
    *l = (struct compare_lines){.p = arena_array(t->op->arena, c->run_count, struct compare_line), .from = t->plan.from, .to = t->plan.to};
    if (!t->buckets || !l->p)
        return no_room(t->op);
    if (c->group != COMPARE_NO_GROUPS)
        return group_lines(t, l);
    for (; l->len < c->run_count; l->len++) {
        if ((e = run_line(t, l->len, &l->p[l->len])))
            return e;
    }
    return OK;
}

static enum err chart_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct chart *t = arg;
    struct runs_arg a = {.ids = t->c->run_ids, .n = t->c->run_count, .runs = t->runs};
    t->tx = tx;
    enum err e = runs_tx(op, tx, &a);
    return e ? e : chart_lines(t);
}

enum err compare_chart(struct op *op, struct db *db, struct series_cache *cache, const struct compare_chart *c, struct compare_lines *ret)
{
    enum err e = chart_check(op, c);
    if (e)
        return e;
    struct chart t = {.op = op, .c = c, .cache = cache, .runs = arena_array(op->arena, c->run_count, struct track_run)};
    e = t.runs ? db_read(op, db, chart_tx, &t) : no_room(op);
    if (!e)
        *ret = t.lines;
    return e;
}
