#include "core/track/dataset_list.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/store.h"
#include "sql_gen.h"

struct list_arg {
    const struct dataset_list_query *q;
    VEC(struct dataset_item) items;
    bool more;
};
struct get_arg {
    struct str name, digest;
    struct dataset_details out;
};

static bool contains(struct str text, struct str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (str_ieq(str_sub(text, i, part.len), part))
            return true;
    }
    return false;
}

/* Looks at `max` uses. */
static enum err facts_read(struct op *op, struct db_tx *tx, int64_t max, struct dataset_item *d)
{
    struct db_val v[5];
    enum err e = db_query_one(op, tx, &sql_dataset_facts, DB_ARGS(DB_TEXT(d->digest), DB_TEXT(d->name), DB_I64(max)), v, ARRAY_LEN(v));
    if (e)
        return e;
    d->source_type = v[0].type == DB_TYPE_TEXT ? v[0].s : STR("");
    d->runs = v[1].i;
    d->first_ms = v[2].type == DB_TYPE_I64 ? v[2].i : 0;
    d->last_ms = v[3].type == DB_TYPE_I64 ? v[3].i : 0;
    d->more_runs = v[4].i >= max;
    return OK;
}

static enum err names_read(struct op *op, struct db_tx *tx, struct list_arg *a)
{
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_dataset_after, DB_ARGS(DB_TEXT(a->q->name), DB_TEXT(a->q->digest)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct str name = db_col_str(tx, rows, 0), digest = db_col_str(tx, rows, 1);
        if (!contains(name, a->q->search) && !contains(digest, a->q->search))
            continue;
        if (a->items.len == a->q->limit) {
            a->more = true;
            break;
        }
        struct dataset_item *d = store_room(op, name.len + digest.len) ? NULL : vec_push(&a->items, op->arena);
        if (!d) {
            e = op_fail(op, E_TOO_LARGE, "the page does not fit in memory: lower limit");
            break;
        }
        *d = (struct dataset_item){.name = str_dup(op->arena, name), .digest = str_dup(op->arena, digest)};
    }
    db_end(tx, rows);
    return e;
}

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_arg *a = arg;
    enum err e = names_read(op, tx, a);
    for (size_t i = 0; !e && i < a->items.len; i++)
        e = facts_read(op, tx, LIMIT_DATASET_COUNTED, &a->items.p[i]);
    return e;
}

enum err dataset_list(struct op *op, struct db *db, const struct dataset_list_query *q, struct dataset_item **ret, size_t *ret_len, bool *ret_more)
{
    struct list_arg a = {.q = q};
    enum err e = db_read(op, db, list_tx, &a);
    if (e)
        return e;
    *ret = a.items.p;
    *ret_len = a.items.len;
    *ret_more = a.more;
    return OK;
}

static enum err uses_read(struct op *op, struct db_tx *tx, struct get_arg *a)
{
    VEC(struct dataset_use) v = {0};
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_dataset_runs, DB_ARGS(DB_TEXT(a->digest), DB_TEXT(a->name), DB_I64(LIMIT_DATASET_RUNS)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct dataset_use *u = store_room(op, 0) ? NULL : vec_push(&v, op->arena);
        if (!u) {
            e = op_fail(op, E_TOO_LARGE, "too many runs to hold in memory");
            break;
        }
        *u = (struct dataset_use){.run_id = db_col_dup(op, tx, rows, 0), .run = db_col_dup(op, tx, rows, 1),
                                  .status = (enum track_run_status)db_col_i64(tx, rows, 2), .start_ms = db_col_i64(tx, rows, 3),
                                  .experiment_id = db_col_i64(tx, rows, 4), .experiment = db_col_dup(op, tx, rows, 5),
                                  .context = db_col_dup(op, tx, rows, 6)};
    }
    db_end(tx, rows);
    a->out.uses = v.p;
    a->out.use_count = v.len;
    return e;
}

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct get_arg *a = arg;
    struct db_val v[3];
    enum err e = db_query_one(op, tx, &sql_dataset_show, DB_ARGS(DB_TEXT(a->digest), DB_TEXT(a->name)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return op_fail(op, E_NOT_FOUND, "no run read a dataset '%.*s' with digest '%.*s'", STR_FMT(str_sub(a->name, 0, 200)), STR_FMT(str_sub(a->digest, 0, 100)));
    }
    if (e)
        return e;
    a->out.item = (struct dataset_item){.name = a->name, .digest = a->digest};
    a->out.source = v[0].type == DB_TYPE_TEXT ? v[0].s : (struct str){0};
    a->out.schema = v[1].type == DB_TYPE_TEXT ? v[1].s : (struct str){0};
    a->out.profile = v[2].type == DB_TYPE_TEXT ? v[2].s : (struct str){0};
    e = facts_read(op, tx, INT64_MAX, &a->out.item);
    return e ? e : uses_read(op, tx, a);
}

enum err dataset_get(struct op *op, struct db *db, struct str name, struct str digest, struct dataset_details *ret)
{
    struct get_arg a = {.name = name, .digest = digest};
    enum err e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = a.out;
    return e;
}
