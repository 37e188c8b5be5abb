#include "core/rollout/plan.h"

#include <math.h>

#include "base/time.h"

static const char *const kind_names[] = {
    [ROLLOUT_CANARY] = "canary", [ROLLOUT_BLUE_GREEN] = "blue_green", [ROLLOUT_SHADOW] = "shadow", [ROLLOUT_AB] = "ab", [ROLLOUT_BANDIT] = "bandit"};
static const char *const inconclusive_names[] = {[ROLLOUT_ON_INCONCLUSIVE_HOLD] = "hold",
                                                 [ROLLOUT_ON_INCONCLUSIVE_ROLLBACK] = "rollback",
                                                 [ROLLOUT_ON_INCONCLUSIVE_ADVANCE] = "advance",
                                                 [ROLLOUT_ON_INCONCLUSIVE_PAUSE] = "pause"};
static const char *const on_win_names[] = {[ROLLOUT_ON_WIN_PAUSE] = "pause", [ROLLOUT_ON_WIN_PROMOTE] = "promote"};
static const char *const test_names[] = {[ROLLOUT_TEST_ALWAYS_VALID] = "always_valid", [ROLLOUT_TEST_FIXED] = "fixed"};
static const char *const correction_names[] = {[ROLLOUT_CORRECT_HOLM] = "holm", [ROLLOUT_CORRECT_BH] = "bh", [ROLLOUT_CORRECT_NONE] = "none"};
static const char *const metric_names[] = {[ROLLOUT_LOGLOSS] = "logloss", [ROLLOUT_BRIER] = "brier", [ROLLOUT_ACCURACY] = "accuracy",
                                           [ROLLOUT_REWARD] = "reward",   [ROLLOUT_ERRORS] = "errors"};

const char *rollout_kind_name(enum rollout_kind kind)
{
    return kind_names[kind];
}

const char *rollout_metric_name(enum rollout_metric m)
{
    return metric_names[m];
}

bool rollout_metric_more_is_better(enum rollout_metric m)
{
    return m == ROLLOUT_ACCURACY || m == ROLLOUT_REWARD;
}

/* Which kinds know a member. */
enum {
    C = 1 << ROLLOUT_CANARY,
    G = 1 << ROLLOUT_BLUE_GREEN,
    S = 1 << ROLLOUT_SHADOW,
    A = 1 << ROLLOUT_AB,
    B = 1 << ROLLOUT_BANDIT,
    ALL = C | G | S | A | B,
};
/* The scalar members by name, so that parsing, printing and refusing unknown ones share one table. */
enum plan_type { PLAN_I64, PLAN_F64 };
#define AT(member) offsetof(struct rollout_plan, member)
static const struct {
    const char *name;
    enum plan_type type;
    size_t offset;
    double min, max; /* closed for integers, open below for reals unless min is 0 and `zero` holds */
    bool zero;
    int kinds;
} plan_fields[] = {
    {"min_samples", PLAN_I64, AT(min_samples), 30, 1e9, false, ALL},
    {"min_step_us", PLAN_I64, AT(min_step_us), 0, 1e15, true, ALL},
    {"max_step_us", PLAN_I64, AT(max_step_us), 1, 1e15, false, ALL},
    {"alpha", PLAN_F64, AT(alpha), 0, 0.25, false, ALL},
    {"margin", PLAN_F64, AT(margin), 0, 10, true, C | G | S},
    {"max_error_rate", PLAN_F64, AT(max_error_rate), 0, 0.999, false, C | G | A | B},
    {"max_p95_us", PLAN_I64, AT(max_p95_us), 1, 3.6e9, false, C | G | A | B},
    {"threshold", PLAN_F64, AT(threshold), -1e300, 1e300, true, S | A | B},
    {"hold_back_permille", PLAN_I64, AT(hold_back_permille), 0, 500, true, G},
    {"shadow_permille", PLAN_I64, AT(shadow_permille), 1, 1000, false, S},
    {"min_labels", PLAN_I64, AT(min_labels), 0, 1e9, true, S},
    {"tolerance", PLAN_F64, AT(tolerance), 0, 1e300, true, S},
    {"min_agreement", PLAN_F64, AT(min_agreement), 0, 1, true, S},
    {"max_psi", PLAN_F64, AT(max_psi), 0, 100, true, S},
    {"max_latency_ratio", PLAN_F64, AT(max_latency_ratio), 0, 1000, true, S},
    {"samples_per_arm", PLAN_I64, AT(samples_per_arm), 0, 1e12, true, A},
    {"srm_alpha", PLAN_F64, AT(srm_alpha), 0, 0.25, false, A},
    {"epsilon", PLAN_F64, AT(bandit.epsilon), 0, 1, true, B},
    {"c", PLAN_F64, AT(bandit.c), 0, 100, true, B},
    {"floor", PLAN_F64, AT(bandit.floor), 0, 0.5, true, B},
    {"half_life_us", PLAN_F64, AT(half_life_us), 0, 1e16, true, B},
    {"stop_at", PLAN_F64, AT(stop_at), 0, 1, true, B},
};
/* The members that are one word of a list. */
#define WORDS(names) names, ARRAY_LEN(names)
static const struct {
    const char *name;
    size_t offset;
    const char *const *words;
    size_t count;
    int kinds;
} plan_words[] = {
    {"on_inconclusive", AT(on_inconclusive), WORDS(inconclusive_names), ALL},
    {"on_win", AT(on_win), WORDS(on_win_names), S | A | B},
    {"test", AT(test), WORDS(test_names), A},
    {"correction", AT(correction), WORDS(correction_names), A},
    {"reward", AT(reward), WORDS(metric_names), B},
};

