/* fuzz_pack.c - packed points as a damaged database may hold them: never a crash, and what is read packs to the same bytes again. */
#include <assert.h>
#include <string.h>

#include "core/track/pack.h"

#define MOST 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct page_point p[MOST];
    static uint8_t again[MOST * PACK_POINT_BYTES];
    AUTO(arena) struct arena *arena = arena_create(1 << 16);
    struct op op;
    size_t n = 0;
    op_init(&op, arena);
    if (pack_read(&op, (struct str){(const char *)data, size}, p, MOST, &n))
        return 0;
    assert(n <= size);
    for (size_t i = 0; i < n; i++)
        assert(!p[i].is_nan || !p[i].value);
    assert(pack_points(p, n, again) == size);
    assert(!size || !memcmp(again, data, size));
    return 0;
}
