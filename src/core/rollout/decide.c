/* decide.c - when is a candidate bad, good enough, or neither.
 *
 * What is compared. Each labelled request has one loss: the log-loss of its score (a proper score: it falls when ranking or
 * calibration get better and cannot be gamed by a constant). Two groups of equal size, the candidate's units and the control
 * slice, live through the same hours, so d = mean(candidate) - mean(control) is free of the time of day, the weather and the
 * season. Requests at weight 1000 have no concurrent group and stay out of d.
 *
 * Loss test, at any time. With n = n0 + n1, se^2 = s0^2/n0 + s1^2/n1 and a = alpha/2, the one-sided asymptotic confidence
 * sequence (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021, as in num/sequential.h) gives a half-width h with
 *     P(some n: true d < d - h) <= a      and      P(some n: true d > d + h) <= a.
 * The evidence runs over the whole rollout, not per step, so the promise is for the whole rollout however often labels come:
 *     d - h > margin    worse        -> rollback at once
 *     d + h <= margin   not worse    -> the step may end
 *     otherwise         inconclusive -> hold; after max_step_us as the plan says
 * Being asymptotic the sequence needs a start: nothing is said below min_samples in either arm.
 *
 * Guardrails, on every request whether labelled or not. H0: the error rate is at most max_error_rate; H0: at most 5 % of the
 * answers are slower than max_p95_us (that is what "p95 <= limit" says). Each is a Beta(1,1)-mixture e-process
 * (sequential_rate_log_e), exact for any n, so 3 failures in 40 need no normal approximation; each gets alpha/4. A
 * guardrail only speaks when the candidate is also worse than its control slice: a slow machine is not the model's fault.
 *
 * A quantile of latency, where the plan names one. H0: Q1 <= ratio * Q0, the candidate's and the control's true q-quantiles. The empirical
 * distribution function of each arm stays within eps(n) of the true one at every n with probability 1 - a (Howard & Ramdas 2022,
 * the Dvoretzky-Kiefer-Wolfowitz band made uniform in time; num/sketch.h), so Q lies between the (q - eps) and the (q + eps) quantiles
 * that were seen, read from a histogram at the outer edges of its buckets. Broken when the candidate's lower bound is above ratio
 * times the control's upper bound. The latency's alpha/4 is halved between this and the limit, and this half between the
 * arms. No distribution is assumed, and the price is that nothing is said while eps > 1 - q: at alpha 0.05 below some 3,800 requests
 * per arm for q = 0.95, and some 98,000 for q = 0.99. Requests at weight 1000 have no control beside them and stay out.
 *
 * alpha/2 + alpha/4 + alpha/4: the chance of a rollback of a candidate that breaks none of the three is at most alpha. */
#include "core/rollout/decide.h"

#include <assert.h>
#include <math.h>

#include "core/rollout/sums.h"
#include "num/sketch.h"

#define ROLLOUT_N_STAR 5000 /* where the confidence sequence is tightest, requests of both arms */

static const char *const verdict_names[] = {
    [ROLLOUT_NO_ROLLOUT] = "none",    [ROLLOUT_HOLD] = "hold",         [ROLLOUT_ADVANCE] = "advance",
    [ROLLOUT_PROMOTE] = "promote",    [ROLLOUT_ROLLBACK] = "rollback", [ROLLOUT_PAUSE] = "pause",
    [ROLLOUT_RESUME] = "resume",      [ROLLOUT_SHIFT] = "shift",
};

const char *rollout_verdict_name(enum rollout_verdict v)
{
    assert((unsigned)v < ARRAY_LEN(verdict_names));
    return verdict_names[v];
}

/* The rate of the candidate is above `limit`, and above its control's. */
bool rollout_rate_broken(uint64_t bad, uint64_t n, uint64_t control_bad, uint64_t control_n, double limit, double alpha)
{
    if (!n || !(sequential_rate_log_e(bad, n, limit, 1, 1) >= -log(alpha)))
        return false;
    return !control_n || (double)bad / (double)n > (double)control_bad / (double)control_n;
}

