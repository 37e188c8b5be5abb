#include "core/retention/rules.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/vec.h"
#include "core/track/run.h"
#include "sql_gen.h"

#define DAY_MS INT64_C(86400000)
#define DAYS_MAX 36500
#define PAGE 200

struct rule {
    int64_t experiment, days;
    bool purge;
};
struct reading {
    VEC(struct rule) rules;
    int64_t unreadable;
    /* A page of runs of one rule, in memory of its own. */
    const struct sql *sql;
    struct db_val args[4];
    size_t arg_count, n;
    struct str uuids[PAGE];
    int64_t last;
};

static enum err rules_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reading *r = arg;
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = db_query(op, tx, &sql_retention_rules, DB_NO_ARGS, &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct rule one = {.experiment = db_col_i64(tx, rows, 0), .purge = str_eq(db_col_str(tx, rows, 1), STR("ingot.retain_deleted_days"))};
        struct str text = db_col_str(tx, rows, 2);
        if (!str_parse_i64(text, &one.days) || one.days < 0 || one.days > DAYS_MAX) {
            r->unreadable++;
            log_at(LOG_WARN, "retention.tag", {"experiment", LOG_I(one.experiment)}, {"value", LOG_S(text)}, {"expected", LOG_C("whole days, 0 to 36500")});
            continue;
        }
        struct rule *slot = vec_push(&r->rules, op->arena);
        if (!slot) {
            e = op_fail(op, E_TOO_LARGE, "too many retention rules");
            break;
        }
        *slot = one;
    }
    db_end(tx, rows);
    return e;
}

static enum err runs_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reading *r = arg;
    struct db_rows *rows = NULL;
    bool row = false;
    r->n = 0;
    enum err e = db_query(op, tx, r->sql, r->args, r->arg_count, &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        r->last = db_col_i64(tx, rows, 0);
        r->uuids[r->n++] = db_col_dup(op, tx, rows, 1);
    }
    db_end(tx, rows);
    return e;
}

static void page_op(const struct op *op, struct arena *arena, struct op *ret)
{
    op_init(ret, arena);
    ret->actor = op->actor;
    ret->request_id = op->request_id;
    ret->now_us = op->now_us;
}

/* Deletes what has ended; what is deleted leaves the list, so that the first page is always the next one. */
static enum err rule_delete(struct op *op, struct db *db, const struct rule *rule, struct reading *r, struct rules_report *report)
{
    enum err e = OK;
    r->sql = &sql_retention_ended;
    r->args[0] = DB_I64(rule->experiment);
    r->args[1] = DB_I64(op->now_us / 1000 - rule->days * DAY_MS);
    r->args[2] = DB_I64(PAGE);
    r->arg_count = 3;
    do {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
        struct op page;
        page_op(op, arena, &page);
        e = db_read(&page, db, runs_tx, r);
        for (size_t i = 0; !e && i < r->n; i++) {
            if ((e = op_check_deadline(op)))
                break;
            e = track_run_delete(&page, db, r->uuids[i]);
            report->deleted += !e;
        }
        if (e)
            e = op_fail(op, e, "%s", page.msg ? page.msg : err_name(e));
    } while (!e && r->n == PAGE);
    return e;
}

static enum err rule_purge(struct op *op, struct db *db, const struct rule *rule, struct reading *r, struct rules_report *report)
{
    enum err e = OK;
    r->sql = &sql_retention_deleted_of;
    r->args[0] = DB_I64(rule->experiment);
    r->args[1] = DB_I64(op->now_us / 1000 - rule->days * DAY_MS);
    r->args[3] = DB_I64(PAGE);
    r->arg_count = 4;
    r->last = -1;
    do {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
        struct op page;
        struct purge_report purged = {0};
        page_op(op, arena, &page);
        r->args[2] = DB_I64(r->last);
        e = db_read(&page, db, runs_tx, r);
        if (!e && r->n)
            e = purge_run(&page, db, &(struct purge_plan){.runs = r->uuids, .run_count = r->n, .until_ms = op->deadline_ms}, &purged);
        report->purged += purged.runs;
        report->kept += purged.kept;
        if (e)
            e = op_fail(op, e, "%s", page.msg ? page.msg : err_name(e));
    } while (!e && r->n == PAGE);
    return e;
}

enum err retention_apply(struct op *op, struct db *db, struct rules_report *ret)
{
    struct rules_report report = {0};
    struct reading *r = op_new(op, struct reading);
    enum err e = db_read(op, db, rules_tx, r);
    report.unreadable = r->unreadable;
    for (size_t i = 0; i < r->rules.len; i++) {
        const struct rule *rule = &r->rules.p[i];
        enum err one = rule->purge ? rule_purge(op, db, rule, r, &report) : rule_delete(op, db, rule, r, &report);
        if (!one)
            continue;
        if (one == E_TIMEOUT && op_check_deadline(op)) {
            e = one;
            break;
        }
        /* One experiment's trouble is not the others'. */
        log_at(LOG_ERROR, "retention.failed", {"experiment", LOG_I(rule->experiment)}, {"error", LOG_C(op->msg)});
        e = e ? e : one;
    }
    *ret = report;
    return e;
}
