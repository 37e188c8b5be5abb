/* Asking a model with random values, once, when it is loaded.
 *
 * May requests be joined along the first axis? The file cannot say it: a free first length of every input and output is needed,
 * but a model that divides by the mean over its batch has that too. So three rows are asked together and apart; when shapes and values
 * agree, rows do not touch each other. Integers are 0 or 1, which indices of any table bear.
 * The free lengths behind the first are guessed: most models take any, some only what was traced. */
#include <math.h>

#include "adapter/onnx/model.h"
#include "base/time.h"
#include "num/rng.h"

enum { ROWS = 3 };
static const int64_t guesses[] = {1, 4, 16, 32, 128, 224};

struct probe {
    struct onnx_model *m;
    struct arena *arena;
    struct op op;
    int64_t other;              /* the guess at lengths other than the batch's */
    struct tensor *rows;        /* of all inputs with ROWS rows; a row is a view into them */
};

static bool is_batched(const struct tensor_spec *specs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!specs[i].rank || specs[i].shape[0] != -1)
            return false;
    return count > 0;
}

/* One value at random; floats in -1 .. 1. */
static void value_make(struct rng *rng, enum tensor_type type, char *out)
{
    float f = (float)(rng_f64(rng) * 2 - 1);
    double d = (double)f;
    uint16_t half = type == TENSOR_FP16 ? tensor_to_fp16(f) : tensor_to_bf16(f);
    switch (type) {
    case TENSOR_FP32: memcpy(out, &f, sizeof f); return;
    case TENSOR_FP64: memcpy(out, &d, sizeof d); return;
    case TENSOR_FP16:
    case TENSOR_BF16: memcpy(out, &half, sizeof half); return;
    default: out[0] = (char)rng_below(rng, 2); /* little endian: the other bytes are 0 */
    }
}

static bool input_make(struct probe *p, struct rng *rng, size_t i, int64_t rows)
{
    static const struct str words[] = {STR_INIT("a"), STR_INIT("b")};
    const struct tensor_spec *spec = &p->m->inputs[i];
    struct tensor t = {.name = spec->name, .type = spec->type, .rank = spec->rank};
    for (uint32_t k = 0; k < spec->rank; k++)
        t.shape[k] = spec->shape[k] >= 0 ? spec->shape[k] : k ? p->other : rows;
    if (!tensor_count(t.shape, t.rank, LIMIT_TENSOR_VALUES / 4, &t.count))
        return false;
    size_t size = tensor_type_size(t.type);
    char *data = arena_try_alloc(p->arena, t.count + 1, size ? size : sizeof(struct str));
    if (!data)
        return false;
    for (size_t k = 0; size && k < t.count; k++)
        value_make(rng, t.type, data + k * size);
    struct str *texts = (struct str *)(void *)data;
    for (size_t k = 0; !size && k < t.count; k++)
        texts[k] = words[rng_below(rng, 2)];
    t.data = size ? data : NULL;
    t.texts = size ? NULL : texts;
    p->rows[i] = t;
    return true;
}

static bool inputs_make(struct probe *p, int64_t rows)
{
    struct rng rng;
    rng_seed(&rng, 20260301);
    bool ok = true;
    for (size_t i = 0; ok && i < p->m->info.input_count; i++)
        ok = input_make(p, &rng, i, rows);
    return ok;
}

/* Rows from .. from + count of the made inputs. */
static bool ask(struct probe *p, int64_t from, int64_t count, struct tensor **ret)
{
    size_t ins = p->m->info.input_count;
    struct tensor *inputs = arena_array(p->arena, ins + 1, struct tensor), *outputs = arena_array(p->arena, p->m->info.output_count + 1, struct tensor);
    if (!inputs || !outputs)
        return false;
    for (size_t i = 0; i < ins; i++) {
        struct tensor t = p->rows[i];
        if (t.rank && p->m->inputs[i].shape[0] == -1 && t.shape[0] > 0) {
            size_t stride = t.count / (size_t)t.shape[0];
            t.shape[0] = count;
            t.count = stride * (size_t)count;
            if (t.texts)
                t.texts += stride * (size_t)from;
            else
                t.data = (const char *)t.data + stride * (size_t)from * tensor_type_size(t.type);
        }
        inputs[i] = t;
    }
    op_clear(&p->op);
    if (onnx_model_run(&p->op, p->m, inputs, NULL, outputs))
        return false;
    *ret = outputs;
    return true;
}

