/* Any bytes as a model with declared names and shapes: refused, or a model that is what it says and answers. */
#include <stdlib.h>

#include "../unit/adapter/declared/fake_engines.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct op *op, const struct model *m)
{
    size_t in_count = 0, out_count = 0;
    const struct tensor_spec *in = model_inputs(m, &in_count);
    (void)model_outputs(m, &out_count);
    struct tensor *inputs = arena_array(op->arena, in_count + 1, struct tensor), *outputs = arena_array(op->arena, out_count + 1, struct tensor);
    for (size_t i = 0; inputs && outputs && i < in_count; i++) {
        struct tensor *t = &inputs[i];
        *t = (struct tensor){.name = in[i].name, .type = in[i].type, .rank = in[i].rank};
        for (uint32_t k = 0; k < t->rank; k++)
            t->shape[k] = in[i].shape[k] < 0 ? 3 : in[i].shape[k];
        if (!tensor_count(t->shape, t->rank, 100000, &t->count))
            return;
        t->data = arena_array(op->arena, t->count * 8 + 8, char);
        if (!t->data)
            return;
    }
    if (inputs && outputs && model_run(op, m, inputs, NULL, outputs) && !op->msg)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct model *m = NULL;
    struct str bytes = {(const char *)data, size}, wrapped = bytes;
    static const char *const files[] = {"ROW1", "ROWK", "TENS"};
    op_init(&op, a);
    declared_setup(fake_engines);
    if (size && data[0] < 3 && declared_wrap(&op, str_sub(bytes, 1, SIZE_MAX), str_from(files[data[0]]), false, &wrapped))
        abort();
    if (model_load(&op, fake_engines, wrapped, &m) == OK) {
        if (!model_has_rows(model_info(m)))
            ask(&op, m);
        model_unload(m);
    } else if (!op.msg) {
        abort();
    }
    arena_destroy(a);
    return 0;
}
