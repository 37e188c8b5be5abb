/* shadow.c - is the candidate's answer, given to the same request at the same time, as good as the control's?
 *
 * Pairs remove what differs between requests, so far fewer are needed than by two groups. What is looked at, each at any time:
 *   errors    requests where only one side failed are coin throws under "both fail equally often". The candidate's share of them
 *             is shown to exceed 1/2 by the Beta-mixture e-process of num/sequential.h (exact), alpha/4: rollback "errors".
 *   latency   d = mean ln(candidate time / control time); a one-sided confidence sequence at alpha/4. exp(lower bound) above
 *             max_latency_ratio: rollback "latency" (0: not judged).
 *   labels    d = mean of the paired difference of log-losses, one-sided confidence sequences at alpha/2 each way, as decide.c: lower
 *             bound above margin: rollback "worse"; upper bound at most margin is wanted before a pass when min_labels asks for labels.
 *             McNemar's exact test on who was right is shown beside it; it decides nothing, as it looks at one threshold only.
 *   answers   share of agreement (Wilson's bounds), quantiles of |delta|, PSI and KS between the two versions' outputs. They
 *             hold a pass back ("agreement", "psi") as the plan says, but do not roll back: another answer may be the better one.
 * alpha/4 + alpha/4 + alpha/2: a candidate that is no worse is rolled back with probability at most alpha. */
#include "core/rollout/shadow.h"

#include <math.h>

#include "core/rollout/live.h"
#include "core/rollout/sums.h"
#include "num/metrics.h"
#include "num/special.h"

#define SHADOW_N_STAR 2000 /* pairs where the sequences are tightest */

static size_t largest(const float *v, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (v[i] > v[best])
            best = i;
    return best;
}

static bool agrees(const struct rollout_pair *p, double delta, double threshold, double tolerance)
{
    if (tolerance > 0)
        return delta <= tolerance;
    if (p->outputs > 1)
        return largest(p->control_out, p->outputs) == largest(p->candidate_out, p->outputs);
    return ((double)p->control_out[0] >= threshold) == ((double)p->candidate_out[0] >= threshold);
}

void rollout_shadow_add(struct rollout_shadow *s, const struct rollout_pair *pair, double threshold, double tolerance)
{
    s->pairs++;
    if (!pair->control_ok || !pair->candidate_ok) {
        s->control_failed += !pair->control_ok && pair->candidate_ok;
        s->candidate_failed += pair->control_ok && !pair->candidate_ok;
        s->both_failed += !pair->control_ok && !pair->candidate_ok;
        return;
    }
    double delta = 0;
    for (size_t i = 0; i < pair->outputs; i++) {
        double off = fabs((double)pair->candidate_out[i] - (double)pair->control_out[i]);
        delta = off > delta || isnan(off) ? off : delta;
    }
    if (pair->outputs) {
        s->agree += agrees(pair, delta, threshold, tolerance);
        sketch_add(&s->delta, delta);
        sketch_add(&s->output[ROLLOUT_ARM_CONTROL], (double)pair->control_out[0]);
        sketch_add(&s->output[ROLLOUT_ARM_CANDIDATE], (double)pair->candidate_out[0]);
    }
    sketch_add(&s->latency_us[ROLLOUT_ARM_CONTROL], pair->control_us);
    sketch_add(&s->latency_us[ROLLOUT_ARM_CANDIDATE], pair->candidate_us);
    moments_add(&s->log_ratio, log((pair->candidate_us + 1.0) / (pair->control_us + 1.0))); /* a time below the clock's grain is no zero */
}

void rollout_shadow_label(struct rollout_shadow *s, double control_score, double candidate_score, bool label, double threshold)
{
    bool a = (control_score >= threshold) == label, b = (candidate_score >= threshold) == label;
    s->labels++;
    s->only_control_right += a && !b;
    s->only_candidate_right += b && !a;
    s->both_right += a && b;
    double loss = metrics_logloss_one(candidate_score, label) - metrics_logloss_one(control_score, label);
    if (isfinite(loss))
        moments_add(&s->loss_delta, loss);
}

void rollout_shadow_merge(struct rollout_shadow *s, const struct rollout_shadow *other)
{
    s->pairs += other->pairs;
    s->dropped += other->dropped;
    s->control_failed += other->control_failed;
    s->candidate_failed += other->candidate_failed;
    s->both_failed += other->both_failed;
    s->agree += other->agree;
    s->only_control_right += other->only_control_right;
    s->only_candidate_right += other->only_candidate_right;
    s->both_right += other->both_right;
    s->labels += other->labels;
    moments_merge(&s->log_ratio, &other->log_ratio);
    moments_merge(&s->loss_delta, &other->loss_delta);
    sketch_merge(&s->delta, &other->delta);
    for (int arm = 0; arm < 2; arm++) {
        sketch_merge(&s->output[arm], &other->output[arm]);
        sketch_merge(&s->latency_us[arm], &other->latency_us[arm]);
    }
}

