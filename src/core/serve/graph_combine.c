/* All arithmetic is done on doubles: x[k] is the present input k, `count` values each. What is left out of a mean leaves its weight
 * out too, so an ensemble whose member failed answers as if it had been fitted without it. */
#include "core/serve/graph_combine.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"

struct numbers {             /* the present inputs as doubles */
    const double *const *x;
    const double *w;         /* one per input */
    size_t n, count, width;  /* inputs, values of each, values of a row */
    double bias;
};
enum combine_form { FORM_SAME, FORM_ROWS, FORM_VOTE, FORM_FIRST, FORM_CONCAT, FORM_SLICE, FORM_CAST };
struct combine_kind {
    const char *name;
    enum combine_form form;
    void (*reduce)(const struct numbers *in, double *out); /* FORM_SAME, FORM_ROWS */
    bool all;                /* every input must be there */
    bool single;             /* takes one input */
    const char *options[3];
};

/* ---- reducing ---- */

static void reduce_mean(const struct numbers *in, double *out)
{
    double sum = 0;
    for (size_t k = 0; k < in->n; k++)
        sum += in->w[k];
    for (size_t i = 0; i < in->count; i++) {
        out[i] = 0;
        for (size_t k = 0; k < in->n; k++)
            out[i] += in->w[k] * in->x[k][i];
        out[i] /= sum;
    }
}

static void reduce_sum(const struct numbers *in, double *out)
{
    for (size_t i = 0; i < in->count; i++) {
        out[i] = in->bias;
        for (size_t k = 0; k < in->n; k++)
            out[i] += in->w[k] * in->x[k][i];
    }
}

static int double_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void reduce_median(const struct numbers *in, double *out)
{
    double v[LIMIT_SERVE_GRAPH_COMBINED];
    for (size_t i = 0; i < in->count; i++) {
        bool nan = false;
        for (size_t k = 0; k < in->n; k++) {
            v[k] = in->x[k][i];
            nan = nan || isnan(v[k]);
        }
        qsort(v, in->n, sizeof(*v), double_compare);
        out[i] = nan ? NAN : in->n % 2 ? v[in->n / 2] : (v[in->n / 2 - 1] + v[in->n / 2]) / 2;
    }
}

static void reduce_extreme(const struct numbers *in, double sign, double *out)
{
    for (size_t i = 0; i < in->count; i++) {
        out[i] = in->x[0][i];
        for (size_t k = 1; k < in->n; k++)
            if (isnan(in->x[k][i]) || sign * in->x[k][i] > sign * out[i])
                out[i] = in->x[k][i];
    }
}

static void reduce_max(const struct numbers *in, double *out)
{
    reduce_extreme(in, 1, out);
}

static void reduce_min(const struct numbers *in, double *out)
{
    reduce_extreme(in, -1, out);
}

/* The largest of a row is taken off before exp, so that nothing overflows. */
static void reduce_softmax(const struct numbers *in, double *out)
{
    double weights = 0;
    for (size_t k = 0; k < in->n; k++)
        weights += in->w[k];
    for (size_t i = 0; i < in->count; i++)
        out[i] = 0;
    for (size_t k = 0; k < in->n; k++) {
        for (size_t row = 0; row < in->count; row += in->width) {
            const double *x = in->x[k] + row;
            double most = x[0], sum = 0;
            for (size_t i = 1; i < in->width; i++)
                most = x[i] > most ? x[i] : most;
            for (size_t i = 0; i < in->width; i++)
                sum += exp(x[i] - most);
            for (size_t i = 0; i < in->width; i++)
                out[row + i] += in->w[k] / weights * exp(x[i] - most) / sum;
        }
    }
}

static const struct combine_kind kinds[] = {
    {"mean", FORM_SAME, reduce_mean, false, false, {"weights", "least"}},
    {"median", FORM_SAME, reduce_median, false, false, {"least"}},
    {"min", FORM_SAME, reduce_min, false, false, {"least"}},
    {"max", FORM_SAME, reduce_max, false, false, {"least"}},
    {"softmax_mean", FORM_ROWS, reduce_softmax, false, false, {"weights", "least"}},
    {"vote", FORM_VOTE, NULL, false, false, {"weights", "least"}},
    {"sum", FORM_SAME, reduce_sum, true, false, {"weights", "bias"}},
    {"first", FORM_FIRST, NULL, false, false, {NULL}},
    {"concat", FORM_CONCAT, NULL, true, false, {NULL}},
    {"slice", FORM_SLICE, NULL, true, true, {"columns", "column"}},
    {"cast", FORM_CAST, NULL, true, true, {"datatype"}},
    {"rename", FORM_FIRST, NULL, true, true, {NULL}},
};

