#include "core/predlog/files.h"

#include "base/vec.h"

struct read_arg {
    const struct log_files *log;
    struct str endpoint;
    int64_t after, seq;
    size_t limit, n;
    struct log_file *files, one;
};

/* The row that `rows` stands at. */
static enum err row_read(struct op *op, struct db_tx *tx, struct db_rows *rows, const char *what, struct log_file *ret)
{
    const struct str blob = db_col_str(tx, rows, 5);
    *ret = (struct log_file){.seq = db_col_i64(tx, rows, 0), .start_us = db_col_i64(tx, rows, 1), .end_us = db_col_i64(tx, rows, 2),
                             .rows = db_col_i64(tx, rows, 3), .size_bytes = (uint64_t)db_col_i64(tx, rows, 4), .expires_us = db_col_i64(tx, rows, 6)};
    if (blob.len != sizeof ret->blob.sha256)
        return op_fail(op, E_CORRUPT, "a row of the %s names a blob of %zu bytes", what, blob.len);
    memcpy(ret->blob.sha256, blob.p, blob.len);
    return OK;
}

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct read_arg *a = arg;
    struct db_rows *rows = NULL;
    VEC(struct log_file) out = {0};
    bool row = false;
    enum err e = db_query(op, tx, a->log->list, DB_ARGS(DB_TEXT(a->endpoint), DB_I64(a->after), DB_I64((int64_t)a->limit)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct log_file *x = vec_push(&out, op->arena);
        e = x ? row_read(op, tx, rows, a->log->what, x) : op_fail(op, E_TOO_LARGE, "the list of the %s's files is too long", a->log->what);
    }
    db_end(tx, rows);
    a->files = out.p;
    a->n = out.len;
    return e;
}

enum err log_files_list(struct op *op, struct db *db, const struct log_files *log, struct str endpoint, int64_t after, size_t limit,
                        struct log_file **ret, size_t *ret_n)
{
    struct read_arg a = {.log = log, .endpoint = endpoint, .after = after, .limit = limit};
    enum err e = db_read(op, db, list_tx, &a);
    if (e)
        return e;
    *ret = a.files;
    *ret_n = a.n;
    return OK;
}

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct read_arg *a = arg;
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = db_query(op, tx, a->log->get, DB_ARGS(DB_TEXT(a->endpoint), DB_I64(a->seq)), &rows);
    if (!e)
        e = db_step(op, tx, rows, &row);
    if (!e)
        e = row ? row_read(op, tx, rows, a->log->what, &a->one) : op_fail(op, E_NOT_FOUND, "the %s has no file %lld", a->log->what, (long long)a->seq);
    db_end(tx, rows);
    return e;
}

enum err log_files_get(struct op *op, struct db *db, const struct log_files *log, struct str endpoint, int64_t seq, struct log_file *ret)
{
    struct read_arg a = {.log = log, .endpoint = endpoint, .seq = seq};
    enum err e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = a.one;
    return e;
}
