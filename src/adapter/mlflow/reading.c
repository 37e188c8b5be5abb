#include "adapter/mlflow/reading.h"

#include <inttypes.h>

#include "base/vec.h"

enum err reading_no_room(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "what belongs to one object does not fit in memory");
}

struct str reading_text_or_none(struct op *op, struct db_tx *tx, struct db_rows *rows, int i)
{
    return db_col_null(tx, rows, i) ? (struct str){0} : db_col_dup(op, tx, rows, i);
}

bool reading_is_deleted(struct db_tx *tx, struct db_rows *rows, int i)
{
    return str_eq(db_col_str(tx, rows, i), STR("deleted"));
}

struct str reading_number(struct op *op, int64_t v)
{
    return str_from(op_printf(op, "%" PRId64, v));
}

enum err reading_kvs(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, struct origin_kvs *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, sql, args, n, &rows);
    VEC(struct origin_kv) v = {0};
    bool row = false;
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct origin_kv *kv = arena_left(op->arena) > MLFLOW_ROW_BYTES ? vec_push(&v, op->arena) : NULL;
        if (!kv) {
            e = reading_no_room(op);
            break;
        }
        struct db_val value = tx->ops->column(rows, 1);
        *kv = (struct origin_kv){db_col_dup(op, tx, rows, 0), value.type == DB_TYPE_I64 ? reading_number(op, value.i) : db_col_dup(op, tx, rows, 1)};
    }
    db_end(tx, rows);
    *ret = (struct origin_kvs){v.p, v.len};
    return e;
}

enum err reading_page(struct mlflow_db *m, struct op *op, struct str *cursor, db_fn fn, void **ret, size_t *ret_n)
{
    struct reading r = {.m = m, .cursor = cursor};
    enum err e = db_read(op, m->db, fn, &r);
    *ret = r.items;
    *ret_n = r.n;
    return e;
}
