#include "core/rollout/history.h"

#include <math.h>

#include "base/limits.h"
#include "core/rollout/store.h"
#include "sql_gen.h"

const struct rollout_page rollout_page_newest = {INT64_MAX, LIMIT_ROLLOUT_LIST};

struct list_args {
    struct str endpoint;
    struct rollout_page page;
    struct json_out *w;
};

void rollout_bound_json(struct json_out *w, const char *key, struct db_tx *tx, struct db_rows *rows, int column)
{
    json_key(w, key);
    if (db_col_null(tx, rows, column))
        json_null(w);
    else
        json_f64(w, db_col_f64(tx, rows, column));
}

void rollout_decision_row_json(struct json_out *w, struct db_tx *tx, struct db_rows *rows)
{
    json_kv_i64(w, "seq", db_col_i64(tx, rows, 0));
    json_kv_i64(w, "at_us", db_col_i64(tx, rows, 1));
    json_kv_str(w, "verdict", db_col_str(tx, rows, 2));
    json_kv_str(w, "reason", db_col_str(tx, rows, 3));
    json_kv_i64(w, "from_permille", db_col_i64(tx, rows, 4));
    json_kv_i64(w, "to_permille", db_col_i64(tx, rows, 5));
    json_kv_i64(w, "step", db_col_i64(tx, rows, 6));
    rollout_bound_json(w, "diff", tx, rows, 8);
    rollout_bound_json(w, "lo", tx, rows, 9);
    rollout_bound_json(w, "hi", tx, rows, 10);
    json_kv_str(w, "note", db_col_str(tx, rows, 12));
}

static enum err list_decisions(struct op *op, struct db_tx *tx, int64_t id, struct json_out *w)
{
    struct db_rows *rows;
    enum err e = db_query(op, tx, &sql_rollout_decisions, DB_ARGS(DB_I64(id)), &rows);
    if (e)
        return e;
    bool row;
    json_begin_array(w);
    while (!w->buf->failed && !(e = db_step(op, tx, rows, &row)) && row) { /* there may be thousands, with much evidence */
        json_begin_object(w);
        rollout_decision_row_json(w, tx, rows);
        json_kv_i64(w, "step_started_us", db_col_i64(tx, rows, 7));
        json_key(w, "evidence");
        json_raw(w, db_col_str(tx, rows, 11));
        json_end_object(w);
    }
    json_end_array(w);
    db_end(tx, rows);
    return e;
}

static enum err list_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_args *a = arg;
    struct json_out *w = a->w;
    struct db_rows *rows;
    enum err e = db_query(op, tx, &sql_rollout_list, DB_ARGS(DB_TEXT(a->endpoint), DB_I64(a->page.before), DB_I64(a->page.limit)), &rows);
    if (e)
        return e;
    bool row;
    json_begin_array(w);
    while (!(e = db_step(op, tx, rows, &row)) && row) {
        json_begin_object(w);
        json_kv_i64(w, "id", db_col_i64(tx, rows, 0));
        json_kv_i64(w, "control", db_col_i64(tx, rows, 1));
        json_kv_i64(w, "candidate", db_col_i64(tx, rows, 2));
        json_kv_str(w, "state", db_col_str(tx, rows, 3));
        json_kv_i64(w, "step", db_col_i64(tx, rows, 4));
        json_kv_i64(w, "started_us", db_col_i64(tx, rows, 5));
        json_key(w, "finished_us");
        if (db_col_null(tx, rows, 6))
            json_null(w);
        else
            json_i64(w, db_col_i64(tx, rows, 6));
        json_key(w, "plan");
        json_raw(w, db_col_str(tx, rows, 7));
        json_key(w, "evidence");
        json_raw(w, db_col_str(tx, rows, 8));
        json_key(w, "paused");
        if (db_col_null(tx, rows, 9))
            json_null(w);
        else
            json_str(w, db_col_str(tx, rows, 9));
        json_key(w, "decisions");
        e = list_decisions(op, tx, db_col_i64(tx, rows, 0), w);
        json_end_object(w);
        if (!e && w->buf->failed)
            e = op_fail(op, E_TOO_LARGE, "these rollouts and their evidence do not fit in one answer: ask for fewer with limit, or for brief ones");
        if (e)
            break;
    }
    json_end_array(w);
    db_end(tx, rows);
    return e;
}

