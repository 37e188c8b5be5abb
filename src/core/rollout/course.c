#include "core/rollout/course.h"

#include <math.h>

#include "core/rollout/store.h"
#include "core/rollout/sums.h"
#include "sql_gen.h"

/* ---- guardrails ---- */
static double share(uint64_t part, uint64_t n)
{
    return n ? (double)part / (double)n : NAN;
}

static void guard_json(struct json_out *w, const char *name, double limit, double alpha, const uint64_t bad[2], const uint64_t n[2])
{
    json_begin_object(w);
    json_kv_cstr(w, "name", name);
    json_kv_f64(w, "limit", limit);
    json_kv_f64(w, "control", share(bad[0], n[0]));
    json_kv_f64(w, "candidate", share(bad[1], n[1]));
    json_kv_f64(w, "log_e", n[1] ? sequential_rate_log_e(bad[1], n[1], limit, 1, 1) : NAN);
    json_kv_f64(w, "boundary", -log(alpha));
    json_kv_bool(w, "broken", rollout_rate_broken(bad[1], n[1], bad[0], n[0], limit, alpha));
    json_end_object(w);
}

static void arm_json(struct json_out *w, const struct rollout_arm_sums *a, int64_t version)
{
    json_begin_object(w);
    json_kv_i64(w, "version", version);
    sums_count_json(w, "requests", a->requests);
    sums_count_json(w, "errors", a->errors);
    sums_count_json(w, "slow", a->slow);
    sums_count_json(w, "labels", a->loss.n);
    sums_count_json(w, "step_labels", a->step_labels);
    json_kv_f64(w, "loss", a->loss.n ? a->loss.mean : NAN);
    json_kv_f64(w, "brier", a->loss.n ? a->brier_sum / (double)a->loss.n : NAN);
    json_end_object(w);
}

void rollout_guards_json(struct json_out *w, const struct rollout_plan *plan, const struct rollout_evidence *ev, int64_t control, int64_t candidate)
{
    const struct rollout_arm_sums *a = &ev->arm[ROLLOUT_ARM_CONTROL], *b = &ev->arm[ROLLOUT_ARM_CANDIDATE];
    const uint64_t n[2] = {a->requests, b->requests};
    enum json_nonfinite before = w->nonfinite;
    w->nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(w);
    json_key(w, "arms");
    json_begin_array(w);
    arm_json(w, a, control);
    arm_json(w, b, candidate);
    json_end_array(w);
    json_key(w, "guards");
    json_begin_array(w);
    guard_json(w, "errors", plan->max_error_rate, plan->alpha / 4, (uint64_t[]){a->errors, b->errors}, n);
    guard_json(w, "latency", ROLLOUT_SLOW_SHARE, rollout_latency_alpha(plan), (uint64_t[]){a->slow, b->slow}, n);
    json_end_array(w);
    if (plan->latency_quantile > 0) {
        json_key(w, "latency");
        rollout_quantile_json(w, plan, &b->latency, &a->latency, rollout_latency_alpha(plan));
    }
    json_end_object(w);
    w->nonfinite = before;
}

/* ---- one point ---- */
static void report_json(struct json_out *w, const struct rollout_running *r)
{
    json_key(w, "report");
    if (r->shadow)
        rollout_shadow_report_json(w, &r->plan, r->shadow);
    else if (r->trial)
        rollout_trial_report_json(w, &r->plan, r->trial, r->seed);
    else
        rollout_guards_json(w, &r->plan, &r->evidence, r->control, r->candidate);
}

struct course {
    struct str endpoint;
    int64_t id, now_us;
    struct json_out *w;
    struct rollout_running r; /* as it stands; its plan is that of all decisions */
};

/* The row of a decision: the columns of rollout_decisions. `arena` is for its evidence alone. */
static enum err point_json(struct op *op, struct course *c, struct db_tx *tx, struct db_rows *rows, struct arena *arena)
{
    struct json_out *w = c->w;
    struct op sub;
    op_init(&sub, arena);
    struct rollout_running r = {.plan = c->r.plan, .seed = c->r.seed, .control = c->r.control, .candidate = c->r.candidate};
    enum err e = rollout_evidence_read(&sub, db_col_dup(&sub, tx, rows, 11), &r);
    if (e)
        return op_fail(op, e, "rollout %lld, decision %lld: %s", (long long)c->id, (long long)db_col_i64(tx, rows, 0), sub.msg ? sub.msg : "");
    json_begin_object(w);
    rollout_decision_row_json(w, tx, rows);
    report_json(w, &r);
    json_end_object(w);
    arena_reset(arena);
    return OK;
}

