#include "core/rollout/rollout.h"

#include <assert.h>
#include <math.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "core/audit/audit.h"
#include "sql_gen.h"

#define ROLLOUT_BY_HAND "by_hand"
#define ROLLOUT_PAUSED "paused"
#define ROLLOUT_TIME_MAX 4000000000000000000 /* beyond it a difference of two times could overflow */

/* A running rollout as read from its row. */
struct running {
    int64_t id, control, candidate, started_us, decisions;
    uint64_t seed;
    struct rollout_plan plan;
    struct rollout_position pos;
    struct str paused;                /* why it waits for a person; "" = it does not */
    struct rollout_evidence evidence; /* canary, blue-green */
    struct rollout_shadow *shadow;    /* shadow */
    struct rollout_trial *trial;      /* A/B, bandit */
    int permille[LIMIT_ROLLOUT_ARMS]; /* a bandit's next shares, once judged */
};

/* ---- rows ---- */
static enum err evidence_read(struct op *op, struct str text, struct running *r)
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

static enum err parse_stored(struct op *op, struct str plan, struct str evidence, struct running *r)
{
    struct json *j = NULL;
    enum err e = json_parse(op, plan, JSON_STRICT, &j);
    if (!e)
        e = rollout_plan_parse(op, j, &r->plan);
    if (!e)
        e = evidence_read(op, evidence, r);
    return e ? op_context(op, "stored rollout") : OK;
}

/* *ret_found false: nothing runs. */
static enum err running_load(struct op *op, struct db_tx *tx, struct str endpoint, struct running *ret, bool *ret_found)
{
    struct db_rows *rows;
    enum err e = db_query(op, tx, &sql_rollout_running, DB_ARGS(DB_TEXT(endpoint)), &rows);
    if (e)
        return e;
    bool found = false;
    struct str plan = {0}, evidence = {0};
    *ret = (struct running){.paused = STR("")};
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

/* Text of a JSON writer's buffer, kept in op's arena. */
static enum err keep_text(struct op *op, struct buf *b, struct str *ret)
{
    if (b->failed)
        return op_fail(op, E_TOO_LARGE, "rollout text is too long");
    *ret = str_dup(op->arena, buf_str(b));
    return OK;
}

static enum err evidence_text(struct op *op, const struct running *r, struct str *ret)
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
    return keep_text(op, &b, ret);
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
    enum err e = keep_text(op, &b, &text);
    return e ? e : audit_append(op, tx, str_from(verb), STR("endpoint"), endpoint, text);
}

/* Keeps new evidence that led to nothing worth a row of its own. */
static enum err evidence_store(struct op *op, struct db_tx *tx, const struct running *r)
{
    struct str evidence;
    enum err e = evidence_text(op, r, &evidence);
    if (e)
        return e;
    return db_exec(op, tx, &sql_rollout_update,
                   DB_ARGS(DB_I64(r->id), DB_TEXT(STR("running")), DB_I64(r->pos.step), DB_I64(r->pos.step_started_us), DB_TEXT(evidence),
                           DB_I64(r->decisions), DB_NULL, r->paused.len ? DB_TEXT(r->paused) : DB_NULL),
                   NULL);
}

/* Writes the decision, what it changes, and (when it changes the weights) its audit row. `r` already holds the evidence. */
static enum err decision_store(struct op *op, struct db_tx *tx, struct str endpoint, struct running *r, struct rollout_decision *d, struct str note)
{
    struct str evidence;
    enum err e = evidence_text(op, r, &evidence);
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
        e = evidence_text(op, r, &evidence);
        if (e)
            return e;
    }
    if (d->verdict == ROLLOUT_SHIFT) {
        r->pos.step_started_us = d->at_us;
        memcpy(r->trial->permille, r->permille, sizeof r->permille);
        rollout_deal(r->trial->bucket, r->permille, r->trial->arms);
        e = evidence_text(op, r, &evidence);
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
    if (e || d->verdict == ROLLOUT_HOLD)
        return e;
    return audit_decision(op, tx, endpoint, op_printf(op, "rollout_%s", rollout_verdict_name(d->verdict)), d, note);
}

