/* fuzz_token.c - what a client can put where a token or a hash is expected. */
#include <stdlib.h>

#include "base/op.h"
#include "core/access/access.h"
#include "port/blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    struct arena *a = arena_create(1 << 20);
    struct op op;
    op_init(&op, a);
    if (access_token_is_wellformed(s) && size != ACCESS_TOKEN_LEN)
        abort();
    struct blob_id id;
    /* What is accepted as a hash is exactly what the hash is printed as. */
    if (!blob_id_parse(&op, s, &id) && !str_eq(blob_id_hex(&op, &id), s))
        abort();
    arena_destroy(a);
    return 0;
}
