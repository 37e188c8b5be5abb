#include "core/registry/usage.h"

#include "sql_gen.h"

#include <inttypes.h>

enum err registry_usage_list(struct op *op, struct db_tx *tx, struct str model, int64_t version, struct str *ret_names, size_t max, size_t *ret_len)
{
    struct db_rows *rows = NULL;
    size_t n = 0;
    bool more = false;
    enum err e = version ? db_query(op, tx, &sql_registry_usage_of_version, DB_ARGS(DB_TEXT(model), DB_I64(version)), &rows)
                         : db_query(op, tx, &sql_registry_usage_of_model, DB_ARGS(DB_TEXT(model)), &rows);
    if (e)
        return e;
    while (n < max && !(e = db_step(op, tx, rows, &more)) && more)
        ret_names[n++] = db_col_dup(op, tx, rows, 0);
    db_end(tx, rows);
    *ret_len = n;
    return e;
}

enum err registry_usage_check(struct op *op, struct db_tx *tx, struct str model, int64_t version, const char *what)
{
    struct str name;
    size_t n = 0;
    enum err e = registry_usage_list(op, tx, model, version, &name, 1, &n);
    if (e || !n)
        return e;
    if (version)
        return op_fail(op, E_CONFLICT, "endpoint '%.*s' serves version %" PRId64 " of model '%.*s': move it to another version before %s",
                       STR_FMT(name), version, STR_FMT(model), what);
    return op_fail(op, E_CONFLICT, "endpoint '%.*s' serves model '%.*s': remove the endpoint before %s", STR_FMT(name), STR_FMT(model), what);
}
