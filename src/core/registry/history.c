#include "core/registry/history.h"

#include "base/vec.h"
#include "core/track/store.h"
#include "sql_gen.h"

enum err registry_model_row(struct op *op, struct db_tx *tx, struct str name, int64_t *ret)
{
    struct db_val v[5];
    enum err e = db_query_one(op, tx, &sql_registry_model_by_name, DB_ARGS(DB_TEXT(name)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return op_fail(op, E_NOT_FOUND, "Registered Model with name=%.*s not found", STR_FMT(name));
    }
    if (!e)
        *ret = v[0].i;
    return e;
}

static struct db_val text_or_null(struct str s)
{
    return s.p ? DB_TEXT(s) : DB_NULL;
}

enum err registry_history_add(struct op *op, struct db_tx *tx, struct str model, const char *kind, struct str subject, struct str old_value, struct str new_value)
{
    enum err e = db_exec(op, tx, &sql_registry_history_insert,
                         DB_ARGS(DB_I64(op->now_us), DB_TEXT(op->actor.name), DB_TEXT(model), DB_TEXT(str_from(kind)),
                                 DB_TEXT(subject), text_or_null(old_value), text_or_null(new_value)), NULL);
    if (e)
        return e;
    struct track_kv detail[] = {{str_from(kind), subject}, {STR("from"), old_value}, {STR("to"), new_value}};
    return store_audit(op, tx, op_printf(op, "%s.%s", kind, new_value.p ? "set" : "delete"), "model", model, detail,
                       ARRAY_LEN(detail));
}

struct list_arg {
    struct str model;
    VEC(struct registry_change) v;
};

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_arg *a = arg;
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_registry_history_of_model, DB_ARGS(DB_TEXT(a->model)), &rows);
    if (e)
        return e;
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct registry_change *c = store_room(op, 0) ? NULL : vec_push(&a->v, op->arena);
        if (!c) {
            e = op_fail(op, E_TOO_LARGE, "the history does not fit in memory");
            break;
        }
        *c = (struct registry_change){
            .time_us = db_col_i64(tx, rows, 1),
            .actor = db_col_dup(op, tx, rows, 2),
            .kind = db_col_dup(op, tx, rows, 3),
            .subject = db_col_dup(op, tx, rows, 4),
        };
        if (!db_col_null(tx, rows, 5))
            c->old_value = db_col_dup(op, tx, rows, 5);
        if (!db_col_null(tx, rows, 6))
            c->new_value = db_col_dup(op, tx, rows, 6);
    }
    db_end(tx, rows);
    return e;
}

enum err registry_history_list(struct op *op, struct db *db, struct str model, struct registry_change **ret, size_t *ret_len)
{
    struct list_arg a = {.model = model};
    enum err e = db_read(op, db, list_tx, &a);
    if (e)
        return e;
    *ret = a.v.p;
    *ret_len = a.v.len;
    return OK;
}