/* ---- reading ---- */

static enum err weights_parse(struct op *op, const struct json *step, size_t inputs, struct graph_combine *c)
{
    const struct json *list = json_get(step, "weights");
    double sum = 0;
    if (!list)
        return OK;
    if (list->type != JSON_ARRAY || list->len != inputs)
        return op_fail(op, E_INVALID, "weights must be a list of %zu numbers, one for each input", inputs);
    double *w = arena_array(op->arena, inputs, double);
    if (!w)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu weights", inputs);
    const bool signs = str_eqc(str_from(c->kind->name), "sum");
    for (size_t i = 0; i < inputs; i++) {
        if (!json_as_f64(&list->items[i], &w[i]) || !isfinite(w[i]) || (!signs && w[i] < 0))
            return op_fail(op, E_INVALID, "weights[%zu] is no number%s", i, signs ? "" : " of 0 or more");
        sum += w[i];
    }
    if (!signs && !(sum > 0))
        return op_fail(op, E_INVALID, "the weights are all 0");
    c->weights = w;
    return OK;
}

static enum err slice_parse(struct op *op, const struct json *step, struct graph_combine *c)
{
    const struct json *columns = json_get(step, "columns"), *column = json_get(step, "column");
    if (!columns == !column)
        return op_fail(op, E_INVALID, "slice wants either column or columns");
    c->one = column != NULL;
    c->to = INT64_MAX;
    bool ok = column ? json_as_i64(column, &c->from) : columns->type == JSON_ARRAY && columns->len == 2 && json_as_i64(&columns->items[0], &c->from);
    if (ok && columns && columns->items[1].type != JSON_NULL)
        ok = json_as_i64(&columns->items[1], &c->to);
    return ok ? OK : op_fail(op, E_INVALID, "%s", column ? "column is no whole number" : "columns is not [from, to), to null for the end");
}

static enum err cast_parse(struct op *op, const struct json *step, struct graph_combine *c)
{
    struct str name;
    enum err e = json_want_str(op, step, "datatype", &name);
    if (e)
        return e;
    if (!tensor_type_parse(name, &c->type) || c->type == TENSOR_BYTES)
        return op_fail(op, E_INVALID, "datatype \"%.*s\" is no type of numbers", STR_FMT(name));
    return OK;
}

enum err combine_parse(struct op *op, const struct json *step, size_t inputs, struct graph_combine *ret)
{
    struct graph_combine c = {.type = TENSOR_TYPE_COUNT};
    struct str name;
    int64_t least = 1;
    enum err e = json_want_str(op, step, "combine", &name);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (!e && str_eqc(name, kinds[i].name))
            c.kind = &kinds[i];
    if (!e && !c.kind)
        return op_fail(op, E_INVALID, "there is no operator \"%.*s\"", STR_FMT(name));
    if (!e && (!inputs || inputs > LIMIT_SERVE_GRAPH_COMBINED || (c.kind->single && inputs != 1)))
        return op_fail(op, E_INVALID, "\"%s\" takes 1 to %d inputs, not %zu", c.kind->name, c.kind->single ? 1 : LIMIT_SERVE_GRAPH_COMBINED, inputs);
    if (!e)
        e = weights_parse(op, step, inputs, &c);
    if (!e)
        e = json_opt_f64(op, step, "bias", 0, &c.bias);
    if (!e && !isfinite(c.bias))
        e = op_fail(op, E_INVALID, "bias is no number");
    if (!e)
        e = json_opt_i64(op, step, "least", 1, (int64_t)inputs, 1, &least);
    if (!e && c.kind->form == FORM_SLICE)
        e = slice_parse(op, step, &c);
    if (!e && c.kind->form == FORM_CAST)
        e = cast_parse(op, step, &c);
    if (e)
        return e;
    c.least = c.kind->all ? inputs : (size_t)least;
    *ret = c;
    return OK;
}

bool combine_has_option(const struct graph_combine *c, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(c->kind->options); i++)
        if (c->kind->options[i] && str_eqc(name, c->kind->options[i]))
            return true;
    return false;
}

/* ---- what comes out ---- */

static bool is_real(enum tensor_type t)
{
    return t == TENSOR_FP16 || t == TENSOR_BF16 || t == TENSOR_FP32 || t == TENSOR_FP64;
}

