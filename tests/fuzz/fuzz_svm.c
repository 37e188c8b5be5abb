/* fuzz_svm.c - text models of LIBLINEAR and LIBSVM: whatever the bytes are, loading refuses them or gives a model that can be asked. */
#include <math.h>
#include <stdlib.h>

#include "adapter/linear/svm.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct engine_ops *const engines[] = {&svm_engine, NULL};
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct model *m = NULL;
    op_init(&op, a);
    if (model_load(&op, engines, (struct str){(const char *)data, size}, &m) == OK) {
        const struct engine_info *info = model_info(m);
        enum { ROWS = 9 };
        float *rows = malloc(ROWS * info->features * sizeof(float)), *out = malloc(ROWS * info->outputs * sizeof(float));
        for (size_t i = 0; i < ROWS * info->features; i++)
            rows[i] = i % 5 ? (float)i - 20 : NAN;
        model_predict(m, rows, ROWS, out);
        free(rows);
        free(out);
        model_unload(m);
    } else if (!op.msg) {
        abort();
    }
    arena_destroy(a);
    return 0;
}
