/* What is measured. Runs over 1, 8 and 64 rows, the quickest of a few each: on a machine that does other things as well, the
 * quickest run says most about the model. A model that takes long is run few times: SPEND_NS is all that measuring may take, but for the
 * runs over one row that the configuration asks for. A tensor model that does not join rows is measured at its sample only. */
#include "core/serve/warm.h"

#include <inttypes.h>
#include <math.h>

#include "base/log.h"
#include "base/time.h"

enum { BIG = 64, TRIES = 5 };
#define SPEND_NS 200000000

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17; /* Marsaglia's xorshift64 */
    return *x;
}

/* ---- row models ---- */

static enum err rows_warm(struct op *op, struct serve_version *v, const struct serve_policy *policy)
{
    static const size_t sizes[] = {1, 8, BIG};
    const size_t width = v->info->features, outputs = v->info->outputs;
    float *rows = arena_array(op->arena, BIG * width, float), *out = arena_array(op->arena, BIG * outputs, float);
    uint64_t random = 88172645463325252u;
    int64_t begun = time_mono_ns();
    if (!rows || !out)
        return op_fail(op, E_TOO_LARGE, "no memory to warm the model");
    for (size_t i = 0; i < BIG * width; i++)
        rows[i] = i % 3 == 0 ? NAN : policy->warmup.random ? (float)(next_random(&random) % 1000) / 100 : (float)(i % 97);
    for (size_t i = 0; i < policy->warmup.count; i++)
        model_predict(v->model, rows + i % BIG * width, 1, out);
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        int64_t best = INT64_MAX;
        for (size_t i = 0; i < TRIES && (i == 0 || time_mono_ns() - begun < SPEND_NS); i++) {
            int64_t from = time_mono_ns();
            model_predict(v->model, rows, sizes[s], out);
            int64_t took = time_mono_ns() - from;
            best = took < best ? took : best;
        }
        cost_add(&v->cost, sizes[s], (double)best);
        for (size_t i = 0; i < sizes[s] * outputs; i++)
            if (!isfinite(out[i]))
                return op_fail(op, E_INVALID, "the model answers %g to an ordinary row", (double)out[i]);
        if (time_mono_ns() - begun >= SPEND_NS)
            break;
    }
    return OK;
}

/* ---- tensor models ---- */

static enum err sample_shape(struct op *op, const struct tensor_spec *s, const struct json *shapes, size_t rows, bool joins, struct tensor *t)
{
    const struct json *given = shapes ? json_get_str(shapes, s->name) : NULL;
    if (given && given->len != s->rank)
        return op_fail(op, E_INVALID, "warmup.shapes: input \"%.*s\" has rank %u", STR_FMT(s->name), s->rank);
    t->rank = s->rank;
    for (uint32_t i = 0; i < s->rank; i++) {
        t->shape[i] = s->shape[i] >= 0 ? s->shape[i] : 1;
        if (given && s->shape[i] < 0 && !json_as_i64(&given->items[i], &t->shape[i]))
            t->shape[i] = 1;
        if (joins && i == 0)
            t->shape[i] = (int64_t)rows;
    }
    return tensor_count(t->shape, t->rank, LIMIT_TENSOR_VALUES, &t->count) ? OK : op_fail(op, E_TOO_LARGE, "a sample of \"%.*s\" is too large", STR_FMT(s->name));
}

static void sample_random(struct tensor *t, char *data)
{
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < t->count; i++) {
        uint64_t r = next_random(&random);
        switch (t->type) {
        case TENSOR_FP32: ((float *)(void *)data)[i] = (float)(r % 2001) / 1000 - 1; break;
        case TENSOR_FP64: ((double *)(void *)data)[i] = (double)(r % 2001) / 1000 - 1; break;
        case TENSOR_FP16: ((uint16_t *)(void *)data)[i] = tensor_to_fp16((float)(r % 2001) / 1000 - 1); break;
        case TENSOR_BF16: ((uint16_t *)(void *)data)[i] = tensor_to_bf16((float)(r % 2001) / 1000 - 1); break;
        default: data[i * tensor_type_size(t->type)] = (char)(r & 1); break; /* whole numbers: 0 or 1, fit for an index too */
        }
    }
}