static enum tensor_type wider(enum tensor_type a, enum tensor_type b)
{
    return a == TENSOR_FP64 || b == TENSOR_FP64 ? TENSOR_FP64 : TENSOR_FP32;
}

/* [n] and [n, 1] are one shape here. */
static bool shapes_alike(const int64_t *a, uint32_t rank_a, const int64_t *b, uint32_t rank_b)
{
    const uint32_t most = rank_a > rank_b ? rank_a : rank_b;
    for (uint32_t i = 0; i < most; i++) {
        int64_t x = i < rank_a ? a[i] : 1, y = i < rank_b ? b[i] : 1;
        if ((i >= rank_a || i >= rank_b) && (i != 1 || !rank_a || !rank_b))
            return false;
        if (x != y && x >= 0 && y >= 0)
            return false;
    }
    return true;
}

static enum err spec_misfit(struct op *op, const struct graph_combine *c, const struct tensor_spec *s, const char *why)
{
    return op_fail(op, E_INVALID, "\"%s\": tensor \"%.*s\" %s", c->kind->name, STR_FMT(s->name), why);
}

static enum err concat_spec(struct op *op, const struct graph_combine *c, const struct tensor_spec *in, size_t n, struct tensor_spec *out)
{
    int64_t columns = 0;
    for (size_t i = 0; i < n; i++) {
        if (in[i].rank != 1 && in[i].rank != 2)
            return spec_misfit(op, c, &in[i], "is neither a column nor rows of columns");
        if ((in[i].type == TENSOR_BYTES) != (in[0].type == TENSOR_BYTES))
            return spec_misfit(op, c, &in[i], "does not go with numbers and texts in one");
        if (in[i].type != out->type)
            out->type = wider(in[i].type, out->type);
        const int64_t width = in[i].rank == 1 ? 1 : in[i].shape[1];
        if (columns < 0 || width < 0)
            columns = -1;
        else if (__builtin_add_overflow(columns, width, &columns)) /* a model may say what it likes of its outputs */
            return spec_misfit(op, c, &in[i], "has too many columns");
    }
    out->rank = 2;
    out->shape[1] = columns;
    return OK;
}

static enum err slice_spec(struct op *op, const struct graph_combine *c, const struct tensor_spec *in, struct tensor_spec *out)
{
    if (in->rank != 2)
        return spec_misfit(op, c, in, "has no columns");
    const int64_t k = in->shape[1];
    int64_t from = c->from < 0 && k >= 0 ? c->from + k : c->from, to = c->to == INT64_MAX ? k : c->to < 0 && k >= 0 ? c->to + k : c->to;
    if (k >= 0 && (from < 0 || from >= k || (!c->one && (to <= from || to > k))))
        return spec_misfit(op, c, in, "does not have these columns");
    out->rank = c->one ? 1 : 2;
    out->shape[1] = c->one ? 0 : k < 0 ? -1 : to - from;
    return OK;
}

static enum err same_spec(struct op *op, const struct graph_combine *c, const struct tensor_spec *in, size_t n, struct tensor_spec *out)
{
    const bool numbers = c->kind->form == FORM_SAME || c->kind->form == FORM_ROWS;
    for (size_t i = 0; i < n; i++) {
        if (!shapes_alike(in[i].shape, in[i].rank, in[0].shape, in[0].rank))
            return spec_misfit(op, c, &in[i], "has another shape than the first");
        if (numbers && in[i].type == TENSOR_BYTES)
            return spec_misfit(op, c, &in[i], "holds texts");
        if (!numbers && in[i].type != in[0].type && !(c->kind->form == FORM_VOTE && is_real(in[i].type) && is_real(in[0].type)))
            return spec_misfit(op, c, &in[i], "has another datatype than the first");
        if (numbers)
            out->type = wider(in[i].type, i ? out->type : TENSOR_FP32);
    }
    if (c->kind->form == FORM_ROWS && in[0].rank != 2)
        return spec_misfit(op, c, &in[0], "has no rows of columns");
    if (c->kind->form != FORM_VOTE || !is_real(in[0].type))
        return OK;
    if (in[0].rank != 1 && in[0].rank != 2)
        return spec_misfit(op, c, &in[0], "is neither a column nor rows of columns");
    *out = (struct tensor_spec){.name = out->name, .type = TENSOR_INT64, .rank = 1, .shape = {in[0].shape[0]}};
    return OK;
}

