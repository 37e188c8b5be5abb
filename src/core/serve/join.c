#include "core/serve/join.h"

#include "base/limits.h"
#include "base/time.h"

static bool input_fits(const struct tensor *a, const struct tensor *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == TENSOR_TYPE_COUNT)
        return true;
    if (a->rank != b->rank || !a->rank)
        return false;
    for (uint32_t i = 1; i < a->rank; i++)
        if (a->shape[i] != b->shape[i])
            return false;
    return true;
}

bool join_fits(const struct serve_call *first, const struct serve_call *c)
{
    const struct serve_version *v = first->v;
    if (c->v != v || c->raw || first->raw || c->pending || first->pending || !c->rows.count || !first->rows.count)
        return false;
    if (v->rows)
        return !c->rows.x == !first->rows.x;
    for (size_t i = 0; i < v->input_count; i++)
        if (!input_fits(&first->inputs[i], &c->inputs[i]))
            return false;
    return v->info->joins;
}

static enum err no_memory(struct op *op, size_t rows)
{
    return op_fail(op, E_TOO_LARGE, "no memory to join %zu rows", rows);
}

/* ---- row models ---- */

static enum err rows_join(struct op *op, struct serve_call *first, size_t rows)
{
    const struct serve_version *v = first->v;
    const size_t width = v->info->features, outputs = v->info->outputs, size = first->rows.x ? sizeof(float) : sizeof(double);
    char *x = arena_try_alloc(op->arena, rows * width + 1, size);
    float *out = arena_array(op->arena, rows * outputs + 1, float);
    size_t at = 0;
    if (!x || !out)
        return no_memory(op, rows);
    for (struct serve_call *c = first; c; c = c->next) {
        if (!(c->scores = arena_array(c->op->arena, c->rows.count * outputs, float)))
            return no_memory(op, rows);
        const void *from = c->rows.x ? (const void *)c->rows.x : c->rows.x64;
        memcpy(x + at * width * size, from, c->rows.count * width * size);
        at += c->rows.count;
    }
    if (first->rows.x)
        model_predict(v->model, (const float *)(void *)x, rows, out);
    else
        model_predict_f64(v->model, (const double *)(void *)x, rows, out);
    at = 0;
    for (struct serve_call *c = first; c; c = c->next) {
        memcpy(c->scores, out + at * outputs, c->rows.count * outputs * sizeof(float));
        at += c->rows.count;
    }
    return OK;
}

/* ---- tensor models ---- */

static enum err input_join(struct op *op, const struct serve_call *first, size_t i, size_t rows, struct tensor *t)
{
    const struct tensor *like = &first->inputs[i];
    *t = *like;
    if (like->type == TENSOR_TYPE_COUNT)
        return OK;
    const size_t per_row = like->count / first->rows.count, value = tensor_type_size(like->type), size = value ? value : sizeof(struct str);
    char *data = arena_try_alloc(op->arena, rows * per_row + 1, size);
    size_t at = 0;
    if (!data)
        return no_memory(op, rows);
    for (const struct serve_call *c = first; c; c = c->next) {
        const struct tensor *part = &c->inputs[i];
        if (part->count)
            memcpy(data + at, value ? part->data : (const void *)part->texts, part->count * size);
        at += part->count * size;
    }
    t->shape[0] = (int64_t)rows;
    t->count = rows * per_row;
    t->data = value ? data : NULL;
    t->texts = value ? NULL : (const struct str *)(const void *)data;
    return OK;
}

/* The rows [from, from + c->rows.count) of an output, in the call's own memory. */
static enum err output_cut(struct serve_call *c, const struct tensor *all, size_t from, size_t rows, struct tensor *ret)
{
    const size_t per_row = all->count / rows, n = c->rows.count * per_row, value = tensor_type_size(all->type);
    struct tensor t = *all;
    t.shape[0] = (int64_t)c->rows.count;
    t.count = n;
    char *data = arena_try_alloc(c->op->arena, n + 1, value ? value : sizeof(struct str));
    if (!data)
        return no_memory(c->op, rows);
    t.data = value ? data : NULL;
    t.texts = value ? NULL : (const struct str *)(const void *)data;
    if (value && n)
        memcpy(data, (const char *)all->data + from * per_row * value, n * value);
    for (size_t i = 0; !value && i < n; i++) { /* the texts themselves go with the run's arena */
        const struct str text = all->texts[from * per_row + i];
        char *copy = arena_array(c->op->arena, text.len + 1, char);
        if (!copy)
            return no_memory(c->op, rows);
        if (text.len)
            memcpy(copy, text.p, text.len);
        ((struct str *)(void *)data)[i] = (struct str){copy, text.len};
    }
    *ret = t;
    return OK;
}

static enum err outputs_cut(struct op *op, struct serve_call *first, const bool *wanted, struct tensor *out, size_t rows)
{
    const size_t n = first->v->output_count;
    size_t from = 0;
    for (size_t i = 0; i < n; i++)
        if ((!wanted || wanted[i]) && (!out[i].rank || out[i].shape[0] != (int64_t)rows))
            return op_fail(op, E_IO, "output \"%.*s\" does not have a row for each of %zu", STR_FMT(first->v->outputs[i].name), rows);
    for (struct serve_call *c = first; c; from += c->rows.count, c = c->next) {
        if (!(c->outputs = arena_array(c->op->arena, n + 1, struct tensor)))
            return no_memory(op, rows);
        for (size_t i = 0; i < n; i++) {
            enum err e = c->wanted && !c->wanted[i] ? OK : output_cut(c, &out[i], from, rows, &c->outputs[i]);
            if (e)
                return op_fail(op, e, "%s", c->op->msg);
        }
    }
    return OK;
}

static enum err tensors_join(struct op *op, struct serve_call *first, size_t rows)
{
    const struct serve_version *v = first->v;
    struct tensor *in = arena_array(op->arena, v->input_count + 1, struct tensor), *out = arena_array(op->arena, v->output_count + 1, struct tensor);
    bool *wanted = arena_array(op->arena, v->output_count + 1, bool), all = false;
    enum err e = in && out && wanted ? OK : no_memory(op, rows);
    for (size_t i = 0; !e && i < v->input_count; i++)
        e = input_join(op, first, i, rows, &in[i]);
    op->deadline_ms = first->op->deadline_ms;
    for (const struct serve_call *c = first; !e && c; c = c->next) {
        all = all || !c->wanted;
        for (size_t i = 0; c->wanted && i < v->output_count; i++)
            wanted[i] = wanted[i] || c->wanted[i];
        /* The run may last as long as the most patient of them waits. */
        bool longer = !c->op->deadline_ms || (op->deadline_ms && c->op->deadline_ms > op->deadline_ms);
        op->deadline_ms = longer ? c->op->deadline_ms : op->deadline_ms;
    }
    if (!e)
        e = model_run(op, v->model, in, all ? NULL : wanted, out);
    return e ? e : outputs_cut(op, first, all ? NULL : wanted, out, rows);
}

enum err join_run(struct op *op, struct serve_call *first, size_t rows)
{
    int64_t from = time_mono_ns();
    enum err e = first->v->rows ? rows_join(op, first, rows) : tensors_join(op, first, rows);
    uint64_t took = (uint64_t)(time_mono_ns() - from);
    for (struct serve_call *c = first; !e && c; c = c->next)
        c->t.infer = took, c->run_ns = from;
    return e;
}
