/* rules.c - the alert rules as a table, and their k-of-n memory.
 *
 * One bad window is often chance, so most rules want k breaches among the last n windows; the history of each rule and
 * subject is a shift register of breach bits. A rule fires when k bits stand among the newest n and resolves when they no
 * longer do. A figure that is not defined (too few rows, no labels, no reference) shifts nothing: silence is no evidence.
 * KS alone would fire on every large sample, so it needs an effect size besides its p-value (config ks_min_d). */
#include "core/monitor/rules.h"

#include <assert.h>
#include <math.h>

enum breach { BREACH_UNKNOWN, BREACH_NO, BREACH_YES };
struct measured {
    double value, limit;
    enum breach breach;
};
struct inputs {
    const struct monitor_config *config;
    const struct reference *ref;
    const struct monitor_window *window;
};
typedef struct measured (*measure_fn)(const struct inputs *in, const struct monitor_feature_figures *f);

static struct measured above(double value, double limit)
{
    return (struct measured){value, limit, isnan(value) || isnan(limit) ? BREACH_UNKNOWN : value > limit ? BREACH_YES : BREACH_NO};
}

static struct measured below(double value, double limit)
{
    return (struct measured){value, limit, isnan(value) || isnan(limit) ? BREACH_UNKNOWN : value < limit ? BREACH_YES : BREACH_NO};
}

static double with_labels(const struct inputs *in, double v)
{
    return in->ref && in->window->labelled >= (uint64_t)in->config->min_labels ? v : NAN;
}

static struct measured measure_p95(const struct inputs *in, const struct monitor_feature_figures *f)
{
    (void)f;
    return above(in->window->p95_us, in->config->p95_us);
}

static struct measured measure_errors(const struct inputs *in, const struct monitor_feature_figures *f)
{
    (void)f;
    return above(in->window->error_rate, in->config->error_rate);
}

static struct measured measure_accuracy(const struct inputs *in, const struct monitor_feature_figures *f)
{
    (void)f;
    return below(with_labels(in, in->window->accuracy), in->ref ? in->ref->accuracy * (1 - in->config->quality_drop) : NAN);
}

static struct measured measure_auc(const struct inputs *in, const struct monitor_feature_figures *f)
{
    (void)f;
    return below(with_labels(in, in->window->auc), in->ref ? in->ref->auc * (1 - in->config->quality_drop) : NAN);
}

static struct measured measure_logloss(const struct inputs *in, const struct monitor_feature_figures *f)
{
    (void)f;
    return above(with_labels(in, in->window->logloss), in->ref ? in->ref->logloss * (1 + in->config->loss_rise) : NAN);
}

static struct measured measure_ece(const struct inputs *in, const struct monitor_feature_figures *f)
{
    (void)f;
    return above(with_labels(in, in->window->ece), in->config->ece_max);
}

static struct measured measure_ks(const struct inputs *in, const struct monitor_feature_figures *f)
{
    struct measured m = {f->ks_d, in->config->ks_min_d, BREACH_UNKNOWN};
    if (!isnan(f->ks_p))
        m.breach = f->ks_p < in->config->ks_p && f->ks_d >= in->config->ks_min_d ? BREACH_YES : BREACH_NO;
    return m;
}

static struct measured measure_psi(const struct inputs *in, const struct monitor_feature_figures *f)
{
    return above(f->psi, in->config->psi_max);
}

static struct measured measure_dataset(const struct inputs *in, const struct monitor_feature_figures *f)
{
    (void)f;
    const struct monitor_window *w = in->window;
    double share = w->feature_count && w->predictions >= (uint64_t)in->config->min_rows ? (double)w->drifted / (double)w->feature_count : NAN;
    struct measured m = above(share, in->config->drift_share);
    if (m.breach == BREACH_NO && share >= in->config->drift_share && share > 0)
        m.breach = BREACH_YES; /* Evidently: drifted when the share reaches the limit */
    return m;
}