static void quantile_bounds(const struct rollout_plan *plan, const struct latency_hist *h, double alpha, double *ret_lo, double *ret_hi)
{
    latency_hist_quantile_bounds(h, plan->latency_quantile, sketch_dkw_any_time(h->n, alpha / 2), ret_lo, ret_hi);
}

bool rollout_quantile_broken(const struct rollout_plan *plan, const struct latency_hist *candidate, const struct latency_hist *control, double alpha)
{
    double lo[2], hi[2];
    if (!(plan->latency_quantile > 0) || !candidate->n || !control->n)
        return false;
    quantile_bounds(plan, control, alpha, &lo[0], &hi[0]);
    quantile_bounds(plan, candidate, alpha, &lo[1], &hi[1]);
    return lo[1] > plan->latency_max_ratio * hi[0];
}

static void quantile_arm_json(struct json_out *w, const char *key, const struct rollout_plan *plan, const struct latency_hist *h, double alpha)
{
    double lo, hi;
    quantile_bounds(plan, h, alpha, &lo, &hi);
    json_key(w, key);
    json_begin_object(w);
    json_key(w, "n");
    json_u64(w, h->n);
    json_kv_f64(w, "value_us", h->n ? latency_hist_quantile(h, plan->latency_quantile) : NAN);
    json_kv_f64(w, "lo_us", h->n ? lo : NAN);
    json_kv_f64(w, "hi_us", h->n ? hi : NAN);
    json_end_object(w);
}

void rollout_quantile_json(struct json_out *w, const struct rollout_plan *plan, const struct latency_hist *candidate, const struct latency_hist *control,
                           double alpha)
{
    enum json_nonfinite before = w->nonfinite;
    w->nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(w);
    json_kv_f64(w, "quantile", plan->latency_quantile);
    json_kv_f64(w, "max_ratio", plan->latency_max_ratio);
    quantile_arm_json(w, "control", plan, control, alpha);
    quantile_arm_json(w, "candidate", plan, candidate, alpha);
    json_kv_bool(w, "broken", rollout_quantile_broken(plan, candidate, control, alpha));
    json_end_object(w);
    w->nonfinite = before;
}

double rollout_latency_alpha(const struct rollout_plan *plan)
{
    return plan->latency_quantile > 0 ? plan->alpha / 8 : plan->alpha / 4;
}

static const char *guardrail_broken(const struct rollout_plan *plan, const struct rollout_evidence *ev)
{
    const struct rollout_arm_sums *a = &ev->arm[ROLLOUT_ARM_CONTROL], *b = &ev->arm[ROLLOUT_ARM_CANDIDATE];
    if (rollout_rate_broken(b->errors, b->requests, a->errors, a->requests, plan->max_error_rate, plan->alpha / 4))
        return "errors";
    if (rollout_rate_broken(b->slow, b->requests, a->slow, a->requests, ROLLOUT_SLOW_SHARE, rollout_latency_alpha(plan)))
        return "latency";
    if (rollout_quantile_broken(plan, &b->latency, &a->latency, rollout_latency_alpha(plan)))
        return "latency_quantile";
    return NULL;
}

/* Fills diff, lo, hi; NaN while either arm has fewer than min_samples. */
static void compare_losses(const struct rollout_plan *plan, const struct rollout_evidence *ev, struct rollout_decision *d)
{
    const struct moments *a = &ev->arm[ROLLOUT_ARM_CONTROL].loss, *b = &ev->arm[ROLLOUT_ARM_CANDIDATE].loss;
    d->diff = d->lo = d->hi = NAN;
    if (!a->n || !b->n)
        return;
    d->diff = b->mean - a->mean;
    if ((int64_t)a->n < plan->min_samples || (int64_t)b->n < plan->min_samples)
        return;
    double na = (double)a->n, nb = (double)b->n;
    double se = sqrt(moments_variance(a) / na + moments_variance(b) / nb);
    double half = sequential_half_width_one_sided(na + nb, se, plan->alpha / 2, ROLLOUT_N_STAR);
    d->lo = d->diff - half;
    d->hi = d->diff + half;
}

static void settle(struct rollout_decision *d, enum rollout_verdict v, int to_permille, const char *reason)
{
    d->verdict = v;
    d->to_permille = to_permille;
    d->reason = reason;
}

