#include "core/serve/graph_when.h"

#include <math.h>

#include "base/limits.h"

static const char *const tests[WHEN_TEST_COUNT] = {
    [WHEN_EQ] = "==", [WHEN_NE] = "!=", [WHEN_LT] = "<", [WHEN_LE] = "<=", [WHEN_GT] = ">", [WHEN_GE] = ">=",
    [WHEN_IN] = "in", [WHEN_NOT_IN] = "not in", [WHEN_PRESENT] = "present", [WHEN_ABSENT] = "absent",
};

/* ---- reading ---- */

static enum err test_parse(struct op *op, struct str text, enum graph_test *ret)
{
    for (size_t i = 0; i < WHEN_TEST_COUNT; i++) {
        if (str_eqc(text, tests[i])) {
            *ret = (enum graph_test)i;
            return OK;
        }
    }
    return op_fail(op, E_INVALID, "a condition's op is none of == != < <= > >= in, not in, present, absent");
}

static bool is_scalar(const struct json *j)
{
    return j->type == JSON_BOOL || j->type == JSON_INT || j->type == JSON_UINT || j->type == JSON_REAL || j->type == JSON_STRING;
}

static enum err values_parse(struct op *op, const struct json *j, struct graph_when *w)
{
    const struct json *value = json_get(j, "value");
    const bool bare = w->test == WHEN_PRESENT || w->test == WHEN_ABSENT, set = w->test == WHEN_IN || w->test == WHEN_NOT_IN;
    if (bare)
        return value ? op_fail(op, E_INVALID, "a condition with \"%s\" takes no value", tests[w->test]) : OK;
    if (!value)
        return op_fail(op, E_INVALID, "a condition has no value");
    if (set && value->type != JSON_ARRAY)
        return op_fail(op, E_INVALID, "the value of a condition with \"%s\" must be a list", tests[w->test]);
    w->values = set ? value->items : value;
    w->value_count = set ? value->len : 1;
    for (size_t i = 0; i < w->value_count; i++) {
        if (!is_scalar(&w->values[i]))
            return op_fail(op, E_INVALID, "the value of a condition is %s, not a number, text or boolean", json_type_name(w->values[i].type));
        if (w->values[i].type == JSON_BOOL && w->test != WHEN_EQ && w->test != WHEN_NE && !set)
            return op_fail(op, E_INVALID, "a boolean is compared with == or !=");
    }
    return OK;
}

static enum err rows_parse(struct op *op, const struct json *j, struct graph_when *w)
{
    struct str rows;
    enum err e = json_opt_str(op, j, "rows", STR("agree"), &rows);
    if (e)
        return e;
    w->rows = str_eqc(rows, "any") ? WHEN_ROWS_ANY : str_eqc(rows, "all") ? WHEN_ROWS_ALL : WHEN_ROWS_AGREE;
    return w->rows != WHEN_ROWS_AGREE || str_eqc(rows, "agree") ? OK : op_fail(op, E_INVALID, "a condition's rows is none of agree, any, all");
}

enum err graph_when_parse(struct op *op, const struct json *j, struct graph_when *ret)
{
    static const char *const known[] = {"tensor", "parameter", "op", "value", "rows"};
    struct graph_when w = {.test = WHEN_EQ};
    struct str test, tensor, parameter;
    if (j->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "a condition is %s, not an object", json_type_name(j->type));
    for (size_t i = 0; i < j->len; i++) {
        size_t k = 0;
        while (k < ARRAY_LEN(known) && !str_eqc(j->members[i].key, known[k]))
            k++;
        if (k == ARRAY_LEN(known))
            return op_fail(op, E_INVALID, "a condition has no member \"%.*s\"", STR_FMT(j->members[i].key));
    }
    enum err e = json_opt_str(op, j, "tensor", STR(""), &tensor);
    if (!e)
        e = json_opt_str(op, j, "parameter", STR(""), &parameter);
    if (!e && !tensor.len == !parameter.len)
        e = op_fail(op, E_INVALID, "a condition names either a tensor or a parameter");
    if (!e)
        e = json_want_str(op, j, "op", &test);
    if (!e)
        e = test_parse(op, test, &w.test);
    if (!e)
        e = values_parse(op, j, &w);
    if (!e)
        e = rows_parse(op, j, &w);
    if (e)
        return e;
    w.parameter = parameter.len > 0;
    w.name = w.parameter ? parameter : tensor;
    *ret = w;
    return OK;
}

/* ---- comparing ---- */

static struct json whole(int64_t v)
{
    return (struct json){.type = JSON_INT, .i = v};
}

#define READ(ctype) \
    ({ \
        ctype v_; \
        memcpy(&v_, (const char *)t->data + i * sizeof(ctype), sizeof(ctype)); \
        v_; \
    })

