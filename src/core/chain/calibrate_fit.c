/* platt, temperature and beta are logistic regressions of few terms, found by Newton's method with halved steps:
 *     platt        w1 s + w0, towards (n1 + 1) / (n1 + 2) and 1 / (n0 + 2) in place of 1 and 0 (Platt 1999)
 *     temperature  w logit(s), t = 1 / w (Guo et al. 2017)
 *     beta         a log(s) - b log(1 - s) + c, a and b not negative (Kull et al. 2017): a term that comes out negative is left out
 * isotonic pools adjacent violators over the mean labels of equal scores, and keeps the ends of each flat piece. */
#include "core/chain/calibrate_fit.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "core/chain/words.h"

enum { TERMS_MAX = 3, ROUNDS = 200, HALVINGS = 40 };
#define EDGE 1e-15
#define RIDGE 1e-13
#define BOUND 1e6 /* a larger weight is one on its way to infinity */

/* ---- logistic regression of few terms ---- */

struct regression {
    size_t terms, n;
    const double *x;               /* n x terms */
    const double *target;          /* in [0, 1] */
    bool held[TERMS_MAX];          /* stays 0 */
    double w[TERMS_MAX];
};

static double row_sum(const struct regression *r, const double *w, size_t i)
{
    double z = 0;
    for (size_t k = 0; k < r->terms; k++)
        z += w[k] * r->x[i * r->terms + k];
    return z;
}

static double loss(const struct regression *r, const double *w)
{
    long double sum = 0;
    for (size_t i = 0; i < r->n; i++) {
        const double z = row_sum(r, w, i);
        sum += (long double)((z > 0 ? z : 0) + log1p(exp(-fabs(z))) - r->target[i] * z);
    }
    return (double)sum;
}

/* Solves h d = g for up to three unknowns by Gauss' elimination with pivots. False: singular. */
static bool solve(double h[TERMS_MAX][TERMS_MAX], double *g, size_t n)
{
    for (size_t c = 0; c < n; c++) {
        size_t best = c;
        for (size_t r = c + 1; r < n; r++)
            best = fabs(h[r][c]) > fabs(h[best][c]) ? r : best;
        if (!(fabs(h[best][c]) > 0))
            return false;
        for (size_t k = 0; k < n; k++) {
            double t = h[c][k];
            h[c][k] = h[best][k];
            h[best][k] = t;
        }
        double t = g[c];
        g[c] = g[best];
        g[best] = t;
        for (size_t r = 0; r < n; r++) {
            const double f = r == c ? 0 : h[r][c] / h[c][c];
            for (size_t k = c; k < n; k++)
                h[r][k] -= f * h[c][k];
            g[r] -= f * g[c];
        }
    }
    for (size_t c = 0; c < n; c++)
        g[c] /= h[c][c];
    return true;
}

static bool step_find(const struct regression *r, double *d)
{
    double h[TERMS_MAX][TERMS_MAX] = {{0}}, trace = 0;
    memset(d, 0, TERMS_MAX * sizeof(*d));
    for (size_t i = 0; i < r->n; i++) {
        const double z = row_sum(r, r->w, i), e = exp(-fabs(z)), p = z >= 0 ? 1 / (1 + e) : e / (1 + e);
        const double slope = e / ((1 + e) * (1 + e)), *x = r->x + i * r->terms;
        for (size_t a = 0; a < r->terms; a++) {
            d[a] += (r->target[i] - p) * x[a];
            for (size_t b = 0; b < r->terms; b++)
                h[a][b] += slope * x[a] * x[b];
        }
    }
    for (size_t a = 0; a < r->terms; a++)
        trace += h[a][a];
    for (size_t a = 0; a < r->terms; a++) {
        h[a][a] += RIDGE * trace;
        if (!r->held[a])
            continue;
        for (size_t b = 0; b < r->terms; b++)
            h[a][b] = h[b][a] = 0;
        h[a][a] = 1;
        d[a] = 0;
    }
    return solve(h, d, r->terms);
}

/* False: no finite weights are best. */
static bool regression_fit(struct regression *r)
{
    double best = loss(r, r->w);
    for (int round = 0; round < ROUNDS; round++) {
        double d[TERMS_MAX], at[TERMS_MAX], now = INFINITY, move = 0, size = 1;
        if (!step_find(r, d))
            return false;
        for (int i = 0; i < HALVINGS && !(now <= best); i++, size /= 2) {
            for (size_t k = 0; k < r->terms; k++)
                at[k] = r->w[k] + size * d[k];
            now = loss(r, at);
        }
        if (!(now <= best))
            return true; /* rounding ends it */
        for (size_t k = 0; k < r->terms; k++) {
            const double m = fabs(at[k] - r->w[k]) / (1 + fabs(at[k]));
            move = m > move ? m : move;
            r->w[k] = at[k];
            if (!isfinite(at[k]) || fabs(at[k]) > BOUND)
                return false;
        }
        best = now;
        if (move < 1e-14)
            break;
    }
    return true;
}

/* ---- the methods ---- */

struct fitting {
    struct op *op;
    const float *scores, *labels;
    size_t n, ones;
    struct calibrate_map *map;
};

static double inside(double s)
{
    return s < EDGE ? EDGE : s > 1 - EDGE ? 1 - EDGE : s;
}

