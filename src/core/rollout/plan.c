#include "core/rollout/plan.h"

#include <math.h>

#include "base/time.h"

static const char *const kind_names[] = {
    [ROLLOUT_CANARY] = "canary", [ROLLOUT_BLUE_GREEN] = "blue_green", [ROLLOUT_SHADOW] = "shadow", [ROLLOUT_AB] = "ab", [ROLLOUT_BANDIT] = "bandit"};
static const char *const inconclusive_names[] = {
    [ROLLOUT_ON_INCONCLUSIVE_HOLD] = "hold",
    [ROLLOUT_ON_INCONCLUSIVE_ROLLBACK] = "rollback",
    [ROLLOUT_ON_INCONCLUSIVE_ADVANCE] = "advance"};

/* The scalar members by name, so that parsing, printing and refusing unknown ones share one table. */
enum plan_type { PLAN_I64, PLAN_F64 };
static const struct {
    const char *name;
    enum plan_type type;
    size_t offset;
    double min, max; /* closed for integers, open below for reals unless min is 0 and `zero` holds */
    bool zero;
} plan_fields[] = {
    {"min_samples", PLAN_I64, offsetof(struct rollout_plan, min_samples), 30, 1e9, false},
    {"min_step_us", PLAN_I64, offsetof(struct rollout_plan, min_step_us), 0, 1e15, true},
    {"max_step_us", PLAN_I64, offsetof(struct rollout_plan, max_step_us), 1, 1e15, false},
    {"alpha", PLAN_F64, offsetof(struct rollout_plan, alpha), 0, 0.25, false},
    {"margin", PLAN_F64, offsetof(struct rollout_plan, margin), 0, 10, true},
    {"max_error_rate", PLAN_F64, offsetof(struct rollout_plan, max_error_rate), 0, 0.999, false},
    {"max_p95_us", PLAN_I64, offsetof(struct rollout_plan, max_p95_us), 1, 3.6e9, false},
};

static int64_t *plan_i64(struct rollout_plan *p, size_t offset)
{
    return (int64_t *)(void *)((char *)p + offset);
}

static double *plan_f64(struct rollout_plan *p, size_t offset)
{
    return (double *)(void *)((char *)p + offset);
}

void rollout_plan_default(struct rollout_plan *ret)
{
    *ret = (struct rollout_plan){
        .kind = ROLLOUT_CANARY,
        .steps_permille = {50, 100, 250, 500, 1000},
        .step_count = 5,
        .min_samples = 300,
        .min_step_us = TIME_US_PER_DAY,
        .max_step_us = 7 * TIME_US_PER_DAY,
        .alpha = 0.05,
        .margin = 0.05,
        .max_error_rate = 0.01,
        .max_p95_us = 100 * TIME_US_PER_MS,
        .on_inconclusive = ROLLOUT_ON_INCONCLUSIVE_HOLD,
    };
}

static bool in_range(size_t field, double v)
{
    double min = plan_fields[field].min;
    bool above = plan_fields[field].type == PLAN_I64 || plan_fields[field].zero ? v >= min : v > min;
    return above && v <= plan_fields[field].max;
}

enum err rollout_plan_check(struct op *op, const struct rollout_plan *plan)
{
    if ((unsigned)plan->kind >= ARRAY_LEN(kind_names) || (unsigned)plan->on_inconclusive >= ARRAY_LEN(inconclusive_names))
        return op_fail_field(op, "kind", "unknown kind of rollout");
    if (plan->kind != ROLLOUT_CANARY)
        return op_fail(op, E_UNSUPPORTED, "rollouts of kind '%s' are not built yet", kind_names[plan->kind]);
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
    struct rollout_plan copy = *plan;
    for (size_t i = 0; i < ARRAY_LEN(plan_fields); i++) {
        double v = plan_fields[i].type == PLAN_I64 ? (double)*plan_i64(&copy, plan_fields[i].offset) : *plan_f64(&copy, plan_fields[i].offset);
        if (!in_range(i, v))
            return op_fail_field(op, plan_fields[i].name, "%s must lie in %g..%g, not %g", plan_fields[i].name, plan_fields[i].min,
                                 plan_fields[i].max, v);
    }
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

static enum err parse_word(struct op *op, const struct json_member *m, const char *const *words, size_t n, size_t *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (m->value.type == JSON_STRING && str_eqc(m->value.s, words[i])) {
            *ret = i;
            return OK;
        }
    }
    return op_fail_field(op, str_cstr(op->arena, m->key), "unknown value of '%.*s'", STR_FMT(m->key));
}

