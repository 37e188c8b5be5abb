/* Formulae as scikit-learn documents them, so that its users find their numbers again: quantiles by linear interpolation between order
 * statistics (Hyndman, Fan 1996, type 7), population variance, rare categories by count and then by the lesser one first, and for
 * "target" the empirical Bayes shrinkage of Micci-Barreca 2001:
 *     lambda = variance(y) n_i / (variance(y) n_i + variance_i(y)),  value_i = lambda mean_i(y) + (1 - lambda) mean(y)
 * or with a number s: (n_i mean_i(y) + s mean(y)) / (n_i + s). */
#include "core/chain/step_fit.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "core/chain/transform_format.h"
#include "core/chain/words.h"

static enum err no_values(const struct step_column *c)
{
    return op_fail_field(c->op, c->path, "%s: all %zu values are missing", c->path, c->n);
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The values that are there, sorted, in op's arena. */
static enum err sorted_make(const struct step_column *c, double **ret, size_t *ret_len)
{
    double *v = arena_array(c->op->arena, c->n + 1, double);
    size_t n = 0;
    if (!v)
        return op_fail(c->op, E_TOO_LARGE, "no memory for %zu values", c->n);
    for (size_t i = 0; i < c->n; i++)
        if (!isnan(c->v[i]))
            v[n++] = c->v[i];
    qsort(v, n, sizeof(*v), by_number);
    *ret = v;
    *ret_len = n;
    return n ? OK : no_values(c);
}

static double quantile(const double *sorted, size_t n, double q)
{
    const double at = q * (double)(n - 1);
    const size_t lo = (size_t)at;
    const double t = at - (double)lo;
    return lo + 1 < n ? sorted[lo] + (sorted[lo + 1] - sorted[lo]) * t : sorted[n - 1];
}

static void moments(const struct step_column *c, double *ret_mean, double *ret_variance, size_t *ret_n)
{
    long double sum = 0, squares = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (isnan(c->v[i]))
            continue;
        sum += c->v[i];
        n++;
    }
    const long double mean = n ? sum / (long double)n : 0;
    for (size_t i = 0; i < c->n; i++)
        if (!isnan(c->v[i]))
            squares += ((long double)c->v[i] - mean) * ((long double)c->v[i] - mean);
    *ret_mean = (double)mean;
    *ret_variance = n ? (double)(squares / (long double)n) : 0;
    *ret_n = n;
}

/* ---- categories ---- */

struct category {
    double number;
    struct str text;
    size_t rows, at;               /* `at`: its place in the order of values */
};

static int by_category_text(const void *a, const void *b)
{
    return str_cmp(((const struct category *)a)->text, ((const struct category *)b)->text);
}