/* ---- start ---- */
struct start_args {
    struct str endpoint;
    int64_t control, candidate, start_us;
    const struct rollout_plan *plan;
    uint64_t seed;
    int64_t id;
};

static enum err audit_start(struct op *op, struct db_tx *tx, const struct start_args *a, struct str plan)
{
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_KIB(64));
    struct json_out w;
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_i64(&w, "rollout", a->id);
    json_kv_i64(&w, "control", a->control);
    json_kv_i64(&w, "candidate", a->candidate);
    json_kv_i64(&w, "start_us", a->start_us);
    json_key(&w, "plan");
    json_raw(&w, plan);
    json_end_object(&w);
    struct str text;
    enum err e = keep_text(op, &b, &text);
    return e ? e : audit_append(op, tx, STR("rollout_start"), STR("endpoint"), a->endpoint, text);
}

static enum err first_evidence(struct op *op, const struct start_args *a, struct str *ret)
{
    struct running r = {.plan = *a->plan};
    if (a->plan->kind == ROLLOUT_SHADOW)
        r.shadow = op_new(op, struct rollout_shadow);
    if (a->plan->kind == ROLLOUT_AB || a->plan->kind == ROLLOUT_BANDIT) {
        r.trial = op_new(op, struct rollout_trial);
        rollout_trial_init(r.trial, a->plan, a->control, a->candidate, a->start_us);
        for (int i = 0; i < r.trial->arms; i++)
            if (rollout_trial_find(r.trial, r.trial->arm[i].version) != &r.trial->arm[i])
                return op_fail_field(op, "versions", "version %lld stands twice among the arms", (long long)r.trial->arm[i].version);
    }
    return evidence_text(op, &r, ret);
}

static enum err start_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct start_args *a = arg;
    struct running other;
    bool found = false;
    enum err e = running_load(op, tx, a->endpoint, &other, &found);
    if (e)
        return e;
    if (found)
        return op_fail(op, E_CONFLICT, "a rollout from version %lld to %lld already runs on '%.*s'", (long long)other.control,
                       (long long)other.candidate, STR_FMT(a->endpoint));
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_KIB(64));
    struct json_out w;
    json_out_init(&w, &b, 0);
    rollout_plan_json(&w, a->plan);
    struct str plan, evidence;
    e = keep_text(op, &b, &plan);
    if (!e)
        e = first_evidence(op, a, &evidence);
    if (!e)
        e = db_exec(op, tx, &sql_rollout_insert,
                    DB_ARGS(DB_TEXT(a->endpoint), DB_I64(a->control), DB_I64(a->candidate), DB_I64((int64_t)a->seed), DB_TEXT(plan),
                            DB_I64(a->start_us), DB_TEXT(evidence)),
                    NULL);
    if (e)
        return e;
    a->id = db_last_id(tx);
    return audit_start(op, tx, a, plan);
}

static enum err check_time(struct op *op, int64_t us)
{
    if (us > ROLLOUT_TIME_MAX || us < -ROLLOUT_TIME_MAX)
        return op_fail(op, E_INVALID, "the time %lld us is out of range", (long long)us);
    return OK;
}

enum err rollout_start(struct op *op, struct db *db, struct str endpoint, int64_t control, int64_t candidate,
                       const struct rollout_plan *plan, int64_t start_us, uint64_t seed, int64_t *ret_id)
{
    enum err e = rollout_plan_check(op, plan);
    if (!e)
        e = check_time(op, start_us);
    if (e)
        return e;
    if (control == candidate)
        return op_fail_field(op, "candidate", "version %lld is the control already", (long long)control);
    while (!seed)
        hash_random(&seed, sizeof seed);
    struct start_args a = {.endpoint = endpoint, .control = control, .candidate = candidate, .start_us = start_us, .plan = plan, .seed = seed};
    e = db_write(op, db, start_tx, &a);
    if (!e)
        *ret_id = a.id;
    return e;
}