/* ---- as JSON ---- */
#define SHADOW_COUNTS(X)                                                                                                               \
    X(pairs) X(dropped) X(control_failed) X(candidate_failed) X(both_failed) X(agree) X(only_control_right) X(only_candidate_right)    \
    X(both_right) X(labels)

void rollout_shadow_json(struct json_out *w, const struct rollout_shadow *s)
{
    json_begin_object(w);
#define WRITE(name) sums_count_json(w, #name, s->name);
    SHADOW_COUNTS(WRITE)
#undef WRITE
    sums_moments_json(w, "log_ratio", &s->log_ratio);
    sums_moments_json(w, "loss_delta", &s->loss_delta);
    sums_sketch_json(w, "delta", &s->delta);
    sums_sketch_json(w, "control_output", &s->output[0]);
    sums_sketch_json(w, "candidate_output", &s->output[1]);
    sums_sketch_json(w, "control_latency_us", &s->latency_us[0]);
    sums_sketch_json(w, "candidate_latency_us", &s->latency_us[1]);
    json_end_object(w);
}

enum err rollout_shadow_parse(struct op *op, const struct json *obj, struct rollout_shadow *ret)
{
    enum err e = OK;
    memset(ret, 0, sizeof *ret);
#define READ(name)                                                                                                                     \
    if (!e)                                                                                                                            \
        e = sums_count_parse(op, obj, #name, &ret->name);
    SHADOW_COUNTS(READ)
#undef READ
    struct {
        const char *name;
        struct sketch *to;
    } sketches[] = {{"delta", &ret->delta},
                    {"control_output", &ret->output[0]},
                    {"candidate_output", &ret->output[1]},
                    {"control_latency_us", &ret->latency_us[0]},
                    {"candidate_latency_us", &ret->latency_us[1]}};
    for (size_t i = 0; !e && i < ARRAY_LEN(sketches); i++)
        e = sums_sketch_parse(op, obj, sketches[i].name, sketches[i].to);
    if (!e)
        e = sums_moments_parse(op, obj, "log_ratio", &ret->log_ratio);
    return e ? e : sums_moments_parse(op, obj, "loss_delta", &ret->loss_delta);
}

/* ---- what the sums say ---- */
struct bounds {
    double value, lo, hi; /* one-sided bounds; NaN while there is too little */
};

static struct bounds mean_bounds(const struct moments *m, int64_t least, double alpha)
{
    struct bounds b = {m->n ? m->mean : NAN, NAN, NAN};
    if (m->n < 2 || (int64_t)m->n < least)
        return b;
    double half = sequential_half_width_one_sided((double)m->n, sqrt(moments_variance(m) / (double)m->n), alpha, SHADOW_N_STAR);
    b.lo = m->mean - half;
    b.hi = m->mean + half;
    return b;
}

static void quantiles_json(struct json_out *w, const char *key, const struct sketch *s)
{
    static const struct {
        const char *name;
        double q;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1}};
    json_key(w, key);
    json_begin_object(w);
    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        json_kv_f64(w, points[i].name, sketch_quantile(s, points[i].q));
    json_end_object(w);
}

static void bounds_json(struct json_out *w, const char *key, struct bounds b)
{
    json_key(w, key);
    json_begin_object(w);
    json_kv_f64(w, "value", b.value);
    json_kv_f64(w, "lo", b.lo);
    json_kv_f64(w, "hi", b.hi);
    json_end_object(w);
}

static uint64_t answered(const struct rollout_shadow *s)
{
    return s->pairs - s->control_failed - s->candidate_failed - s->both_failed;
}

static struct bounds exp_bounds(struct bounds b)
{
    return (struct bounds){exp(b.value), exp(b.lo), exp(b.hi)};
}