enum subject { ON_ENDPOINT, ON_SCORE, ON_FEATURE };
static const struct rule {
    const char *name;
    enum subject subject;
    measure_fn measure;
    int k, n;
    bool retrain;
    const char *text;
} rules[] = {
    {"p95_latency", ON_ENDPOINT, measure_p95, 1, 1, false, "95th percentile of latency above p95_us"},
    {"error_rate", ON_ENDPOINT, measure_errors, 1, 1, false, "share of failed requests above error_rate"},
    {"accuracy_drop", ON_ENDPOINT, measure_accuracy, 2, 3, true, "accuracy more than quality_drop below the evaluation's"},
    {"auc_drop", ON_ENDPOINT, measure_auc, 2, 3, true, "AUC more than quality_drop below the evaluation's"},
    {"logloss_rise", ON_ENDPOINT, measure_logloss, 2, 3, true, "log-loss more than loss_rise above the evaluation's"},
    {"calibration", ON_ENDPOINT, measure_ece, 2, 3, true, "expected calibration error above ece_max"},
    {"score_ks", ON_SCORE, measure_ks, 2, 3, false, "scores: KS p below ks_p and D at least ks_min_d"},
    {"score_psi", ON_SCORE, measure_psi, 2, 3, false, "scores: PSI above psi_max"},
    {"dataset_drift", ON_ENDPOINT, measure_dataset, 2, 3, true, "share of drifted features at least drift_share"},
    {"feature_ks", ON_FEATURE, measure_ks, 2, 3, false, "a feature: KS p below ks_p and D at least ks_min_d"},
    {"feature_psi", ON_FEATURE, measure_psi, 2, 3, false, "a feature: PSI above psi_max"},
};

/* Slots: the single rules first in table order, then the feature rules, each with one slot per feature. */
static size_t single_rules(void)
{
    size_t n = 0;
    while (n < ARRAY_LEN(rules) && rules[n].subject != ON_FEATURE)
        n++;
    return n;
}

size_t rules_slots(size_t features)
{
    return single_rules() + (ARRAY_LEN(rules) - single_rules()) * features;
}

static const struct rule *slot_rule(size_t slot, size_t features, size_t *ret_feature)
{
    size_t single = single_rules();
    *ret_feature = slot < single ? 0 : (slot - single) % features;
    return slot < single ? &rules[slot] : &rules[single + (slot - single) / features];
}

struct str rules_slot_name(struct op *op, size_t slot, const struct str *names, size_t features)
{
    assert(slot < rules_slots(features));
    size_t f;
    const struct rule *r = slot_rule(slot, features, &f);
    if (r->subject != ON_FEATURE)
        return str_from(r->name);
    return str_from(op_printf(op, "%s/%.*s", r->name, STR_FMT(names[f])));
}

/* Shifts the measured breach into the history; true when the firing state changed. */
static bool advance(const struct rule *r, struct rule_state *s, enum breach breach)
{
    if (breach == BREACH_UNKNOWN)
        return false;
    s->history = s->history << 1 | (breach == BREACH_YES);
    bool firing = __builtin_popcount(s->history & ((1u << r->n) - 1)) >= r->k;
    bool changed = firing != s->firing;
    s->firing = firing;
    return changed;
}

enum err rules_step(struct op *op, const struct monitor_config *config, const struct reference *ref, const struct monitor_window *window,
                    struct rule_state *states, size_t features, struct rules_outcome *ret)
{
    struct inputs in = {config, ref, window};
    struct rules_outcome out = {0};
    size_t slots = rules_slots(features);
    out.alerts = arena_array(op->arena, slots, struct monitor_alert);
    if (!out.alerts)
        return op_fail(op, E_TOO_LARGE, "no room for the alerts of %zu features", features);
    for (size_t slot = 0; slot < slots; slot++) {
        size_t f;
        const struct rule *r = slot_rule(slot, features, &f);
        if (r->subject == ON_FEATURE && f >= window->feature_count)
            continue;
        const struct monitor_feature_figures *figures = r->subject == ON_FEATURE ? &window->features[f] : &window->score;
        struct measured m = r->measure(&in, figures);
        struct str subject = r->subject == ON_ENDPOINT ? STR("") : figures->name;
        if (advance(r, &states[slot], m.breach))
            out.alerts[out.alert_count++] = (struct monitor_alert){r->name, subject, states[slot].firing, m.value, m.limit, window->end_us};
        if (r->retrain && states[slot].firing && !out.wants_retrain) {
            out.wants_retrain = true;
            out.trigger = (struct monitor_trigger){r->name, subject, m.value, m.limit, window->start_us, window->end_us};
        }
    }
    *ret = out;
    return OK;
}

void monitor_rules_json(struct json_out *w)
{
    static const char *const subjects[] = {[ON_ENDPOINT] = "endpoint", [ON_SCORE] = "score", [ON_FEATURE] = "feature"};
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        json_begin_object(w);
        json_kv_cstr(w, "rule", rules[i].name);
        json_kv_cstr(w, "subject", subjects[rules[i].subject]);
        json_kv_i64(w, "breaches", rules[i].k);
        json_kv_i64(w, "of_windows", rules[i].n);
        json_kv_bool(w, "retrain", rules[i].retrain);
        json_kv_cstr(w, "when", rules[i].text);
        json_end_object(w);
    }
    json_end_array(w);
}