enum err combine_spec(struct op *op, const struct graph_combine *c, const struct tensor_spec *in, size_t n, struct tensor_spec *ret)
{
    struct tensor_spec out = in[0];
    enum err e = OK;
    out.optional = false;
    switch (c->kind->form) {
    case FORM_CONCAT: e = concat_spec(op, c, in, n, &out); break;
    case FORM_SLICE: e = slice_spec(op, c, in, &out); break;
    case FORM_CAST:
        e = in->type == TENSOR_BYTES ? spec_misfit(op, c, in, "holds texts") : OK;
        out.type = c->type;
        break;
    default: e = same_spec(op, c, in, n, &out); break;
    }
    if (out.rank != in[0].rank || (out.rank && out.shape[out.rank - 1] != in[0].shape[in[0].rank - 1]))
        out.labels = NULL, out.label_count = 0;
    if (!e)
        *ret = out;
    return e;
}

/* ---- running ---- */

static enum err no_memory(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "no memory to combine tensors");
}

static struct tensor_spec spec_of(const struct tensor *t)
{
    struct tensor_spec s = {.name = t->name, .type = t->type, .rank = t->rank};
    memcpy(s.shape, t->shape, sizeof(s.shape));
    return s;
}

static enum err doubles_of(struct op *op, const struct tensor *t, double **ret)
{
    double *x = arena_array(op->arena, t->count + 1, double);
    enum err e = x ? tensor_to_f64(op, t, x, 1) : no_memory(op);
    if (!e)
        *ret = x;
    return e;
}

/* `x` as `type`, which is one of the reals. */
static enum err reals_store(struct op *op, const double *x, size_t count, enum tensor_type type, struct tensor *out)
{
    out->type = type;
    out->data = x;
    if (type == TENSOR_FP64)
        return OK;
    float *f = arena_array(op->arena, count + 1, float);
    if (!f)
        return no_memory(op);
    for (size_t i = 0; i < count; i++)
        f[i] = (float)x[i];
    out->data = f;
    return OK;
}

static enum err same_run(struct op *op, const struct graph_combine *c, const struct tensor *in, const double *w, size_t n, struct tensor *out)
{
    const double **x = arena_array(op->arena, n, const double *);
    double *y = arena_array(op->arena, out->count + 1, double);
    enum err e = x && y ? OK : no_memory(op);
    for (size_t k = 0; !e && k < n; k++) {
        double *one = NULL;
        if (in[k].count != out->count)
            e = op_fail(op, E_INVALID, "\"%s\": tensor \"%.*s\" has %zu values, not %zu", c->kind->name, STR_FMT(in[k].name), in[k].count, out->count);
        else
            e = doubles_of(op, &in[k], &one);
        x[k] = one;
    }
    if (e)
        return e;
    const struct numbers numbers = {.x = x, .w = w, .n = n, .count = out->count, .bias = c->bias,
                                    .width = out->rank == 2 && out->shape[1] ? (size_t)out->shape[1] : 1};
    c->kind->reduce(&numbers, y);
    return reals_store(op, y, out->count, out->type, out);
}

/* The place of the largest of each row; of one column whether it is 0.5 or more. */
static enum err votes_of(struct op *op, const struct tensor *t, size_t rows, struct tensor *ret)
{
    double *x = NULL;
    enum err e = doubles_of(op, t, &x);
    int64_t *vote = e ? NULL : arena_array(op->arena, rows + 1, int64_t);
    if (e || !vote)
        return e ? e : no_memory(op);
    const size_t width = rows ? t->count / rows : 0;
    for (size_t r = 0; r < rows; r++) {
        const double *row = x + r * width;
        size_t best = 0;
        for (size_t i = 1; i < width; i++)
            best = row[i] > row[best] ? i : best;
        vote[r] = width == 1 ? row[0] >= 0.5 : (int64_t)best;
    }
    *ret = (struct tensor){.name = t->name, .type = TENSOR_INT64, .rank = 1, .shape = {(int64_t)rows}, .count = rows, .data = vote};
    return OK;
}

static bool value_equal(const struct tensor *a, const struct tensor *b, size_t i)
{
    const size_t size = tensor_type_size(a->type);
    return size ? memcmp((const char *)a->data + i * size, (const char *)b->data + i * size, size) == 0 : str_eq(a->texts[i], b->texts[i]);
}