static enum err parse_scalar(struct op *op, const struct json_member *m, struct rollout_plan *p)
{
    for (size_t i = 0; i < ARRAY_LEN(plan_fields); i++) {
        if (!str_eqc(m->key, plan_fields[i].name))
            continue;
        int64_t whole;
        double real;
        if (plan_fields[i].type == PLAN_I64 && json_as_i64(&m->value, &whole))
            *plan_i64(p, plan_fields[i].offset) = whole;
        else if (plan_fields[i].type == PLAN_F64 && json_as_f64(&m->value, &real))
            *plan_f64(p, plan_fields[i].offset) = real;
        else
            return op_fail_field(op, plan_fields[i].name, "%s must be %s", plan_fields[i].name,
                                 plan_fields[i].type == PLAN_I64 ? "an integer" : "a number");
        return OK;
    }
    if (memchr(m->key.p, 0, m->key.len))
        return op_fail_field(op, "plan", "unknown member in a rollout plan");
    return op_fail_field(op, str_cstr(op->arena, m->key), "a rollout plan has no member '%.*s'", STR_FMT(m->key));
}

enum err rollout_plan_parse(struct op *op, const struct json *obj, struct rollout_plan *ret)
{
    struct rollout_plan p;
    rollout_plan_default(&p);
    if (obj && obj->type != JSON_OBJECT)
        return op_fail_field(op, "plan", "a rollout plan must be an object, not %s", json_type_name(obj->type));
    for (uint32_t i = 0; obj && i < obj->len; i++) {
        const struct json_member *m = &obj->members[i];
        size_t word = 0;
        enum err e = OK;
        if (str_eqc(m->key, "steps_permille")) {
            e = parse_steps(op, &m->value, &p);
        } else if (str_eqc(m->key, "kind")) {
            e = parse_word(op, m, kind_names, ARRAY_LEN(kind_names), &word);
            p.kind = (enum rollout_kind)word;
        } else if (str_eqc(m->key, "on_inconclusive")) {
            e = parse_word(op, m, inconclusive_names, ARRAY_LEN(inconclusive_names), &word);
            p.on_inconclusive = (enum rollout_inconclusive)word;
        } else {
            e = parse_scalar(op, m, &p);
        }
        if (e)
            return e;
    }
    enum err e = rollout_plan_check(op, &p);
    if (e)
        return e;
    *ret = p;
    return OK;
}

void rollout_plan_json(struct json_out *w, const struct rollout_plan *plan)
{
    struct rollout_plan copy = *plan;
    json_begin_object(w);
    json_kv_cstr(w, "kind", kind_names[plan->kind]);
    json_key(w, "steps_permille");
    json_begin_array(w);
    for (int i = 0; i < plan->step_count; i++)
        json_i64(w, plan->steps_permille[i]);
    json_end_array(w);
    for (size_t i = 0; i < ARRAY_LEN(plan_fields); i++) {
        if (plan_fields[i].type == PLAN_I64)
            json_kv_i64(w, plan_fields[i].name, *plan_i64(&copy, plan_fields[i].offset));
        else
            json_kv_f64(w, plan_fields[i].name, *plan_f64(&copy, plan_fields[i].offset));
    }
    json_kv_cstr(w, "on_inconclusive", inconclusive_names[plan->on_inconclusive]);
    json_end_object(w);
}
