/* db.h - what the core asks of a SQL database.
 * One logical database; reads run on the caller's thread in a snapshot, writes are functions that run on
 * the single writer thread, many of them in one durable commit (group commit). Statements exist only as
 * `struct sql` made by tools/sqlgen from sql/query: concatenated SQL does not compile. */
#ifndef INGOT_PORT_DB_H
#define INGOT_PORT_DB_H

#include "base/op.h"

struct sql {
    const char *name;  /* "run_insert" */
    const char *text;
    int id;            /* dense, for statement caches */
    int param_count;
    int column_count;  /* -1: not known */
};

enum db_type { DB_TYPE_NULL, DB_TYPE_I64, DB_TYPE_F64, DB_TYPE_TEXT, DB_TYPE_BLOB };
struct db_val {
    enum db_type type;
    union {
        int64_t i;
        double f;
        struct str s;
    };
};
#define DB_NULL ((struct db_val){.type = DB_TYPE_NULL})
#define DB_I64(v) ((struct db_val){.type = DB_TYPE_I64, .i = (v)})
/* Every bit is kept, -0.0 too, if the column is declared `ANY` in a STRICT table (or without a type elsewhere):
 * SQLite stores 0 for -0.0 in a REAL column. tests/unit/adapter/sqlite/test_migrate.c refuses REAL columns.
 * NaN is refused (E_INVALID): store flags. */
#define DB_F64(v) ((struct db_val){.type = DB_TYPE_F64, .f = (v)})
/* A NUL inside is refused (E_INVALID). */
#define DB_TEXT(v) ((struct db_val){.type = DB_TYPE_TEXT, .s = (v)})
#define DB_BLOB(v) ((struct db_val){.type = DB_TYPE_BLOB, .s = (v)})

struct db_rows; /* a running query; cheap; ended by db_rows_end or at the end of its transaction */

/* What a back-end supplies. All return E_IO/E_CORRUPT for the world's failures, E_EXISTS for a unique
 * constraint, E_CONFLICT for a foreign key or check constraint; text in op. */
typedef enum err (*db_fn)(struct op *op, struct db_tx *tx, void *arg);
/* The end of a started write: `e` is what db_write would have returned, its text in op. Must not block. */
typedef void (*db_done_fn)(void *arg, enum err e);
struct db_ops {
    const char *name;
    /* Runs `fn` on the writer inside a savepoint. Returns after fn's changes are durable, or fn's own error
     * (its changes undone, other writes of the group unharmed). E_BUSY: queue full. E_TIMEOUT: the deadline
     * passed before `fn` began. E_IO after `fn` ran: nothing of it is visible, but whether it survives a
     * restart is unknown. With op->tx set (a write inside a write) `fn` runs at once, in a savepoint of that
     * transaction, and is durable when the outer write is. */
    enum err (*write)(void *self, struct op *op, db_fn fn, void *arg);
    /* The same without waiting: returns at once, and `done` is called exactly once, on the writer's thread or, when
     * nothing was begun, by this call. Never with op->tx set. */
    void (*write_start)(void *self, struct op *op, db_fn fn, void *arg, db_done_fn done, void *done_arg);
    /* Runs `fn` on the caller's thread in one read snapshot. Writes in it fail. */
    enum err (*read)(void *self, struct op *op, db_fn fn, void *arg);
    enum err (*query)(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, struct db_rows **ret);
    /* *ret_row false at the end. Column views die with the next step. */
    enum err (*step)(struct op *op, struct db_rows *rows, bool *ret_row);
    struct db_val (*column)(struct db_rows *rows, int i);
    void (*end)(struct db_rows *rows);
    enum err (*exec)(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, int64_t *ret_changes);
    /* See db_exec_later; NULL: its statements run at once. */
    enum err (*exec_later)(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, int64_t *add_changes);
    enum err (*settle)(struct op *op, struct db_tx *tx);
    int64_t (*last_id)(struct db_tx *tx);
    /* Flushes, checkpoints, frees. */
    void (*close)(void *self);
};
struct db_tx {
    const struct db_ops *ops;
    void *impl;      /* the back-end's connection */
    bool writable;
};
struct db {
    const struct db_ops *ops;
    void *self;
};

MUST_USE enum err db_write(struct op *op, struct db *db, db_fn fn, void *arg);
/* A write that nobody waits for: fn's changes are durable, or undone, when done(done_arg, e) is called: exactly once, either
 * before this returns (queue full, database closed, called inside a transaction: E_INTERNAL) or later on the writer's
 * thread, where it must not block and must not use the database. Everything given, op and its arena included, belongs
 * to the writer until then. Writes started by one thread run in that order. */
void db_write_start(struct op *op, struct db *db, db_fn fn, void *arg, db_done_fn done, void *done_arg);
MUST_USE enum err db_read(struct op *op, struct db *db, db_fn fn, void *arg);
void db_close(struct db *db); /* NULL is ignored */

/* The following work inside db_write/db_read callbacks. */
MUST_USE enum err db_query(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, struct db_rows **ret);
MUST_USE enum err db_step(struct op *op, struct db_tx *tx, struct db_rows *rows, bool *ret_row);
void db_end(struct db_tx *tx, struct db_rows *rows);
/* Statement without rows; ret_changes may be NULL. */
MUST_USE enum err db_exec(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, int64_t *ret_changes);
/* The same for a statement whose end nobody waits for, so that a database server can be sent many in one go: a failure may be that of a later
 * call in this transaction, and comes at the latest with the end of the write, which it fails. `add_changes` (may be NULL) is added to when the
 * answer comes, until the write's function returns: read it after db_settle. Arguments are copied. */
MUST_USE enum err db_exec_later(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, int64_t *add_changes);
/* Waits for all of these: their failure is told now, their changes are counted. */
MUST_USE enum err db_settle(struct op *op, struct db_tx *tx);
int64_t db_last_id(struct db_tx *tx);
/* First row into `ret_vals` (texts and blobs copied to op's arena); E_NOT_FOUND when there is none. */
MUST_USE enum err db_query_one(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, struct db_val *ret_vals, size_t n_vals);

/* Columns of the present row. Text views die with the next step: db_col_dup keeps one. */
bool db_col_null(struct db_tx *tx, struct db_rows *rows, int i);
int64_t db_col_i64(struct db_tx *tx, struct db_rows *rows, int i); /* NULL: 0 */
double db_col_f64(struct db_tx *tx, struct db_rows *rows, int i);  /* NULL: 0 */
struct str db_col_str(struct db_tx *tx, struct db_rows *rows, int i);
struct str db_col_dup(struct op *op, struct db_tx *tx, struct db_rows *rows, int i);

#define DB_ARGS(...) (const struct db_val[]){__VA_ARGS__}, (sizeof((const struct db_val[]){__VA_ARGS__}) / sizeof(struct db_val))
#define DB_NO_ARGS NULL, 0

#endif
