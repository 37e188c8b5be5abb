#include "num/sketch.h"

#include <assert.h>
#include <math.h>

#include "num/sort.h"

/* The cell of a distance x >= 0: 0 for less than 2^SKETCH_LOW, then SKETCH_SUB to each power of two, linear within it. A value on an
 * upper edge belongs to the cell below it (so that 0.5 is in the last cell of its half). */
static int distance_key(double x)
{
    int exponent;
    if (!(x > ldexp(1, SKETCH_LOW)))
        return 0;
    if (x >= ldexp(1, SKETCH_HIGH))
        return SKETCH_SPAN;
    double m = frexp(x, &exponent); /* x = m 2^exponent, m in [0.5, 1) */
    int cell = (int)ceil((m - 0.5) * 2 * SKETCH_SUB);
    return (exponent - 1 - SKETCH_LOW) * SKETCH_SUB + cell;
}

/* The middle of a distance's cell. */
static double distance_value(int key)
{
    if (key <= 0)
        return 0;
    int octave = (key - 1) / SKETCH_SUB, cell = (key - 1) % SKETCH_SUB;
    return ldexp(1 + (cell + 0.5) / SKETCH_SUB, octave + SKETCH_LOW);
}

int sketch_key(double v)
{
    assert(!isnan(v));
    if (v < 0)
        return SKETCH_SPAN - distance_key(-v);
    if (v <= 0.5)
        return SKETCH_SPAN + distance_key(v);
    if (v <= 1)
        return SKETCH_ONE - distance_key(1 - v);
    return SKETCH_ONE + distance_key(v - 1);
}

double sketch_value(int key)
{
    if (key < SKETCH_SPAN)
        return -distance_value(SKETCH_SPAN - key);
    if (key <= SKETCH_SPAN + SKETCH_HALF)
        return distance_value(key - SKETCH_SPAN);
    if (key <= SKETCH_ONE)
        return 1 - distance_value(SKETCH_ONE - key);
    return 1 + distance_value(key - SKETCH_ONE);
}

void sketch_add_many(struct sketch *s, double v, uint32_t times)
{
    if (isnan(v)) {
        s->missing += times;
        return;
    }
    uint32_t *cell = &s->count[sketch_key(v)];
    *cell = *cell > UINT32_MAX - times ? UINT32_MAX : *cell + times;
    s->n += times;
}

void sketch_add(struct sketch *s, double v)
{
    sketch_add_many(s, v, 1);
}

void sketch_merge(struct sketch *s, const struct sketch *other)
{
    for (int i = 0; i < SKETCH_KEYS; i++)
        s->count[i] = s->count[i] > UINT32_MAX - other->count[i] ? UINT32_MAX : s->count[i] + other->count[i];
    s->n += other->n;
    s->missing += other->missing;
}

/* The cell of the value of 1-based rank; a rank above n gives the last one in use. */
static int rank_key(const struct sketch *s, double rank)
{
    double seen = 0;
    int last = 0;
    for (int i = 0; i < SKETCH_KEYS; i++) {
        if (!s->count[i])
            continue;
        last = i;
        seen += s->count[i];
        if (seen >= rank)
            break;
    }
    return last;
}

double sketch_quantile(const struct sketch *s, double q)
{
    if (!s->n)
        return NAN;
    double rank = ceil(q * (double)s->n);
    return sketch_value(rank_key(s, rank < 1 ? 1 : rank));
}

double sketch_distance(const struct sketch *a, const struct sketch *b)
{
    if (!a->n || !b->n)
        return NAN;
    double fa = 0, fb = 0, far = 0;
    for (int i = 0; i < SKETCH_KEYS; i++) {
        fa += a->count[i];
        fb += b->count[i];
        double off = fabs(fa / (double)a->n - fb / (double)b->n);
        far = off > far ? off : far;
    }
    return far;
}

enum { PSI_GROUPS = 10 };

/* Shares by group; an empty one is filled with 0.0001, or a millionth of the least share when that is smaller. */
static void fill_shares(double *share, int groups, double n)
{
    double least = 1;
    for (int i = 0; i < groups; i++) {
        share[i] /= n;
        if (share[i] > 0 && share[i] < least)
            least = share[i];
    }
    double fill = least <= 0.0001 ? least / 1e6 : 0.0001;
    for (int i = 0; i < groups; i++)
        if (!(share[i] > 0))
            share[i] = fill;
}

double sketch_psi(const struct sketch *a, const struct sketch *b)
{
    if (!a->n || !b->n)
        return NAN;
    double ref[PSI_GROUPS] = {0}, cur[PSI_GROUPS] = {0}, below = 0, psi = 0;
    int group = 0;
    for (int i = 0; i < SKETCH_KEYS; i++) {
        ref[group] += a->count[i];
        cur[group] += b->count[i];
        below += a->count[i];
        /* The next decile begins a group, unless nothing of `a` is left for it. */
        if (a->count[i] && below < (double)a->n && group + 1 < PSI_GROUPS && below >= (double)a->n * (group + 1) / PSI_GROUPS)
            group++;
    }
    int groups = group + 1;
    fill_shares(ref, groups, (double)a->n);
    fill_shares(cur, groups, (double)b->n);
    for (int i = 0; i < groups; i++)
        psi += (cur[i] - ref[i]) * log(cur[i] / ref[i]);
    return psi;
}

double sketch_dkw(uint64_t n, double alpha)
{
    return n && alpha > 0 && alpha < 1 ? sqrt(log(2 / alpha) / (2 * (double)n)) : NAN;
}

double sketch_dkw_any_time(uint64_t n, double alpha)
{
    if (!n || !(alpha > 0 && alpha < 1))
        return NAN;
    double t = (double)n;
    return 0.85 * sqrt((log(log(M_E * t)) + 0.8 * log(1612 / alpha)) / t);
}

struct sketch_bounds sketch_quantile_bounds(const struct sketch *s, double q, double eps)
{
    struct sketch_bounds b = {sketch_quantile(s, q), NAN, NAN};
    if (!s->n || isnan(eps))
        return b;
    /* F_n(x) >= q + eps shows that x is at least the quantile, F_n(x) < q - eps that it is below. */
    double low = floor((q - eps) * (double)s->n), high = ceil((q + eps) * (double)s->n);
    b.lo = low < 1 ? -INFINITY : sketch_value(rank_key(s, low));
    b.hi = high > (double)s->n ? INFINITY : sketch_value(rank_key(s, high));
    return b;
}