static int64_t *plan_i64(struct rollout_plan *p, size_t offset)
{
    return (int64_t *)(void *)((char *)p + offset);
}

static double *plan_f64(struct rollout_plan *p, size_t offset)
{
    return (double *)(void *)((char *)p + offset);
}

/* Every enum of the plan, read and written as the unsigned int that gcc and clang make of it. */
static unsigned *plan_word(struct rollout_plan *p, size_t offset)
{
    return (unsigned *)(void *)((char *)p + offset);
}

void rollout_plan_default_of(enum rollout_kind kind, struct rollout_plan *ret)
{
    *ret = (struct rollout_plan){
        .kind = kind,
        .steps_permille = {50, 100, 250, 500, 1000},
        .step_count = 5,
        .min_samples = 300,
        .min_step_us = TIME_US_PER_DAY,
        .max_step_us = 7 * TIME_US_PER_DAY,
        .alpha = 0.05,
        .margin = 0.05,
        .max_error_rate = 0.01,
        .max_p95_us = 100 * TIME_US_PER_MS,
        .latency_max_ratio = 1.25,
        .on_inconclusive = ROLLOUT_ON_INCONCLUSIVE_HOLD,
        .threshold = 0.5,
        .shadow_permille = 1000,
        .metrics = {ROLLOUT_LOGLOSS},
        .metric_count = 1,
        .srm_alpha = 0.001,
        .reward = ROLLOUT_ACCURACY,
        .space = STR(""),
    };
    bandit_config_default(&ret->bandit);
    if (kind == ROLLOUT_BLUE_GREEN) {
        ret->min_step_us = 3600 * TIME_US_PER_S;
        ret->max_step_us = TIME_US_PER_DAY;
    }
    if (kind == ROLLOUT_BANDIT) {
        ret->min_step_us = 900 * TIME_US_PER_S;
        ret->max_step_us = 365 * TIME_US_PER_DAY;
        ret->min_samples = 100;
    }
    if (kind != ROLLOUT_CANARY) {
        ret->step_count = 1;
        ret->steps_permille[0] = kind == ROLLOUT_BLUE_GREEN ? 1000 : 0;
    }
}

void rollout_plan_default(struct rollout_plan *ret)
{
    rollout_plan_default_of(ROLLOUT_CANARY, ret);
}

void rollout_plan_shares(const struct rollout_plan *plan, int arms, int ret_permille[LIMIT_ROLLOUT_ARMS])
{
    for (int i = 0; i < arms; i++)
        ret_permille[i] = plan->share_count ? plan->shares_permille[i] : 1000 / arms + (i < 1000 % arms);
}

