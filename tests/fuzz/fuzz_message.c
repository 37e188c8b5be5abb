/* A child's answer: whatever stands in the shared memory, reading it gives tensors within it or an error. */
#include <stdlib.h>

#include "adapter/child/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t hash_of(struct str text)
{
    uint64_t h = text.len;
    for (size_t i = 0; i < text.len; i++)
        h = h * 31 + (uint8_t)text.p[i];
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tensor_spec specs[2] = {{.name = STR_INIT("a")}, {.name = STR_INIT("b")}};
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct tensor t[2];
    bool flags[1];
    op_init(&op, a);
    if (message_read(&op, (const char *)data, size, specs, 2, true, t, flags, 1) == OK) {
        uint64_t sum = 0;
        for (size_t i = 0; i < 2; i++) {
            if (t[i].type == TENSOR_TYPE_COUNT)
                continue;
            for (size_t k = 0; k < t[i].count; k++)
                sum += t[i].type == TENSOR_BYTES ? hash_of(t[i].texts[k]) : ((const uint8_t *)t[i].data)[k];
        }
        if (sum == UINT64_MAX)
            abort();
    } else if (!op.msg) {
        abort();
    }
    arena_destroy(a);
    return 0;
}
