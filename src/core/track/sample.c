/* Rows. MLflow 3.17 takes NTILE(max) over (step, timestamp, value, is_nan) and keeps the first row of each tile (SQL:2003: n rows
 * in k tiles make n mod k tiles of one more row than the others, in front). Tile i therefore begins at row i * (n / k) +
 * min(i, n mod k), which is found without touching the other rows.
 *
 * Buckets. One pass in the order of the axis. The place of a point in its bucket is computed, not searched; an edge belongs to the
 * bucket that it begins, the axis' end to the last one. */
#include "core/track/sample.h"

#include <math.h>

/* The first rank whose step is >= step (or > step). */
static size_t rank_of(const struct series *s, int64_t step, bool behind)
{
    size_t from = 0, to = s->len;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int64_t at = series_step(s, series_ranked(s, middle));
        if (at < step || (behind && at == step))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

enum err sample_rows(struct op *op, struct series *s, struct sample_range range, size_t max, size_t *ret, size_t *ret_len)
{
    enum err e = series_sort(op, s);
    if (e)
        return e;
    size_t from = range.limited ? rank_of(s, range.first, false) : 0;
    size_t to = range.limited ? rank_of(s, range.last, true) : s->len;
    size_t n = to > from ? to - from : 0, tiles = sample_tiles(n, max);
    for (size_t i = 0; i < tiles; i++)
        ret[i] = series_ranked(s, from + sample_place(n, tiles, i));
    *ret_len = tiles;
    return OK;
}

double sample_x(const struct series *s, enum sample_axis axis, size_t i)
{
    if (axis == SAMPLE_STEP)
        return (double)series_step(s, i);
    double t = (double)series_time_ms(s, i);
    return axis == SAMPLE_TIME ? t : t - (double)series_time_ms(s, 0);
}

bool sample_extent(const struct series *s, enum sample_axis axis, bool positive, double *io_from, double *io_to)
{
    bool any = false;
    for (size_t i = 0; i < s->len; i++) {
        double x = sample_x(s, axis, i);
        if (positive && x <= 0)
            continue;
        any = true;
        if (x < *io_from)
            *io_from = x;
        if (x > *io_to)
            *io_to = x;
    }
    return any;
}

double sample_edge(const struct sample_buckets *plan, size_t i)
{
    double part = (double)i / (double)plan->len;
    if (i == plan->len)
        return plan->to;
    if (plan->log)
        return plan->from * pow(plan->to / plan->from, part);
    return plan->from + (plan->to - plan->from) * part;
}

static void bucket_add(struct sample_bucket *b, double x, double y)
{
    if (b->count++ == 0)
        b->x = x;
    if (isnan(y)) {
        b->nan_count++;
        return;
    }
    struct sample_point p = {x, y};
    if (b->count - b->nan_count == 1)
        b->first = b->min = b->max = p;
    b->last = p;
    if (y < b->min.y)
        b->min = p;
    if (y > b->max.y)
        b->max = p;
    b->sum += y;
}

enum err sample_range_check(struct op *op, double from, double to, bool log)
{
    if (!(from <= to && isfinite(from) && isfinite(to)))
        return op_fail_field(op, "range", "'range' must be two numbers, the smaller one first");
    if (log && !(from > 0))
        return op_fail_field(op, "range", "'range' must begin above 0 on a logarithmic axis");
    return OK;
}

enum err sample_fill(struct op *op, struct series *s, const struct sample_buckets *plan, struct sample_bucket *ret)
{
    bool steps = plan->axis == SAMPLE_STEP;
    enum err e = steps ? series_sort(op, s) : OK;
    if (e)
        return e;
    for (size_t i = 0; i < plan->len; i++)
        ret[i] = (struct sample_bucket){0};
    double low = plan->log ? log(plan->from) : plan->from, span = (plan->log ? log(plan->to) : plan->to) - low;
    double scale = span > 0 ? (double)plan->len / span : 0;
    for (size_t rank = 0; rank < s->len; rank++) {
        size_t i = steps ? series_ranked(s, rank) : rank;
        double x = sample_x(s, plan->axis, i);
        if (x < plan->from || x > plan->to)
            continue;
        double at = ((plan->log ? log(x) : x) - low) * scale;
        size_t k = at > 0 ? (size_t)at : 0;
        bucket_add(&ret[k < plan->len ? k : plan->len - 1], x, series_value(s, i));
    }
    return OK;
}