static bool in_range(size_t field, double v)
{
    double min = plan_fields[field].min;
    bool above = plan_fields[field].type == PLAN_I64 || plan_fields[field].zero ? v >= min : v > min;
    return above && v <= plan_fields[field].max;
}

static enum err check_steps(struct op *op, const struct rollout_plan *plan)
{
    if (plan->step_count < 1 || plan->step_count > ROLLOUT_MAX_STEPS)
        return op_fail_field(op, "steps_permille", "1 to %d steps, not %d", ROLLOUT_MAX_STEPS, plan->step_count);
    int before = 0;
    for (int i = 0; i < plan->step_count; i++) {
        if (plan->steps_permille[i] <= before || plan->steps_permille[i] > 1000)
            return op_fail_field(op, "steps_permille", "steps rise from 1 to 1000, step %d is %d", i, plan->steps_permille[i]);
        before = plan->steps_permille[i];
    }
    if (before != 1000)
        return op_fail_field(op, "steps_permille", "the last step must be 1000, not %d", before);
    if (plan->step_count == 1)
        return op_fail_field(op, "steps_permille", "a canary needs a step below 1000");
    return OK;
}

static enum err check_arms(struct op *op, const struct rollout_plan *plan)
{
    int arms = 2 + plan->version_count, sum = 0;
    if (plan->version_count < 0 || arms > LIMIT_ROLLOUT_ARMS)
        return op_fail_field(op, "versions", "at most %d arms, the control and the first candidate among them", LIMIT_ROLLOUT_ARMS);
    if (plan->share_count && plan->share_count != arms)
        return op_fail_field(op, "shares_permille", "%d shares for %d arms", plan->share_count, arms);
    for (int i = 0; i < plan->share_count; i++)
        sum += plan->shares_permille[i];
    if (plan->share_count && sum != 1000)
        return op_fail_field(op, "shares_permille", "the shares make %d, not 1000", sum);
    if (plan->kind == ROLLOUT_AB && plan->test == ROLLOUT_TEST_FIXED && plan->samples_per_arm < plan->min_samples)
        return op_fail_field(op, "samples_per_arm", "a fixed horizon needs samples_per_arm of at least min_samples; the planner says how many");
    if (plan->kind == ROLLOUT_AB && plan->metric_count < 1)
        return op_fail_field(op, "metrics", "at least one metric is needed");
    if (plan->kind == ROLLOUT_BANDIT && plan->bandit.floor * arms > 1)
        return op_fail_field(op, "floor", "a floor of %g for %d arms makes more than everything", plan->bandit.floor, arms);
    if (plan->kind == ROLLOUT_BANDIT && plan->reward == ROLLOUT_ERRORS)
        return op_fail_field(op, "reward", "errors are a guardrail, not a reward");
    return OK;
}

enum err rollout_plan_check(struct op *op, const struct rollout_plan *plan)
{
    if ((unsigned)plan->kind >= ARRAY_LEN(kind_names) || (unsigned)plan->on_inconclusive >= ARRAY_LEN(inconclusive_names))
        return op_fail_field(op, "kind", "unknown kind of rollout");
    enum err e = plan->kind == ROLLOUT_CANARY ? check_steps(op, plan) : check_arms(op, plan);
    if (e)
        return e;
    struct rollout_plan copy = *plan;
    for (size_t i = 0; i < ARRAY_LEN(plan_fields); i++) {
        double v = plan_fields[i].type == PLAN_I64 ? (double)*plan_i64(&copy, plan_fields[i].offset) : *plan_f64(&copy, plan_fields[i].offset);
        if (plan_fields[i].kinds & (1 << plan->kind) && !in_range(i, v))
            return op_fail_field(op, plan_fields[i].name, "%s must lie in %g..%g, not %g", plan_fields[i].name, plan_fields[i].min,
                                 plan_fields[i].max, v);
    }
    if (plan->latency_quantile < 0 || plan->latency_quantile > 0.999 || !(plan->latency_max_ratio >= 1 && plan->latency_max_ratio <= 1000))
        return op_fail_field(op, "latency", "a quantile lies in 0.5..0.999, a ratio in 1..1000");
    if (plan->latency_quantile > 0 && plan->kind == ROLLOUT_BLUE_GREEN && !plan->hold_back_permille)
        return op_fail_field(op, "latency", "quantiles are compared with a concurrent control: a blue-green rollout needs hold_back_permille for it");
    if (plan->max_step_us < plan->min_step_us)
        return op_fail_field(op, "max_step_us", "max_step_us is smaller than min_step_us");
    return OK;
}

