/* trial.c - A/B tests and bandits.
 *
 * Guardrails. As in decide.c: the error rate and the share of slow answers of each candidate are exact e-processes, alpha/4 each, divided
 * by the number of candidates, and speak only when the candidate is also worse than the control beside it. In an A/B test a
 * broken candidate ends the test; a bandit bars the arm.
 *
 * Split. The units per arm against the shares that were dealt, by a sequential Dirichlet-multinomial test at srm_alpha
 * (num/experiment.h). A wrong split means that something loses requests of one arm, so every other figure is suspect: pause "srm". A
 * bandit's shares move, so it is not judged there. A unit counts at its first request (units.c); a request that names no unit is one of its
 * own. The evidence says which it was: "split_by".
 *
 * Always-valid A/B. The primary metric's difference of each candidate gets a two-sided asymptotic confidence sequence at alpha / candidates
 * (Waudby-Smith et al. 2021; it agrees with gbstats): above zero in the good direction: won; all below: rollback "worse". However often
 * one looks, equal candidates win or lose with probability at most alpha. The other metrics are shown with their own sequences.
 *
 * Fixed horizon. One look, when every arm has samples_per_arm values of the primary metric: Welch's test (errors: two proportions;
 * rewards with a covariate: CUPED), p-values corrected over all candidates and metrics as the plan says. Won, or lost, or not shown:
 * then as on_inconclusive says ("hold" pauses, as a second look would break the promise).
 *
 * Bandit. After each batch, and at most every min_step_us, shares follow from discounted sums by num/bandit.h. No promise of alpha is
 * made: stop_at is a posterior chance. Losses are turned into rewards: 1 - (score - label)^2, and minus the log-loss. */
#include "core/rollout/trial.h"

#include <math.h>

#include "core/rollout/sums.h"
#include "num/metrics.h"
#include "num/offpolicy.h"
#include "num/special.h"

#define TRIAL_N_STAR 5000
#define TRIAL_SRM_CONCENTRATION 10000

void rollout_trial_init(struct rollout_trial *t, const struct rollout_plan *plan, int64_t control, int64_t candidate, int64_t start_us)
{
    memset(t, 0, sizeof *t);
    t->arms = 2 + plan->version_count;
    t->arm[0].version = control;
    t->arm[1].version = candidate;
    for (int i = 0; i < plan->version_count; i++)
        t->arm[2 + i].version = plan->versions[i];
    t->learned_us = start_us;
    rollout_plan_shares(plan, t->arms, t->permille);
    rollout_deal(t->bucket, t->permille, t->arms);
}

struct rollout_trial_arm *rollout_trial_find(struct rollout_trial *t, int64_t version)
{
    for (int i = 0; i < t->arms; i++)
        if (t->arm[i].version == version)
            return &t->arm[i];
    return NULL;
}

void rollout_trial_age(struct rollout_trial *t, const struct rollout_plan *plan, int64_t now_us)
{
    if (now_us <= t->learned_us)
        return;
    if (plan->half_life_us > 0)
        for (int i = 0; i < t->arms; i++)
            bandit_discount(&t->arm[i].learned, exp2(-(double)(now_us - t->learned_us) / plan->half_life_us));
    t->learned_us = now_us;
}

void rollout_trial_label(struct rollout_trial_arm *a, const struct rollout_plan *plan, double score, bool label)
{
    double miss = score - (label ? 1 : 0), loss = metrics_logloss_one(score, label), right = (score >= plan->threshold) == label;
    if (!isfinite(loss) || !isfinite(miss))
        return;
    moments_add(&a->metric[ROLLOUT_LOGLOSS], loss);
    moments_add(&a->metric[ROLLOUT_BRIER], miss * miss);
    moments_add(&a->metric[ROLLOUT_ACCURACY], right);
    if (plan->kind == ROLLOUT_BANDIT && plan->reward != ROLLOUT_REWARD)
        bandit_add(&a->learned, plan->reward == ROLLOUT_ACCURACY ? right : plan->reward == ROLLOUT_BRIER ? 1 - miss * miss : -loss);
}

bool rollout_trial_reward(struct rollout_trial_arm *a, const struct rollout_plan *plan, double reward, double covariate, double propensity)
{
    if (!isfinite(reward) || !isfinite(covariate) || !(propensity > 0))
        return false;
    moments2_add(&a->reward, reward, covariate);
    moments2_add(&a->weighted, reward / propensity, 1 / propensity);
    if (plan->kind == ROLLOUT_BANDIT && plan->reward == ROLLOUT_REWARD)
        bandit_add(&a->learned, reward);
    return true;
}

