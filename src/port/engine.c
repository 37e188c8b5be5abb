#include "port/engine.h"

#include <assert.h>
#include <stdlib.h>

struct model {
    const struct engine_ops *ops;
    void *impl;
    struct tensor_spec row_input, row_output; /* what a row model says of itself */
};

static struct model *model_make(const struct engine_ops *ops, void *impl)
{
    struct model *m = calloc(1, sizeof(*m));
    if (!m)
        abort();
    *m = (struct model){.ops = ops, .impl = impl};
    const struct engine_info *info = ops->info(impl);
    assert(info->features ? ops->predict != NULL : ops->run != NULL);
    m->row_input = (struct tensor_spec){.name = STR("features"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, (int64_t)info->features}};
    m->row_output = (struct tensor_spec){.name = STR("score"),
                                         .type = TENSOR_FP32,
                                         .rank = info->outputs > 1 ? 2 : 1,
                                         .shape = {-1, info->outputs > 1 ? (int64_t)info->outputs : 0},
                                         .labels = info->labels,
                                         .label_count = info->label_count};
    return m;
}

enum err model_load(struct op *op, const struct engine_ops *const *engines, struct str bytes, struct model **ret)
{
    assert(engines && ret);
    bool unsupported = false;
    for (size_t i = 0; engines[i]; i++) {
        if (!engines[i]->accepts(bytes))
            continue;
        void *impl = NULL;
        struct op trial = *op; /* the first engine's refusal is the one to tell */
        enum err e = engines[i]->load(unsupported ? &trial : op, bytes, &impl);
        if (!e) {
            op_clear(op);
            *ret = model_make(engines[i], impl);
            return OK;
        }
        if (e != E_UNSUPPORTED)
            return unsupported ? E_UNSUPPORTED : e;
        unsupported = true;
    }
    return unsupported ? E_UNSUPPORTED : op_fail(op, E_INVALID, "no engine knows this model format (%zu bytes)", bytes.len);
}

void model_unload(struct model *m)
{
    if (!m)
        return;
    m->ops->unload(m->impl);
    free(m);
}

const struct engine_info *model_info(const struct model *m)
{
    return m->ops->info(m->impl);
}

const char *model_engine(const struct model *m)
{
    return m->ops->name;
}

const struct tensor_spec *model_inputs(const struct model *m, size_t *ret_count)
{
    const struct engine_info *info = model_info(m);
    *ret_count = model_has_rows(info) ? 1 : info->input_count;
    return model_has_rows(info) ? &m->row_input : info->inputs_spec;
}

const struct tensor_spec *model_outputs(const struct model *m, size_t *ret_count)
{
    const struct engine_info *info = model_info(m);
    *ret_count = model_has_rows(info) ? 1 : info->output_count;
    return model_has_rows(info) ? &m->row_output : info->outputs_spec;
}

void model_predict(const struct model *m, const float *rows, size_t n_rows, float *out)
{
    m->ops->predict(m->impl, rows, n_rows, out);
}

bool model_takes_f64(const struct model *m)
{
    return m->ops->predict_f64 != NULL;
}

void model_predict_f64(const struct model *m, const double *rows, size_t n_rows, float *out)
{
    m->ops->predict_f64(m->impl, rows, n_rows, out);
}

enum err model_run(struct op *op, const struct model *m, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs)
{
    return m->ops->run(op, m->impl, inputs, wanted, ret_outputs);
}

bool model_is_apart(const struct model *m)
{
    return m->ops->is_apart && m->ops->is_apart(m->impl);
}

enum err model_run_start(struct op *op, const struct model *m, const struct tensor *inputs, const bool *wanted, int64_t patience_ms,
                         struct tensor *ret_outputs, void **ret_pending)
{
    return m->ops->run_start(op, m->impl, inputs, wanted, patience_ms, ret_outputs, ret_pending);
}

enum err model_run_finish(struct op *op, const struct model *m, void *take_pending, struct tensor *ret_outputs)
{
    return m->ops->run_finish(op, m->impl, take_pending, ret_outputs);
}

void model_run_forget(const struct model *m, void *take_pending)
{
    m->ops->run_forget(m->impl, take_pending);
}
