#include "core/rollout/rollout.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "core/audit/audit.h"
#include "core/rollout/store.h"
#include "sql_gen.h"

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
    enum err e = rollout_keep_text(op, &b, &text);
    return e ? e : audit_append(op, tx, STR("rollout_start"), STR("endpoint"), a->endpoint, text);
}

static enum err first_evidence(struct op *op, const struct start_args *a, struct str *ret)
{
    struct rollout_running r = {.plan = *a->plan};
    if (a->plan->kind == ROLLOUT_SHADOW)
        r.shadow = op_new(op, struct rollout_shadow);
    if (a->plan->kind == ROLLOUT_AB || a->plan->kind == ROLLOUT_BANDIT) {
        r.trial = op_new(op, struct rollout_trial);
        rollout_trial_init(r.trial, a->plan, a->control, a->candidate, a->start_us);
        for (int i = 0; i < r.trial->arms; i++)
            if (rollout_trial_find(r.trial, r.trial->arm[i].version) != &r.trial->arm[i])
                return op_fail_field(op, "versions", "version %lld stands twice among the arms", (long long)r.trial->arm[i].version);
    }
    return rollout_evidence_text(op, &r, ret);
}

/* Two rollouts of one namespace must not have a unit in common, whatever endpoints they run on: what one does to a unit would stand in
 * the other's figures. */
static enum err check_space(struct op *op, struct db_tx *tx, const struct start_args *a)
{
    struct db_rows *rows;
    bool row = false;
    enum err e = a->plan->space.len ? db_query(op, tx, &sql_rollout_running_spaces, DB_ARGS(DB_TEXT(a->endpoint)), &rows) : OK;
    if (e || !a->plan->space.len)
        return e;
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct json *j = NULL;
        struct rollout_plan other;
        struct str endpoint = db_col_dup(op, tx, rows, 0);
        e = json_parse(op, db_col_dup(op, tx, rows, 1), JSON_STRICT, &j);
        if (!e)
            e = rollout_plan_parse(op, j, &other);
        if (e)
            e = op_context(op, "stored rollout of '%.*s'", STR_FMT(endpoint));
        else if (str_eq(other.space, a->plan->space) && other.space_from < a->plan->space_to && a->plan->space_from < other.space_to)
            e = op_fail(op, E_CONFLICT, "namespace '%.*s': units %lld..%lld take part in the rollout on '%.*s', which has %lld..%lld of them",
                        STR_FMT(other.space), (long long)a->plan->space_from, (long long)a->plan->space_to, STR_FMT(endpoint),
                        (long long)other.space_from, (long long)other.space_to);
    }
    db_end(tx, rows);
    return e;
}

static enum err start_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct start_args *a = arg;
    struct rollout_running other;
    bool found = false;
    enum err e = rollout_running_load(op, tx, a->endpoint, &other, &found);
    if (e)
        return e;
    if (found)
        return op_fail(op, E_CONFLICT, "a rollout from version %lld to %lld already runs on '%.*s'", (long long)other.control,
                       (long long)other.candidate, STR_FMT(a->endpoint));
    e = check_space(op, tx, a);
    if (e)
        return e;
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_KIB(64));
    struct json_out w;
    json_out_init(&w, &b, 0);
    rollout_plan_json(&w, a->plan);
    struct str plan, evidence;
    e = rollout_keep_text(op, &b, &plan);
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
static bool add_outcome(struct rollout_running *r, const struct rollout_outcome *o)
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

static bool add_trial_requests(struct rollout_running *r, const struct rollout_requests *q)
{
    struct rollout_trial_arm *a = rollout_trial_find(r->trial, q->version);
    if (!a)
        return false;
    a->requests += q->n;
    a->errors += q->errors;
    a->slow += q->latency ? latency_hist_above(q->latency, (uint32_t)r->plan.max_p95_us) : 0;
    if (q->latency && r->plan.latency_quantile > 0)
        latency_hist_merge(&a->latency, q->latency);
    if (r->plan.kind != ROLLOUT_AB) /* a bandit's shares move: its split is not judged */
        return true;
    uint64_t fresh = q->units ? units_merge(r->units, q->units) : 0;
    a->units += fresh;
    a->unnamed += q->unnamed;
    r->units_changed = r->units_changed || fresh;
    return true;
}