/* ---- as JSON ---- */
static const enum rollout_metric label_metrics[] = {ROLLOUT_LOGLOSS, ROLLOUT_BRIER, ROLLOUT_ACCURACY};

static void arm_json(struct json_out *w, const struct rollout_trial_arm *a, int permille)
{
    json_begin_object(w);
    json_kv_i64(w, "version", a->version);
    json_kv_i64(w, "permille", permille);
    sums_count_json(w, "requests", a->requests);
    sums_count_json(w, "errors", a->errors);
    sums_count_json(w, "slow", a->slow);
    sums_count_json(w, "units", a->units);
    sums_count_json(w, "unnamed", a->unnamed);
    sums_hist_json(w, "latency", &a->latency);
    for (size_t i = 0; i < ARRAY_LEN(label_metrics); i++)
        sums_moments_json(w, rollout_metric_name(label_metrics[i]), &a->metric[label_metrics[i]]);
    sums_moments2_json(w, "reward", &a->reward);
    json_kv_f64(w, "learned_n", a->learned.n);
    json_kv_f64(w, "learned_sum", a->learned.sum);
    json_kv_f64(w, "learned_square", a->learned.square);
    sums_moments2_json(w, "weighted", &a->weighted);
    json_end_object(w);
}

/* What the split counts. */
static const char *split_by(const struct rollout_trial *t)
{
    uint64_t units = 0, unnamed = 0;
    for (int i = 0; i < t->arms; i++) {
        units += t->arm[i].units;
        unnamed += t->arm[i].unnamed;
    }
    return unnamed == 0 ? "units" : units == 0 ? "requests" : "units_and_requests";
}

void rollout_trial_json(struct json_out *w, const struct rollout_trial *t)
{
    char buckets[ROLLOUT_BUCKETS];
    for (int i = 0; i < ROLLOUT_BUCKETS; i++)
        buckets[i] = (char)('0' + t->bucket[i]);
    json_begin_object(w);
    json_key(w, "arms");
    json_begin_array(w);
    for (int i = 0; i < t->arms; i++)
        arm_json(w, &t->arm[i], t->permille[i]);
    json_end_array(w);
    json_kv_cstr(w, "split_by", split_by(t));
    json_kv_i64(w, "learned_us", t->learned_us);
    json_kv_str(w, "buckets", (struct str){buckets, ROLLOUT_BUCKETS});
    json_end_object(w);
}

static enum err arm_parse(struct op *op, const struct json *obj, struct rollout_trial_arm *a, int *ret_permille)
{
    uint64_t version = 0, permille = 0;
    enum err e = sums_count_parse(op, obj, "version", &version);
    struct {
        const char *name;
        uint64_t *to;
    } counts[] = {{"permille", &permille}, {"requests", &a->requests}, {"errors", &a->errors}, {"slow", &a->slow}};
    struct {
        const char *name;
        double *to;
    } reals[] = {{"learned_n", &a->learned.n}, {"learned_sum", &a->learned.sum}, {"learned_square", &a->learned.square}};
    for (size_t i = 0; !e && i < ARRAY_LEN(counts); i++)
        e = sums_count_parse(op, obj, counts[i].name, counts[i].to);
    for (size_t i = 0; !e && i < ARRAY_LEN(reals); i++)
        e = sums_f64_parse(op, obj, reals[i].name, reals[i].to);
    for (size_t i = 0; !e && i < ARRAY_LEN(label_metrics); i++)
        e = sums_moments_parse(op, obj, rollout_metric_name(label_metrics[i]), &a->metric[label_metrics[i]]);
    if (!e)
        e = sums_moments2_parse(op, obj, "reward", &a->reward);
    if (!e)
        e = sums_moments2_parse(op, obj, "weighted", &a->weighted);
    if (!e)
        e = sums_hist_parse(op, obj, "latency", &a->latency);
    a->unnamed = a->requests; /* evidence of before units were counted */
    if (!e && json_get(obj, "units")) {
        e = sums_count_parse(op, obj, "units", &a->units);
        e = e ? e : sums_count_parse(op, obj, "unnamed", &a->unnamed);
    }
    a->version = (int64_t)version;
    *ret_permille = (int)(permille > 1000 ? 1001 : permille);
    return e;
}

