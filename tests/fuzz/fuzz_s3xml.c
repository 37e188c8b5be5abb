/* fuzz_s3xml.c - whatever a server sends, elements are found inside of it or not at all. */
#include <assert.h>

#include "adapter/s3/xml.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"Contents", "Key", "NextContinuationToken", "IsTruncated", "Error"};
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    struct str doc = {(const char *)data, size};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct str rest = doc, inner;
        for (int n = 0; n < 1000; n++) {
            size_t before = rest.len;
            if (!xml_next(&rest, names[i], &inner))
                break;
            assert(rest.len < before && rest.len + inner.len < before); /* it goes on, and ends */
            assert(!inner.len || (inner.p >= doc.p && inner.p + inner.len <= doc.p + doc.len));
            xml_text(&op, inner, "Key");
        }
        struct str text = xml_text(&op, doc, names[i]);
        assert(text.len <= size);
    }
    arena_destroy(arena);
    return 0;
}