static enum err parse_steps(struct op *op, const struct json *value, struct rollout_plan *p)
{
    if (value->type != JSON_ARRAY || value->len > ROLLOUT_MAX_STEPS)
        return op_fail_field(op, "steps_permille", "an array of at most %d integers is wanted", ROLLOUT_MAX_STEPS);
    p->step_count = (int)value->len;
    for (uint32_t i = 0; i < value->len; i++) {
        int64_t step;
        if (!json_as_i64(&value->items[i], &step) || step < 1 || step > 1000)
            return op_fail_field(op, "steps_permille", "step %u is no integer from 1 to 1000", i);
        p->steps_permille[i] = (int)step;
    }
    return OK;
}

static enum err word_find(struct op *op, const struct json *v, struct str key, const char *const *words, size_t n, unsigned *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (v->type == JSON_STRING && str_eqc(v->s, words[i])) {
            *ret = (unsigned)i;
            return OK;
        }
    }
    return op_fail_field(op, str_cstr(op->arena, key), "unknown value of '%.*s'", STR_FMT(key));
}

/* An array of integers from `min` to `max`. */
static enum err parse_whole(struct op *op, const struct json *value, const char *name, int64_t min, int64_t max, int64_t *ret, int *ret_n)
{
    if (value->type != JSON_ARRAY || value->len > LIMIT_ROLLOUT_ARMS)
        return op_fail_field(op, name, "an array of at most %d integers is wanted", LIMIT_ROLLOUT_ARMS);
    for (uint32_t i = 0; i < value->len; i++)
        if (!json_as_i64(&value->items[i], &ret[i]) || ret[i] < min || ret[i] > max)
            return op_fail_field(op, name, "number %u of '%s' is no integer in range", i, name);
    *ret_n = (int)value->len;
    return OK;
}

static enum err parse_metrics(struct op *op, const struct json *value, struct rollout_plan *p)
{
    if (value->type != JSON_ARRAY || value->len > ROLLOUT_METRIC_COUNT)
        return op_fail_field(op, "metrics", "an array of at most %d names is wanted", ROLLOUT_METRIC_COUNT);
    p->metric_count = (int)value->len;
    for (uint32_t i = 0; i < value->len; i++) {
        unsigned word = 0;
        enum err e = word_find(op, &value->items[i], STR("metrics"), metric_names, ARRAY_LEN(metric_names), &word);
        if (e)
            return e;
        p->metrics[i] = (enum rollout_metric)word;
        for (uint32_t k = 0; k < i; k++)
            if (p->metrics[k] == p->metrics[i])
                return op_fail_field(op, "metrics", "'%s' stands twice", metric_names[word]);
    }
    return OK;
}

static enum err parse_space(struct op *op, const struct json *value, struct rollout_plan *p)
{
    enum err e = value->type == JSON_OBJECT ? json_want_str(op, value, "name", &p->space)
                                            : op_fail_field(op, "namespace", "a namespace is {\"name\", \"from\", \"to\"}");
    if (!e)
        e = json_want_i64(op, value, "from", 0, 999, &p->space_from);
    if (!e)
        e = json_want_i64(op, value, "to", p->space_from + 1, 1000, &p->space_to);
    if (!e && (!p->space.len || p->space.len > LIMIT_ROLLOUT_NAMESPACE))
        e = op_fail_field(op, "namespace", "a namespace has a name of 1 to %d bytes", LIMIT_ROLLOUT_NAMESPACE);
    return e;
}

