#include "core/rollout/store.h"

#include <math.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "core/audit/audit.h"
#include "sql_gen.h"

enum err rollout_evidence_read(struct op *op, struct str text, struct rollout_running *r)
{
    struct json *j = NULL;
    enum err e = json_parse(op, text, JSON_STRICT, &j);
    if (!e && r->plan.kind == ROLLOUT_SHADOW) {
        r->shadow = op_new(op, struct rollout_shadow);
        return rollout_shadow_parse(op, j, r->shadow);
    }
    if (!e && (r->plan.kind == ROLLOUT_AB || r->plan.kind == ROLLOUT_BANDIT)) {
        r->trial = op_new(op, struct rollout_trial);
        return rollout_trial_parse(op, j, r->trial);
    }
    return e ? e : rollout_evidence_parse(op, j, &r->evidence);
}

static enum err parse_stored(struct op *op, struct str plan, struct str evidence, struct rollout_running *r)
{
    struct json *j = NULL;
    enum err e = json_parse(op, plan, JSON_STRICT, &j);
    if (!e)
        e = rollout_plan_parse(op, j, &r->plan);
    if (!e)
        e = rollout_evidence_read(op, evidence, r);
    return e ? op_context(op, "stored rollout") : OK;
}

enum err rollout_running_load(struct op *op, struct db_tx *tx, struct str endpoint, struct rollout_running *ret, bool *ret_found)
{
    struct db_rows *rows;
    enum err e = db_query(op, tx, &sql_rollout_running, DB_ARGS(DB_TEXT(endpoint)), &rows);
    if (e)
        return e;
    bool found = false;
    struct str plan = {0}, evidence = {0};
    *ret = (struct rollout_running){.paused = STR("")};
    e = db_step(op, tx, rows, &found);
    if (!e && found) {
        ret->id = db_col_i64(tx, rows, 0);
        ret->control = db_col_i64(tx, rows, 1);
        ret->candidate = db_col_i64(tx, rows, 2);
        ret->seed = (uint64_t)db_col_i64(tx, rows, 3);
        plan = db_col_dup(op, tx, rows, 4);
        ret->pos.step = (int)db_col_i64(tx, rows, 5);
        ret->pos.step_started_us = db_col_i64(tx, rows, 6);
        ret->started_us = db_col_i64(tx, rows, 7);
        evidence = db_col_dup(op, tx, rows, 8);
        ret->decisions = db_col_i64(tx, rows, 9);
        ret->paused = db_col_null(tx, rows, 10) ? STR("") : db_col_dup(op, tx, rows, 10);
        ret->units = op_new(op, struct units);
        if (!db_col_null(tx, rows, 11) && !units_read(db_col_str(tx, rows, 11), ret->units))
            e = op_fail(op, E_CORRUPT, "rollout %lld: the units that were counted are damaged", (long long)ret->id);
    }
    db_end(tx, rows);
    if (!e && found)
        e = parse_stored(op, plan, evidence, ret);
    if (!e && found && (ret->pos.step < 0 || ret->pos.step >= ret->plan.step_count))
        e = op_fail(op, E_CORRUPT, "rollout %lld stands at step %d of %d", (long long)ret->id, ret->pos.step, ret->plan.step_count);
    if (!e)
        *ret_found = found;
    return e;
}

static struct db_val number_or_null(double v)
{
    return isfinite(v) ? DB_F64(v) : DB_NULL;
}

enum err rollout_keep_text(struct op *op, struct buf *b, struct str *ret)
{
    if (b->failed)
        return op_fail(op, E_TOO_LARGE, "rollout text is too long");
    *ret = str_dup(op->arena, buf_str(b));
    return OK;
}

enum err rollout_evidence_text(struct op *op, const struct rollout_running *r, struct str *ret)
{
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_ROLLOUT_EVIDENCE);
    struct json_out w;
    json_out_init(&w, &b, 0);
    if (r->shadow)
        rollout_shadow_json(&w, r->shadow);
    else if (r->trial)
        rollout_trial_json(&w, r->trial);
    else
        rollout_evidence_json(&w, &r->evidence);
    return rollout_keep_text(op, &b, ret);
}

static enum err audit_decision(struct op *op, struct db_tx *tx, struct str endpoint, const char *verb, const struct rollout_decision *d,
                               struct str note)
{
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_KIB(64));
    struct json_out w;
    json_out_init(&w, &b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(&w);
    json_key(&w, "decision");
    rollout_decision_json(&w, d);
    if (note.len)
        json_kv_str(&w, "note", note);
    json_end_object(&w);
    struct str text;
    enum err e = rollout_keep_text(op, &b, &text);
    return e ? e : audit_append(op, tx, str_from(verb), STR("endpoint"), endpoint, text);
}

enum err rollout_units_store(struct op *op, struct db_tx *tx, const struct rollout_running *r)
{
    char bytes[UNITS_BYTES];
    if (!r->units_changed)
        return OK;
    units_write(r->units, bytes);
    return db_exec(op, tx, &sql_rollout_set_units, DB_ARGS(DB_I64(r->id), DB_BLOB(((struct str){bytes, sizeof bytes}))), NULL);
}

