/* The form of the texts is Triton's: a value of a float type is printed with six decimals, of a whole type as it is. Values are
 * ordered as doubles: whole ones above 2^53 that differ in the last digits only count as equal. */
#include "core/serve/classify.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static bool is_whole(enum tensor_type t)
{
    return t != TENSOR_FP16 && t != TENSOR_BF16 && t != TENSOR_FP32 && t != TENSOR_FP64;
}

static bool before(double a, double b)
{
    return isnan(b) ? !isnan(a) : a > b;
}

/* The places of the `n` largest of `v`, largest first. n is small, so a place is found by moving the smaller ones back. */
static void largest(const double *v, size_t len, size_t n, size_t *ret)
{
    size_t have = 0;
    for (size_t i = 0; i < len; i++) {
        if (have == n && !before(v[i], v[ret[n - 1]]))
            continue;
        size_t at = have < n ? have++ : n - 1;
        for (; at && before(v[i], v[ret[at - 1]]); at--)
            ret[at] = ret[at - 1];
        ret[at] = i;
    }
}

/* "value:index[:label]" of t's value `at`, which is `value` as a double; p NULL without memory. */
static struct str text_make(struct op *op, const struct tensor *t, size_t at, double value, size_t place, struct str label)
{
    char number[352]; /* %f of the largest double has 316 bytes */
    const char *data = t->data;
    uint64_t bits = 0;
    if (tensor_type_size(t->type) == sizeof(bits)) /* a double does not hold all of them */
        memcpy(&bits, data + at * sizeof(bits), sizeof(bits));
    int n = t->type == TENSOR_UINT64  ? snprintf(number, sizeof(number), "%" PRIu64 ":%zu", bits, place)
            : t->type == TENSOR_INT64 ? snprintf(number, sizeof(number), "%" PRId64 ":%zu", (int64_t)bits, place)
            : is_whole(t->type)       ? snprintf(number, sizeof(number), "%" PRId64 ":%zu", (int64_t)value, place)
                                      : snprintf(number, sizeof(number), "%f:%zu", value, place);
    char *p = arena_array(op->arena, (size_t)n + 1 + label.len, char);
    if (!p)
        return (struct str){NULL, 0};
    memcpy(p, number, (size_t)n);
    if (!label.len)
        return (struct str){p, (size_t)n};
    p[n] = ':';
    memcpy(p + n + 1, label.p, label.len);
    return (struct str){p, (size_t)n + 1 + label.len};
}

enum err classify(struct op *op, struct tensor *t, const struct str *labels, size_t label_count, size_t n)
{
    const size_t width = t->rank > 1 ? (size_t)t->shape[t->rank - 1] : 1;
    const size_t rows = width ? t->count / width : 0;
    if (t->type == TENSOR_BYTES)
        return op_fail(op, E_INVALID, "output \"%.*s\" has texts; there is nothing to classify", STR_FMT(t->name));
    n = n < width ? n : width;
    double *v = arena_array(op->arena, t->count + 1, double);
    size_t *places = arena_array(op->arena, n + 1, size_t);
    struct str *texts = arena_array(op->arena, rows * n + 1, struct str);
    if (!v || !places || !texts)
        return op_fail(op, E_TOO_LARGE, "no memory for the classes of %zu rows", rows);
    enum err e = tensor_to_f64(op, t, v, 1);
    if (e)
        return e;
    for (size_t i = 0; i < rows; i++) {
        largest(v + i * width, width, n, places);
        for (size_t k = 0; k < n; k++) {
            struct str label = places[k] < label_count ? labels[places[k]] : STR("");
            const size_t at = i * width + places[k];
            texts[i * n + k] = text_make(op, t, at, v[at], places[k], label);
            if (!texts[i * n + k].p)
                return op_fail(op, E_TOO_LARGE, "no memory for the classes of %zu rows", rows);
        }
    }
    if (t->rank <= 1) {
        t->shape[0] = (int64_t)rows;
        t->rank = 2;
    }
    t->shape[t->rank - 1] = (int64_t)n;
    t->type = TENSOR_BYTES;
    t->count = rows * n;
    t->data = NULL;
    t->texts = texts;
    return OK;
}