enum err rollout_trial_parse(struct op *op, const struct json *obj, struct rollout_trial *ret)
{
    const struct json *arms = json_get(obj, "arms"), *buckets = json_get(obj, "buckets");
    int sum = 0;
    memset(ret, 0, sizeof *ret);
    if (!arms || arms->type != JSON_ARRAY || arms->len < 2 || arms->len > LIMIT_ROLLOUT_ARMS || !buckets || buckets->type != JSON_STRING ||
        buckets->s.len != ROLLOUT_BUCKETS)
        return op_fail(op, E_CORRUPT, "rollout evidence lacks its arms");
    ret->arms = (int)arms->len;
    enum err e = json_want_i64(op, obj, "learned_us", INT64_MIN, INT64_MAX, &ret->learned_us);
    for (int i = 0; !e && i < ret->arms; i++) {
        e = arm_parse(op, &arms->items[i], &ret->arm[i], &ret->permille[i]);
        sum += ret->permille[i];
    }
    for (int i = 0; !e && i < ROLLOUT_BUCKETS; i++) {
        int arm = buckets->s.p[i] - '0';
        if (arm < 0 || arm >= ret->arms)
            return op_fail(op, E_CORRUPT, "rollout evidence: bucket %d belongs to no arm", i);
        ret->bucket[i] = (uint8_t)arm;
    }
    return e || sum == 1000 ? e : op_fail(op, E_CORRUPT, "rollout evidence: the shares make %d", sum);
}

/* ---- comparisons ---- */
static uint64_t values_of(const struct rollout_trial_arm *a, enum rollout_metric m)
{
    return m == ROLLOUT_ERRORS ? a->requests : m == ROLLOUT_REWARD ? a->reward.n : a->metric[m].n;
}

static struct two_sample compare(const struct rollout_trial *t, int i, enum rollout_metric m, double alpha)
{
    const struct rollout_trial_arm *a = &t->arm[0], *b = &t->arm[i];
    if (m == ROLLOUT_ERRORS)
        return sequential_two_proportion(a->errors, a->requests, b->errors, b->requests, alpha);
    if (m == ROLLOUT_REWARD)
        return experiment_cuped(&a->reward, &b->reward, alpha, NULL);
    return sequential_welch(&a->metric[m], &b->metric[m], alpha);
}

/* The same with bounds that hold at every look; NaN below min_samples in either arm. */
static struct two_sample compare_any_time(const struct rollout_plan *plan, const struct rollout_trial *t, int i, enum rollout_metric m)
{
    struct two_sample c = compare(t, i, m, plan->alpha);
    double na = (double)values_of(&t->arm[0], m), nb = (double)values_of(&t->arm[i], m);
    double half = sequential_half_width(na + nb, c.se, plan->alpha / (t->arms - 1), TRIAL_N_STAR);
    bool enough = na >= (double)plan->min_samples && nb >= (double)plan->min_samples;
    c.lo = enough ? c.diff - half : NAN;
    c.hi = enough ? c.diff + half : NAN;
    return c;
}

/* 1: shown to be better, -1: worse, 0: neither. */
static int direction(enum rollout_metric m, double lo, double hi)
{
    int sign = lo > 0 ? 1 : hi < 0 ? -1 : 0;
    return rollout_metric_more_is_better(m) ? sign : -sign;
}

static double srm_log_e(const struct rollout_trial *t)
{
    uint64_t counts[LIMIT_ROLLOUT_ARMS];
    double shares[LIMIT_ROLLOUT_ARMS];
    for (int i = 0; i < t->arms; i++) {
        counts[i] = t->arm[i].units + t->arm[i].unnamed;
        shares[i] = t->permille[i] / 1000.0;
    }
    return experiment_srm_log_e(counts, shares, (size_t)t->arms, TRIAL_SRM_CONCENTRATION);
}

static const char *arm_broken(const struct rollout_plan *plan, const struct rollout_trial *t, int i)
{
    const struct rollout_trial_arm *a = &t->arm[0], *b = &t->arm[i];
    double alpha = plan->alpha / 4 / (t->arms - 1);
    if (rollout_rate_broken(b->errors, b->requests, a->errors, a->requests, plan->max_error_rate, alpha))
        return "errors";
    if (rollout_rate_broken(b->slow, b->requests, a->slow, a->requests, ROLLOUT_SLOW_SHARE, rollout_latency_alpha(plan) / (t->arms - 1)))
        return "latency";
    if (rollout_quantile_broken(plan, &b->latency, &a->latency, rollout_latency_alpha(plan) / (t->arms - 1)))
        return "latency_quantile";
    return NULL;
}

