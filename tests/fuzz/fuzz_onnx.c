/* The check of ONNX files: whatever the bytes are, it refuses them with a reason or counts what is there. The runtime itself is not
 * asked: it runs in a process of its own. */
#include <stdlib.h>

#include "adapter/onnx/outline.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create(LIMIT_MIB(16));
    struct op op;
    struct onnx_outline outline;
    struct str bytes = {(const char *)data, size};
    op_init(&op, a);
    (void)onnx_outline_accepts(bytes);
    if (onnx_outline_check(&op, bytes, &outline) == OK ? outline.nodes > LIMIT_ONNX_NODES : !op.msg)
        abort();
    arena_destroy(a);
    return 0;
}
