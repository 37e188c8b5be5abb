#include "num/offpolicy.h"

#include <assert.h>
#include <math.h>

void offpolicy_add(struct offpolicy *s, double target, double logged, double reward, double expected_taken, double expected_target)
{
    assert(logged > 0);
    double w = target / logged;
    moments2_add(&s->weighted, w * reward, w);
    moments_add(&s->direct, expected_target + w * (reward - expected_taken));
    s->weight_sum += w;
    s->weight_square += w * w;
    s->weight_max = w > s->weight_max ? w : s->weight_max;
}

void offpolicy_merge(struct offpolicy *s, const struct offpolicy *other)
{
    moments2_merge(&s->weighted, &other->weighted);
    moments_merge(&s->direct, &other->direct);
    s->weight_sum += other->weight_sum;
    s->weight_square += other->weight_square;
    s->weight_max = other->weight_max > s->weight_max ? other->weight_max : s->weight_max;
}

struct offpolicy_value offpolicy_ips(const struct offpolicy *s)
{
    struct offpolicy_value v = {NAN, NAN};
    double n = (double)s->weighted.n;
    if (n > 0)
        v.value = s->weighted.mean_y;
    if (n > 1)
        v.se = sqrt(s->weighted.m2_y / (n - 1) / n);
    return v;
}

struct offpolicy_value offpolicy_snips(const struct offpolicy *s)
{
    struct offpolicy_value v = {NAN, NAN};
    const struct moments2 *m = &s->weighted;
    double n = (double)m->n;
    if (!(n > 0) || !(m->mean_x > 0))
        return v;
    v.value = m->mean_y / m->mean_x;
    double var = m->m2_y - 2 * v.value * m->m_xy + v.value * v.value * m->m2_x;
    if (n > 1)
        v.se = sqrt((var > 0 ? var : 0) / (n - 1) / n) / m->mean_x;
    return v;
}

struct offpolicy_value offpolicy_dr(const struct offpolicy *s)
{
    struct offpolicy_value v = {NAN, NAN};
    double n = (double)s->direct.n;
    if (n > 0)
        v.value = s->direct.mean;
    if (n > 1)
        v.se = sqrt(moments_variance(&s->direct) / n);
    return v;
}

double offpolicy_effective_n(const struct offpolicy *s)
{
    return s->weight_square > 0 ? s->weight_sum * s->weight_sum / s->weight_square : 0;
}
