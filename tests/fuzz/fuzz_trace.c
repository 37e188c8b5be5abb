/* The two headers of a trace: what is taken is written back as it came. */
#include <assert.h>
#include <stdint.h>

#include "base/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    struct trace_context c, again;
    char text[TRACE_PARENT_LEN + 1];
    if (trace_context_parse(s, &c)) {
        trace_context_format(&c, text);
        assert(trace_context_parse(str_from(text), &again) && !memcmp(&c, &again, sizeof c));
    }
    bool fine = trace_state_check(s);
    assert(!fine || size <= LIMIT_TRACE_STATE);
    return 0;
}