/* ---- evidence ---- */
static bool add_outcome(struct running *r, const struct rollout_outcome *o)
{
    if (o->arm > ROLLOUT_ARM_CANDIDATE || o->event_us < r->started_us || !o->ok || isnan(o->score))
        return false;
    if (r->trial) {
        struct rollout_trial_arm *a = rollout_trial_find(r->trial, o->version);
        if (a)
            rollout_trial_label(a, &r->plan, (double)o->score, o->label);
        return a != NULL;
    }
    if (o->version != (o->arm == ROLLOUT_ARM_CANDIDATE ? r->candidate : r->control))
        return false;
    struct rollout_arm_sums *a = &r->evidence.arm[o->arm];
    bool this_step = o->event_us >= r->pos.step_started_us;
    a->step_labels += this_step;
    if (this_step && r->plan.steps_permille[r->pos.step] == 1000)
        return true; /* no concurrent group to compare with */
    double score = (double)o->score, miss = score - (o->label ? 1 : 0);
    moments_add(&a->loss, metrics_logloss_one(score, o->label));
    a->brier_sum += miss * miss;
    a->score_sum += score;
    a->positives += o->label;
    return true;
}

static bool add_trial_requests(struct running *r, const struct rollout_requests *requests)
{
    bool any = false;
    for (int i = 0; i < 2; i++) {
        const struct rollout_requests *q = &requests[i];
        struct rollout_trial_arm *a = q->n ? rollout_trial_find(r->trial, q->version) : NULL;
        if (!a)
            continue;
        a->requests += q->n;
        a->errors += q->errors;
        a->slow += q->latency ? latency_hist_above(q->latency, (uint32_t)r->plan.max_p95_us) : 0;
        any = true;
    }
    return any;
}

static bool add_requests(struct running *r, const struct rollout_requests *requests)
{
    bool any = false;
    if (r->trial)
        return add_trial_requests(r, requests);
    for (int arm = 0; arm < 2; arm++) {
        const struct rollout_requests *q = &requests[arm];
        if (!q->n || q->version != (arm == ROLLOUT_ARM_CANDIDATE ? r->candidate : r->control))
            continue;
        struct rollout_arm_sums *a = &r->evidence.arm[arm];
        a->requests += q->n;
        a->errors += q->errors;
        a->slow += q->latency ? latency_hist_above(q->latency, (uint32_t)r->plan.max_p95_us) : 0;
        any = true;
    }
    return any;
}

/* What the evidence says now. While a rollout waits for a person only a guardrail may speak. */
static void judge(struct running *r, int64_t now_us, struct rollout_decision *d)
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

enum err rollout_advance(struct op *op, struct db_tx *tx, struct str endpoint, const struct rollout_outcome *rows, size_t n,
                         const struct rollout_requests *requests, int64_t now_us, struct rollout_decision *ret)
{
    struct running r;
    bool found = false;
    enum err e = check_time(op, now_us);
    if (!e)
        e = running_load(op, tx, endpoint, &r, &found);
    if (e)
        return e;
    struct rollout_decision d = {.verdict = ROLLOUT_NO_ROLLOUT, .reason = ""};
    if (found) {
        if (r.trial)
            rollout_trial_age(r.trial, &r.plan, now_us);
        bool traffic = requests && add_requests(&r, requests), labels = false;
        for (size_t i = 0; i < n; i++)
            labels = add_outcome(&r, &rows[i]) || labels;
        d.rollout_id = r.id;
        d.control = r.control;
        d.candidate = r.candidate;
        judge(&r, now_us, &d);
        if (r.shadow)
            d.verdict = ROLLOUT_HOLD; /* pairs decide, in rollout_shadow_flush */
        else if (labels || d.verdict != ROLLOUT_HOLD)
            e = decision_store(op, tx, endpoint, &r, &d, STR(""));
        else if (traffic)
            e = evidence_store(op, tx, &r);
    }
    if (!e)
        *ret = d;
    return e;
}

/* ---- by hand ---- */
struct finish_args {
    struct str endpoint, why;
    enum rollout_verdict verdict;
    int64_t now_us;
    struct rollout_decision decision;
};