static bool is_near(const struct tensor *t, const double *a, const double *b, size_t n)
{
    double part = t->type == TENSOR_FP16 || t->type == TENSOR_BF16 ? 0.02 : t->type == TENSOR_FP32 || t->type == TENSOR_FP64 ? 1e-4 : 0;
    for (size_t i = 0; i < n; i++)
        if (!(a[i] == b[i] || (isnan(a[i]) && isnan(b[i])) || fabs(a[i] - b[i]) <= part * fmax(1, fabs(b[i]))))
            return false;
    return true;
}

/* Is `one` row number `row` of `all`? */
static bool is_row(struct probe *p, const struct tensor *all, const struct tensor *one, int64_t row)
{
    if (all->type != one->type || all->rank != one->rank || !all->rank || all->shape[0] != ROWS || one->shape[0] != 1 ||
        memcmp(all->shape + 1, one->shape + 1, (all->rank - 1) * sizeof all->shape[0]) != 0)
        return false;
    size_t from = (size_t)row * one->count;
    if (all->type == TENSOR_BYTES) {
        for (size_t i = 0; i < one->count; i++)
            if (!str_eq(all->texts[from + i], one->texts[i]))
                return false;
        return true;
    }
    double *a = arena_array(p->arena, all->count + 1, double), *b = arena_array(p->arena, one->count + 1, double);
    return a && b && !tensor_to_f64(&p->op, all, a, 1) && !tensor_to_f64(&p->op, one, b, 1) && is_near(one, a + from, b, one->count);
}

static bool rows_apart(struct probe *p)
{
    struct tensor *all = NULL, *one = NULL;
    if (!inputs_make(p, ROWS) || !ask(p, 0, ROWS, &all))
        return false;
    for (int64_t row = 0; row < ROWS; row++) {
        if (!ask(p, row, 1, &one))
            return false;
        for (size_t i = 0; i < p->m->info.output_count; i++)
            if (!is_row(p, &all[i], &one[i], row))
                return false;
    }
    return true;
}

/* A rank of 0 also means that the file does not say; then the answer does. */
static void complete_outputs(struct onnx_model *m, const struct tensor *outputs)
{
    for (size_t i = 0; i < m->info.output_count; i++) {
        if (m->outputs[i].rank || !outputs[i].rank)
            continue;
        m->outputs[i].rank = outputs[i].rank;
        for (uint32_t k = 0; k < outputs[i].rank; k++)
            m->outputs[i].shape[k] = -1;
    }
}

/* The fastest of a few runs of one row; 0: refused. */
static int64_t measure(struct probe *p, struct tensor **ret)
{
    int64_t best = 0, began = time_mono_ns();
    for (int i = 0; i < 5 && (i < 2 || time_mono_ns() - began < 50000000); i++) {
        int64_t start = time_mono_ns();
        if (!ask(p, 0, 1, ret))
            return 0;
        int64_t ns = time_mono_ns() - start;
        best = !best || ns < best ? ns : best;
    }
    return best;
}

void onnx_probe(struct onnx_model *m)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_ONNX_SCRATCH);
    struct probe p = {.m = m, .arena = arena};
    op_init(&p.op, arena);
    p.rows = arena_array(arena, m->info.input_count + 1, struct tensor);
    m->row_ns = 0;
    for (size_t i = 0; p.rows && i < ARRAY_LEN(guesses) && !m->row_ns; i++) {
        struct tensor *outputs = NULL;
        p.other = guesses[i];
        if (inputs_make(&p, 1))
            m->row_ns = measure(&p, &outputs);
        if (m->row_ns)
            complete_outputs(m, outputs);
    }
    m->info.joins = m->row_ns && is_batched(m->inputs, m->info.input_count) && is_batched(m->outputs, m->info.output_count) && rows_apart(&p);
}