/* "latency": the method stands there so that another one can be added without a change of meaning. */
static enum err parse_latency(struct op *op, const struct json *value, struct rollout_plan *p)
{
    struct str method = STR("");
    enum err e = value->type == JSON_OBJECT ? OK : op_fail_field(op, "latency", "latency is {\"quantile\", \"method\": \"dkw\", \"max_ratio\"}");
    for (uint32_t i = 0; !e && i < value->len; i++) {
        const struct json_member *m = &value->members[i];
        double v = 0;
        bool number = json_as_f64(&m->value, &v);
        if (str_eqc(m->key, "method") && m->value.type == JSON_STRING)
            method = m->value.s;
        else if (str_eqc(m->key, "quantile") && number && v >= 0.5 && v <= 0.999)
            p->latency_quantile = v;
        else if (str_eqc(m->key, "max_ratio") && number && v >= 1 && v <= 1000)
            p->latency_max_ratio = v;
        else
            e = op_fail_field(op, "latency", "latency has a quantile of 0.5..0.999, a max_ratio of 1..1000, and the method \"dkw\"");
    }
    if (!e && (!str_eqc(method, "dkw") || !(p->latency_quantile > 0)))
        e = op_fail_field(op, "latency", "a quantile and the method \"dkw\" are wanted");
    return e;
}

static enum err parse_scalar(struct op *op, const struct json_member *m, size_t field, struct rollout_plan *p)
{
    int64_t whole;
    double real;
    if (plan_fields[field].type == PLAN_I64 && json_as_i64(&m->value, &whole))
        *plan_i64(p, plan_fields[field].offset) = whole;
    else if (plan_fields[field].type == PLAN_F64 && json_as_f64(&m->value, &real))
        *plan_f64(p, plan_fields[field].offset) = real;
    else
        return op_fail_field(op, plan_fields[field].name, "%s must be %s", plan_fields[field].name,
                             plan_fields[field].type == PLAN_I64 ? "an integer" : "a number");
    return OK;
}

/* Members that are lists or objects; *ret_known false: it is none of them. */
static enum err parse_list(struct op *op, const struct json_member *m, struct rollout_plan *p, bool *ret_known)
{
    int64_t whole[LIMIT_ROLLOUT_ARMS];
    int kind = 1 << p->kind;
    enum err e = OK;
    *ret_known = true;
    if (kind & C && str_eqc(m->key, "steps_permille"))
        return parse_steps(op, &m->value, p);
    if (kind & A && str_eqc(m->key, "metrics"))
        return parse_metrics(op, &m->value, p);
    if (kind & (C | G | A) && str_eqc(m->key, "latency"))
        return parse_latency(op, &m->value, p);
    if (str_eqc(m->key, "namespace"))
        return parse_space(op, &m->value, p);
    if (kind & (A | B) && str_eqc(m->key, "versions"))
        return parse_whole(op, &m->value, "versions", 1, INT64_MAX, p->versions, &p->version_count);
    if (kind & (A | B) && str_eqc(m->key, "shares_permille")) {
        e = parse_whole(op, &m->value, "shares_permille", 1, 999, whole, &p->share_count);
        for (int i = 0; !e && i < p->share_count; i++)
            p->shares_permille[i] = (int)whole[i];
        return e;
    }
    if (kind & B && str_eqc(m->key, "rule")) {
        int rule = m->value.type == JSON_STRING ? bandit_rule_find(m->value.s.p, m->value.s.len) : -1;
        p->bandit.rule = rule < 0 ? p->bandit.rule : (enum bandit_rule)rule;
        return rule < 0 ? op_fail_field(op, "rule", "unknown rule of a bandit") : OK;
    }
    *ret_known = false;
    return OK;
}

static enum err parse_member(struct op *op, const struct json_member *m, struct rollout_plan *p)
{
    bool known = false;
    enum err e = parse_list(op, m, p, &known);
    if (e || known || str_eqc(m->key, "kind"))
        return e;
    for (size_t i = 0; i < ARRAY_LEN(plan_words); i++)
        if (str_eqc(m->key, plan_words[i].name) && plan_words[i].kinds & (1 << p->kind))
            return word_find(op, &m->value, m->key, plan_words[i].words, plan_words[i].count, plan_word(p, plan_words[i].offset));
    for (size_t i = 0; i < ARRAY_LEN(plan_fields); i++)
        if (str_eqc(m->key, plan_fields[i].name) && plan_fields[i].kinds & (1 << p->kind))
            return parse_scalar(op, m, i, p);
    if (memchr(m->key.p, 0, m->key.len))
        return op_fail_field(op, "plan", "unknown member in a rollout plan");
    return op_fail_field(op, str_cstr(op->arena, m->key), "a plan of kind '%s' has no member '%.*s'", kind_names[p->kind], STR_FMT(m->key));
}