enum err rollout_list_json(struct op *op, struct db *db, struct str endpoint, const struct rollout_page *page, struct json_out *w)
{
    struct list_args a = {endpoint, page ? *page : rollout_page_newest, w};
    return db_read(op, db, list_read, &a);
}

/* ---- what the evidence says ---- */
struct report_args {
    struct str endpoint;
    int64_t id;
    struct json_out *w;
};

static void report_write(struct json_out *w, struct rollout_running *r, struct str state, int64_t now_us)
{
    json_begin_object(w);
    json_kv_i64(w, "id", r->id);
    json_kv_cstr(w, "kind", rollout_kind_name(r->plan.kind));
    json_kv_i64(w, "control", r->control);
    json_kv_i64(w, "candidate", r->candidate);
    json_kv_str(w, "state", state);
    json_key(w, "paused");
    if (r->paused.len)
        json_str(w, r->paused);
    else
        json_null(w);
    json_kv_i64(w, "step", r->pos.step);
    json_kv_i64(w, "step_started_us", r->pos.step_started_us);
    json_kv_i64(w, "decisions", r->decisions);
    json_key(w, "plan");
    rollout_plan_json(w, &r->plan);
    json_key(w, "report");
    if (r->shadow) {
        rollout_shadow_report_json(w, &r->plan, r->shadow);
    } else if (r->trial) {
        rollout_trial_report_json(w, &r->plan, r->trial, r->seed);
    } else {
        struct rollout_decision d = {.reason = "", .rollout_id = r->id, .control = r->control, .candidate = r->candidate};
        rollout_decide(&r->plan, &r->pos, &r->evidence, now_us, &d);
        rollout_decision_json(w, &d);
        if (r->plan.latency_quantile > 0) {
            json_key(w, "latency");
            rollout_quantile_json(w, &r->plan, &r->evidence.arm[ROLLOUT_ARM_CANDIDATE].latency, &r->evidence.arm[ROLLOUT_ARM_CONTROL].latency,
                                  rollout_latency_alpha(&r->plan));
        }
    }
    json_end_object(w);
}

static enum err report_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct report_args *a = arg;
    struct db_val v[11];
    enum err e = db_query_one(op, tx, &sql_rollout_by_id, DB_ARGS(DB_I64(a->id), DB_TEXT(a->endpoint)), v, 11);
    if (e)
        return op_context(op, "rollout %lld", (long long)a->id);
    struct json *j = NULL;
    struct rollout_running r = {.id = v[0].i, .control = v[1].i, .candidate = v[2].i, .seed = (uint64_t)v[3].i, .pos = {(int)v[5].i, v[6].i},
                                .decisions = v[8].i, .paused = v[9].type == DB_TYPE_NULL ? STR("") : v[9].s};
    e = json_parse(op, v[4].s, JSON_STRICT, &j);
    if (!e)
        e = rollout_plan_parse(op, j, &r.plan);
    if (!e)
        e = rollout_evidence_read(op, v[7].s, &r);
    if (!e && (r.pos.step < 0 || r.pos.step >= r.plan.step_count))
        e = op_fail(op, E_CORRUPT, "it stands at step %d of %d", r.pos.step, r.plan.step_count);
    if (e)
        return op_context(op, "rollout %lld", (long long)a->id);
    report_write(a->w, &r, v[10].s, op->now_us);
    return OK;
}

enum err rollout_report_json(struct op *op, struct db *db, struct str endpoint, int64_t rollout_id, struct json_out *w)
{
    struct report_args a = {endpoint, rollout_id, w};
    return db_read(op, db, report_read, &a);
}