/* The input whose value i most agree with. */
static size_t vote_count(const struct tensor *in, const double *w, size_t n, size_t i)
{
    size_t best = 0;
    double most = -1;
    for (size_t k = 0; k < n; k++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++)
            sum += value_equal(&in[k], &in[j], i) ? w[j] : 0;
        if (sum > most) {
            most = sum;
            best = k;
        }
    }
    return best;
}

static enum err vote_run(struct op *op, struct tensor *in, const double *w, size_t n, struct tensor *out)
{
    const bool reals = is_real(in[0].type);
    const size_t size = tensor_type_size(out->type);
    char *data = arena_try_alloc(op->arena, out->count + 1, size ? size : sizeof(struct str));
    enum err e = data ? OK : no_memory(op);
    for (size_t k = 0; !e && reals && k < n; k++)
        e = votes_of(op, &in[k], out->count, &in[k]);
    for (size_t k = 0; !e && k < n; k++)
        if (in[k].count != out->count)
            e = op_fail(op, E_INVALID, "\"vote\": tensor \"%.*s\" has %zu values, not %zu", STR_FMT(in[k].name), in[k].count, out->count);
    for (size_t i = 0; !e && i < out->count; i++) {
        const struct tensor *t = &in[vote_count(in, w, n, i)];
        if (size)
            memcpy(data + i * size, (const char *)t->data + i * size, size);
        else
            ((struct str *)(void *)data)[i] = t->texts[i];
    }
    out->data = size ? data : NULL;
    out->texts = size ? NULL : (const struct str *)(const void *)data;
    return e;
}

/* Columns [from, from + width) of `t`, rows of `all` columns, to a place in rows of `to_width`. */
static void columns_copy(const struct tensor *t, size_t from, size_t width, size_t all, size_t size, char *to, size_t to_width)
{
    const char *data = tensor_type_size(t->type) ? t->data : (const void *)t->texts;
    const size_t rows = all ? t->count / all : 0;
    for (size_t r = 0; r < rows; r++)
        memcpy(to + r * to_width * size, data + (r * all + from) * size, width * size);
}

static enum err concat_run(struct op *op, struct tensor *in, size_t n, struct tensor *out)
{
    const size_t size = tensor_type_size(out->type) ? tensor_type_size(out->type) : sizeof(struct str), width = (size_t)out->shape[1];
    char *data = arena_try_alloc(op->arena, out->count + 1, size);
    size_t at = 0;
    if (!data)
        return no_memory(op);
    for (size_t k = 0; k < n; k++) {
        const size_t mine = in[k].rank == 1 ? 1 : (size_t)in[k].shape[1];
        double *x = NULL;
        if (in[k].shape[0] != out->shape[0])
            return op_fail(op, E_INVALID, "\"concat\": tensor \"%.*s\" has %lld rows, not %lld", STR_FMT(in[k].name), (long long)in[k].shape[0],
                           (long long)out->shape[0]);
        enum err e = in[k].type == out->type ? OK : doubles_of(op, &in[k], &x);
        if (!e && x)
            e = reals_store(op, x, in[k].count, out->type, &in[k]);
        if (e)
            return e;
        columns_copy(&in[k], 0, mine, mine, size, data + at * size, width);
        at += mine;
    }
    out->data = out->type == TENSOR_BYTES ? NULL : data;
    out->texts = out->type == TENSOR_BYTES ? (const struct str *)(const void *)data : NULL;
    return OK;
}

static enum err slice_run(struct op *op, const struct graph_combine *c, const struct tensor *in, struct tensor *out)
{
    const size_t size = tensor_type_size(in->type) ? tensor_type_size(in->type) : sizeof(struct str), all = (size_t)in->shape[1];
    const size_t from = (size_t)(c->from < 0 ? c->from + in->shape[1] : c->from), width = c->one ? 1 : (size_t)out->shape[1];
    char *data = arena_try_alloc(op->arena, out->count + 1, size);
    if (!data)
        return no_memory(op);
    columns_copy(in, from, width, all, size, data, width);
    out->data = in->type == TENSOR_BYTES ? NULL : data;
    out->texts = in->type == TENSOR_BYTES ? (const struct str *)(const void *)data : NULL;
    return OK;
}

#define STORE(ctype, least, most) \
    for (size_t i = 0; i < n; i++) { \
        if (!(x[i] >= (least) && x[i] <= (most))) \
            return op_fail(op, E_INVALID, "\"cast\": %g does not fit %s", x[i], tensor_type_name(type)); \
        ((ctype *)to)[i] = (ctype)x[i]; \
    } \
    return OK

