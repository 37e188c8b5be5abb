#include "core/registry/model_list.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/store.h"
#include "sql_gen.h"

struct list_arg {
    struct db *db;
    const struct registry_model_query *q;
    VEC(struct str) names;
    struct registry_model_row *rows;
    bool more;
};

static bool contains(struct str text, struct str part)
{
    for (size_t i = 0; part.len && i + part.len <= text.len; i++) {
        if (str_ieq(str_sub(text, i, part.len), part))
            return true;
    }
    return !part.len;
}

static enum err is_prompt(struct op *op, struct db_tx *tx, struct str name, bool *ret)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &sql_registry_model_is_prompt, DB_ARGS(DB_TEXT(name)), &v, 1);
    *ret = e == OK;
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    return e;
}

/* Names first: no statement stays open while the rows are filled. */
static enum err names_read(struct op *op, struct db_tx *tx, struct list_arg *a)
{
    struct db_rows *rows = NULL;
    bool more = false, prompt = false;
    enum err e = db_query(op, tx, &sql_registry_model_after, DB_ARGS(DB_TEXT(a->q->after)), &rows);
    if (e)
        return e;
    while (!a->more && !(e = db_step(op, tx, rows, &more)) && more) {
        struct str name = db_col_str(tx, rows, 0);
        if (!contains(name, a->q->search) || (e = is_prompt(op, tx, name, &prompt)) || prompt) {
            if (e)
                break;
            continue;
        }
        if (a->names.len == a->q->limit) {
            a->more = true;
            break;
        }
        struct str *slot = store_room(op, 0) ? NULL : vec_push(&a->names, op->arena);
        if (!slot) {
            e = op_fail(op, E_TOO_LARGE, "the page does not fit in memory: lower limit");
            break;
        }
        *slot = str_dup(op->arena, name);
    }
    db_end(tx, rows);
    return e;
}

/* Endpoints that answer with a model, in the order of their names. */
static enum err served_list(struct op *op, struct db_tx *tx, struct str model, struct registry_served **ret, size_t *ret_len)
{
    VEC(struct registry_served) v = {0};
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_registry_model_endpoints, DB_ARGS(DB_TEXT(model), DB_I64(LIMIT_REGISTRY_LIST_ENDPOINTS)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct registry_served *s = store_room(op, 0) ? NULL : vec_push(&v, op->arena);
        if (!s) {
            e = op_fail(op, E_TOO_LARGE, "too many endpoints to hold in memory");
            break;
        }
        *s = (struct registry_served){db_col_dup(op, tx, rows, 0), db_col_i64(tx, rows, 1)};
    }
    db_end(tx, rows);
    *ret = v.p;
    *ret_len = v.len;
    return e;
}

static enum err facts_read(struct op *op, struct db_tx *tx, int64_t model_row, struct registry_model_row *r)
{
    struct db_val v[3];
    enum err e = db_query_one(op, tx, &sql_registry_model_facts, DB_ARGS(DB_I64(model_row), DB_I64(op->now_us)), v, ARRAY_LEN(v));
    if (e)
        return e;
    r->versions = v[0].i;
    r->waiting = v[1].i;
    r->owner = v[2].type == DB_TYPE_TEXT ? v[2].s : STR("");
    return served_list(op, tx, r->name, &r->served, &r->served_count);
}

/* `db` is the transaction's: reads inside it see its snapshot. */
static enum err row_read(struct op *op, struct db *db, struct db_tx *tx, struct str name, struct registry_model_row *ret)
{
    struct registry_model m;
    enum err e = registry_model_get(op, db, name, &m);
    if (e)
        return e;
    *ret = (struct registry_model_row){.name = m.name, .description = m.description, .created_ms = m.created_ms, .updated_ms = m.updated_ms,
                                       .aliases = m.aliases, .alias_count = m.alias_count};
    for (size_t i = 0; i < m.latest_count; i++) {
        const struct registry_version *v = &m.latest[i];
        if (v->version > ret->newest.version)
            ret->newest = *v;
        if (v->stage != REGISTRY_STAGE_NONE)
            ret->staged[v->stage] = v->version;
    }
    return facts_read(op, tx, m.row, ret);
}

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_arg *a = arg;
    enum err e = names_read(op, tx, a);
    if (e)
        return e;
    a->rows = arena_array(op->arena, a->names.len + 1, struct registry_model_row);
    if (!a->rows)
        return op_fail(op, E_TOO_LARGE, "the page does not fit in memory: lower limit");
    for (size_t i = 0; !e && i < a->names.len; i++)
        e = store_room(op, 0) ? op_fail(op, E_TOO_LARGE, "the page does not fit in memory: lower limit") : row_read(op, a->db, tx, a->names.p[i], &a->rows[i]);
    return e;
}

enum err registry_model_list(struct op *op, struct db *db, const struct registry_model_query *q, struct registry_model_row **ret, size_t *ret_len, bool *ret_more)
{
    struct list_arg a = {.db = db, .q = q};
    enum err e = db_read(op, db, list_tx, &a);
    if (e)
        return e;
    *ret = a.rows;
    *ret_len = a.names.len;
    *ret_more = a.more;
    return OK;
}

struct one_arg {
    struct db *db;
    struct str name;
    struct registry_model_row row;
};

static enum err one_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct one_arg *a = arg;
    return row_read(op, a->db, tx, a->name, &a->row);
}

enum err registry_model_row_get(struct op *op, struct db *db, struct str name, struct registry_model_row *ret)
{
    struct one_arg a = {.db = db, .name = name};
    enum err e = db_read(op, db, one_tx, &a);
    if (!e)
        *ret = a.row;
    return e;
}
