/* db.c - the thin half of the database port: what is the same for every back-end. */
#include "port/db.h"

#include <assert.h>

struct call {
    db_fn fn;
    void *arg;
};

/* Shows the transaction to everything below `fn` through op->tx, so that a write inside a write joins it. */
static enum err call_run(struct op *op, struct db_tx *tx, void *arg)
{
    const struct call *call = arg;
    struct db_tx *outer = op->tx;
    op->tx = tx;
    enum err e = call->fn(op, tx, call->arg);
    op->tx = outer;
    return e;
}

enum err db_write(struct op *op, struct db *db, db_fn fn, void *arg)
{
    if (op->tx && !op->tx->writable)
        return op_fail(op, E_INTERNAL, "a write was asked for inside a read transaction");
    struct call call = {fn, arg};
    return db->ops->write(db->self, op, call_run, &call);
}

void db_write_start(struct op *op, struct db *db, db_fn fn, void *arg, db_done_fn done, void *done_arg)
{
    if (op->tx) {
        done(done_arg, op_fail(op, E_INTERNAL, "a write was started inside a transaction"));
        return;
    }
    struct call *call = op_new(op, struct call);
    *call = (struct call){fn, arg};
    db->ops->write_start(db->self, op, call_run, call, done, done_arg);
}

enum err db_read(struct op *op, struct db *db, db_fn fn, void *arg)
{
    if (op->tx)
        return fn(op, op->tx, arg); /* the same snapshot as the transaction around it */
    struct call call = {fn, arg};
    return db->ops->read(db->self, op, call_run, &call);
}

void db_close(struct db *db)
{
    if (db)
        db->ops->close(db->self);
}

enum err db_query(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n,
                  struct db_rows **ret)
{
    return tx->ops->query(op, tx, sql, args, n, ret);
}

enum err db_step(struct op *op, struct db_tx *tx, struct db_rows *rows, bool *ret_row)
{
    return tx->ops->step(op, rows, ret_row);
}

void db_end(struct db_tx *tx, struct db_rows *rows)
{
    if (rows)
        tx->ops->end(rows);
}

enum err db_exec(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n,
                 int64_t *ret_changes)
{
    return tx->ops->exec(op, tx, sql, args, n, ret_changes);
}

enum err db_exec_later(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, int64_t *add_changes)
{
    if (tx->ops->exec_later)
        return tx->ops->exec_later(op, tx, sql, args, n, add_changes);
    int64_t changes = 0;
    enum err e = tx->ops->exec(op, tx, sql, args, n, &changes);
    if (!e && add_changes)
        *add_changes += changes;
    return e;
}

enum err db_settle(struct op *op, struct db_tx *tx)
{
    return tx->ops->settle ? tx->ops->settle(op, tx) : OK;
}

int64_t db_last_id(struct db_tx *tx)
{
    return tx->ops->last_id(tx);
}

enum err db_query_one(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args,
                      size_t n, struct db_val *ret_vals, size_t n_vals)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, sql, args, n, &rows);
    if (e)
        return e;
    bool row = false;
    e = db_step(op, tx, rows, &row);
    if (!e && !row)
        e = op_fail(op, E_NOT_FOUND, "no row for '%s'", sql->name);
    for (size_t i = 0; !e && i < n_vals; i++) {
        struct db_val v = tx->ops->column(rows, (int)i);
        if (v.type == DB_TYPE_TEXT || v.type == DB_TYPE_BLOB) {
            /* A value's size is the writer's choice, so the copy may fail where a small one aborts. */
            char *copy = arena_array(op->arena, v.s.len + 1, char);
            if (!copy) {
                e = op_fail(op, E_TOO_LARGE, "a value of '%s' does not fit into memory", sql->name);
                break;
            }
            if (v.s.len)
                memcpy(copy, v.s.p, v.s.len);
            v.s.p = copy;
        }
        ret_vals[i] = v;
    }
    db_end(tx, rows);
    return e;
}

bool db_col_null(struct db_tx *tx, struct db_rows *rows, int i)
{
    return tx->ops->column(rows, i).type == DB_TYPE_NULL;
}

int64_t db_col_i64(struct db_tx *tx, struct db_rows *rows, int i)
{
    struct db_val v = tx->ops->column(rows, i);
    if (v.type == DB_TYPE_F64 && v.f >= -0x1p63 && v.f < 0x1p63)
        return (int64_t)v.f;
    return v.type == DB_TYPE_I64 ? v.i : 0;
}

double db_col_f64(struct db_tx *tx, struct db_rows *rows, int i)
{
    struct db_val v = tx->ops->column(rows, i);
    if (v.type == DB_TYPE_I64)
        return (double)v.i;
    return v.type == DB_TYPE_F64 ? v.f : 0;
}

struct str db_col_str(struct db_tx *tx, struct db_rows *rows, int i)
{
    struct db_val v = tx->ops->column(rows, i);
    if (v.type == DB_TYPE_NULL)
        return (struct str){"", 0};
    assert(v.type == DB_TYPE_TEXT || v.type == DB_TYPE_BLOB); /* a number here is a mistake in our own SQL */
    return v.s;
}

struct str db_col_dup(struct op *op, struct db_tx *tx, struct db_rows *rows, int i)
{
    return str_dup(op->arena, db_col_str(tx, rows, i));
}
