/* Ten thousand lines on a picture a thousand pixels wide: what they are drawn from must be read in well under a second. So a run costs one statement (its
 * name and the series' number together; nothing else of the run is looked at), its points come from the cache of series.h, and they are thinned in one pass
 * over stretches of the run's own axis: a common axis, as compare.c has it, would need all series twice. The price is that lines cannot be
 * put together stretch by stretch; who wants groups asks for a chart. */
#include "core/track/overlay.h"

#include "base/limits.h"
#include "num/smooth.h"
#include "sql_gen.h"

#include <math.h>

#define PER_STRETCH 2
#define ENDS 2      /* the first point of the line, and the last */

struct overlay_work {
    const struct overlay_query *q;
    struct series_cache *cache;
    struct sample_bucket *buckets;
    struct overlay out;
};

static enum err no_room(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "the lines do not fit in memory: ask for fewer runs or points");
}

static enum err points_check(struct op *op, const struct overlay_query *q, size_t runs)
{
    if (runs * q->points > LIMIT_TRACK_OVERLAY_POINTS)
        return op_fail_field(op, "points", "'points' must be at most %zu for %zu runs", (size_t)LIMIT_TRACK_OVERLAY_POINTS / runs, runs);
    return OK;
}

static enum err overlay_check(struct op *op, const struct overlay_query *q)
{
    size_t runs = 0;
    enum err e = many_check(op, &q->runs, &runs);
    if (e)
        return e;
    if (q->points < 4 || q->points > LIMIT_TRACK_CHART_POINTS)
        return op_fail_field(op, "points", "'points' must be 4 to %d", LIMIT_TRACK_CHART_POINTS);
    if (q->limited && (e = sample_range_check(op, q->from, q->to, q->log)))
        return e;
    if (!(q->smoothing >= 0 && q->smoothing < 1))
        return op_fail_field(op, "smoothing", "'smoothing' must be at least 0 and less than 1");
    return q->runs.search ? OK : points_check(op, q, runs);
}

/* ---- one line ---- */

static void put(struct overlay *o, double x, double y)
{
    o->x[o->points] = x;
    o->y[o->points++] = y;
}

/* Points of a stretch in the order of the axis, each once. */
static void put_stretch(struct overlay *o, const struct sample_bucket *b, bool first, bool last)
{
    struct sample_point p[PER_STRETCH + ENDS];
    size_t n = 0;
    if (b->count == b->nan_count) {
        put(o, b->x, (double)NAN);
        return;
    }
    if (first)
        p[n++] = b->first;
    bool low_first = b->min.x <= b->max.x;
    p[n++] = low_first ? b->min : b->max;
    p[n++] = low_first ? b->max : b->min;
    if (last)
        p[n++] = b->last;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || p[i].x != p[i - 1].x || p[i].y != p[i - 1].y)
            put(o, p[i].x, p[i].y);
}

static void put_stretches(struct overlay_work *w, size_t stretches)
{
    size_t first = 0, last = stretches;
    while (first < stretches && !w->buckets[first].count)
        first++;
    while (last > first && !w->buckets[last - 1].count)
        last--;
    for (size_t i = first; i < last; i++) {
        const struct sample_bucket *b = &w->buckets[i];
        size_t n = b->count - b->nan_count;
        if (b->count && w->q->smoothing > 0)
            put(&w->out, b->x, n ? b->sum / (double)n : (double)NAN);
        else if (b->count)
            put_stretch(&w->out, b, i == first, i + 1 == last);
    }
}

static bool in_range(const struct overlay_query *q, double x)
{
    return !(q->log && x <= 0) && !(q->limited && (x < q->from || x > q->to));
}

/* All points of a short series. */
static enum err put_all(struct op *op, struct overlay_work *w, struct series *s)
{
    bool steps = w->q->axis == SAMPLE_STEP;
    enum err e = steps ? series_sort(op, s) : OK;
    for (size_t rank = 0; !e && rank < s->len; rank++) {
        size_t i = steps ? series_ranked(s, rank) : rank;
        double x = sample_x(s, w->q->axis, i);
        if (in_range(w->q, x))
            put(&w->out, x, series_value(s, i));
    }
    return e;
}

