/* fuzz_pgvalue.c - binary values as a PostgreSQL sends them: never a crash, and what is read can be written back. */
#include <assert.h>
#include <string.h>

#include "adapter/postgres/pgvalue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned types[] = {PGTYPE_BOOL, PGTYPE_BYTEA, PGTYPE_NAME,   PGTYPE_INT8,    PGTYPE_INT2,    PGTYPE_INT4,    PGTYPE_TEXT,
                                     PGTYPE_OID,  PGTYPE_JSON,  PGTYPE_FLOAT8, PGTYPE_UNKNOWN, PGTYPE_VARCHAR, PGTYPE_NUMERIC, 0};
    if (!size)
        return 0;
    unsigned type = types[data[0] % ARRAY_LEN(types)];
    struct db_val v = DB_NULL;
    if (!pgvalue_decode(type, (const char *)data + 1, size - 1, &v))
        return 0;
    assert(v.type != DB_TYPE_NULL);
    AUTO(arena) struct arena *arena = arena_create(1 << 16);
    struct op op;
    struct pgvalue_param p;
    op_init(&op, arena);
    if ((type == PGTYPE_INT8 || type == PGTYPE_INT2 || type == PGTYPE_INT4 || type == PGTYPE_BYTEA) && !pgvalue_encode(&op, "fuzz", &v, type, &p)) {
        assert((size_t)p.len == size - 1);
        assert(!p.len || !memcmp(p.p, data + 1, size - 1));
    }
    return 0;
}