/* The step has lasted long enough and nothing speaks against the candidate: go on, or wait, or give up. */
static void end_step(const struct rollout_plan *plan, const struct rollout_position *pos, bool enough, bool overdue, struct rollout_decision *d)
{
    int here = plan->steps_permille[pos->step];
    bool last = pos->step + 1 >= plan->step_count;
    enum rollout_verdict onward = last ? ROLLOUT_PROMOTE : ROLLOUT_ADVANCE;
    int next = last ? 1000 : plan->steps_permille[pos->step + 1];
    /* The last step has no control group: there the sum of the earlier steps must stand and the labels must have come. */
    if (enough && d->hi <= plan->margin)
        settle(d, onward, next, last ? "held" : "not_worse");
    else if (!overdue)
        settle(d, ROLLOUT_HOLD, here, enough ? "inconclusive" : "samples");
    else if (plan->on_inconclusive == ROLLOUT_ON_INCONCLUSIVE_ROLLBACK)
        settle(d, ROLLOUT_ROLLBACK, 0, "inconclusive");
    else if (plan->on_inconclusive == ROLLOUT_ON_INCONCLUSIVE_ADVANCE && enough && d->diff <= plan->margin)
        settle(d, onward, next, "inconclusive");
    else if (plan->on_inconclusive == ROLLOUT_ON_INCONCLUSIVE_PAUSE)
        settle(d, ROLLOUT_PAUSE, here, enough ? "inconclusive" : "samples");
    else
        settle(d, ROLLOUT_HOLD, here, enough ? "inconclusive" : "samples");
}

/* Blue-green: the candidate answers since the start; the watch ends well when it was long enough and nothing spoke against it. Labels
 * speak against it when a control was held back, but need not come. */
static void end_watch(const struct rollout_plan *plan, int here, bool enough, bool overdue, struct rollout_decision *d)
{
    if (enough)
        settle(d, ROLLOUT_PROMOTE, 1000, "held");
    else if (!overdue || plan->on_inconclusive == ROLLOUT_ON_INCONCLUSIVE_HOLD)
        settle(d, ROLLOUT_HOLD, here, "samples");
    else if (plan->on_inconclusive == ROLLOUT_ON_INCONCLUSIVE_ROLLBACK)
        settle(d, ROLLOUT_ROLLBACK, 0, "samples");
    else if (plan->on_inconclusive == ROLLOUT_ON_INCONCLUSIVE_ADVANCE)
        settle(d, ROLLOUT_PROMOTE, 1000, "samples");
    else
        settle(d, ROLLOUT_PAUSE, here, "samples");
}

void rollout_decide(const struct rollout_plan *plan, const struct rollout_position *pos, const struct rollout_evidence *ev,
                    int64_t now_us, struct rollout_decision *ret)
{
    assert(pos->step >= 0 && pos->step < plan->step_count);
    const struct rollout_arm_sums *a = &ev->arm[ROLLOUT_ARM_CONTROL], *b = &ev->arm[ROLLOUT_ARM_CANDIDATE];
    int here = plan->steps_permille[pos->step];
    ret->from_permille = here;
    ret->labels_control = a->loss.n;
    ret->labels_candidate = b->loss.n;
    ret->at_us = now_us;
    compare_losses(plan, ev, ret);
    const char *broken = guardrail_broken(plan, ev);
    if (broken) {
        settle(ret, ROLLOUT_ROLLBACK, 0, broken);
        return;
    }
    if (ret->lo > plan->margin) {
        settle(ret, ROLLOUT_ROLLBACK, 0, "worse");
        return;
    }
    int64_t lasted = now_us - pos->step_started_us;
    if (lasted < plan->min_step_us) {
        settle(ret, ROLLOUT_HOLD, here, "min_time");
        return;
    }
    if (plan->kind == ROLLOUT_BLUE_GREEN) {
        end_watch(plan, here, (int64_t)b->requests >= plan->min_samples, lasted >= plan->max_step_us, ret);
        return;
    }
    bool enough = (int64_t)b->step_labels >= plan->min_samples && (here == 1000 || (int64_t)a->step_labels >= plan->min_samples);
    end_step(plan, pos, enough, lasted >= plan->max_step_us, ret);
}

