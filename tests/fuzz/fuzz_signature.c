/* fuzz_signature.c - signatures of models, as clients send them: two texts with a NUL between them are compared both ways. A
 * comparison answers something, says why when it asks for more than a patch, and finds nothing between a text and itself. */
#include <stdlib.h>

#include "base/limits.h"
#include "core/registry/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct op *op, struct str a, struct str b)
{
    struct signature_diff d;
    signature_compare(op, a, b, &d);
    if (op->err || d.len > LIMIT_REGISTRY_CHANGES || d.len > d.total || (d.bump == SEMVER_PATCH) != (d.total == 0))
        abort();
    for (size_t i = 0; i < d.len; i++) {
        if (!d.changes[i].text.len || d.changes[i].bump > d.bump)
            abort();
    }
    signature_compare(op, a, a, &d);
    if (d.total)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    struct semver_range range;
    struct str all = {(const char *)data, size}, a = all, b = STR("");
    size_t cut = size > LIMIT_REGISTRY_TEXT ? SIZE_MAX : str_find_char(all, 0);
    op_init(&op, arena);
    if (size <= LIMIT_REGISTRY_TEXT) {
        if (cut != SIZE_MAX) {
            a = str_sub(all, 0, cut);
            b = str_sub(all, cut + 1, size);
        }
        compare(&op, a, b);
        compare(&op, b, a);
    }
    if (semver_range_parse(a, &range) && semver_cmp(&range.from, &range.below) >= 0)
        abort();
    arena_destroy(arena);
    return 0;
}
