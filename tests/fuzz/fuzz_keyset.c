/* fuzz_keyset.c - what a client sends as a page token: read, or refused; what is read and written again means the same. */
#include <stdlib.h>

#include "base/op.h"
#include "core/track/keyset.h"
#include "core/track/page.h"
#include "core/track/run_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct filter_order orders[] = {{FILTER_METRIC, 0, {"m", 1}, false}, {FILTER_PARAM, 0, {"p", 1}, true}, {FILTER_ATTRIBUTE, RUN_ATTR_END, {"end_time", 8}, false}};
    struct arena *a = arena_create(1 << 20);
    struct op op;
    op_init(&op, a);
    struct str raw = {(const char *)data, size};
    /* As a token, and as what a token holds. */
    struct str tokens[] = {raw, size < LIMIT_TRACK_PAGE_TOKEN / 4 * 3 ? page_token_close(&op, raw) : raw};
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
        for (size_t n = 0; n <= ARRAY_LEN(orders); n++) {
            struct keyset k, again;
            bool keyed = false, same = false;
            int64_t offset = 0, number = 0;
            enum err e = keyset_parse(&op, tokens[i], orders, n, &k, &keyed, &offset);
            op_clear(&op);
            if (e || !keyed)
                continue;
            struct str token = keyset_token(&op, orders, n, &k, offset);
            if (keyset_parse(&op, token, orders, n, &again, &same, &number) || number != offset)
                abort();
            if (same && keyset_compare(orders, n, again.keys, again.start_ms, again.run_id, &k) != 0)
                abort();
        }
    arena_destroy(a);
    return 0;
}