static enum err terms_fit(const struct fitting *f, enum calibrate_method method, struct regression *r)
{
    double *x = arena_array(f->op->arena, f->n * r->terms, double), *target = arena_array(f->op->arena, f->n, double);
    const double n1 = (double)f->ones, n0 = (double)(f->n - f->ones);
    if (!x || !target)
        return op_fail(f->op, E_TOO_LARGE, "no memory to calibrate on %zu rows", f->n);
    for (size_t i = 0; i < f->n; i++) {
        const double s = (double)f->scores[i], in = inside(s);
        double *row = x + i * r->terms;
        target[i] = (double)f->labels[i];
        if (method == CALIBRATE_PLATT) {
            target[i] = f->labels[i] > 0 ? (n1 + 1) / (n1 + 2) : 1 / (n0 + 2);
            row[0] = s;
            row[1] = 1;
        } else if (method == CALIBRATE_TEMPERATURE) {
            row[0] = log(in) - log1p(-in);
        } else {
            row[0] = log(in);
            row[1] = -log1p(-in);
            row[2] = 1;
        }
    }
    r->n = f->n;
    r->x = x;
    r->target = target;
    bool found = regression_fit(r);
    for (size_t k = 0; found && method == CALIBRATE_BETA && k < 2; k++) {
        if (r->w[k] >= 0)
            continue;
        r->held[k] = true;
        memset(r->w, 0, sizeof(r->w));
        found = regression_fit(r);
    }
    return found ? OK : op_fail(f->op, E_INVALID, "calibrate: %s finds no finite map on these rows", calibrate_method_names[method]);
}

static enum err logistic_fit(const struct fitting *f, enum calibrate_method method)
{
    struct regression r = {.terms = method == CALIBRATE_PLATT ? 2 : method == CALIBRATE_TEMPERATURE ? 1 : 3};
    enum err e = terms_fit(f, method, &r);
    if (e)
        return e;
    if (method == CALIBRATE_TEMPERATURE && !(r.w[0] > 0))
        return op_fail(f->op, E_INVALID, "calibrate: temperature finds that higher scores are worse");
    if (method == CALIBRATE_PLATT)
        *f->map = (struct calibrate_map){.a = -r.w[0], .b = -r.w[1]};
    else if (method == CALIBRATE_TEMPERATURE)
        *f->map = (struct calibrate_map){.a = 1 / r.w[0]};
    else
        *f->map = (struct calibrate_map){.a = r.w[0], .b = r.w[1], .c = r.w[2]};
    return OK;
}

struct piece {
    double x, last, sum, rows;         /* first and last score, labels, rows */
};

static int by_score(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return (x->x > y->x) - (x->x < y->x);
}

static double mean_of(const struct piece *p)
{
    return p->sum / p->rows;
}

static enum err isotonic_fit(const struct fitting *f)
{
    struct piece *p = arena_array(f->op->arena, f->n, struct piece);
    size_t equal = 0, len = 0, points = 0;
    if (!p)
        return op_fail(f->op, E_TOO_LARGE, "no memory to calibrate on %zu rows", f->n);
    for (size_t i = 0; i < f->n; i++)
        p[i] = (struct piece){(double)f->scores[i], (double)f->scores[i], (double)f->labels[i], 1};
    qsort(p, f->n, sizeof(*p), by_score);
    for (size_t i = 0; i < f->n; i++) {
        if (equal && p[equal - 1].x == p[i].x) {
            p[equal - 1].sum += p[i].sum;
            p[equal - 1].rows++;
        } else {
            p[equal++] = p[i];
        }
    }
    for (size_t i = 0; i < equal; i++) {
        p[len++] = p[i];
        for (; len > 1 && mean_of(&p[len - 2]) >= mean_of(&p[len - 1]); len--) {
            p[len - 2].last = p[len - 1].last;
            p[len - 2].sum += p[len - 1].sum;
            p[len - 2].rows += p[len - 1].rows;
        }
    }
    double *x = arena_array(f->op->arena, 2 * len, double), *y = arena_array(f->op->arena, 2 * len, double);
    if (!x || !y || 2 * len > LIMIT_CHAIN_POINTS)
        return op_fail(f->op, E_TOO_LARGE, "calibrate: isotonic makes more than %d points", LIMIT_CHAIN_POINTS);
    for (size_t i = 0; i < len; i++) {
        x[points] = p[i].x;
        y[points++] = mean_of(&p[i]);
        if (p[i].last > p[i].x) {
            x[points] = p[i].last;
            y[points++] = mean_of(&p[i]);
        }
    }
    *f->map = (struct calibrate_map){.x = x, .y = y, .len = points};
    return OK;
}

enum err calibrate_fit(struct op *op, const struct json *plan, const float *scores, const float *labels, size_t n, struct calibrator **ret)
{
    static const char *const known[] = {"method", NULL};
    struct calibrator *c = op_new(op, struct calibrator);
    struct calibrate_map *map = op_new(op, struct calibrate_map);
    struct fitting f = {.op = op, .scores = scores, .labels = labels, .n = n, .map = map};
    size_t method = 0;
    enum err e = chain_members_check(op, "calibrate", plan, known);
    if (!e)
        e = chain_word(op, "calibrate", plan, "method", calibrate_method_names, SIZE_MAX, &method);
    if (e)
        return e;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(scores[i]))
            return op_fail(op, E_INVALID, "calibrate: the score of row %zu is not finite", i);
        f.ones += labels[i] > 0;
    }
    if (method != CALIBRATE_NONE && (!f.ones || f.ones == n))
        return op_fail(op, E_INVALID, "calibrate: the %zu rows it is fitted on are of one class", n);
    c->method = (enum calibrate_method)method;
    c->maps = map;
    if (method == CALIBRATE_ISOTONIC)
        e = isotonic_fit(&f);
    else if (method != CALIBRATE_NONE)
        e = logistic_fit(&f, c->method);
    if (!e)
        *ret = c;
    return e;
}