static enum err course_points(struct op *op, struct course *c, struct db_tx *tx)
{
    const int64_t most = c->r.plan.kind == ROLLOUT_BANDIT ? LIMIT_ROLLOUT_COURSE_DRAWN : LIMIT_ROLLOUT_COURSE, n = c->r.decisions;
    const int64_t stride = (n + most - 1) / most;
    struct db_rows *rows;
    enum err e = db_query(op, tx, &sql_rollout_decisions, DB_ARGS(DB_I64(c->id)), &rows);
    if (e)
        return e;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
    bool more;
    int64_t changes = 0;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        const struct str verdict = db_col_str(tx, rows, 2);
        const int64_t seq = db_col_i64(tx, rows, 0);
        const bool change = !str_eqc(verdict, "hold") && !str_eqc(verdict, "shift") && changes++ < most;
        if (!change && seq % stride != 0 && seq != n)
            continue;
        if ((e = point_json(op, c, tx, rows, arena)))
            break;
    }
    db_end(tx, rows);
    return e;
}

static void now_json(struct json_out *w, struct rollout_running *r, int64_t now_us)
{
    struct rollout_decision d = {.reason = "", .rollout_id = r->id, .control = r->control, .candidate = r->candidate, .diff = NAN, .lo = NAN, .hi = NAN};
    rollout_judge(r, now_us, &d);
    json_begin_object(w);
    json_kv_cstr(w, "verdict", rollout_verdict_name(d.verdict));
    json_kv_cstr(w, "reason", d.reason);
    json_kv_i64(w, "from_permille", d.from_permille);
    json_kv_i64(w, "to_permille", d.to_permille);
    json_kv_i64(w, "step", r->pos.step);
    json_kv_f64(w, "diff", d.diff);
    json_kv_f64(w, "lo", d.lo);
    json_kv_f64(w, "hi", d.hi);
    report_json(w, r);
    json_end_object(w);
}

/* The columns of rollout_heads and rollout_head; the plan comes as it is stored. */
struct head {
    int64_t id, control, candidate, step, step_started_us, started_us, decisions;
    struct str state, plan, paused;
    bool has_paused, finished;
    int64_t finished_us;
};

static void head_json(struct json_out *w, const struct head *h)
{
    json_kv_i64(w, "id", h->id);
    json_kv_i64(w, "control", h->control);
    json_kv_i64(w, "candidate", h->candidate);
    json_kv_str(w, "state", h->state);
    json_key(w, "paused");
    if (h->has_paused)
        json_str(w, h->paused);
    else
        json_null(w);
    json_kv_i64(w, "step", h->step);
    json_kv_i64(w, "step_started_us", h->step_started_us);
    json_kv_i64(w, "started_us", h->started_us);
    json_key(w, "finished_us");
    if (h->finished)
        json_i64(w, h->finished_us);
    else
        json_null(w);
    json_kv_i64(w, "decisions", h->decisions);
}

static void plan_json(struct json_out *w, const struct rollout_plan *plan)
{
    json_kv_cstr(w, "kind", rollout_kind_name(plan->kind));
    json_key(w, "plan");
    rollout_plan_json(w, plan);
}

static enum err plan_read(struct op *op, struct str text, struct rollout_plan *ret)
{
    struct json *j = NULL;
    enum err e = json_parse(op, text, JSON_STRICT, &j);
    return e ? e : rollout_plan_parse(op, j, ret);
}

