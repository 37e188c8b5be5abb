#include "core/registry/approval.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/registry/history.h"
#include "core/registry/move.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>

static const char *const verdict_names[] = {"comment", "approve", "reject", "cancel"};

enum err registry_verdict_parse(struct op *op, struct str text, enum registry_verdict *ret)
{
    for (unsigned i = 0; i < ARRAY_LEN(verdict_names); i++) {
        if (str_eqc(text, verdict_names[i])) {
            *ret = (enum registry_verdict)i;
            return OK;
        }
    }
    return op_fail_field(op, "action", "action must be one of approve, reject, cancel, comment, not '%.*s'", STR_FMT(str_sub(text, 0, 100)));
}

static enum err audit(struct op *op, struct db_tx *tx, const char *verb, const struct registry_approval *a, struct str comment)
{
    struct track_kv detail[] = {{STR("approval"), str_from(op_printf(op, "%" PRId64, a->id))},
                                {a->kind, a->subject},
                                {STR("version"), str_from(op_printf(op, "%" PRId64, a->version))},
                                {STR("from"), a->old_value},
                                {STR("requested_by"), a->requested_by},
                                {STR("reason"), a->reason},
                                {STR("comment"), comment}};
    return store_audit(op, tx, verb, "model", a->model, detail, ARRAY_LEN(detail));
}

enum err registry_approval_open(struct op *op, struct db_tx *tx, const struct registry_approval *wish, const struct registry_policy *p, int64_t *ret_id, int64_t *ret_expires_us)
{
    struct db_val v[2];
    struct registry_approval a = *wish;
    enum err e = db_query_one(op, tx, &sql_registry_approval_same,
                              DB_ARGS(DB_I64(a.model_row), DB_TEXT(a.kind), DB_TEXT(a.subject), DB_I64(a.version), DB_TEXT(a.old_value),
                                      DB_I64(a.archive_others), DB_TEXT(op->actor.name), DB_I64(op->now_us)), v, ARRAY_LEN(v));
    if (e != E_NOT_FOUND) {
        *ret_id = e ? 0 : v[0].i;
        *ret_expires_us = e ? 0 : v[1].i;
        return e;
    }
    op_clear(op);
    a.requested_by = op->actor.name;
    a.expires_us = op->now_us + p->ttl_us;
    e = db_exec(op, tx, &sql_registry_approval_insert,
                DB_ARGS(DB_I64(a.model_row), DB_TEXT(a.model), DB_TEXT(a.kind), DB_TEXT(a.subject), DB_I64(a.version), DB_TEXT(a.old_value),
                        DB_I64(a.archive_others), DB_TEXT(op->actor.name), DB_I64(op->now_us), DB_I64(a.expires_us), DB_TEXT(a.reason),
                        DB_TEXT(op->request_id.p ? op->request_id : STR(""))), NULL);
    if (e)
        return e;
    a.id = *ret_id = db_last_id(tx);
    *ret_expires_us = a.expires_us;
    return audit(op, tx, "approval.request", &a, STR(""));
}

static struct registry_approval row_read(struct op *op, struct db_tx *tx, struct db_rows *rows)
{
    struct registry_approval a = {
        .id = db_col_i64(tx, rows, 0),
        .model_row = db_col_i64(tx, rows, 1),
        .model = db_col_dup(op, tx, rows, 2),
        .kind = db_col_dup(op, tx, rows, 3),
        .subject = db_col_dup(op, tx, rows, 4),
        .version = db_col_i64(tx, rows, 5),
        .old_value = db_col_dup(op, tx, rows, 6),
        .archive_others = db_col_i64(tx, rows, 7) != 0,
        .state = db_col_dup(op, tx, rows, 8),
        .requested_by = db_col_dup(op, tx, rows, 9),
        .requested_us = db_col_i64(tx, rows, 10),
        .expires_us = db_col_i64(tx, rows, 11),
        .reason = db_col_dup(op, tx, rows, 12),
        .request_id = db_col_dup(op, tx, rows, 13),
        .decided_by = db_col_dup(op, tx, rows, 14),
        .decided_us = db_col_i64(tx, rows, 15),
    };
    if (str_eqc(a.state, "pending") && a.expires_us <= op->now_us)
        a.state = STR("expired");
    return a;
}