static enum err finish_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct finish_args *a = arg;
    struct running r;
    bool found = false;
    enum err e = running_load(op, tx, a->endpoint, &r, &found);
    if (e)
        return e;
    if (!found)
        return op_fail(op, E_NOT_FOUND, "no rollout runs on '%.*s'", STR_FMT(a->endpoint));
    struct rollout_decision d = {0};
    judge(&r, a->now_us, &d); /* for the figures; the verdict is the hand's */
    d.verdict = a->verdict;
    d.reason = ROLLOUT_BY_HAND;
    d.to_permille = a->verdict == ROLLOUT_PROMOTE ? 1000 : a->verdict == ROLLOUT_ROLLBACK ? 0 : d.from_permille;
    if (a->verdict == ROLLOUT_RESUME && !r.paused.len)
        return op_fail(op, E_CONFLICT, "the rollout on '%.*s' is not paused", STR_FMT(a->endpoint));
    if (a->verdict == ROLLOUT_PAUSE && r.paused.len)
        return op_fail(op, E_CONFLICT, "the rollout on '%.*s' is paused already", STR_FMT(a->endpoint));
    e = decision_store(op, tx, a->endpoint, &r, &d, a->why);
    if (!e)
        a->decision = d;
    return e;
}

static enum err by_hand(struct op *op, struct db *db, struct str endpoint, enum rollout_verdict verdict, struct str why, int64_t now_us,
                        struct rollout_decision *ret)
{
    enum err e = check_time(op, now_us);
    if (e)
        return e;
    if (!str_is_utf8(why) || why.len > LIMIT_KIB(4))
        return op_fail_field(op, "why", "the reason must be UTF-8 text of at most 4096 bytes");
    struct finish_args a = {.endpoint = endpoint, .why = why, .verdict = verdict, .now_us = now_us};
    e = db_write(op, db, finish_tx, &a);
    if (!e)
        *ret = a.decision;
    return e;
}

enum err rollout_finish(struct op *op, struct db *db, struct str endpoint, bool promote, struct str why, int64_t now_us,
                        struct rollout_decision *ret)
{
    return by_hand(op, db, endpoint, promote ? ROLLOUT_PROMOTE : ROLLOUT_ROLLBACK, why, now_us, ret);
}

enum err rollout_pause(struct op *op, struct db *db, struct str endpoint, struct str why, int64_t now_us, struct rollout_decision *ret)
{
    return by_hand(op, db, endpoint, ROLLOUT_PAUSE, why, now_us, ret);
}

enum err rollout_resume(struct op *op, struct db *db, struct str endpoint, struct str why, int64_t now_us, struct rollout_decision *ret)
{
    return by_hand(op, db, endpoint, ROLLOUT_RESUME, why, now_us, ret);
}

/* ---- rewards ---- */
struct reward_args {
    struct str endpoint;
    const struct rollout_given *given;
    const struct rollout_noted *noted; /* version 0: unknown */
    size_t n;
    int64_t now_us;
    uint64_t counted;
    struct rollout_decision decision;
};

static enum err reward_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reward_args *a = arg;
    struct running r;
    bool found = false;
    enum err e = running_load(op, tx, a->endpoint, &r, &found);
    a->counted = 0;
    a->decision = (struct rollout_decision){.verdict = ROLLOUT_NO_ROLLOUT, .reason = ""};
    if (e || !found || !r.trial)
        return e;
    rollout_trial_age(r.trial, &r.plan, a->now_us);
    for (size_t i = 0; i < a->n; i++) {
        struct rollout_trial_arm *arm = a->noted[i].rollout == r.id ? rollout_trial_find(r.trial, a->noted[i].version) : NULL;
        a->counted += arm && rollout_trial_reward(arm, &r.plan, a->given[i].reward, a->given[i].covariate, (double)a->noted[i].propensity);
    }
    judge(&r, a->now_us, &a->decision);
    return decision_store(op, tx, a->endpoint, &r, &a->decision, STR(""));
}