static enum err sample_make(struct op *op, const struct serve_version *v, const struct serve_policy *policy, size_t rows, struct tensor **ret)
{
    struct tensor *in = arena_array(op->arena, v->input_count + 1, struct tensor);
    if (!in)
        return op_fail(op, E_TOO_LARGE, "no memory for a sample");
    for (size_t i = 0; i < v->input_count; i++) {
        const struct tensor_spec *s = &v->inputs[i];
        in[i] = (struct tensor){.name = s->name, .type = s->type};
        enum err e = sample_shape(op, s, policy->warmup.shapes, rows, v->info->joins, &in[i]);
        if (e)
            return e;
        size_t size = tensor_type_size(s->type);
        char *data = arena_try_alloc(op->arena, in[i].count + 1, size ? size : sizeof(struct str));
        if (!data)
            return op_fail(op, E_TOO_LARGE, "no memory for a sample of \"%.*s\"", STR_FMT(s->name));
        if (size && policy->warmup.random)
            sample_random(&in[i], data);
        in[i].data = size ? data : NULL;
        in[i].texts = size ? NULL : (const struct str *)(const void *)data;
        for (size_t k = 0; !size && k < in[i].count; k++)
            ((struct str *)(void *)data)[k] = STR("");
    }
    *ret = in;
    return OK;
}

/* One run in an arena of its own, so that thousands leave nothing. */
static enum err sample_run(struct op *op, const struct serve_version *v, const struct tensor *in, int64_t *ret_ns)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct op sub = *op;
    sub.arena = arena;
    struct tensor *out = arena_array(arena, v->output_count + 1, struct tensor);
    int64_t from = time_mono_ns();
    enum err e = out ? model_run(&sub, v->model, in, NULL, out) : op_fail(&sub, E_TOO_LARGE, "no memory for the answer to a sample");
    *ret_ns = time_mono_ns() - from;
    return e ? op_fail(op, e, "%s", sub.msg) : OK;
}

static enum err tensors_warm(struct op *op, struct serve_version *v, const struct serve_policy *policy)
{
    static const size_t sizes[] = {1, 8, BIG};
    int64_t begun = time_mono_ns(), ns = 0;
    struct tensor *in = NULL;
    for (size_t s = 0; s < (v->info->joins ? ARRAY_LEN(sizes) : 1); s++) {
        enum err e = sample_make(op, v, policy, sizes[s], &in);
        for (size_t i = 0; !e && s == 0 && i < policy->warmup.count; i++)
            e = sample_run(op, v, in, &ns);
        int64_t best = INT64_MAX;
        for (size_t i = 0; !e && i < TRIES && (i == 0 || time_mono_ns() - begun < SPEND_NS); i++) {
            e = sample_run(op, v, in, &ns);
            best = ns < best ? ns : best;
        }
        if (e)
            return s ? OK : e; /* it runs with one row: what more rows cost will be seen */
        cost_add(&v->cost, sizes[s], (double)best);
        if (time_mono_ns() - begun + 8 * best >= SPEND_NS)
            break;
    }
    return OK;
}

enum err serve_warm(struct op *op, struct serve_version *v, const struct serve_policy *policy)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct op sub = *op;
    sub.arena = arena;
    enum err e = v->rows ? rows_warm(&sub, v, policy) : tensors_warm(&sub, v, policy);
    if (!e)
        return OK;
    if (v->rows || policy->warmup.shapes)
        return op_fail(op, e, "warm-up: %s", sub.msg);
    log_at(LOG_WARN, "serve.warmup", {"version", LOG_I(v->version)}, {"error", LOG_C(sub.msg)});
    return OK;
}