/* Corrected p-values of every candidate (rows) and metric of the plan (columns). */
static void corrected(const struct rollout_plan *plan, const struct rollout_trial *t, double p[LIMIT_ROLLOUT_ARMS * ROLLOUT_METRIC_COUNT])
{
    size_t n = 0;
    for (int i = 1; i < t->arms; i++)
        for (int k = 0; k < plan->metric_count; k++)
            p[n++] = compare(t, i, plan->metrics[k], plan->alpha).p;
    if (plan->correction == ROLLOUT_CORRECT_HOLM)
        experiment_holm(p, n);
    else if (plan->correction == ROLLOUT_CORRECT_BH)
        experiment_benjamini_hochberg(p, n);
}

/* ---- verdicts ---- */
static void settle(struct rollout_decision *d, enum rollout_verdict v, int to_permille, const char *reason)
{
    d->verdict = v;
    d->to_permille = to_permille;
    d->reason = reason;
}

static void settle_won(const struct rollout_plan *plan, const struct rollout_trial *t, int i, struct rollout_decision *d)
{
    d->candidate = t->arm[i].version;
    if (plan->on_win == ROLLOUT_ON_WIN_PROMOTE)
        settle(d, ROLLOUT_PROMOTE, 1000, "won");
    else
        settle(d, ROLLOUT_PAUSE, d->from_permille, "won");
}

static void settle_open(const struct rollout_plan *plan, bool over, const char *reason, struct rollout_decision *d)
{
    if (!over)
        settle(d, ROLLOUT_HOLD, d->from_permille, reason);
    else if (plan->on_inconclusive == ROLLOUT_ON_INCONCLUSIVE_ROLLBACK)
        settle(d, ROLLOUT_ROLLBACK, 0, reason);
    else
        settle(d, ROLLOUT_PAUSE, d->from_permille, reason);
}

static void decide_ab(const struct rollout_plan *plan, const struct rollout_trial *t, int64_t lasted_us, struct rollout_decision *d)
{
    enum rollout_metric primary = plan->metrics[0];
    bool fixed = plan->test == ROLLOUT_TEST_FIXED, full = true;
    double p[LIMIT_ROLLOUT_ARMS * ROLLOUT_METRIC_COUNT], best_gain = 0;
    int won = 0, lost = 0;
    for (int i = 0; i < t->arms; i++)
        full = full && (int64_t)values_of(&t->arm[i], primary) >= (fixed ? plan->samples_per_arm : plan->min_samples);
    corrected(plan, t, p);
    for (int i = 1; i < t->arms; i++) {
        struct two_sample c = fixed ? compare(t, i, primary, plan->alpha) : compare_any_time(plan, t, i, primary);
        bool shown = !fixed || p[(i - 1) * plan->metric_count] < plan->alpha;
        int way = !shown ? 0 : fixed ? direction(primary, c.diff, c.diff) : direction(primary, c.lo, c.hi);
        double gain = rollout_metric_more_is_better(primary) ? c.diff : -c.diff;
        if (i == 1 || gain > best_gain) {
            best_gain = gain;
            d->diff = c.diff;
            d->lo = c.lo;
            d->hi = c.hi;
            won = way > 0 ? i : won;
        }
        lost += way < 0;
    }
    bool over = fixed ? full : plan->on_inconclusive != ROLLOUT_ON_INCONCLUSIVE_HOLD && lasted_us >= plan->max_step_us;
    if (srm_log_e(t) >= -log(plan->srm_alpha))
        settle(d, ROLLOUT_PAUSE, d->from_permille, "srm");
    else if (fixed && !full)
        settle_open(plan, false, "samples", d);
    else if (lost == t->arms - 1)
        settle(d, ROLLOUT_ROLLBACK, 0, "worse");
    else if (lasted_us < plan->min_step_us)
        settle(d, ROLLOUT_HOLD, d->from_permille, "min_time");
    else if (won)
        settle_won(plan, t, won, d);
    else
        settle_open(plan, over, full ? "inconclusive" : "samples", d);
}

