/* fuzz_model.h - what the targets of model formats share: whatever the bytes are, loading refuses them with a reason or gives a model
 * that can be asked. */
#ifndef INGOT_TESTS_FUZZ_MODEL_H
#define INGOT_TESTS_FUZZ_MODEL_H

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "port/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_model_ask(const struct model *m)
{
    enum { ROWS = 9 };
    const struct engine_info *info = model_info(m);
    const size_t n = ROWS * info->features;
    float *rows = malloc(n * sizeof(float)), *out = malloc(ROWS * info->outputs * sizeof(float));
    double *doubles = malloc(n * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        rows[i] = i % 5 ? (float)i - 20 : NAN;
        doubles[i] = (double)rows[i] / 3;
    }
    model_predict(m, rows, ROWS, out);
    if (model_takes_f64(m))
        model_predict_f64(m, doubles, ROWS, out);
    free(doubles);
    free(rows);
    free(out);
}

static inline int fuzz_model(const struct engine_ops *engine, const uint8_t *data, size_t size)
{
    const struct engine_ops *const engines[] = {engine, NULL};
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct model *m = NULL;
    op_init(&op, a);
    if (model_load(&op, engines, (struct str){(const char *)data, size}, &m) == OK) {
        fuzz_model_ask(m);
        model_unload(m);
    } else if (!op.msg) {
        abort();
    }
    arena_destroy(a);
    return 0;
}

#endif