enum err rollout_reward(struct op *op, struct db *db, struct rollout_live *live, struct str endpoint, const struct rollout_given *given, size_t n,
                        int64_t now_us, uint64_t *ret_counted, struct rollout_decision *ret)
{
    enum err e = check_time(op, now_us);
    if (!e && n > LIMIT_ROLLOUT_REWARDS)
        e = op_fail(op, E_TOO_LARGE, "%zu rewards in one call; the limit is %d", n, LIMIT_ROLLOUT_REWARDS);
    for (size_t i = 0; !e && i < n; i++)
        if (!isfinite(given[i].reward) || !isfinite(given[i].covariate))
            e = op_fail_field(op, "rewards", "reward %zu is no finite number", i);
    struct rollout_noted *noted = e ? NULL : arena_array(op->arena, n + 1, struct rollout_noted);
    if (!e && !noted)
        e = op_fail(op, E_TOO_LARGE, "%zu rewards find no room", n);
    if (e)
        return e;
    for (size_t i = 0; i < n; i++)
        if (!rollout_live_take_note(live, endpoint, given[i].id, &noted[i]))
            noted[i] = (struct rollout_noted){0};
    struct reward_args a = {.endpoint = endpoint, .given = given, .noted = noted, .n = n, .now_us = now_us};
    e = db_write(op, db, reward_tx, &a);
    for (size_t i = 0; e && i < n; i++)
        if (noted[i].rollout)
            rollout_live_put_back_note(live, endpoint, given[i].id, &noted[i]);
    if (e)
        return e;
    *ret_counted = a.counted;
    *ret = a.decision;
    return OK;
}

/* ---- shadow pairs ---- */
struct flush_args {
    struct str endpoint;
    int64_t rollout, now_us;
    const struct rollout_shadow *sums;
    struct rollout_decision decision;
};

static enum err flush_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct flush_args *a = arg;
    struct running r;
    bool found = false;
    enum err e = running_load(op, tx, a->endpoint, &r, &found);
    struct rollout_decision d = {.verdict = ROLLOUT_NO_ROLLOUT, .reason = ""};
    if (!e && found && r.shadow && r.id == a->rollout) {
        rollout_shadow_merge(r.shadow, a->sums);
        d.rollout_id = r.id;
        d.control = r.control;
        d.candidate = r.candidate;
        judge(&r, a->now_us, &d);
        if (d.verdict != ROLLOUT_HOLD || a->sums->labels)
            e = decision_store(op, tx, a->endpoint, &r, &d, STR(""));
        else
            e = evidence_store(op, tx, &r);
    }
    a->decision = d;
    return e;
}

enum err rollout_shadow_flush(struct op *op, struct db *db, struct rollout_live *live, struct str endpoint, int64_t now_us, struct rollout_decision *ret)
{
    struct rollout_weights w;
    *ret = (struct rollout_decision){.verdict = ROLLOUT_NO_ROLLOUT, .reason = ""};
    enum err e = check_time(op, now_us);
    if (!e)
        e = rollout_weights_load(op, db, endpoint, &w);
    if (e || !w.active || !w.shadow)
        return e;
    struct rollout_shadow *sums = op_new(op, struct rollout_shadow);
    struct flush_args a = {.endpoint = endpoint, .rollout = w.id, .now_us = now_us, .sums = sums};
    bool taken = rollout_live_take_shadow(live, endpoint, w.id, sums);
    e = db_write(op, db, flush_tx, &a);
    if (e && taken)
        rollout_live_put_back_shadow(live, endpoint, w.id, sums);
    if (!e)
        *ret = a.decision;
    return e;
}

/* ---- reading ---- */
enum err rollout_weights_tx(struct op *op, struct db_tx *tx, struct str endpoint, struct rollout_weights *ret)
{
    struct running r;
    bool found = false;
    enum err e = running_load(op, tx, endpoint, &r, &found);
    if (e)
        return e;
    *ret = (struct rollout_weights){0};
    if (found)
        *ret = (struct rollout_weights){
            .control = r.control, .candidate = r.candidate, .permille = r.plan.steps_permille[r.pos.step], .seed = r.seed, .active = true,
            .kind = r.plan.kind, .id = r.id, .threshold = r.plan.threshold, .tolerance = r.plan.tolerance,
            .shadow = r.shadow ? r.candidate : 0, .shadow_permille = (int)r.plan.shadow_permille,
            .arm_count = r.trial ? r.trial->arms : 0,
            .space_seed = hash64(r.plan.space.p, r.plan.space.len, 0), .space_from = (int)r.plan.space_from, .space_to = (int)r.plan.space_to};
    for (int i = 0; i < ret->arm_count; i++) {
        ret->arm[i].version = r.trial->arm[i].version;
        ret->arm[i].permille = r.trial->permille[i];
    }
    if (ret->arm_count) {
        ret->permille = 1000 - r.trial->permille[0];
        memcpy(ret->bucket, r.trial->bucket, sizeof ret->bucket);
    }
    return OK;
}