/* ---- one rollout ---- */
static enum err course_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct course *c = arg;
    struct db_val v[13];
    enum err e = db_query_one(op, tx, &sql_rollout_head, DB_ARGS(DB_I64(c->id), DB_TEXT(c->endpoint)), v, 13);
    if (e)
        return op_context(op, "rollout %lld", (long long)c->id);
    const struct head h = {.id = v[0].i, .control = v[1].i, .candidate = v[2].i, .state = v[3].s, .step = v[4].i, .step_started_us = v[5].i,
                           .started_us = v[6].i, .finished = v[7].type != DB_TYPE_NULL, .finished_us = v[7].type != DB_TYPE_NULL ? v[7].i : 0,
                           .has_paused = v[8].type != DB_TYPE_NULL, .paused = v[8].type != DB_TYPE_NULL ? v[8].s : STR(""), .decisions = v[9].i};
    c->r = (struct rollout_running){.id = h.id, .control = h.control, .candidate = h.candidate, .seed = (uint64_t)v[12].i, .started_us = h.started_us,
                                    .decisions = h.decisions, .pos = {(int)h.step, h.step_started_us}, .paused = h.paused};
    if (!(e = plan_read(op, v[10].s, &c->r.plan)))
        e = rollout_evidence_read(op, v[11].s, &c->r);
    if (!e && (c->r.pos.step < 0 || c->r.pos.step >= c->r.plan.step_count))
        e = op_fail(op, E_CORRUPT, "it stands at step %d of %d", c->r.pos.step, c->r.plan.step_count);
    if (e)
        return op_context(op, "rollout %lld", (long long)c->id);
    json_begin_object(c->w);
    head_json(c->w, &h);
    plan_json(c->w, &c->r.plan);
    json_key(c->w, "course");
    json_begin_array(c->w);
    e = course_points(op, c, tx);
    json_end_array(c->w);
    json_key(c->w, "now");
    now_json(c->w, &c->r, h.finished ? h.finished_us : c->now_us);
    json_end_object(c->w);
    return e;
}

enum err rollout_course_json(struct op *op, struct db *db, struct str endpoint, int64_t rollout_id, int64_t now_us, struct json_out *w)
{
    struct course *c = op_new(op, struct course);
    *c = (struct course){.endpoint = endpoint, .id = rollout_id, .now_us = now_us, .w = w};
    return db_read(op, db, course_read, c);
}

/* ---- all of them ---- */
struct briefs {
    struct str endpoint;
    struct rollout_page page;
    struct json_out *w;
};

static void last_json(struct json_out *w, struct db_tx *tx, struct db_rows *rows, int at)
{
    json_key(w, "last");
    if (db_col_null(tx, rows, at)) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_kv_i64(w, "seq", db_col_i64(tx, rows, at));
    json_kv_i64(w, "at_us", db_col_i64(tx, rows, at + 1));
    json_kv_str(w, "verdict", db_col_str(tx, rows, at + 2));
    json_kv_str(w, "reason", db_col_str(tx, rows, at + 3));
    json_kv_str(w, "note", db_col_str(tx, rows, at + 4));
    json_kv_i64(w, "from_permille", db_col_i64(tx, rows, at + 5));
    json_kv_i64(w, "to_permille", db_col_i64(tx, rows, at + 6));
    rollout_bound_json(w, "diff", tx, rows, at + 7);
    rollout_bound_json(w, "lo", tx, rows, at + 8);
    rollout_bound_json(w, "hi", tx, rows, at + 9);
    json_end_object(w);
}

static enum err briefs_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct briefs *b = arg;
    struct db_rows *rows;
    enum err e = db_query(op, tx, &sql_rollout_heads, DB_ARGS(DB_TEXT(b->endpoint), DB_I64(b->page.before), DB_I64(b->page.limit)), &rows);
    if (e)
        return e;
    bool row;
    struct rollout_plan plan;
    json_begin_array(b->w);
    while (!(e = db_step(op, tx, rows, &row)) && row) {
        const bool paused = !db_col_null(tx, rows, 8), finished = !db_col_null(tx, rows, 7);
        const struct head h = {.id = db_col_i64(tx, rows, 0), .control = db_col_i64(tx, rows, 1), .candidate = db_col_i64(tx, rows, 2),
                               .state = db_col_str(tx, rows, 3), .step = db_col_i64(tx, rows, 4), .step_started_us = db_col_i64(tx, rows, 5),
                               .started_us = db_col_i64(tx, rows, 6), .finished = finished, .finished_us = finished ? db_col_i64(tx, rows, 7) : 0,
                               .has_paused = paused, .paused = paused ? db_col_str(tx, rows, 8) : STR(""), .decisions = db_col_i64(tx, rows, 9)};
        if ((e = plan_read(op, db_col_dup(op, tx, rows, 10), &plan)))
            break;
        json_begin_object(b->w);
        head_json(b->w, &h);
        plan_json(b->w, &plan);
        last_json(b->w, tx, rows, 11);
        json_end_object(b->w);
    }
    json_end_array(b->w);
    db_end(tx, rows);
    return e;
}

enum err rollout_brief_json(struct op *op, struct db *db, struct str endpoint, const struct rollout_page *page, struct json_out *w)
{
    struct briefs b = {endpoint, page ? *page : rollout_page_newest, w};
    return db_read(op, db, briefs_read, &b);
}
