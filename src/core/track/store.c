#include "core/track/store.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/vec.h"
#include "core/audit/audit.h"

#include <string.h>

/* More than the texts of any one row may hold, and what a vector adds when it grows by little. */
#define STORE_ROW_BYTES LIMIT_MIB(2)
#define STORE_AUDIT_CHARS 1000 /* longer texts are cut in the audit row: the full one is in the changed row */

enum err store_room(struct op *op, size_t extra)
{
    if (arena_left(op->arena) < STORE_ROW_BYTES + extra)
        return op_fail(op, E_TOO_LARGE, "the answer does not fit in memory: ask for fewer results or narrow the filter");
    return OK;
}

enum err store_kvs(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t id, struct track_kvs *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, sql, DB_ARGS(DB_I64(id)), &rows);
    if (e)
        return e;
    VEC(struct track_kv) v = {0};
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct track_kv *kv = store_room(op, 0) ? NULL : vec_push(&v, op->arena);
        if (!kv) {
            e = op_fail(op, E_TOO_LARGE, "too many keys to hold in memory");
            break;
        }
        kv->key = db_col_dup(op, tx, rows, 0);
        kv->value = db_col_dup(op, tx, rows, 1);
    }
    db_end(tx, rows);
    if (e)
        return e;
    *ret = (struct track_kvs){v.p, v.len};
    return OK;
}

enum err store_put_kvs(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t id, const struct track_kv *kvs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum err e = db_exec(op, tx, sql, DB_ARGS(DB_I64(id), DB_TEXT(kvs[i].key), DB_TEXT(kvs[i].value)), NULL);
        if (e)
            return e;
    }
    return OK;
}

enum err store_find_text(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t id, struct str key, bool *ret_found, struct str *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, sql, DB_ARGS(DB_I64(id), DB_TEXT(key)), &rows);
    if (e)
        return e;
    bool row = false;
    e = db_step(op, tx, rows, &row);
    if (!e && row)
        *ret = db_col_dup(op, tx, rows, 0);
    db_end(tx, rows);
    if (e)
        return e;
    *ret_found = row;
    return OK;
}

enum err store_exec_id(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t id)
{
    return db_exec(op, tx, sql, DB_ARGS(DB_I64(id)), NULL);
}

enum err store_audit(struct op *op, struct db_tx *tx, const char *verb, const char *kind, struct str object, const struct track_kv *detail, size_t n)
{
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_AUDIT_DETAIL_BYTES);
    struct json_out w;
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    for (size_t i = 0; i < n; i++) {
        json_key_str(&w, detail[i].key);
        json_str(&w, names_clip(detail[i].value, STORE_AUDIT_CHARS));
    }
    json_end_object(&w);
    if (b.failed)
        return op_fail(op, E_TOO_LARGE, "the audit row of %s is too large", verb);
    return audit_append(op, tx, str_from(verb), str_from(kind), object, buf_str(&b));
}

int64_t store_from_f64(double v)
{
    int64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits >= 0 ? bits : bits ^ INT64_MAX;
}

double store_to_f64(int64_t v)
{
    int64_t bits = v >= 0 ? v : v ^ INT64_MAX;
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}
