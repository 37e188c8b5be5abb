/* ONNX for the native engine: whatever the bytes are, loading refuses them or gives a model that can be asked; values of its
 * inputs are odd ones. */
#include <math.h>
#include <stdlib.h>

#include "adapter/onnxml/onnxml.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 3, INPUTS = 16, OUTPUTS = 64 };

/* False: too wide to try. */
static bool input_make(struct op *op, const struct tensor_spec *spec, struct tensor *t)
{
    static const struct str texts[] = {{"x", 1}, {"", 0}, {"12", 2}};
    *t = (struct tensor){.name = spec->name, .type = spec->type, .rank = spec->rank};
    for (uint32_t i = 0; i < spec->rank; i++)
        t->shape[i] = i ? spec->shape[i] : ROWS;
    if (!tensor_count(t->shape, t->rank, 100000, &t->count))
        return false;
    struct str *strings = arena_array(op->arena, t->count + 1, struct str);
    char *bytes = arena_try_alloc(op->arena, t->count + 1, 8);
    if (!strings || !bytes)
        return false;
    for (size_t i = 0; i < t->count; i++)
        strings[i] = texts[i % ARRAY_LEN(texts)];
    for (size_t i = 0; i < t->count * 8; i++)
        bytes[i] = (char)(i * 151 % 256);
    for (size_t i = 0; spec->type == TENSOR_FP32 && i < t->count; i++) {
        float v = i % 5 ? (float)i - 20 : NAN;
        memcpy(bytes + i * 4, &v, 4);
    }
    t->texts = spec->type == TENSOR_BYTES ? strings : NULL;
    t->data = spec->type == TENSOR_BYTES ? NULL : bytes;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct engine_ops *const engines[] = {&onnxml_engine, NULL};
    struct arena *a = arena_create(LIMIT_MIB(256));
    struct op op;
    struct model *m = NULL;
    op_init(&op, a);
    if (model_load(&op, engines, (struct str){(const char *)data, size}, &m) == OK) {
        size_t inputs = 0, outputs = 0;
        const struct tensor_spec *specs = model_inputs(m, &inputs);
        model_outputs(m, &outputs);
        struct tensor in[INPUTS], out[OUTPUTS];
        bool fits = inputs <= INPUTS && outputs <= OUTPUTS;
        for (size_t i = 0; fits && i < inputs; i++)
            fits = input_make(&op, &specs[i], &in[i]);
        if (fits && model_run(&op, m, in, NULL, out) != OK && !op.msg)
            abort();
        model_unload(m);
    } else if (!op.msg) {
        abort();
    }
    arena_destroy(a);
    return 0;
}
