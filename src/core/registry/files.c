#include "core/registry/files.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/vec.h"
#include "core/track/artifact.h"
#include "core/track/store.h"
#include "sql_gen.h"

struct files_arg {
    struct str low, high; /* [low, high): all names below the folder */
    VEC(struct registry_file) found;
    bool truncated;
};

static enum err files_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct files_arg *a = arg;
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_registry_version_files, DB_ARGS(DB_TEXT(a->low), DB_TEXT(a->high), DB_I64(LIMIT_REGISTRY_FILES + 1)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        if (a->found.len == LIMIT_REGISTRY_FILES) {
            a->truncated = true;
            break;
        }
        struct str path = db_col_str(tx, rows, 0);
        struct registry_file *f = store_room(op, path.len) ? NULL : vec_push(&a->found, op->arena);
        if (!f) {
            e = op_fail(op, E_TOO_LARGE, "too many files to hold in memory");
            break;
        }
        f->path = str_dup(op->arena, str_sub(path, a->low.len, path.len));
        f->size_bytes = db_col_i64(tx, rows, 1);
        struct str sha = db_col_str(tx, rows, 2);
        f->sha256[0] = 0;
        if (sha.len == HASH_SHA256_LEN)
            hash_hex((const uint8_t *)sha.p, sha.len, f->sha256);
    }
    db_end(tx, rows);
    return e;
}

enum err registry_version_files(struct op *op, struct db *db, const struct registry_version *v, struct registry_files *ret)
{
    struct str root = {0};
    *ret = (struct registry_files){0};
    if (artifact_root(op, v->storage_location.len ? v->storage_location : v->source, &root)) {
        op_clear(op); /* another store's */
        return OK;
    }
    struct files_arg a = {.low = str_from(op_printf(op, "%.*s/", STR_FMT(root))), .high = str_from(op_printf(op, "%.*s0", STR_FMT(root)))};
    enum err e = db_read(op, db, files_tx, &a);
    if (e)
        return e;
    *ret = (struct registry_files){.files = a.found.p, .len = a.found.len, .root = root, .truncated = a.truncated};
    return OK;
}