void rollout_decision_json(struct json_out *w, const struct rollout_decision *d)
{
    json_begin_object(w);
    json_kv_cstr(w, "verdict", rollout_verdict_name(d->verdict));
    if (d->verdict != ROLLOUT_NO_ROLLOUT) {
        json_kv_cstr(w, "reason", d->reason);
        json_kv_i64(w, "rollout", d->rollout_id);
        json_kv_i64(w, "seq", d->seq);
        json_kv_i64(w, "control", d->control);
        json_kv_i64(w, "candidate", d->candidate);
        json_kv_i64(w, "from_permille", d->from_permille);
        json_kv_i64(w, "to_permille", d->to_permille);
        json_kv_f64(w, "diff", d->diff);
        json_kv_f64(w, "lo", d->lo);
        json_kv_f64(w, "hi", d->hi);
        json_kv_i64(w, "labels_control", (int64_t)d->labels_control);
        json_kv_i64(w, "labels_candidate", (int64_t)d->labels_candidate);
        json_kv_i64(w, "at_us", d->at_us);
    }
    json_end_object(w);
}

/* ---- evidence as JSON ---- */
static void count_json(struct json_out *w, const char *key, uint64_t v)
{
    json_key(w, key);
    json_u64(w, v);
}

static void arm_json(struct json_out *w, const struct rollout_arm_sums *a)
{
    json_begin_object(w);
    count_json(w, "requests", a->requests);
    count_json(w, "errors", a->errors);
    count_json(w, "slow", a->slow);
    count_json(w, "step_labels", a->step_labels);
    count_json(w, "labels", a->loss.n);
    json_kv_f64(w, "loss_mean", a->loss.mean);
    json_kv_f64(w, "loss_m2", a->loss.m2);
    json_kv_f64(w, "brier_sum", a->brier_sum);
    json_kv_f64(w, "score_sum", a->score_sum);
    count_json(w, "positives", a->positives);
    sums_hist_json(w, "latency", &a->latency);
    json_end_object(w);
}

void rollout_evidence_json(struct json_out *w, const struct rollout_evidence *ev)
{
    json_begin_object(w);
    json_key(w, "control");
    arm_json(w, &ev->arm[ROLLOUT_ARM_CONTROL]);
    json_key(w, "candidate");
    arm_json(w, &ev->arm[ROLLOUT_ARM_CANDIDATE]);
    json_end_object(w);
}

static enum err arm_parse(struct op *op, const struct json *obj, const char *key, struct rollout_arm_sums *ret)
{
    const struct json *arm = json_get(obj, key);
    struct {
        const char *name;
        uint64_t *to;
    } counts[] = {{"requests", &ret->requests},       {"errors", &ret->errors}, {"slow", &ret->slow},
                  {"step_labels", &ret->step_labels}, {"labels", &ret->loss.n}, {"positives", &ret->positives}};
    struct {
        const char *name;
        double *to;
    } sums[] = {{"loss_mean", &ret->loss.mean}, {"loss_m2", &ret->loss.m2}, {"brier_sum", &ret->brier_sum}, {"score_sum", &ret->score_sum}};
    int64_t whole = 0;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        const struct json *v = json_get(arm, counts[i].name);
        if (!v || !json_as_i64(v, &whole) || whole < 0)
            return op_fail(op, E_CORRUPT, "rollout evidence lacks %s.%s", key, counts[i].name);
        *counts[i].to = (uint64_t)whole;
    }
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        const struct json *v = json_get(arm, sums[i].name);
        if (!v || !json_as_f64(v, sums[i].to))
            return op_fail(op, E_CORRUPT, "rollout evidence lacks %s.%s", key, sums[i].name);
    }
    return sums_hist_parse(op, arm, "latency", &ret->latency);
}

enum err rollout_evidence_parse(struct op *op, const struct json *obj, struct rollout_evidence *ret)
{
    struct rollout_evidence ev = {0};
    enum err e = arm_parse(op, obj, "control", &ev.arm[ROLLOUT_ARM_CONTROL]);
    if (!e)
        e = arm_parse(op, obj, "candidate", &ev.arm[ROLLOUT_ARM_CANDIDATE]);
    if (!e)
        *ret = ev;
    return e;
}