struct weights_args {
    struct str endpoint;
    struct rollout_weights *ret;
};

static enum err weights_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct weights_args *a = arg;
    return rollout_weights_tx(op, tx, a->endpoint, a->ret);
}

enum err rollout_weights_load(struct op *op, struct db *db, struct str endpoint, struct rollout_weights *ret)
{
    struct weights_args a = {endpoint, ret};
    return db_read(op, db, weights_read, &a);
}

struct list_args {
    struct str endpoint;
    struct json_out *w;
};

static void f64_or_null(struct json_out *w, const char *key, struct db_tx *tx, struct db_rows *rows, int i)
{
    json_key(w, key);
    if (db_col_null(tx, rows, i))
        json_null(w);
    else
        json_f64(w, db_col_f64(tx, rows, i));
}

static enum err list_decisions(struct op *op, struct db_tx *tx, int64_t id, struct json_out *w)
{
    struct db_rows *rows;
    enum err e = db_query(op, tx, &sql_rollout_decisions, DB_ARGS(DB_I64(id)), &rows);
    if (e)
        return e;
    bool row;
    json_begin_array(w);
    while (!(e = db_step(op, tx, rows, &row)) && row) {
        json_begin_object(w);
        json_kv_i64(w, "seq", db_col_i64(tx, rows, 0));
        json_kv_i64(w, "at_us", db_col_i64(tx, rows, 1));
        json_kv_str(w, "verdict", db_col_str(tx, rows, 2));
        json_kv_str(w, "reason", db_col_str(tx, rows, 3));
        json_kv_i64(w, "from_permille", db_col_i64(tx, rows, 4));
        json_kv_i64(w, "to_permille", db_col_i64(tx, rows, 5));
        json_kv_i64(w, "step", db_col_i64(tx, rows, 6));
        json_kv_i64(w, "step_started_us", db_col_i64(tx, rows, 7));
        f64_or_null(w, "diff", tx, rows, 8);
        f64_or_null(w, "lo", tx, rows, 9);
        f64_or_null(w, "hi", tx, rows, 10);
        json_key(w, "evidence");
        json_raw(w, db_col_str(tx, rows, 11));
        json_kv_str(w, "note", db_col_str(tx, rows, 12));
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
    enum err e = db_query(op, tx, &sql_rollout_list, DB_ARGS(DB_TEXT(a->endpoint)), &rows);
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
        if (e)
            break;
    }
    json_end_array(w);
    db_end(tx, rows);
    return e;
}

enum err rollout_list_json(struct op *op, struct db *db, struct str endpoint, struct json_out *w)
{
    struct list_args a = {endpoint, w};
    return db_read(op, db, list_read, &a);
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
    struct running r = {.plan = *plan, .seed = seed, .decisions = db_col_i64(tx, rows, 0) - 1, .pos = {(int)db_col_i64(tx, rows, 6), db_col_i64(tx, rows, 7)}};
    long long seq = db_col_i64(tx, rows, 0);
    enum err e = evidence_read(op, db_col_dup(op, tx, rows, 11), &r);
    if (e)
        return op_context(op, "rollout %lld, decision %lld", (long long)id, seq);
    if (r.pos.step < 0 || r.pos.step >= plan->step_count)
        return op_fail(op, E_CORRUPT, "rollout %lld, decision %lld: no step %d in the plan", (long long)id, seq, r.pos.step);
    struct rollout_decision d = {0};
    judge(&r, db_col_i64(tx, rows, 1), &d);
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
