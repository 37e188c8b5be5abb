/* Rows carry the model's name as it was, so that they outlive it. A rename leaves a row of kind "name" under the new
 * name; a reader who meets it goes on under the old one, with older rows only: what another model of that name did later, or one of
 * the new name did earlier, is not this model's. A deletion leaves a row of kind "model"; what is older belongs to a model that is gone. */
#include "core/registry/history.h"

#include "base/limits.h"
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

enum err registry_reason_check(struct op *op)
{
    if (memchr(op->reason.len ? op->reason.p : "", 0, op->reason.len) || !str_is_utf8(op->reason))
        return op_fail_field(op, "reason", "the reason is no text");
    return names_check_length(op, "reason", op->reason, LIMIT_REGISTRY_REASON);
}

static struct db_val text_or_null(struct str s)
{
    return s.p ? DB_TEXT(s) : DB_NULL;
}

static struct str text_or(struct str s, struct str dflt)
{
    return s.p ? s : dflt.p ? dflt : STR("");
}

enum err registry_history_note(struct op *op, struct db_tx *tx, struct str model, const struct registry_change *c)
{
    struct str none = STR("");
    return db_exec(op, tx, &sql_registry_history_insert,
                   DB_ARGS(DB_I64(op->now_us), DB_TEXT(op->actor.name), DB_TEXT(model), DB_TEXT(c->kind), DB_TEXT(text_or(c->subject, none)),
                           text_or_null(c->old_value), text_or_null(c->new_value), DB_TEXT(text_or(c->action, none)),
                           DB_TEXT(text_or(c->reason, op->reason)), DB_TEXT(text_or(op->request_id, none)), DB_I64(c->approval)), NULL);
}

enum err registry_history_add(struct op *op, struct db_tx *tx, struct str model, const struct registry_change *c)
{
    enum err e = registry_history_note(op, tx, model, c);
    if (e)
        return e;
    struct track_kv detail[6] = {{c->kind, text_or(c->subject, STR(""))}, {STR("from"), c->old_value}, {STR("to"), c->new_value}};
    size_t n = 3;
    struct str reason = text_or(c->reason, op->reason);
    if (reason.len)
        detail[n++] = (struct track_kv){STR("reason"), reason};
    if (c->action.len)
        detail[n++] = (struct track_kv){STR("action"), c->action};
    if (c->approval)
        detail[n++] = (struct track_kv){STR("approval"), str_from(op_printf(op, "%lld", (long long)c->approval))};
    return store_audit(op, tx, op_printf(op, "%.*s.%s", STR_FMT(c->kind), c->new_value.p ? "set" : "delete"), "model", model, detail, n);
}

static struct str col_text(struct op *op, struct db_tx *tx, struct db_rows *rows, int i)
{
    return db_col_null(tx, rows, i) ? (struct str){0} : db_col_dup(op, tx, rows, i);
}

static struct registry_change row_read(struct op *op, struct db_tx *tx, struct db_rows *rows)
{
    return (struct registry_change){
        .id = db_col_i64(tx, rows, 0),
        .time_us = db_col_i64(tx, rows, 1),
        .actor = col_text(op, tx, rows, 2),
        .kind = col_text(op, tx, rows, 3),
        .subject = col_text(op, tx, rows, 4),
        .old_value = col_text(op, tx, rows, 5),
        .new_value = col_text(op, tx, rows, 6),
        .action = col_text(op, tx, rows, 7),
        .reason = col_text(op, tx, rows, 8),
        .request_id = col_text(op, tx, rows, 9),
        .approval = db_col_i64(tx, rows, 10),
    };
}

struct walk {
    struct str model;    /* its name in the rows that come now */
    int64_t below;       /* only rows older than this are the model's */
    int64_t before;      /* only rows older than this are wanted */
    registry_history_fn fn;
    void *arg;
    bool go_on, renamed;
};

static enum err walk_row(struct op *op, struct db_tx *tx, struct db_rows *rows, struct walk *k)
{
    k->renamed = str_eqc(db_col_str(tx, rows, 3), "name");
    bool wanted = db_col_i64(tx, rows, 0) < k->before;
    if (!wanted && !k->renamed)
        return OK;
    enum err e = store_room(op, 0);
    if (e)
        return e;
    struct registry_change c = row_read(op, tx, rows);
    if (k->renamed) {
        k->model = c.old_value;
        k->below = c.id;
    }
    return wanted ? k->fn(op, k->arg, &c, &k->go_on) : OK;
}

enum err registry_history_each(struct op *op, struct db_tx *tx, struct str model, int64_t before, registry_history_fn fn, void *arg)
{
    struct walk k = {.model = model, .below = INT64_MAX, .before = before ? before : INT64_MAX, .fn = fn, .arg = arg, .go_on = true};
    enum err e = OK;
    do { /* once per name that the model had */
        struct db_rows *rows = NULL;
        bool more = true;
        k.renamed = false;
        e = db_query(op, tx, &sql_registry_history_of_model, DB_ARGS(DB_TEXT(k.model), DB_I64(k.below)), &rows);
        while (!e && k.go_on && !k.renamed && !(e = db_step(op, tx, rows, &more)) && more)
            e = walk_row(op, tx, rows, &k);
        if (rows)
            db_end(tx, rows);
    } while (!e && k.go_on && k.renamed);
    return e;
}

struct list_arg {
    const struct registry_history_query *q;
    VEC(struct registry_change) v;
};

static enum err list_one(struct op *op, void *arg, const struct registry_change *c, bool *ret_go_on)
{
    struct list_arg *a = arg;
    const struct registry_history_query *q = a->q;
    if ((q->kind.len && !str_eq(q->kind, c->kind)) || (q->subject.len && !str_eq(q->subject, c->subject)))
        return OK;
    struct registry_change *slot = vec_push(&a->v, op->arena);
    if (!slot)
        return op_fail(op, E_TOO_LARGE, "the history does not fit in memory");
    *slot = *c;
    *ret_go_on = a->v.len < q->limit;
    return OK;
}

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_arg *a = arg;
    return registry_history_each(op, tx, a->q->model, a->q->before, list_one, a);
}

enum err registry_history_list(struct op *op, struct db *db, const struct registry_history_query *q, struct registry_change **ret, size_t *ret_len)
{
    struct list_arg a = {.q = q};
    if (q->limit < 1 || q->limit > LIMIT_REGISTRY_HISTORY_PAGE)
        return op_fail_field(op, "limit", "a page of history has 1 to %d rows", LIMIT_REGISTRY_HISTORY_PAGE);
    enum err e = db_read(op, db, list_tx, &a);
    if (e)
        return e;
    *ret = a.v.p;
    *ret_len = a.v.len;
    return OK;
}