struct approvals_arg {
    const struct registry_approval_query *q;
    int64_t id;
    enum registry_verdict verdict;
    struct str comment;
    struct registry_approval out;
    VEC(struct registry_approval) list;
};

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct approvals_arg *a = arg;
    const struct registry_approval_query *q = a->q;
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_registry_approval_list,
                          DB_ARGS(DB_TEXT(q->model.p ? q->model : STR("")), DB_I64(q->pending), DB_I64(op->now_us),
                                  DB_I64(q->before ? q->before : INT64_MAX), DB_I64((int64_t)q->limit)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct registry_approval *slot = store_room(op, 0) ? NULL : vec_push(&a->list, op->arena);
        if (!slot) {
            e = op_fail(op, E_TOO_LARGE, "the requests do not fit in memory");
            break;
        }
        *slot = row_read(op, tx, rows);
    }
    db_end(tx, rows);
    return e;
}

enum err registry_approval_list(struct op *op, struct db *db, const struct registry_approval_query *q, struct registry_approval **ret, size_t *ret_len)
{
    struct approvals_arg a = {.q = q};
    if (q->limit < 1 || q->limit > LIMIT_REGISTRY_HISTORY_PAGE)
        return op_fail_field(op, "limit", "a page of requests has 1 to %d rows", LIMIT_REGISTRY_HISTORY_PAGE);
    enum err e = db_read(op, db, list_tx, &a);
    if (e)
        return e;
    *ret = a.list.p;
    *ret_len = a.list.len;
    return OK;
}

static enum err notes_load(struct op *op, struct db_tx *tx, struct registry_approval *a)
{
    VEC(struct registry_approval_note) v = {0};
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_registry_approval_notes, DB_ARGS(DB_I64(a->id)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct registry_approval_note *n = store_room(op, 0) ? NULL : vec_push(&v, op->arena);
        if (!n) {
            e = op_fail(op, E_TOO_LARGE, "the comments do not fit in memory");
            break;
        }
        *n = (struct registry_approval_note){db_col_i64(tx, rows, 0), db_col_dup(op, tx, rows, 1), db_col_dup(op, tx, rows, 2),
                                             db_col_dup(op, tx, rows, 3)};
    }
    db_end(tx, rows);
    a->notes = v.p;
    a->note_count = v.len;
    return e;
}

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct approvals_arg *a = arg;
    struct db_rows *rows = NULL;
    bool found = false;
    enum err e = db_query(op, tx, &sql_registry_approval_get, DB_ARGS(DB_I64(a->id)), &rows);
    if (e)
        return e;
    e = db_step(op, tx, rows, &found);
    if (!e && found)
        a->out = row_read(op, tx, rows);
    db_end(tx, rows);
    if (e)
        return e;
    return found ? notes_load(op, tx, &a->out) : op_fail(op, E_NOT_FOUND, "there is no request %" PRId64, a->id);
}

enum err registry_approval_get(struct op *op, struct db *db, int64_t id, struct registry_approval *ret)
{
    struct approvals_arg a = {.id = id};
    enum err e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = a.out;
    return e;
}