/* Fractions are cut off. 2^63 and 2^64 are doubles, the numbers below them are not. */
static enum err cast_store(struct op *op, enum tensor_type type, const double *x, size_t n, void *to)
{
    switch (type) {
    case TENSOR_UINT8: STORE(uint8_t, 0, UINT8_MAX);
    case TENSOR_UINT16: STORE(uint16_t, 0, UINT16_MAX);
    case TENSOR_UINT32: STORE(uint32_t, 0, UINT32_MAX);
    case TENSOR_UINT64: STORE(uint64_t, 0, 0x1.fffffffffffffp63);
    case TENSOR_INT8: STORE(int8_t, INT8_MIN, INT8_MAX);
    case TENSOR_INT16: STORE(int16_t, INT16_MIN, INT16_MAX);
    case TENSOR_INT32: STORE(int32_t, INT32_MIN, INT32_MAX);
    case TENSOR_INT64: STORE(int64_t, -0x1p63, 0x1.fffffffffffffp62);
    default: break;
    }
    for (size_t i = 0; i < n; i++) {
        switch (type) {
        case TENSOR_BOOL: ((uint8_t *)to)[i] = x[i] != 0; break;
        case TENSOR_FP16: ((uint16_t *)to)[i] = tensor_to_fp16((float)x[i]); break;
        case TENSOR_BF16: ((uint16_t *)to)[i] = tensor_to_bf16((float)x[i]); break;
        case TENSOR_FP32: ((float *)to)[i] = (float)x[i]; break;
        default: ((double *)to)[i] = x[i]; break;
        }
    }
    return OK;
}

enum err combine_cast(struct op *op, const struct tensor *in, enum tensor_type type, struct tensor *ret)
{
    struct tensor out = *in;
    double *x = NULL;
    if (in->type == type) {
        *ret = out;
        return OK;
    }
    char *data = arena_try_alloc(op->arena, in->count + 1, tensor_type_size(type));
    if (!data)
        return no_memory(op);
    out.type = type;
    out.data = data;
    enum err e = OK;
    if (type == TENSOR_INT64 && !is_real(in->type)) { /* a double does not hold all of them */
        e = tensor_to_i64(op, in, (int64_t *)(void *)data);
    } else {
        e = doubles_of(op, in, &x);
        if (!e)
            e = cast_store(op, type, x, in->count, data);
    }
    if (!e)
        *ret = out;
    return e;
}

enum err combine_run(struct op *op, const struct graph_combine *c, const struct tensor *in, size_t n, struct str name, struct tensor *ret)
{
    struct tensor *there = arena_array(op->arena, n, struct tensor);
    struct tensor_spec *specs = arena_array(op->arena, n, struct tensor_spec), s;
    double *w = arena_array(op->arena, n, double), weights = 0;
    size_t len = 0;
    if (!there || !specs || !w)
        return no_memory(op);
    for (size_t i = 0; i < n; i++) {
        if (in[i].type == TENSOR_TYPE_COUNT)
            continue;
        specs[len] = spec_of(&in[i]);
        weights += w[len] = c->weights ? c->weights[i] : 1;
        there[len++] = in[i];
    }
    if (c->kind->form == FORM_FIRST) {
        *ret = there[0];
        ret->name = name;
        return OK;
    }
    if (c->kind->form != FORM_CONCAT && !c->kind->all && !(weights > 0))
        return op_fail(op, E_INVALID, "\"%s\": what is there has no weight", c->kind->name);
    enum err e = combine_spec(op, c, specs, len, &s);
    if (e)
        return e;
    struct tensor out = {.name = name, .type = s.type, .rank = s.rank};
    memcpy(out.shape, s.shape, sizeof(out.shape));
    if (!tensor_count(out.shape, out.rank, LIMIT_TENSOR_VALUES, &out.count))
        return op_fail(op, E_TOO_LARGE, "\"%s\" makes more than %zu values", c->kind->name, LIMIT_TENSOR_VALUES);
    switch (c->kind->form) {
    case FORM_VOTE: e = vote_run(op, there, w, len, &out); break;
    case FORM_CONCAT: e = concat_run(op, there, len, &out); break;
    case FORM_SLICE: e = slice_run(op, c, there, &out); break;
    case FORM_CAST:
        e = combine_cast(op, there, c->type, &out);
        out.name = name;
        break;
    default: e = same_run(op, c, there, w, len, &out); break;
    }
    if (!e)
        *ret = out;
    return e;
}