static enum err put_line(struct op *op, struct overlay_work *w, struct series *s)
{
    const struct overlay_query *q = w->q;
    size_t begin = w->out.points, stretches = q->smoothing > 0 ? q->points : (q->points - ENDS) / PER_STRETCH;
    double from = (double)INFINITY, to = -(double)INFINITY;
    enum err e = OK;
    if (s->len <= q->points) {
        e = put_all(op, w, s);
    } else if (sample_extent(s, q->axis, q->log, &from, &to)) {
        struct sample_buckets cut = {.axis = q->axis, .from = from, .to = to, .log = q->log, .len = stretches};
        if (q->limited) {
            cut.from = fmax(from, q->from);
            cut.to = fmin(to, q->to);
        }
        if (cut.from <= cut.to)
            e = sample_fill(op, s, &cut, w->buckets);
        if (!e && cut.from <= cut.to)
            put_stretches(w, stretches);
    }
    if (!e && q->smoothing > 0)
        smooth_ema(w->out.y + begin, w->out.points - begin, q->smoothing, w->out.y + begin);
    return e;
}

/* ---- all of them ---- */

static enum err read_line(struct op *op, struct db_tx *tx, struct overlay_work *w, int64_t run)
{
    struct db_val row[4];
    struct overlay *o = &w->out;
    struct db_val args[] = {DB_I64(run), DB_TEXT(w->q->metric)};
    enum err e = db_query_one(op, tx, &sql_overlay_run, args, ARRAY_LEN(args), row, ARRAY_LEN(row));
    if (e == E_NOT_FOUND) { /* gone since it was found */
        op_clear(op);
        return OK;
    }
    if (e)
        return e;
    AUTO(series) struct series s = {.by_step = true};
    o->run_ids[o->lines] = row[0].s;
    o->names[o->lines] = row[1].s;
    if (row[2].type != DB_TYPE_NULL) {
        struct series_name name = {row[2].i, row[3].i > 0 ? (size_t)row[3].i : 0, row[0].s, w->q->metric};
        e = series_cache_load(op, w->cache, tx, &name, &s);
        if (!e)
            e = put_line(op, w, &s);
    }
    o->start[++o->lines] = (uint32_t)o->points;
    return e ? e : op_check_deadline(op);
}

static enum err prepare(struct op *op, struct overlay_work *w, size_t runs)
{
    struct overlay *o = &w->out;
    size_t points = runs * w->q->points;
    enum err e = points_check(op, w->q, runs);
    if (e)
        return e;
    *o = (struct overlay){.run_ids = arena_array(op->arena, runs + 1, struct str), .names = arena_array(op->arena, runs + 1, struct str), .start = arena_array(op->arena, runs + 1, uint32_t),
                          .x = arena_array(op->arena, points + 1, double), .y = arena_array(op->arena, points + 1, double)};
    w->buckets = arena_array(op->arena, w->q->points, struct sample_bucket);
    return o->run_ids && o->names && o->start && o->x && o->y && w->buckets ? OK : no_room(op);
}

static enum err lines_tx(struct op *op, struct db_tx *tx, void *arg, const int64_t *rows, size_t n)
{
    struct overlay_work *w = arg;
    enum err e = prepare(op, w, n);
    for (size_t i = 0; !e && i < n; i++)
        e = read_line(op, tx, w, rows[i]);
    return e;
}

enum err overlay_read(struct op *op, struct db *db, struct series_cache *cache, const struct overlay_query *q, struct overlay *ret)
{
    struct overlay_work w = {.q = q, .cache = cache};
    enum err e = overlay_check(op, q);
    if (!e)
        e = many_read(op, db, &q->runs, lines_tx, &w);
    if (e)
        return e;
    struct overlay *o = &w.out;
    o->from = o->to = (double)NAN;
    for (size_t i = 0; i < o->points; i++) {
        o->from = fmin(o->from, o->x[i]); /* the number, where one of them is NaN */
        o->to = fmax(o->to, o->x[i]);
    }
    *ret = *o;
    return OK;
}
