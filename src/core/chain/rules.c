/* MLflow's names of types: integer and long are whole, float and double are numbers; datetime and binary are not judged. Source:
 * "Model Signatures" in MLflow's manual. */
#include "core/chain/rules.h"

#include <math.h>

#include "base/limits.h"

static struct validate_rule rule_any(struct str name)
{
    return (struct validate_rule){.name = name, .min = -INFINITY, .max = INFINITY, .max_length = SIZE_MAX, .required = true, .nullable = true};
}

static void range_set(const struct chain_model *m, struct validate_rule *r)
{
    for (size_t i = 0; m->mins && m->feature_names && i < m->features; i++) {
        if (!str_eq(m->feature_names[i], r->name) || isnan(m->mins[i]) || isnan(m->maxs[i]))
            continue;
        r->min = m->mins[i];
        r->max = m->maxs[i];
    }
}

static enum validate_type type_of(struct str type)
{
    if (str_eqc(type, "integer") || str_eqc(type, "long"))
        return VALIDATE_INTEGER;
    if (str_eqc(type, "float") || str_eqc(type, "double"))
        return VALIDATE_NUMBER;
    return str_eqc(type, "boolean") ? VALIDATE_BOOLEAN : str_eqc(type, "string") ? VALIDATE_STRING : VALIDATE_ANY;
}

/* The columns of the signature; NULL: it has none that have names. */
static const struct json *columns_of(struct op *op, struct str signature)
{
    struct json *doc = NULL, *inner = NULL;
    struct op sub = *op; /* what cannot be read is no failure */
    if (!signature.len || signature.len > LIMIT_MIB(8) || json_parse(&sub, signature, JSON_STRICT, &doc))
        return NULL;
    const struct json *list = json_get(doc, "inputs");
    if (list && list->type == JSON_STRING && !json_parse(&sub, list->s, JSON_STRICT, &inner))
        list = inner;
    if (!list || list->type != JSON_ARRAY || !list->len || list->len > LIMIT_CHAIN_COLUMNS)
        return NULL;
    for (size_t i = 0; i < list->len; i++) {
        const struct json *name = json_get(&list->items[i], "name"), *type = json_get(&list->items[i], "type");
        if (!name || name->type != JSON_STRING || !type || type->type != JSON_STRING || str_eqc(type->s, "tensor"))
            return NULL;
    }
    return list;
}

static void rules_of_columns(const struct chain_model *m, const struct json *list, struct validate_rule *rules)
{
    for (size_t i = 0; i < list->len; i++) {
        const struct json *required = json_get(&list->items[i], "required");
        rules[i] = rule_any(json_get(&list->items[i], "name")->s);
        rules[i].type = type_of(json_get(&list->items[i], "type")->s);
        rules[i].required = !required || required->type != JSON_BOOL || required->boolean;
        range_set(m, &rules[i]);
    }
}

static void rules_of_transform(const struct transform *t, struct validate_rule *rules)
{
    for (size_t i = 0; i < t->input_count; i++) {
        const struct transform_input *in = &t->inputs[i];
        rules[i] = rule_any(in->name);
        rules[i].type = in->text ? VALIDATE_STRING : VALIDATE_NUMBER;
        if (isfinite(in->min) && isfinite(in->max)) {
            rules[i].min = in->min;
            rules[i].max = in->max;
        }
    }
}

enum err rules_of_model(struct op *op, const struct chain_model *m, const struct validate_rule **ret, size_t *ret_len)
{
    const struct json *columns = m->transform ? NULL : columns_of(op, m->signature);
    const size_t features = m->feature_names ? m->features : 0;
    const size_t n = m->transform ? m->transform->input_count : columns ? columns->len : m->features ? features : m->input_count;
    struct validate_rule *rules = arena_array(op->arena, n + 1, struct validate_rule);
    if (!rules)
        return op_fail(op, E_TOO_LARGE, "no memory for the rules of %zu columns", n);
    if (m->transform)
        rules_of_transform(m->transform, rules);
    else if (columns)
        rules_of_columns(m, columns, rules);
    for (size_t i = 0; !m->transform && !columns && i < n; i++) {
        rules[i] = rule_any(m->features ? m->feature_names[i] : m->inputs[i].name);
        rules[i].type = !m->features && m->inputs[i].type == TENSOR_BYTES ? VALIDATE_STRING : VALIDATE_NUMBER;
        rules[i].required = m->features || !m->inputs[i].optional;
        range_set(m, &rules[i]);
    }
    *ret = rules;
    *ret_len = n;
    return OK;
}