static bool add_arm_requests(struct rollout_running *r, const struct rollout_requests *q)
{
    if (q->version != r->candidate && q->version != r->control)
        return false;
    struct rollout_arm_sums *a = &r->evidence.arm[q->version == r->candidate ? ROLLOUT_ARM_CANDIDATE : ROLLOUT_ARM_CONTROL];
    a->requests += q->n;
    a->errors += q->errors;
    a->slow += q->latency ? latency_hist_above(q->latency, (uint32_t)r->plan.max_p95_us) : 0;
    if (q->latency && r->plan.latency_quantile > 0 && r->plan.steps_permille[r->pos.step] < 1000)
        latency_hist_merge(&a->latency, q->latency);
    return true;
}

static bool add_requests(struct rollout_running *r, const struct rollout_requests *requests, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        const struct rollout_requests *q = &requests[i];
        if (!q->n || (q->rollout && q->rollout != r->id))
            continue;
        any = (r->trial ? add_trial_requests(r, q) : add_arm_requests(r, q)) || any;
    }
    return any;
}

enum err rollout_advance(struct op *op, struct db_tx *tx, struct str endpoint, const struct rollout_outcome *rows, size_t n,
                         const struct rollout_requests *requests, size_t request_count, int64_t now_us, struct rollout_decision *ret)
{
    struct rollout_running r;
    bool found = false;
    enum err e = check_time(op, now_us);
    if (!e)
        e = rollout_running_load(op, tx, endpoint, &r, &found);
    if (e)
        return e;
    struct rollout_decision d = {.verdict = ROLLOUT_NO_ROLLOUT, .reason = ""};
    if (found) {
        if (r.trial)
            rollout_trial_age(r.trial, &r.plan, now_us);
        bool traffic = add_requests(&r, requests, request_count), labels = false;
        for (size_t i = 0; i < n; i++)
            labels = add_outcome(&r, &rows[i]) || labels;
        d.rollout_id = r.id;
        d.control = r.control;
        d.candidate = r.candidate;
        rollout_judge(&r, now_us, &d);
        if (r.shadow)
            d.verdict = ROLLOUT_HOLD; /* pairs decide, in rollout_live_flush */
        else if (labels || d.verdict != ROLLOUT_HOLD)
            e = rollout_decision_store(op, tx, endpoint, &r, &d, STR(""));
        else if (traffic)
            e = rollout_evidence_store(op, tx, &r);
        if (!e)
            e = rollout_units_store(op, tx, &r);
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
    struct rollout_running r;
    bool found = false;
    enum err e = rollout_running_load(op, tx, a->endpoint, &r, &found);
    if (e)
        return e;
    if (!found)
        return op_fail(op, E_NOT_FOUND, "no rollout runs on '%.*s'", STR_FMT(a->endpoint));
    struct rollout_decision d = {0};
    rollout_judge(&r, a->now_us, &d); /* for the figures; the verdict is the hand's */
    d.verdict = a->verdict;
    d.reason = ROLLOUT_BY_HAND;
    d.to_permille = a->verdict == ROLLOUT_PROMOTE ? 1000 : a->verdict == ROLLOUT_ROLLBACK ? 0 : d.from_permille;
    if (a->verdict == ROLLOUT_RESUME && !r.paused.len)
        return op_fail(op, E_CONFLICT, "the rollout on '%.*s' is not paused", STR_FMT(a->endpoint));
    if (a->verdict == ROLLOUT_PAUSE && r.paused.len)
        return op_fail(op, E_CONFLICT, "the rollout on '%.*s' is paused already", STR_FMT(a->endpoint));
    e = rollout_decision_store(op, tx, a->endpoint, &r, &d, a->why);
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
    struct rollout_running r;
    bool found = false;
    enum err e = rollout_running_load(op, tx, a->endpoint, &r, &found);
    a->counted = 0;
    a->decision = (struct rollout_decision){.verdict = ROLLOUT_NO_ROLLOUT, .reason = ""};
    if (e || !found || !r.trial)
        return e;
    rollout_trial_age(r.trial, &r.plan, a->now_us);
    for (size_t i = 0; i < a->n; i++) {
        struct rollout_trial_arm *arm = a->noted[i].rollout == r.id ? rollout_trial_find(r.trial, a->noted[i].version) : NULL;
        a->counted += arm && rollout_trial_reward(arm, &r.plan, a->given[i].reward, a->given[i].covariate, (double)a->noted[i].propensity);
    }
    rollout_judge(&r, a->now_us, &a->decision);
    struct live_entry *taken = arena_array(op->arena, a->n + 1, struct live_entry);
    size_t n = 0;
    if (!taken)
        return op_fail(op, E_TOO_LARGE, "%zu rewards find no room", a->n);
    for (size_t i = 0; i < a->n; i++)
        if (a->noted[i].rollout == r.id)
            taken[n++] = (struct live_entry){.id = a->given[i].id, .kind = LIVE_TAKEN};
    e = journal_write(op, tx, r.id, taken, n);
    return e ? e : rollout_decision_store(op, tx, a->endpoint, &r, &a->decision, STR(""));
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

/* ---- pairs and picks ---- */
struct flush_args {
    struct str endpoint;
    int64_t rollout, now_us;
    const struct rollout_shadow *sums;
    const struct live_batch *batch;
    struct rollout_decision decision;
};

static enum err flush_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct flush_args *a = arg;
    struct rollout_running r;
    bool found = false;
    enum err e = rollout_running_load(op, tx, a->endpoint, &r, &found);
    struct rollout_decision d = {.verdict = ROLLOUT_NO_ROLLOUT, .reason = ""};
    found = !e && found && r.id == a->rollout;
    if (found)
        e = journal_write(op, tx, r.id, a->batch->entries, a->batch->n);
    if (!e && found && r.shadow) {
        rollout_shadow_merge(r.shadow, a->sums);
        d.rollout_id = r.id;
        d.control = r.control;
        d.candidate = r.candidate;
        rollout_judge(&r, a->now_us, &d);
        if (d.verdict != ROLLOUT_HOLD || a->sums->labels)
            e = rollout_decision_store(op, tx, a->endpoint, &r, &d, STR(""));
        else
            e = rollout_evidence_store(op, tx, &r);
    }
    a->decision = d;
    return e;
}

enum err rollout_live_flush(struct op *op, struct db *db, struct rollout_live *live, struct str endpoint, int64_t now_us, struct rollout_decision *ret)
{
    struct rollout_weights w;
    *ret = (struct rollout_decision){.verdict = ROLLOUT_NO_ROLLOUT, .reason = ""};
    enum err e = check_time(op, now_us);
    if (!e)
        e = rollout_weights_load(op, db, endpoint, &w);
    if (!e && (!w.active || (!w.shadow && !w.arm_count)))
        rollout_live_discard(live, endpoint); /* of a rollout that is over */
    if (e || !w.active || (!w.shadow && !w.arm_count))
        return e;
    struct rollout_shadow *sums = op_new(op, struct rollout_shadow);
    struct live_batch batch;
    bool taken = false;
    rollout_live_take(live, endpoint, w.id, w.shadow ? sums : NULL, &taken, &batch);
    if (!w.shadow && !batch.n)
        return OK;
    struct flush_args a = {.endpoint = endpoint, .rollout = w.id, .now_us = now_us, .sums = sums, .batch = &batch};
    e = db_write(op, db, flush_tx, &a);
    if (e) {
        rollout_live_put_back(live, endpoint, w.id, taken ? sums : NULL, &batch);
        return e;
    }
    free(batch.entries);
    *ret = a.decision;
    return OK;
}

/* ---- reading ---- */
enum err rollout_weights_tx(struct op *op, struct db_tx *tx, struct str endpoint, struct rollout_weights *ret)
{
    struct rollout_running r;
    bool found = false;
    enum err e = rollout_running_load(op, tx, endpoint, &r, &found);
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