static enum err note_add(struct op *op, struct db_tx *tx, const struct approvals_arg *a)
{
    struct db_val n;
    if (!a->comment.len && a->verdict == REGISTRY_COMMENT)
        return op_fail_field(op, "comment", "a comment needs a text");
    enum err e = db_query_one(op, tx, &sql_registry_approval_note_count, DB_ARGS(DB_I64(a->id)), &n, 1);
    if (!e && a->verdict == REGISTRY_COMMENT && n.i >= LIMIT_REGISTRY_APPROVAL_NOTES) /* no number of comments hinders the decision */
        return op_fail(op, E_TOO_LARGE, "a request takes at most %d comments", LIMIT_REGISTRY_APPROVAL_NOTES);
    return e ? e : db_exec(op, tx, &sql_registry_approval_note_insert,
                           DB_ARGS(DB_I64(a->id), DB_I64(n.i + 1), DB_I64(op->now_us), DB_TEXT(op->actor.name),
                                   DB_TEXT(str_from(verdict_names[a->verdict])), DB_TEXT(a->comment.p ? a->comment : STR(""))), NULL);
}

static enum err check_who(struct op *op, struct db_tx *tx, const struct approvals_arg *a)
{
    const struct registry_approval *r = &a->out;
    struct registry_policy p;
    bool asker = str_eq(r->requested_by, op->actor.name);
    enum err e = registry_policy_find(op, tx, r->model_row, &p);
    if (e)
        return e;
    if (a->verdict == REGISTRY_APPROVE && asker && !p.self_approval)
        return op_fail(op, E_DENIED, "request %" PRId64 " was made by '%.*s': another person must approve it", r->id, STR_FMT(op->actor.name));
    if (a->verdict == REGISTRY_CANCEL && !asker)
        return op_fail(op, E_DENIED, "request %" PRId64 " was made by '%.*s': only they can cancel it; reject it instead", r->id,
                       STR_FMT(r->requested_by));
    return OK;
}

/* Makes the move, if what it replaces is what the request saw. */
static enum err carry_out(struct op *op, struct db_tx *tx, const struct registry_approval *r)
{
    struct registry_move m = {.model = r->model, .version = r->version, .archive_others = r->archive_others,
                              .action = REGISTRY_MOVE_APPROVED, .approval = r->id, .reason = r->reason, .expected = r->old_value};
    enum err e = OK;
    if (str_eqc(r->kind, "alias"))
        m.alias = r->subject;
    else
        e = registry_stage_parse(op, r->subject, &m.stage);
    return e ? e : registry_move_make(op, tx, &m);
}

static enum err decide_tx(struct op *op, struct db_tx *tx, void *arg)
{
    static const char *const states[] = {"pending", "approved", "rejected", "cancelled"};
    struct approvals_arg *a = arg;
    const struct registry_approval *r = &a->out;
    enum err e = get_tx(op, tx, a);
    if (!e && a->verdict != REGISTRY_COMMENT) {
        if (!str_eqc(r->state, "pending"))
            return op_fail(op, E_CONFLICT, "request %" PRId64 " is %.*s", r->id, STR_FMT(r->state));
        e = check_who(op, tx, a);
        if (!e && a->verdict == REGISTRY_APPROVE)
            e = carry_out(op, tx, r);
        if (!e)
            e = db_exec(op, tx, &sql_registry_approval_close,
                        DB_ARGS(DB_I64(r->id), DB_TEXT(str_from(states[a->verdict])), DB_TEXT(op->actor.name), DB_I64(op->now_us)), NULL);
    }
    if (!e)
        e = note_add(op, tx, a);
    if (!e)
        e = audit(op, tx, op_printf(op, "approval.%s", verdict_names[a->verdict]), r, a->comment);
    return e ? e : get_tx(op, tx, a);
}

enum err registry_approval_decide(struct op *op, struct db *db, int64_t id, enum registry_verdict verdict, struct str comment, struct registry_approval *ret)
{
    struct approvals_arg a = {.id = id, .verdict = verdict, .comment = comment};
    enum err e = names_check_length(op, "comment", comment, LIMIT_REGISTRY_REASON);
    if (!e)
        e = db_write(op, db, decide_tx, &a);
    if (!e)
        *ret = a.out;
    return e;
}