/* ---- replay ---- */
struct replay_args {
    int64_t id;
    size_t decisions;
};

static bool same_number(struct db_tx *tx, struct db_rows *rows, int i, double v)
{
    return isfinite(v) ? !db_col_null(tx, rows, i) && db_col_f64(tx, rows, i) == v : db_col_null(tx, rows, i);
}

/* A decision that a person took, or that waited for one, followed from more than its evidence. */
static bool same_verdict(struct db_tx *tx, struct db_rows *rows, const struct rollout_decision *d)
{
    struct str verdict = db_col_str(tx, rows, 2), reason = db_col_str(tx, rows, 3);
    if (str_eqc(reason, ROLLOUT_BY_HAND))
        return true;
    if (str_eqc(reason, ROLLOUT_PAUSED))
        return str_eqc(verdict, "hold") && d->verdict != ROLLOUT_ROLLBACK && d->verdict != ROLLOUT_HOLD;
    return str_eqc(verdict, rollout_verdict_name(d->verdict)) && str_eqc(reason, d->reason) && db_col_i64(tx, rows, 5) == d->to_permille;
}

static enum err replay_one(struct op *op, struct db_tx *tx, struct db_rows *rows, const struct rollout_plan *plan, uint64_t seed, int64_t id)
{
    struct rollout_running r = {.plan = *plan, .seed = seed, .decisions = db_col_i64(tx, rows, 0) - 1, .pos = {(int)db_col_i64(tx, rows, 6), db_col_i64(tx, rows, 7)}};
    long long seq = db_col_i64(tx, rows, 0);
    enum err e = rollout_evidence_read(op, db_col_dup(op, tx, rows, 11), &r);
    if (e)
        return op_context(op, "rollout %lld, decision %lld", (long long)id, seq);
    if (r.pos.step < 0 || r.pos.step >= plan->step_count)
        return op_fail(op, E_CORRUPT, "rollout %lld, decision %lld: no step %d in the plan", (long long)id, seq, r.pos.step);
    struct rollout_decision d = {0};
    rollout_judge(&r, db_col_i64(tx, rows, 1), &d);
    bool same = same_number(tx, rows, 8, d.diff) && same_number(tx, rows, 9, d.lo) && same_number(tx, rows, 10, d.hi) &&
                db_col_i64(tx, rows, 4) == d.from_permille && same_verdict(tx, rows, &d);
    if (!same)
        return op_fail(op, E_CORRUPT, "rollout %lld, decision %lld: its evidence now says '%s: %s'", (long long)id, seq,
                       rollout_verdict_name(d.verdict), d.reason);
    return OK;
}

static enum err replay_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct replay_args *a = arg;
    struct db_val row[2];
    enum err e = db_query_one(op, tx, &sql_rollout_plan_by_id, DB_ARGS(DB_I64(a->id)), row, 2);
    if (e)
        return op_context(op, "rollout %lld", (long long)a->id);
    struct json *j = NULL;
    struct rollout_plan plan;
    e = json_parse(op, row[0].s, JSON_STRICT, &j);
    if (!e)
        e = rollout_plan_parse(op, j, &plan);
    if (e)
        return op_context(op, "plan of rollout %lld", (long long)a->id);
    struct db_rows *rows;
    e = db_query(op, tx, &sql_rollout_decisions, DB_ARGS(DB_I64(a->id)), &rows);
    if (e)
        return e;
    bool more;
    a->decisions = 0;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        e = replay_one(op, tx, rows, &plan, (uint64_t)row[1].i, a->id);
        if (e)
            break;
        a->decisions++;
    }
    db_end(tx, rows);
    return e;
}

enum err rollout_replay(struct op *op, struct db *db, int64_t rollout_id, size_t *ret_decisions)
{
    struct replay_args a = {.id = rollout_id};
    enum err e = db_read(op, db, replay_read, &a);
    if (!e)
        *ret_decisions = a.decisions;
    return e;
}
