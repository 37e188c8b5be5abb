#include "core/payload/store.h"

#include "base/vec.h"
#include "sql_gen.h"

struct insert_arg {
    struct str endpoint;
    const struct payload_entry *entry;
};

static enum err insert_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct insert_arg *a = arg;
    const struct payload_entry *x = a->entry;
    return db_exec(op, tx, &sql_payload_insert,
                   DB_ARGS(DB_TEXT(a->endpoint), DB_I64(x->start_us), DB_I64(x->end_us), DB_I64(x->rows), DB_I64((int64_t)x->size_bytes),
                           DB_BLOB(((struct str){(const char *)x->blob.sha256, sizeof x->blob.sha256})), DB_I64(x->expires_us)),
                   NULL);
}

enum err payload_insert(struct op *op, struct db *db, struct str endpoint, const struct payload_entry *entry)
{
    struct insert_arg a = {endpoint, entry};
    return db_write(op, db, insert_tx, &a);
}

static enum err blob_of_column(struct op *op, struct str bytes, struct blob_id *ret)
{
    if (bytes.len != sizeof ret->sha256)
        return op_fail(op, E_CORRUPT, "a payload log row names a blob of %zu bytes", bytes.len);
    memcpy(ret->sha256, bytes.p, bytes.len);
    return OK;
}

struct list_arg {
    struct str endpoint;
    int64_t after;
    size_t limit, n;
    struct payload_entry *entries;
};

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_arg *a = arg;
    struct db_rows *rows = NULL;
    VEC(struct payload_entry) out = {0};
    bool row = false;
    enum err e = db_query(op, tx, &sql_payload_list, DB_ARGS(DB_TEXT(a->endpoint), DB_I64(a->after), DB_I64((int64_t)a->limit)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct payload_entry *x = vec_push(&out, op->arena);
        if (!x) {
            e = op_fail(op, E_TOO_LARGE, "the list of payload files is too long");
            break;
        }
        *x = (struct payload_entry){.seq = db_col_i64(tx, rows, 0), .start_us = db_col_i64(tx, rows, 1), .end_us = db_col_i64(tx, rows, 2),
                                    .rows = db_col_i64(tx, rows, 3), .size_bytes = (uint64_t)db_col_i64(tx, rows, 4), .expires_us = db_col_i64(tx, rows, 6)};
        e = blob_of_column(op, db_col_str(tx, rows, 5), &x->blob);
    }
    db_end(tx, rows);
    a->entries = out.p;
    a->n = out.len;
    return e;
}

enum err payload_list(struct op *op, struct db *db, struct str endpoint, int64_t after, size_t limit, struct payload_entry **ret, size_t *ret_n)
{
    struct list_arg a = {.endpoint = endpoint, .after = after, .limit = limit};
    enum err e = db_read(op, db, list_tx, &a);
    if (e)
        return e;
    *ret = a.entries;
    *ret_n = a.n;
    return OK;
}

struct get_arg {
    struct str endpoint;
    struct payload_entry *entry;
};

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct get_arg *a = arg;
    struct db_val v[6];
    enum err e = db_query_one(op, tx, &sql_payload_get, DB_ARGS(DB_TEXT(a->endpoint), DB_I64(a->entry->seq)), v, ARRAY_LEN(v));
    if (e)
        return e;
    a->entry->start_us = v[0].i, a->entry->end_us = v[1].i, a->entry->rows = v[2].i;
    a->entry->size_bytes = (uint64_t)v[3].i;
    a->entry->expires_us = v[5].i;
    return blob_of_column(op, v[4].s, &a->entry->blob);
}

enum err payload_get(struct op *op, struct db *db, struct str endpoint, int64_t seq, struct payload_entry *ret)
{
    struct payload_entry entry = {.seq = seq};
    struct get_arg a = {endpoint, &entry};
    enum err e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = entry;
    return e;
}

static enum err expire_tx(struct op *op, struct db_tx *tx, void *arg)
{
    return db_exec(op, tx, &sql_payload_expire, DB_ARGS(DB_I64(op->now_us)), arg);
}

enum err payload_expire(struct op *op, struct db *db, int64_t *ret_files)
{
    int64_t n = 0;
    enum err e = db_write(op, db, expire_tx, &n);
    if (!e)
        *ret_files = n;
    return e;
}