/* Value i of a tensor as a JSON scalar. */
static struct json value_of(const struct tensor *t, size_t i)
{
    switch (t->type) {
    case TENSOR_BOOL: return (struct json){.type = JSON_BOOL, .boolean = READ(uint8_t) != 0};
    case TENSOR_UINT8: return whole(READ(uint8_t));
    case TENSOR_UINT16: return whole(READ(uint16_t));
    case TENSOR_UINT32: return whole(READ(uint32_t));
    case TENSOR_INT8: return whole(READ(int8_t));
    case TENSOR_INT16: return whole(READ(int16_t));
    case TENSOR_INT32: return whole(READ(int32_t));
    case TENSOR_INT64: return whole(READ(int64_t));
    case TENSOR_UINT64: {
        uint64_t u = READ(uint64_t);
        return u <= INT64_MAX ? whole((int64_t)u) : (struct json){.type = JSON_UINT, .u = u};
    }
    case TENSOR_FP16: return (struct json){.type = JSON_REAL, .f = (double)tensor_from_fp16(READ(uint16_t))};
    case TENSOR_BF16: return (struct json){.type = JSON_REAL, .f = (double)tensor_from_bf16(READ(uint16_t))};
    case TENSOR_FP32: return (struct json){.type = JSON_REAL, .f = (double)READ(float)};
    case TENSOR_FP64: return (struct json){.type = JSON_REAL, .f = READ(double)};
    case TENSOR_BYTES: return (struct json){.type = JSON_STRING, .s = t->texts[i]};
    case TENSOR_TYPE_COUNT: break;
    }
    return (struct json){.type = JSON_NULL};
}

/* *ret < 0, 0, > 0. False: they cannot be compared (another kind, NaN). */
static bool order_of(const struct json *a, const struct json *b, bool single, int *ret)
{
    double x, y;
    if (a->type == JSON_STRING || b->type == JSON_STRING) {
        if (a->type != b->type)
            return false;
        *ret = str_cmp(a->s, b->s);
        return true;
    }
    if (a->type == JSON_BOOL || b->type == JSON_BOOL) {
        if (a->type != b->type)
            return false;
        *ret = (int)a->boolean - (int)b->boolean;
        return true;
    }
    if (a->type == JSON_INT && b->type == JSON_INT) {
        *ret = (a->i > b->i) - (a->i < b->i);
        return true;
    }
    if (a->type == JSON_UINT && b->type == JSON_UINT) {
        *ret = (a->u > b->u) - (a->u < b->u);
        return true;
    }
    if (!json_as_f64(a, &x) || !json_as_f64(b, &y))
        return false;
    y = single ? (double)(float)y : y;
    *ret = (x > y) - (x < y);
    return !isnan(x) && !isnan(y);
}

static bool is_among(const struct graph_when *w, const struct json *v, bool single)
{
    int order;
    for (size_t i = 0; i < w->value_count; i++)
        if (order_of(v, &w->values[i], single, &order) && order == 0)
            return true;
    return false;
}

static bool value_fits(const struct graph_when *w, const struct json *v, bool single)
{
    int order;
    switch (w->test) {
    case WHEN_EQ:
    case WHEN_IN: return is_among(w, v, single);
    case WHEN_NE:
    case WHEN_NOT_IN: return !is_among(w, v, single);
    case WHEN_LT: return order_of(v, w->values, single, &order) && order < 0;
    case WHEN_LE: return order_of(v, w->values, single, &order) && order <= 0;
    case WHEN_GT: return order_of(v, w->values, single, &order) && order > 0;
    case WHEN_GE: return order_of(v, w->values, single, &order) && order >= 0;
    case WHEN_PRESENT: return true;
    case WHEN_ABSENT:
    case WHEN_TEST_COUNT: break;
    }
    return false;
}

static enum err tensor_fits(struct op *op, const struct graph_when *w, const struct tensor *t, bool *ret)
{
    size_t yes = 0;
    if (w->test == WHEN_PRESENT || w->test == WHEN_ABSENT) {
        *ret = w->test == WHEN_PRESENT;
        return OK;
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct json v = value_of(t, i);
        yes += value_fits(w, &v, t->type == TENSOR_FP32);
    }
    if (w->rows == WHEN_ROWS_AGREE && yes && yes < t->count)
        return op_fail(op, E_INVALID, "%zu of %zu values of \"%.*s\" fit the condition; rows that go different ways must be asked apart", yes, t->count,
                       STR_FMT(w->name));
    *ret = w->rows == WHEN_ROWS_ANY ? yes > 0 : t->count > 0 && yes == t->count;
    return OK;
}

enum err graph_when_holds(struct op *op, const struct graph_when *w, const struct tensor *t, const struct json_member *params, size_t param_count,
                          bool *ret)
{
    if (!w->parameter && t)
        return tensor_fits(op, w, t, ret);
    const struct json *v = NULL;
    for (size_t i = 0; w->parameter && i < param_count; i++)
        if (str_eq(params[i].key, w->name))
            v = &params[i].value;
    *ret = v && is_scalar(v) ? value_fits(w, v, false) : w->test == WHEN_ABSENT;
    return OK;
}
