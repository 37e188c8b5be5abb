/* cost.h - what a run of a model over n rows takes: fixed + row * n nanoseconds, measured at warm-up and followed since.
 * Private to core/serve. Thread-safe; reading takes no lock. */
#ifndef INGOT_CORE_SERVE_COST_H
#define INGOT_CORE_SERVE_COST_H

#include <stdatomic.h>

#include "base/thread.h"

struct cost {
    _Atomic double fixed_ns, row_ns;
    struct mutex lock;
    double w, n, nn, t, nt;  /* sums of the fit, under lock */
};
void cost_init(struct cost *c); /* knows nothing: everything is dear */
void cost_clear(struct cost *c);
/* A run over `rows` rows took `ns`. A value far off is taken as four times, or a quarter of, what was expected. */
void cost_add(struct cost *c, size_t rows, double ns);
static inline double cost_of(const struct cost *c, size_t rows)
{
    return atomic_load_explicit(&c->fixed_ns, memory_order_relaxed) + atomic_load_explicit(&c->row_ns, memory_order_relaxed) * (double)rows;
}
static inline double cost_fixed(const struct cost *c)
{
    return atomic_load_explicit(&c->fixed_ns, memory_order_relaxed);
}
/* The size of a batch beyond which joining saves less than a tenth: 1..max. */
size_t cost_batch(const struct cost *c, size_t max);

#endif