void rollout_shadow_report_json(struct json_out *w, const struct rollout_plan *plan, const struct rollout_shadow *s)
{
    enum json_nonfinite before = w->nonfinite;
    w->nonfinite = JSON_NONFINITE_NULL;
    struct interval agree = metrics_proportion_ci(s->agree, answered(s), 0.95);
    json_begin_object(w);
    sums_count_json(w, "pairs", s->pairs);
    sums_count_json(w, "dropped", s->dropped);
    sums_count_json(w, "control_failed", s->control_failed);
    sums_count_json(w, "candidate_failed", s->candidate_failed);
    sums_count_json(w, "both_failed", s->both_failed);
    bounds_json(w, "agreement", (struct bounds){agree.value, agree.lo, agree.hi});
    quantiles_json(w, "delta", &s->delta);
    json_kv_f64(w, "psi", sketch_psi(&s->output[0], &s->output[1]));
    json_kv_f64(w, "ks", sketch_distance(&s->output[0], &s->output[1]));
    bounds_json(w, "latency_ratio", exp_bounds(mean_bounds(&s->log_ratio, 30, plan->alpha / 4)));
    quantiles_json(w, "control_latency_us", &s->latency_us[0]);
    quantiles_json(w, "candidate_latency_us", &s->latency_us[1]);
    sums_count_json(w, "labels", s->labels);
    bounds_json(w, "loss_delta", mean_bounds(&s->loss_delta, 30, plan->alpha / 2));
    sums_count_json(w, "only_control_right", s->only_control_right);
    sums_count_json(w, "only_candidate_right", s->only_candidate_right);
    json_kv_f64(w, "mcnemar_p", experiment_mcnemar(s->only_control_right, s->only_candidate_right).p);
    json_end_object(w);
    w->nonfinite = before;
}

/* ---- the judge ---- */
static const char *broken(const struct rollout_plan *plan, const struct rollout_shadow *s)
{
    uint64_t lone = s->control_failed + s->candidate_failed;
    if (lone && sequential_rate_log_e(s->candidate_failed, lone, 0.5, 1, 1) >= -log(plan->alpha / 4))
        return "errors";
    struct bounds ratio = mean_bounds(&s->log_ratio, plan->min_samples, plan->alpha / 4);
    if (plan->max_latency_ratio > 0 && ratio.lo > log(plan->max_latency_ratio))
        return "latency";
    return NULL;
}

/* NULL: the candidate passes; else what is still missing. */
static const char *missing(const struct rollout_plan *plan, const struct rollout_shadow *s, const struct rollout_decision *d)
{
    if ((int64_t)s->pairs < plan->min_samples || (int64_t)s->labels < plan->min_labels)
        return "samples";
    struct interval agree = metrics_proportion_ci(s->agree, answered(s), 0.95);
    if (plan->min_agreement > 0 && !(agree.lo >= plan->min_agreement))
        return "agreement";
    if (plan->max_psi > 0 && !(sketch_psi(&s->output[0], &s->output[1]) <= plan->max_psi))
        return "psi";
    if (plan->min_labels > 0 && !(d->hi <= plan->margin))
        return "inconclusive";
    return NULL;
}

static void settle(struct rollout_decision *d, enum rollout_verdict v, int to, const char *reason)
{
    d->verdict = v;
    d->to_permille = to;
    d->reason = reason;
}

void rollout_shadow_decide(const struct rollout_plan *plan, const struct rollout_position *pos, const struct rollout_shadow *s, int64_t now_us,
                           struct rollout_decision *ret)
{
    struct bounds loss = mean_bounds(&s->loss_delta, plan->min_samples, plan->alpha / 2);
    ret->from_permille = 0;
    ret->labels_control = ret->labels_candidate = s->labels;
    ret->at_us = now_us;
    ret->diff = loss.value;
    ret->lo = loss.lo;
    ret->hi = loss.hi;
    const char *why = broken(plan, s);
    if (why || loss.lo > plan->margin) {
        settle(ret, ROLLOUT_ROLLBACK, 0, why ? why : "worse");
        return;
    }
    int64_t lasted = now_us - pos->step_started_us;
    why = missing(plan, s, ret);
    if (lasted < plan->min_step_us)
        settle(ret, ROLLOUT_HOLD, 0, "min_time");
    else if (!why && plan->on_win == ROLLOUT_ON_WIN_PROMOTE)
        settle(ret, ROLLOUT_PROMOTE, 1000, "passed");
    else if (!why)
        settle(ret, ROLLOUT_PAUSE, 0, "passed");
    else if (lasted < plan->max_step_us || plan->on_inconclusive == ROLLOUT_ON_INCONCLUSIVE_HOLD)
        settle(ret, ROLLOUT_HOLD, 0, why);
    else if (plan->on_inconclusive == ROLLOUT_ON_INCONCLUSIVE_ROLLBACK)
        settle(ret, ROLLOUT_ROLLBACK, 0, why);
    else
        settle(ret, ROLLOUT_PAUSE, 0, why);
}
