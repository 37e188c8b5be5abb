/* The form of the texts is Triton's: a value of a float type is printed with six decimals, of a whole type as it is. Values are
 * ordered by keys that keep the order of their type: a double does not tell all 64-bit integers apart. NaN comes last.
 *
 * The n largest of m are chosen by a heap of n whose top is the least of them (Williams and Floyd 1964), then sorted by taking the top away:
 * (m + n) log n comparisons however many classes are asked for. For one class that is one comparison per value. */
#include "core/serve/classify.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static bool is_whole(enum tensor_type t)
{
    return t != TENSOR_FP16 && t != TENSOR_BF16 && t != TENSOR_FP32 && t != TENSOR_FP64;
}

static uint64_t bits_at(const struct tensor *t, size_t at)
{
    uint64_t bits = 0;
    memcpy(&bits, (const char *)t->data + at * sizeof(bits), sizeof(bits));
    return bits;
}

/* A number that grows with the value; `value` is the same as a double. */
static uint64_t key_of(const struct tensor *t, size_t at, double value)
{
    const uint64_t sign = (uint64_t)1 << 63;
    if (t->type == TENSOR_UINT64)
        return bits_at(t, at);
    if (t->type == TENSOR_INT64)
        return bits_at(t, at) ^ sign;
    if (isnan(value))
        return 0;
    uint64_t bits;
    value += 0.0; /* -0 is 0 */
    memcpy(&bits, &value, sizeof(bits));
    return bits & sign ? ~bits : bits | sign;
}

struct heap {
    const uint64_t *keys;
    size_t *places;
    size_t compared;
};

/* Does place `a` stand behind `b`? */
static bool is_behind(struct heap *h, size_t a, size_t b)
{
    h->compared++;
    return h->keys[a] < h->keys[b] || (h->keys[a] == h->keys[b] && a > b);
}

/* Puts `place` where it belongs below the hole `at` of a heap of `n`, the last of the order on top. */
static void sift(struct heap *h, size_t at, size_t n, size_t place)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_behind(h, h->places[child + 1], h->places[child]))
            child++;
        if (!is_behind(h, h->places[child], place))
            break;
        h->places[at] = h->places[child];
    }
    h->places[at] = place;
}

size_t classify_largest(const uint64_t *keys, size_t len, size_t n, size_t *ret)
{
    struct heap h = {keys, ret, 0};
    n = n < len ? n : len;
    for (size_t i = 0; i < n; i++)
        ret[i] = i;
    for (size_t i = n / 2; i-- > 0;)
        sift(&h, i, n, ret[i]);
    for (size_t i = n; n && i < len; i++)
        if (is_behind(&h, ret[0], i))
            sift(&h, 0, n, i);
    for (size_t i = n; i-- > 1;) {
        const size_t last = ret[i];
        ret[i] = ret[0];
        sift(&h, 0, i, last);
    }
    return h.compared;
}

/* "value:index[:label]" of t's value `at`, which is `value` as a double; p NULL without memory. */
static struct str text_make(struct op *op, const struct tensor *t, size_t at, double value, size_t place,
                            struct str label)
{
    char number[352]; /* %f of the largest double has 316 bytes */
    int n = t->type == TENSOR_UINT64
                ? snprintf(number, sizeof(number), "%" PRIu64 ":%zu", bits_at(t, at), place)
            : t->type == TENSOR_INT64
                ? snprintf(number, sizeof(number), "%" PRId64 ":%zu", (int64_t)bits_at(t, at), place)
            : is_whole(t->type) ? snprintf(number, sizeof(number), "%" PRId64 ":%zu", (int64_t)value, place)
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
        return op_fail(op, E_INVALID, "output \"%.*s\" has texts; there is nothing to classify",
                       STR_FMT(t->name));
    n = n < width ? n : width;
    double *v = arena_array(op->arena, t->count + 1, double);
    uint64_t *keys = arena_array(op->arena, width + 1, uint64_t);
    size_t *places = arena_array(op->arena, n + 1, size_t);
    struct str *texts = arena_array(op->arena, rows * n + 1, struct str);
    if (!v || !keys || !places || !texts)
        return op_fail(op, E_TOO_LARGE, "no memory for the classes of %zu rows", rows);
    enum err e = tensor_to_f64(op, t, v, 1);
    if (e)
        return e;
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < width; k++)
            keys[k] = key_of(t, i * width + k, v[i * width + k]);
        (void)classify_largest(keys, width, n, places);
        for (size_t k = 0; k < n; k++) {
            const size_t place = width == 1 && label_count == 2 ? 1 : places[k]; /* one value of two classes is the second one's */
            struct str label = place < label_count ? labels[place] : STR("");
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
