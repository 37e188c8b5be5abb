/* fuzz_reference.c - the monitor's reference file: whatever the bytes, parsing refuses or gives a reference that can be sorted
 * and written again to bytes that mean the same. */
#include <stdlib.h>

#include "base/limits.h"
#include "core/monitor/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    struct monitor_reference ref;
    if (monitor_reference_parse(&op, (struct str){(const char *)data, size}, &ref)) {
        if (!op.msg)
            abort();
        return 0;
    }
    struct reference *sorted;
    if (!reference_create(&op, &ref, &sorted))
        reference_destroy(sorted);
    AUTO(buf) struct buf out;
    buf_init(&out, LIMIT_MIB(64));
    struct monitor_reference again;
    if (monitor_reference_format(&op, &ref, &out) || monitor_reference_parse(&op, buf_str(&out), &again) || again.rows != ref.rows ||
        again.features != ref.features || again.version != ref.version || !again.scores != !ref.scores)
        abort();
    return 0;
}
