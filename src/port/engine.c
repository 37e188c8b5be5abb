#include "port/engine.h"

#include <assert.h>
#include <stdlib.h>

enum err model_load(struct op *op, const struct engine_ops *const *engines, struct str bytes, struct model **ret)
{
    assert(engines && ret);
    for (size_t i = 0; engines[i]; i++) {
        if (!engines[i]->accepts(bytes))
            continue;
        void *impl = NULL;
        enum err e = engines[i]->load(op, bytes, &impl);
        if (e)
            return e;
        struct model *m = malloc(sizeof(*m));
        if (!m)
            abort();
        *m = (struct model){.ops = engines[i], .impl = impl};
        *ret = m;
        return OK;
    }
    return op_fail(op, E_INVALID, "no engine knows this model format (%zu bytes)", bytes.len);
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

void model_predict(const struct model *m, const float *rows, size_t n_rows, float *out)
{
    m->ops->predict(m->impl, rows, n_rows, out);
}
