/* The fit is weighted least squares of t on n with weights 1/t^2 of the t that was expected, so that errors count in proportion at
 * every size (a plain fit of runs of 1 to 100000 rows would say nothing of the small ones), and older runs fade by KEEP per run.
 * Neither part of the cost is negative: where the fit says so, the other part alone is fitted. Runs of one size only tell how
 * much dearer the model has become as a whole, so then both parts are scaled. */
#include "core/serve/cost.h"

#include <math.h>

#define KEEP 0.97
#define UNKNOWN_NS 1e12

void cost_init(struct cost *c)
{
    *c = (struct cost){0};
    mutex_init(&c->lock);
    atomic_init(&c->fixed_ns, UNKNOWN_NS);
    atomic_init(&c->row_ns, 0);
}

void cost_clear(struct cost *c)
{
    mutex_clear(&c->lock);
}

/* With the lock held: the sums as fixed and row. */
static void solve(struct cost *c, double expected, double mean_rows)
{
    double det = c->w * c->nn - c->n * c->n, fixed = atomic_load(&c->fixed_ns), row = atomic_load(&c->row_ns);
    if (det > 1e-9 * c->w * c->nn) {
        row = (c->w * c->nt - c->n * c->t) / det;
        fixed = (c->t - row * c->n) / c->w;
        if (row < 0)
            row = 0, fixed = c->t / c->w;
        else if (fixed < 0)
            fixed = 0, row = c->nt / c->nn;
    } else if (fixed >= UNKNOWN_NS) {
        row = c->t / c->w / mean_rows; /* one size seen: as if every row cost the same */
        fixed = 0;
    } else if (expected > 0) {
        double now = c->t / c->w / expected;
        fixed *= now, row *= now;
    }
    atomic_store_explicit(&c->fixed_ns, fixed, memory_order_relaxed);
    atomic_store_explicit(&c->row_ns, row, memory_order_relaxed);
}

/* Do the runs so far say what one over `n` rows should take? */
static bool is_known(const struct cost *c, double n)
{
    if (!(c->w > 0))
        return false;
    bool spread = c->w * c->nn - c->n * c->n > 0.01 * c->w * c->nn;
    return spread || fabs(n - c->n / c->w) <= 0.25 * n;
}

void cost_add(struct cost *c, size_t rows, double ns)
{
    LOCK(&c->lock);
    double n = rows ? (double)rows : 1, expected = cost_of(c, rows ? rows : 1);
    bool known = is_known(c, n) && expected > 0;
    ns = fmax(known ? fmin(fmax(ns, expected / 4), expected * 4) : ns, 1);
    double scale = known ? expected : ns, w = 1 / (scale * scale);
    c->w = c->w * KEEP + w;
    c->n = c->n * KEEP + w * n;
    c->nn = c->nn * KEEP + w * n * n;
    c->t = c->t * KEEP + w * ns;
    c->nt = c->nt * KEEP + w * n * ns;
    solve(c, expected, n);
}

size_t cost_batch(const struct cost *c, size_t max)
{
    double fixed = cost_fixed(c), row = atomic_load_explicit(&c->row_ns, memory_order_relaxed);
    if (fixed >= UNKNOWN_NS || fixed > 0.1 * row * (double)max)
        return max;
    double n = ceil(fixed / (0.1 * row));
    return n < 1 || !(row > 0) ? 1 : (size_t)n;
}