/* Fewer rows first; of equal ones the lesser value. */
static int by_category_rows(const void *a, const void *b)
{
    const struct category *x = a, *y = b;
    if (x->rows != y->rows)
        return x->rows < y->rows ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static enum err texts_count(const struct step_column *c, struct category *all, size_t *len)
{
    struct map seen;
    map_init(&seen, c->op->arena);
    for (size_t i = 0; i < c->n; i++) {
        if (!c->t[i].len)
            continue;
        uintptr_t at = (uintptr_t)map_find(&seen, c->t[i]);
        if (!at) {
            if (*len == LIMIT_CHAIN_CATEGORIES)
                return op_fail(c->op, E_TOO_LARGE, "%s: the column has more than %d categories", c->path, LIMIT_CHAIN_CATEGORIES);
            at = ++*len;
            all[at - 1].text = c->t[i];
            if (!map_put(&seen, c->t[i], (void *)at))
                return op_fail(c->op, E_TOO_LARGE, "%s: no memory for the categories", c->path);
        }
        all[at - 1].rows++;
    }
    qsort(all, *len, sizeof(*all), by_category_text);
    return OK;
}

static enum err numbers_count(const struct step_column *c, struct category *all, size_t *len)
{
    double *v = NULL;
    size_t n = 0;
    enum err e = sorted_make(c, &v, &n);
    for (size_t i = 0; !e && i < n; i++) {
        if (*len && all[*len - 1].number == v[i]) {
            all[*len - 1].rows++;
            continue;
        }
        if (*len == LIMIT_CHAIN_CATEGORIES)
            return op_fail(c->op, E_TOO_LARGE, "%s: the column has more than %d categories", c->path, LIMIT_CHAIN_CATEGORIES);
        all[(*len)++] = (struct category){.number = v[i], .rows = 1};
    }
    return e;
}

/* All categories in ascending order. */
static enum err categories_count(const struct step_column *c, struct category **ret, size_t *ret_len)
{
    const size_t most = c->n < LIMIT_CHAIN_CATEGORIES ? c->n : LIMIT_CHAIN_CATEGORIES;
    struct category *all = arena_array(c->op->arena, most + 1, struct category);
    size_t n = 0;
    if (!all)
        return op_fail(c->op, E_TOO_LARGE, "%s: no memory for the categories", c->path);
    enum err e = c->text ? texts_count(c, all, &n) : numbers_count(c, all, &n);
    if (!e && !n)
        e = no_values(c);
    for (size_t i = 0; i < n; i++)
        all[i].at = i;
    *ret = all;
    *ret_len = n;
    return e;
}

/* Those whose flag in `rare` is `want`; `rare` NULL: all. */
static enum err set_make(const struct step_column *c, const struct category *all, size_t n, const bool *rare, bool want, struct transform_set *ret)
{
    double *numbers = c->text ? NULL : arena_array(c->op->arena, n + 1, double);
    struct str *texts = c->text ? arena_array(c->op->arena, n + 1, struct str) : NULL;
    size_t len = 0;
    if (!numbers && !texts)
        return op_fail(c->op, E_TOO_LARGE, "%s: no memory for the categories", c->path);
    for (size_t i = 0; i < n; i++) {
        if (rare && rare[i] != want)
            continue;
        if (texts)
            texts[len++] = all[i].text;
        else
            numbers[len++] = all[i].number;
    }
    *ret = (struct transform_set){.numbers = numbers, .texts = texts, .len = len};
    return OK;
}

/* ---- steps ---- */

static enum err impute_fit(const struct step_column *c, const struct json *j, struct transform_step *s)
{
    static const char *const known[] = {"kind", "strategy", "value", "indicator", NULL};
    static const char *const words[] = {"mean", "median", "most_frequent", "constant", NULL};
    enum { MEAN, MEDIAN, FREQUENT, CONSTANT };
    size_t word = 0, n = 0;
    double *v = NULL, variance;
    struct category *all = NULL;
    enum err e = chain_members_check(c->op, c->path, j, known);
    if (!e)
        e = chain_word(c->op, c->path, j, "strategy", words, c->text ? FREQUENT : MEAN, &word);
    if (!e)
        e = json_opt_bool(c->op, j, "indicator", false, &s->indicator);
    if (e)
        return e;
    s->method = str_from(words[word]);
    if (word == CONSTANT) {
        if (!c->text)
            return chain_number(c->op, c->path, j, "value", NULL, &s->number);
        e = json_want_str(c->op, j, "value", &s->text);
        return e || s->text.len ? e : op_fail_field(c->op, c->path, "%s.value must not be empty", c->path);
    }
    if (json_get(j, "value") || (c->text && word != FREQUENT))
        return op_fail_field(c->op, c->path, "%s: only a constant has a value, and texts are imputed by constant or most_frequent", c->path);
    if (word == MEAN) {
        moments(c, &s->number, &variance, &n);
        return n ? OK : no_values(c);
    }
    if (word == MEDIAN) {
        if (!(e = sorted_make(c, &v, &n)))
            s->number = n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
        return e;
    }
    if ((e = categories_count(c, &all, &n)))
        return e;
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        best = all[i].rows > all[best].rows ? i : best;
    s->number = all[best].number;
    s->text = all[best].text;
    return OK;
}

static enum err scale_fit(const struct step_column *c, const struct json *j, struct transform_step *s)
{
    static const char *const known[] = {"kind", "method", NULL}, *const words[] = {"standard", "minmax", "robust", "maxabs", NULL};
    enum { STANDARD, MINMAX, ROBUST, MAXABS };
    size_t word = 0, n = 0;
    double *v = NULL, variance = 0;
    enum err e = chain_members_check(c->op, c->path, j, known);
    if (!e)
        e = chain_word(c->op, c->path, j, "method", words, STANDARD, &word);
    if (!e)
        e = sorted_make(c, &v, &n);
    if (e)
        return e;
    s->method = str_from(words[word]);
    if (word == STANDARD) {
        moments(c, &s->center, &variance, &n);
        /* What is left of a constant column is rounding alone. */
        const double rounding = (double)n * 0x1p-52 * variance + ((double)n * s->center * 0x1p-52) * ((double)n * s->center * 0x1p-52);
        s->scale = variance <= rounding ? 1 : sqrt(variance);
    } else if (word == MINMAX) {
        s->center = v[0];
        s->scale = v[n - 1] - v[0];
    } else if (word == ROBUST) {
        s->center = n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
        s->scale = quantile(v, n, 0.75) - quantile(v, n, 0.25);
    } else {
        s->scale = fabs(v[0]) > fabs(v[n - 1]) ? fabs(v[0]) : fabs(v[n - 1]);
    }
    if (!(s->scale > 0))
        s->scale = 1;
    return isfinite(s->center) && isfinite(s->scale) ? OK : op_fail_field(c->op, c->path, "%s: the column has infinite values", c->path);
}

static enum err clip_fit(const struct step_column *c, const struct json *j, struct transform_step *s)
{
    static const char *const known[] = {"kind", "min", "max", NULL};
    const double below = -INFINITY, above = INFINITY;
    enum err e = chain_members_check(c->op, c->path, j, known);
    if (!e)
        e = chain_number(c->op, c->path, j, "min", &below, &s->min);
    if (!e)
        e = chain_number(c->op, c->path, j, "max", &above, &s->max);
    return e || s->min <= s->max ? e : op_fail_field(c->op, c->path, "%s: min is above max", c->path);
}

#define BUCKET_MIN 1e-8 /* narrower buckets are joined */

static enum err bucketize_fit(const struct step_column *c, const struct json *j, struct transform_step *s)
{
    static const char *const known[] = {"kind", "method", "buckets", "edges", "onehot", NULL}, *const words[] = {"quantile", "uniform", NULL};
    size_t word = 0, n = 0, len = 0;
    int64_t buckets = 0;
    double *v = NULL, *edges = NULL;
    enum err e = chain_members_check(c->op, c->path, j, known);
    if (!e)
        e = json_opt_bool(c->op, j, "onehot", false, &s->onehot);
    if (!e)
        e = chain_word(c->op, c->path, j, "method", words, 0, &word);
    if (!e)
        e = json_opt_i64(c->op, j, "buckets", 2, LIMIT_CHAIN_CATEGORIES - 1, 5, &buckets);
    if (e)
        return e;
    if (json_get(j, "edges")) {
        e = chain_numbers(c->op, c->path, j, "edges", LIMIT_CHAIN_CATEGORIES, &edges, &len);
        for (size_t i = 1; !e && i < len; i++)
            if (!(edges[i - 1] < edges[i]))
                e = op_fail_field(c->op, c->path, "%s.edges must ascend; [%zu] does not", c->path, i);
    } else {
        e = sorted_make(c, &v, &n);
        edges = e ? NULL : arena_array(c->op->arena, (size_t)buckets + 1, double);
        if (!e && !edges)
            return op_fail(c->op, E_TOO_LARGE, "%s: no memory for %lld buckets", c->path, (long long)buckets);
        for (size_t i = 0; !e && i <= (size_t)buckets; i++) {
            const double q = (double)i / (double)buckets, at = word ? v[0] + (v[n - 1] - v[0]) * q : quantile(v, n, q);
            if (!len || (word ? at > edges[len - 1] : at - edges[len - 1] > BUCKET_MIN))
                edges[len++] = at;
        }
        s->method = str_from(words[word]);
    }
    if (!e && len < 2)
        e = op_fail_field(c->op, c->path, "%s: the column has one value; there is nothing to cut", c->path);
    if (!e && (!isfinite(edges[0]) || !isfinite(edges[len - 1])))
        e = op_fail_field(c->op, c->path, "%s: the column has infinite values", c->path);
    s->edges = edges;
    s->edge_count = len;
    return e;
}

/* Which categories are too rare to have an output of their own. */
static enum err rare_find(const struct step_column *c, const struct json *j, const struct category *all, size_t n, bool *rare)
{
    double least = 0;
    int64_t most = 0;
    const double none = 0;
    size_t frequent = n;
    enum err e = chain_number(c->op, c->path, j, "min_frequency", &none, &least);
    if (!e)
        e = json_opt_i64(c->op, j, "max_categories", 1, LIMIT_CHAIN_CATEGORIES, 0, &most);
    if (!e && least < 0)
        e = op_fail_field(c->op, c->path, "%s.min_frequency must not be negative", c->path);
    if (e)
        return e;
    least = least < 1 ? least * (double)c->n : least;
    for (size_t i = 0; i < n; i++) {
        rare[i] = (double)all[i].rows < least;
        frequent -= rare[i];
    }
    if (!json_get(j, "max_categories") || (size_t)most >= frequent + 1)
        return OK;
    struct category *order = arena_array(c->op->arena, n, struct category);
    if (!order)
        return op_fail(c->op, E_TOO_LARGE, "%s: no memory for the categories", c->path);
    memcpy(order, all, n * sizeof(*all));
    qsort(order, n, sizeof(*order), by_category_rows);
    for (size_t i = 0; i + (size_t)most - 1 < n; i++)
        rare[order[i].at] = true;
    return OK;
}

static enum err onehot_fit(const struct step_column *c, const struct json *j, struct transform_step *s)
{
    static const char *const known[] = {"kind", "unknown", "min_frequency", "max_categories", NULL};
    static const char *const words[] = {"ignore", "error", "infrequent", NULL};
    size_t word = 0, n = 0;
    struct category *all = NULL;
    enum err e = chain_members_check(c->op, c->path, j, known);
    if (!e)
        e = chain_word(c->op, c->path, j, "unknown", words, 0, &word);
    if (!e)
        e = categories_count(c, &all, &n);
    bool *rare = e ? NULL : arena_array(c->op->arena, n, bool);
    if (e || !rare)
        return e ? e : op_fail(c->op, E_TOO_LARGE, "%s: no memory for the categories", c->path);
    s->unknown = (enum transform_unknown)word;
    e = rare_find(c, j, all, n, rare);
    if (!e)
        e = set_make(c, all, n, rare, false, &s->known);
    return e ? e : set_make(c, all, n, rare, true, &s->rare);
}

static enum err ordinal_fit(const struct step_column *c, const struct json *j, struct transform_step *s)
{
    static const char *const known[] = {"kind", "unknown", "unknown_value", NULL}, *const words[] = {"error", "value", NULL};
    size_t word = 0, n = 0;
    const double none = NAN;
    struct category *all = NULL;
    enum err e = chain_members_check(c->op, c->path, j, known);
    if (!e)
        e = chain_word(c->op, c->path, j, "unknown", words, 0, &word);
    if (!e)
        e = chain_number(c->op, c->path, j, "unknown_value", &none, &s->unknown_value);
    if (!e)
        e = categories_count(c, &all, &n);
    s->unknown = word ? TRANSFORM_UNKNOWN_VALUE : TRANSFORM_UNKNOWN_ERROR;
    return e ? e : set_make(c, all, n, NULL, false, &s->known);
}

/* What the labels are in one category. */
struct group {
    double sum, squares;           /* of the labels; of their distances from the category's mean */
    size_t n;
};

static size_t place_of(const struct step_column *c, const struct transform_step *s, size_t i)
{
    struct transform_step find = {.kind = TRANSFORM_ORDINAL, .known = s->known, .unknown = TRANSFORM_UNKNOWN_VALUE, .unknown_value = NAN};
    struct transform_cell cell = {.text = c->text};
    if (c->text)
        cell.t = c->t[i];
    else
        cell.v = c->v[i];
    (void)transform_step_run(&find, &cell);
    return isnan(cell.v) ? SIZE_MAX : (size_t)cell.v;
}

static enum err target_values(const struct step_column *c, bool is_auto, double smooth, struct transform_step *s)
{
    struct group *g = arena_array(c->op->arena, s->known.len, struct group);
    size_t *place = arena_array(c->op->arena, c->n + 1, size_t);
    double *values = arena_array(c->op->arena, s->known.len, double);
    long double sum = 0, squares = 0;
    if (!g || !place || !values)
        return op_fail(c->op, E_TOO_LARGE, "%s: no memory for the categories", c->path);
    for (size_t i = 0; i < c->n; i++) {
        sum += (long double)c->labels[i];
        if ((place[i] = place_of(c, s, i)) == SIZE_MAX)
            continue;
        g[place[i]].sum += (double)c->labels[i];
        g[place[i]].n++;
    }
    const double mean = (double)(sum / (long double)c->n);
    for (size_t i = 0; i < c->n; i++) {
        const double y = (double)c->labels[i];
        squares += (long double)((y - mean) * (y - mean));
        if (place[i] == SIZE_MAX)
            continue;
        struct group *one = &g[place[i]];
        const double d = y - one->sum / (double)one->n;
        one->squares += d * d;
    }
    const double variance = (double)(squares / (long double)c->n);
    for (size_t k = 0; k < s->known.len; k++) {
        const double n = (double)g[k].n, lambda = variance * n / (variance * n + g[k].squares / n);
        values[k] = !is_auto ? (g[k].sum + smooth * mean) / (n + smooth) : isnan(lambda) ? mean : lambda * (g[k].sum / n) + (1 - lambda) * mean;
    }
    s->values = values;
    s->unknown_value = mean;
    return OK;
}

static enum err target_fit(const struct step_column *c, const struct json *j, struct transform_step *s)
{
    static const char *const known[] = {"kind", "smooth", NULL};
    const struct json *smooth = json_get(j, "smooth");
    const bool is_auto = !smooth || (smooth->type == JSON_STRING && str_eqc(smooth->s, "auto"));
    struct category *all = NULL;
    double amount = 0;
    size_t n = 0;
    enum err e = chain_members_check(c->op, c->path, j, known);
    if (!e && !c->labels)
        e = op_fail_field(c->op, c->path, "%s: target needs labels", c->path);
    if (!e && !is_auto)
        e = chain_number(c->op, c->path, j, "smooth", NULL, &amount);
    if (!e && amount < 0)
        e = op_fail_field(c->op, c->path, "%s.smooth must not be negative", c->path);
    if (!e)
        e = categories_count(c, &all, &n);
    if (!e)
        e = set_make(c, all, n, NULL, false, &s->known);
    return e ? e : target_values(c, is_auto, amount, s);
}

static enum err hash_fit(const struct step_column *c, const struct json *j, struct transform_step *s)
{
    static const char *const known[] = {"kind", "buckets", "signs", NULL};
    int64_t buckets = 0;
    enum err e = chain_members_check(c->op, c->path, j, known);
    if (!e)
        e = json_want_i64(c->op, j, "buckets", 1, LIMIT_CHAIN_OUTPUTS, &buckets);
    s->buckets = (uint32_t)buckets;
    return e ? e : json_opt_bool(c->op, j, "signs", false, &s->signs);
}

enum err step_fit(const struct step_column *c, const struct json *plan, struct transform_step *ret)
{
    static enum err (*const fits[TRANSFORM_KINDS])(const struct step_column *, const struct json *, struct transform_step *) = {
        [TRANSFORM_IMPUTE] = impute_fit, [TRANSFORM_SCALE] = scale_fit,     [TRANSFORM_CLIP] = clip_fit,     [TRANSFORM_BUCKETIZE] = bucketize_fit,
        [TRANSFORM_ONEHOT] = onehot_fit, [TRANSFORM_ORDINAL] = ordinal_fit, [TRANSFORM_TARGET] = target_fit, [TRANSFORM_HASH] = hash_fit,
    };
    static const char *const nothing[] = {"kind", NULL};
    size_t kind = 0;
    if (plan->type != JSON_OBJECT)
        return op_fail_field(c->op, c->path, "%s is %s, not an object", c->path, json_type_name(plan->type));
    enum err e = chain_word(c->op, c->path, plan, "kind", transform_kind_names, SIZE_MAX, &kind);
    if (e)
        return e;
    const bool any = kind == TRANSFORM_IMPUTE || kind == TRANSFORM_ONEHOT || kind == TRANSFORM_ORDINAL || kind == TRANSFORM_TARGET;
    if (!any && c->text != (kind == TRANSFORM_HASH))
        return op_fail_field(c->op, c->path, "%s: %s is for %s; the column has %s here", c->path, transform_kind_names[kind],
                             kind == TRANSFORM_HASH ? "texts" : "numbers", c->text ? "texts" : "numbers");
    *ret = (struct transform_step){.kind = (enum transform_kind)kind};
    return fits[kind] ? fits[kind](c, plan, ret) : chain_members_check(c->op, c->path, plan, nothing);
}
