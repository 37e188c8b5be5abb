#include "core/track/together.h"

#include <math.h>

double together_mean(const struct sample_bucket *b)
{
    size_t n = b->count - b->nan_count;
    return n ? b->sum / (double)n : (double)NAN;
}

static void add(struct together *g, double x, double mean)
{
    if (!g->seen || x < g->x)
        g->x = x;
    g->seen = true;
    if (isnan(mean))
        return;
    if (g->moments.n == 0 || mean < g->min)
        g->min = mean;
    if (g->moments.n == 0 || mean > g->max)
        g->max = mean;
    moments_add(&g->moments, mean);
}

void together_add(struct together *sums, const struct sample_bucket *buckets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (buckets[i].count)
            add(&sums[i], buckets[i].x, together_mean(&buckets[i]));
}

/* One allocation for all columns. */
bool together_columns(struct op *op, struct compare_line *line, size_t n, bool group)
{
    double *p = arena_try_alloc(op->arena, 6 * n + 1, sizeof *p);
    line->count = arena_array(op->arena, n + 1, uint64_t);
    if (!p || !line->count)
        return false;
    line->x = p;
    line->mean = p + n;
    line->min = p + 2 * n;
    line->max = p + 3 * n;
    *(group ? &line->std : &line->first) = p + 4 * n;
    *(group ? &line->stderr_ : &line->last) = p + 5 * n;
    return true;
}

static void put(struct compare_line *line, const struct together *g)
{
    size_t k = line->len++;
    bool none = g->moments.n == 0;
    double std = sqrt(moments_variance(&g->moments));
    line->x[k] = g->x;
    line->mean[k] = none ? (double)NAN : g->moments.mean;
    line->min[k] = none ? (double)NAN : g->min;
    line->max[k] = none ? (double)NAN : g->max;
    line->std[k] = std;
    line->stderr_[k] = std / sqrt((double)g->moments.n);
    line->count[k] = g->moments.n;
}

bool together_line(struct op *op, const struct together *sums, size_t n, struct compare_line *line)
{
    size_t seen = 0;
    for (size_t i = 0; i < n; i++)
        seen += sums[i].seen;
    if (!together_columns(op, line, seen, true))
        return false;
    for (size_t i = 0; i < n; i++)
        if (sums[i].seen)
            put(line, &sums[i]);
    return true;
}
