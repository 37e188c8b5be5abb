#include "core/alert/alert.h"

#include <math.h>

#include "base/vec.h"
#include "core/track/store.h"
#include "sql_gen.h"

struct list_call {
    struct str rule;
    enum alert_which which;
    int64_t before;
    size_t limit;
    VEC(struct alert) v;
};

static void load_alert(struct op *op, struct db_tx *tx, struct db_rows *rows, struct alert *x)
{
    *x = (struct alert){
        .row = db_col_i64(tx, rows, 0),
        .rule = db_col_dup(op, tx, rows, 1),
        .kind = (enum alert_kind)db_col_i64(tx, rows, 2),
        .run_id = db_col_dup(op, tx, rows, 3),
        .experiment = db_col_i64(tx, rows, 4),
        .metric = db_col_dup(op, tx, rows, 5),
        .firing = db_col_i64(tx, rows, 6) != 0,
        .has_value = db_col_i64(tx, rows, 7) != 0,
        .value = db_col_i64(tx, rows, 9) ? (double)NAN : store_to_f64(db_col_i64(tx, rows, 8)),
        .step = db_col_i64(tx, rows, 10),
        .reason = db_col_dup(op, tx, rows, 11),
        .fired_us = db_col_i64(tx, rows, 12),
        .resolved_us = db_col_i64(tx, rows, 13),
    };
}

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_call *c = arg;
    struct db_rows *rows = NULL;
    struct db_val args[] = {DB_I64(c->before ? c->before : INT64_MAX), DB_I64(c->which == ALERTS_FIRING), DB_I64(c->which != ALERTS_RESOLVED),
                            DB_I64((int64_t)c->limit), DB_TEXT(c->rule)};
    bool more = false, all = c->rule.len == 0;
    enum err e = db_query(op, tx, all ? &sql_alert_list : &sql_alert_list_of_rule, args, all ? 4 : 5, &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct alert *x = store_room(op, 0) ? NULL : vec_push(&c->v, op->arena);
        if (!x) {
            e = op_fail(op, E_TOO_LARGE, "the alerts do not fit into memory: ask for fewer");
            break;
        }
        load_alert(op, tx, rows, x);
    }
    db_end(tx, rows);
    return e;
}

enum err alert_list(struct op *op, struct alerts *a, struct str rule, enum alert_which which, int64_t before, size_t limit, struct alert **ret, size_t *ret_len)
{
    struct list_call c = {.rule = rule, .which = which, .before = before, .limit = limit};
    enum err e = db_read(op, alerts_db(a), list_tx, &c);
    if (e)
        return e;
    *ret = c.v.p;
    *ret_len = c.v.len;
    return OK;
}
