#include "core/payload/store.h"

#include "sql_gen.h"

const struct log_files payload_files = {"payload log", &sql_payload_list, &sql_payload_get};

struct insert_arg {
    struct str endpoint;
    const struct log_file *file;
};

static enum err insert_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct insert_arg *a = arg;
    const struct log_file *x = a->file;
    return db_exec(op, tx, &sql_payload_insert,
                   DB_ARGS(DB_TEXT(a->endpoint), DB_I64(x->start_us), DB_I64(x->end_us), DB_I64(x->rows), DB_I64((int64_t)x->size_bytes),
                           DB_BLOB(((struct str){(const char *)x->blob.sha256, sizeof x->blob.sha256})), DB_I64(x->expires_us)),
                   NULL);
}

enum err payload_insert(struct op *op, struct db *db, struct str endpoint, const struct log_file *file)
{
    struct insert_arg a = {endpoint, file};
    return db_write(op, db, insert_tx, &a);
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