enum err rollout_evidence_store(struct op *op, struct db_tx *tx, const struct rollout_running *r)
{
    struct str evidence;
    enum err e = rollout_evidence_text(op, r, &evidence);
    if (e)
        return e;
    return db_exec(op, tx, &sql_rollout_update,
                   DB_ARGS(DB_I64(r->id), DB_TEXT(STR("running")), DB_I64(r->pos.step), DB_I64(r->pos.step_started_us), DB_TEXT(evidence),
                           DB_I64(r->decisions), DB_NULL, r->paused.len ? DB_TEXT(r->paused) : DB_NULL),
                   NULL);
}

enum err rollout_decision_store(struct op *op, struct db_tx *tx, struct str endpoint, struct rollout_running *r, struct rollout_decision *d, struct str note)
{
    struct str evidence;
    enum err e = rollout_evidence_text(op, r, &evidence);
    if (e)
        return e;
    d->rollout_id = r->id;
    d->seq = ++r->decisions;
    d->control = r->control;
    if (!r->trial)
        d->candidate = r->candidate;
    e = db_exec(op, tx, &sql_rollout_decision_insert,
                DB_ARGS(DB_I64(r->id), DB_I64(d->seq), DB_I64(d->at_us), DB_TEXT(str_from(rollout_verdict_name(d->verdict))),
                        DB_TEXT(str_from(d->reason)), DB_I64(d->from_permille), DB_I64(d->to_permille), DB_I64(r->pos.step),
                        DB_I64(r->pos.step_started_us), number_or_null(d->diff), number_or_null(d->lo), number_or_null(d->hi),
                        DB_TEXT(evidence), DB_TEXT(note)),
                NULL);
    if (e)
        return e;
    static const char *const states[] = {
        [ROLLOUT_HOLD] = "running",         [ROLLOUT_ADVANCE] = "running", [ROLLOUT_PROMOTE] = "promoted",
        [ROLLOUT_ROLLBACK] = "rolled_back", [ROLLOUT_PAUSE] = "running",   [ROLLOUT_RESUME] = "running",
        [ROLLOUT_SHIFT] = "running"};
    bool over = d->verdict == ROLLOUT_PROMOTE || d->verdict == ROLLOUT_ROLLBACK;
    if (d->verdict == ROLLOUT_ADVANCE) {
        r->pos.step++;
        r->pos.step_started_us = d->at_us;
        r->evidence.arm[ROLLOUT_ARM_CONTROL].step_labels = r->evidence.arm[ROLLOUT_ARM_CANDIDATE].step_labels = 0;
        e = rollout_evidence_text(op, r, &evidence);
        if (e)
            return e;
    }
    if (d->verdict == ROLLOUT_SHIFT) {
        r->pos.step_started_us = d->at_us;
        memcpy(r->trial->permille, r->permille, sizeof r->permille);
        rollout_deal(r->trial->bucket, r->permille, r->trial->arms);
        e = rollout_evidence_text(op, r, &evidence);
    }
    if (!e && d->verdict == ROLLOUT_PROMOTE && d->candidate != r->candidate) /* the arm that won is what serving follows */
        e = db_exec(op, tx, &sql_rollout_set_candidate, DB_ARGS(DB_I64(r->id), DB_I64(d->candidate)), NULL);
    if (e)
        return e;
    if (d->verdict == ROLLOUT_PAUSE)
        r->paused = str_from(d->reason);
    else if (d->verdict != ROLLOUT_HOLD)
        r->paused = STR("");
    e = db_exec(op, tx, &sql_rollout_update,
                DB_ARGS(DB_I64(r->id), DB_TEXT(str_from(states[d->verdict])), DB_I64(r->pos.step), DB_I64(r->pos.step_started_us),
                        DB_TEXT(evidence), DB_I64(r->decisions), over ? DB_I64(d->at_us) : DB_NULL, r->paused.len ? DB_TEXT(r->paused) : DB_NULL),
                NULL);
    if (!e && over)
        e = journal_drop(op, tx, r->id);
    if (e || d->verdict == ROLLOUT_HOLD)
        return e;
    return audit_decision(op, tx, endpoint, op_printf(op, "rollout_%s", rollout_verdict_name(d->verdict)), d, note);
}

void rollout_judge(struct rollout_running *r, int64_t now_us, struct rollout_decision *d)
{
    if (r->trial) {
        /* Each decision draws from a sequence of its own, so that it can be taken again alone. */
        int64_t number = r->decisions + 1;
        rollout_trial_decide(&r->plan, &r->pos, r->trial, hash64(&number, sizeof number, r->seed), now_us, d, r->permille);
    } else if (r->shadow)
        rollout_shadow_decide(&r->plan, &r->pos, r->shadow, now_us, d);
    else
        rollout_decide(&r->plan, &r->pos, &r->evidence, now_us, d);
    if (r->paused.len && d->verdict != ROLLOUT_ROLLBACK && d->verdict != ROLLOUT_HOLD) {
        d->verdict = ROLLOUT_HOLD;
        d->reason = ROLLOUT_PAUSED;
        d->to_permille = d->from_permille;
    }
}
