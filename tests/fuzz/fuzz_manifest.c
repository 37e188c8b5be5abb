/* Manifests of batch scoring jobs, read back by a later run: any bytes end in an error or in a comparison. */
#include "core/scoring/manifest.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char now[] = "{\"format\":\"ingot.predict\",\"format_version\":1,\"model\":{\"name\":\"m\",\"version\":1,\"sha256\":\"cc\"},"
                              "\"settings\":{\"batch-rows\":10,\"keep\":[\"id\"],\"parts\":\"csv\"},\"rows\":7,\"parts\":1,\"files\":[{\"name\":\"a.csv\","
                              "\"size_bytes\":10,\"changed_us\":6,\"sha256\":\"bb\",\"rows\":7}]}\n";
    static const struct scoring_file file = {.path = STR_INIT("in/a.csv"), .size_bytes = 10, .changed_us = 6, .sha256 = "bb"};
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    const struct str old = {(const char *)data, size};
    uint64_t rows = 0, parts = 0;
    bool csv = false;
    op_init(&op, arena);
    if (scoring_manifest_compare(&op, old, str_from(now)) == OK) {
        op_clear(&op);
        if (scoring_manifest_parts(&op, old, &parts, &csv) != OK || parts != 1 || !csv || !scoring_manifest_rows(&op, old, 0, &file, &rows) || rows != 7)
            __builtin_trap(); /* equal to a good one, so good */
    }
    op_clear(&op);
    (void)scoring_manifest_rows(&op, old, 0, &file, &rows);
    if (scoring_manifest_parts(&op, old, &parts, &csv) == OK && (parts < 1 || parts > LIMIT_SCORING_CHUNKS))
        __builtin_trap();
    arena_destroy(arena);
    return 0;
}
