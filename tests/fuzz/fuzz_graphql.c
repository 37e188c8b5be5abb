/* GraphQL documents: whatever the text, parsing, counting and checking end, and what they accept can be collected. */
#include "api/graphql/execute.h"
#include "base/limits.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct op op;
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct gql_request r = {0};
    struct gql_operation *o = NULL;
    op_init(&op, arena);
    /* Variables stand in front of the document, behind them a NUL. */
    struct str text = {(const char *)data, size}, variables = {0};
    size_t end = str_find_char(text, '\0');
    struct json *j = NULL;
    if (end != SIZE_MAX) {
        variables = str_sub(text, 0, end);
        text = str_sub(text, end + 1, size);
        if (json_parse(&op, variables, JSON_STRICT, &j) == OK && j->type == JSON_OBJECT)
            r.variables = j;
        op_clear(&op);
    }
    struct gql_limits limits = {LIMIT_GRAPHQL_ROOT_FIELDS, LIMIT_GRAPHQL_ALIASES};
    enum err e = gql_document_parse(&op, text, &r.document);
    if (!e)
        e = gql_limits_check(&op, r.document, limits);
    if (!e)
        e = gql_check(&op, &r, &o);
    if (!e != (o != NULL) || (e && !op.msg))
        __builtin_trap();
    arena_destroy(arena);
    return 0;
}