/* Whole permille that sum to 1000: the largest remainders get what is left; no free arm rounds down to nothing. */
static void to_permille(const double *share, int arms, int *ret)
{
    int left = ROLLOUT_BUCKETS;
    bool given[LIMIT_ROLLOUT_ARMS] = {false};
    for (int i = 0; i < arms; i++) {
        ret[i] = (int)floor(share[i] * ROLLOUT_BUCKETS + 1e-9);
        left -= ret[i];
    }
    for (; left > 0; left--) {
        int most = -1;
        for (int i = 0; i < arms; i++)
            if (!given[i] && (most < 0 || share[i] * ROLLOUT_BUCKETS - ret[i] > share[most] * ROLLOUT_BUCKETS - ret[most]))
                most = i;
        most = most < 0 ? 0 : most;
        given[most] = true;
        ret[most]++;
    }
}

static void learned_shares(const struct rollout_plan *plan, const struct rollout_trial *t, uint64_t seed, double *share, double *best)
{
    struct bandit_sums sums[LIMIT_ROLLOUT_ARMS];
    bool barred[LIMIT_ROLLOUT_ARMS] = {false};
    for (int i = 0; i < t->arms; i++) {
        sums[i] = t->arm[i].learned;
        barred[i] = i && arm_broken(plan, t, i);
    }
    bandit_shares(&plan->bandit, sums, barred, t->arms, seed, share, best);
}

static void decide_bandit(const struct rollout_plan *plan, const struct rollout_trial *t, uint64_t seed, int64_t lasted_us, struct rollout_decision *d,
                          int *ret_permille)
{
    double share[LIMIT_ROLLOUT_ARMS], best[LIMIT_ROLLOUT_ARMS];
    int leader = 0, free_arms = 0;
    bool enough = true, fresh_bar = false;
    for (int i = 0; i < t->arms; i++) {
        bool barred = i && arm_broken(plan, t, i);
        free_arms += i && !barred;
        fresh_bar = fresh_bar || (barred && t->permille[i] > 0);
        enough = enough && (barred || t->arm[i].learned.n >= (double)plan->min_samples);
    }
    if (!free_arms) {
        settle(d, ROLLOUT_ROLLBACK, 0, arm_broken(plan, t, 1));
        return;
    }
    if (!fresh_bar && lasted_us < plan->min_step_us) {
        settle(d, ROLLOUT_HOLD, d->from_permille, "min_time");
        return;
    }
    if (!fresh_bar && !enough) {
        settle(d, ROLLOUT_HOLD, d->from_permille, "samples");
        return;
    }
    learned_shares(plan, t, seed, share, best);
    for (int i = 1; i < t->arms; i++)
        leader = best[i] > best[leader] ? i : leader;
    if (enough && plan->stop_at > 0 && best[leader] >= plan->stop_at) {
        if (leader)
            settle_won(plan, t, leader, d);
        else
            settle(d, ROLLOUT_ROLLBACK, 0, "control_best");
        return;
    }
    to_permille(share, t->arms, ret_permille);
    settle(d, ROLLOUT_SHIFT, ROLLOUT_BUCKETS - ret_permille[0], fresh_bar ? "barred" : "learned");
}

void rollout_trial_decide(const struct rollout_plan *plan, const struct rollout_position *pos, const struct rollout_trial *t, uint64_t seed,
                          int64_t now_us, struct rollout_decision *ret, int ret_permille[LIMIT_ROLLOUT_ARMS])
{
    int permille[LIMIT_ROLLOUT_ARMS];
    enum rollout_metric m = plan->kind == ROLLOUT_AB ? plan->metrics[0] : plan->reward;
    ret->candidate = t->arm[1].version;
    ret->from_permille = 1000 - t->permille[0];
    ret->at_us = now_us;
    ret->diff = ret->lo = ret->hi = NAN;
    ret->labels_control = values_of(&t->arm[0], m);
    ret->labels_candidate = 0;
    for (int i = 1; i < t->arms; i++)
        ret->labels_candidate += values_of(&t->arm[i], m);
    int64_t lasted_us = now_us - pos->step_started_us;
    const char *why = NULL;
    for (int i = 1; plan->kind == ROLLOUT_AB && i < t->arms; i++)
        why = why ? why : arm_broken(plan, t, i);
    if (why)
        settle(ret, ROLLOUT_ROLLBACK, 0, why);
    else if (plan->kind == ROLLOUT_AB)
        decide_ab(plan, t, lasted_us, ret);
    else
        decide_bandit(plan, t, seed, lasted_us, ret, ret_permille ? ret_permille : permille);
}