enum err rollout_plan_parse(struct op *op, const struct json *obj, struct rollout_plan *ret)
{
    struct rollout_plan p;
    unsigned kind = ROLLOUT_CANARY;
    if (obj && obj->type != JSON_OBJECT)
        return op_fail_field(op, "plan", "a rollout plan must be an object, not %s", json_type_name(obj->type));
    const struct json *named = json_get(obj, "kind");
    enum err e = named ? word_find(op, named, STR("kind"), kind_names, ARRAY_LEN(kind_names), &kind) : OK;
    if (e)
        return e;
    rollout_plan_default_of((enum rollout_kind)kind, &p);
    for (uint32_t i = 0; !e && obj && i < obj->len; i++)
        e = parse_member(op, &obj->members[i], &p);
    if (p.kind == ROLLOUT_BLUE_GREEN)
        p.steps_permille[0] = 1000 - (int)(p.hold_back_permille < 0 || p.hold_back_permille > 500 ? 0 : p.hold_back_permille);
    if (!e)
        e = rollout_plan_check(op, &p);
    if (!e)
        *ret = p;
    return e;
}

/* ---- as JSON ---- */
static void whole_json(struct json_out *w, const char *key, const int *v, int n)
{
    json_key(w, key);
    json_begin_array(w);
    for (int i = 0; i < n; i++)
        json_i64(w, v[i]);
    json_end_array(w);
}

static void arms_json(struct json_out *w, const struct rollout_plan *plan)
{
    if (plan->version_count) {
        json_key(w, "versions");
        json_begin_array(w);
        for (int i = 0; i < plan->version_count; i++)
            json_i64(w, plan->versions[i]);
        json_end_array(w);
    }
    if (plan->share_count)
        whole_json(w, "shares_permille", plan->shares_permille, plan->share_count);
    if (plan->kind == ROLLOUT_BANDIT) {
        json_kv_cstr(w, "rule", bandit_rule_name(plan->bandit.rule));
        return;
    }
    json_key(w, "metrics");
    json_begin_array(w);
    for (int i = 0; i < plan->metric_count; i++)
        json_cstr(w, metric_names[plan->metrics[i]]);
    json_end_array(w);
}

void rollout_plan_json(struct json_out *w, const struct rollout_plan *plan)
{
    struct rollout_plan copy = *plan;
    json_begin_object(w);
    json_kv_cstr(w, "kind", kind_names[plan->kind]);
    if (plan->kind == ROLLOUT_CANARY)
        whole_json(w, "steps_permille", plan->steps_permille, plan->step_count);
    if (plan->kind == ROLLOUT_AB || plan->kind == ROLLOUT_BANDIT)
        arms_json(w, plan);
    if (plan->latency_quantile > 0) {
        json_key(w, "latency");
        json_begin_object(w);
        json_kv_f64(w, "quantile", plan->latency_quantile);
        json_kv_cstr(w, "method", "dkw");
        json_kv_f64(w, "max_ratio", plan->latency_max_ratio);
        json_end_object(w);
    }
    if (plan->space.len) {
        json_key(w, "namespace");
        json_begin_object(w);
        json_kv_str(w, "name", plan->space);
        json_kv_i64(w, "from", plan->space_from);
        json_kv_i64(w, "to", plan->space_to);
        json_end_object(w);
    }
    for (size_t i = 0; i < ARRAY_LEN(plan_fields); i++) {
        if (!(plan_fields[i].kinds & (1 << plan->kind)))
            continue;
        if (plan_fields[i].type == PLAN_I64)
            json_kv_i64(w, plan_fields[i].name, *plan_i64(&copy, plan_fields[i].offset));
        else
            json_kv_f64(w, plan_fields[i].name, *plan_f64(&copy, plan_fields[i].offset));
    }
    for (size_t i = 0; i < ARRAY_LEN(plan_words); i++)
        if (plan_words[i].kinds & (1 << plan->kind))
            json_kv_cstr(w, plan_words[i].name, plan_words[i].words[*plan_word(&copy, plan_words[i].offset)]);
    json_end_object(w);
}