/* ---- for people and charts ---- */
static void comparison_json(struct json_out *w, const struct rollout_plan *plan, const struct rollout_trial *t, int i, int k, const double *p)
{
    enum rollout_metric m = plan->metrics[k];
    struct two_sample fixed = compare(t, i, m, plan->alpha), always = compare_any_time(plan, t, i, m);
    json_begin_object(w);
    json_kv_i64(w, "version", t->arm[i].version);
    json_kv_cstr(w, "metric", rollout_metric_name(m));
    json_kv_bool(w, "more_is_better", rollout_metric_more_is_better(m));
    sums_count_json(w, "n_control", values_of(&t->arm[0], m));
    sums_count_json(w, "n", values_of(&t->arm[i], m));
    json_kv_f64(w, "diff", fixed.diff);
    json_kv_f64(w, "se", fixed.se);
    json_kv_f64(w, "lo", plan->test == ROLLOUT_TEST_FIXED ? fixed.lo : always.lo);
    json_kv_f64(w, "hi", plan->test == ROLLOUT_TEST_FIXED ? fixed.hi : always.hi);
    json_kv_f64(w, "p_one_look", fixed.p);
    json_kv_f64(w, "p_corrected", p[(i - 1) * plan->metric_count + k]);
    json_end_object(w);
}

/* What "always this arm" would have earned: its rewards by inverse propensity; the picks of the other arms have weight 0. */
static struct offpolicy_value always_value(const struct rollout_trial *t, int i)
{
    struct offpolicy log = {.weighted = t->arm[i].weighted};
    for (int k = 0; k < t->arms; k++)
        if (k != i)
            moments2_merge(&log.weighted, &(const struct moments2){.n = t->arm[k].weighted.n});
    return offpolicy_snips(&log);
}

void rollout_trial_report_json(struct json_out *w, const struct rollout_plan *plan, const struct rollout_trial *t, uint64_t seed)
{
    double p[LIMIT_ROLLOUT_ARMS * ROLLOUT_METRIC_COUNT], share[LIMIT_ROLLOUT_ARMS], best[LIMIT_ROLLOUT_ARMS];
    enum json_nonfinite before = w->nonfinite;
    w->nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(w);
    json_key(w, "comparisons");
    json_begin_array(w);
    corrected(plan, t, p);
    for (int i = 1; i < t->arms; i++)
        for (int k = 0; k < plan->metric_count; k++)
            comparison_json(w, plan, t, i, k, p);
    json_end_array(w);
    if (plan->kind == ROLLOUT_AB) {
        json_kv_f64(w, "srm_log_e", srm_log_e(t));
        json_kv_f64(w, "srm_boundary", -log(plan->srm_alpha));
        json_kv_cstr(w, "split_by", split_by(t));
    } else {
        learned_shares(plan, t, seed, share, best);
    }
    json_key(w, "arms");
    json_begin_array(w);
    for (int i = 0; i < t->arms; i++) {
        const struct rollout_trial_arm *a = &t->arm[i];
        json_begin_object(w);
        json_kv_i64(w, "version", a->version);
        json_kv_i64(w, "permille", t->permille[i]);
        json_kv_f64(w, "mean_reward", plan->kind == ROLLOUT_BANDIT ? bandit_mean(&a->learned) : a->reward.n ? a->reward.mean_y : NAN);
        struct offpolicy_value value = always_value(t, i);
        json_kv_f64(w, "snips", value.value);
        json_kv_f64(w, "snips_se", value.se);
        json_kv_f64(w, "chance_best", plan->kind == ROLLOUT_BANDIT ? best[i] : NAN);
        sums_count_json(w, "requests", a->requests);
        sums_count_json(w, "errors", a->errors);
        sums_count_json(w, "units", a->units + a->unnamed);
        json_kv_cstr(w, "broken", i ? arm_broken(plan, t, i) : NULL);
        if (i && plan->latency_quantile > 0) {
            json_key(w, "latency");
            rollout_quantile_json(w, plan, &a->latency, &t->arm[0].latency, rollout_latency_alpha(plan) / (t->arms - 1));
        }
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
    w->nonfinite = before;
}
