#include "core/chain/chain.h"

#include <math.h>

#include "base/limits.h"
#include "core/chain/rules.h"

enum err chain_spec_parse(struct op *op, const struct json *config, double threshold, bool optional, struct chain_spec *ret)
{
    struct validate *validate = NULL;
    struct post_spec *post = NULL;
    enum err e = validate_parse(op, json_get(config, "validate"), !optional, &validate);
    if (!e)
        e = post_parse(op, json_get(config, "post"), threshold, &post);
    if (!e)
        *ret = (struct chain_spec){.validate = validate, .post = post, .threshold = threshold};
    return e;
}

/* ---- compiling ---- */

enum err chain_transform_check(struct op *op, const struct chain_model *m)
{
    const struct transform *t = m->transform;
    if (!m->features) {
        const struct tensor_spec *s = m->inputs;
        bool matrix = m->input_count == 1 && s->rank == 2 && (s->type == TENSOR_FP32 || s->type == TENSOR_FP64) &&
                      (s->shape[1] < 0 || s->shape[1] == (int64_t)t->output_count);
        return matrix ? OK : op_fail(op, E_INVALID, "the transform makes %zu columns; the model does not take one matrix of them", t->output_count);
    }
    if (m->features != t->output_count)
        return op_fail(op, E_INVALID, "the transform makes %zu columns, the model takes %zu", t->output_count, m->features);
    for (size_t i = 0; m->feature_names && i < m->features; i++)
        if (!str_eq(m->feature_names[i], t->outputs[i]))
            return op_fail(op, E_INVALID, "column %zu of the transform is \"%.*s\", feature %zu of the model is \"%.*s\"", i, STR_FMT(t->outputs[i]), i,
                           STR_FMT(m->feature_names[i]));
    return OK;
}

static enum err inputs_describe(struct op *op, struct chain *c)
{
    const struct transform *t = c->transform;
    struct tensor_spec *s = arena_array(op->arena, t->input_count, struct tensor_spec);
    if (!s)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu inputs", t->input_count);
    for (size_t i = 0; i < t->input_count; i++) {
        s[i] = (struct tensor_spec){.name = t->inputs[i].name, .type = t->inputs[i].text ? TENSOR_BYTES : TENSOR_FP64, .rank = 1, .shape = {-1}};
        for (size_t k = 0; c->validate && k < c->validate->len; k++)
            if (str_eq(c->validate->rules[k].name, s[i].name))
                s[i].optional = !c->validate->rules[k].required;
    }
    c->inputs = s;
    c->input_count = t->input_count;
    return OK;
}

static enum err validate_compile(struct op *op, const struct chain_spec *spec, const struct chain_model *m, struct chain *c)
{
    struct validate *v = op_new(op, struct validate);
    enum err e = OK;
    *v = *spec->validate;
    if (v->signature)
        e = rules_of_model(op, m, &v->rules, &v->len);
    for (size_t i = 0; i < v->len; i++)
        c->fills = c->fills || !v->rules[i].required;
    c->fills = c->fills && (m->transform || (m->features && m->feature_names));
    c->validate = v;
    return e;
}

/* Names that are known besides the rules' and the features'. */
static enum err names_make(struct op *op, const struct chain_model *m, const struct str *beside, size_t n, struct chain *c)
{
    const size_t inputs = m->transform ? m->transform->input_count : m->features ? 0 : m->input_count;
    struct str *names = arena_array(op->arena, n + inputs + 1, struct str);
    if (!names)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu names", n + inputs);
    for (size_t i = 0; i < n; i++)
        names[i] = beside[i];
    for (size_t i = 0; i < inputs; i++)
        names[n + i] = m->transform ? m->transform->inputs[i].name : m->inputs[i].name;
    c->extras = n;
    c->names = (struct validate_names){.features = m->transform ? NULL : m->feature_names, .feature_count = m->transform || !m->feature_names ? 0 : m->features,
                                       .beside = names, .beside_count = n + inputs};
    const size_t rules = c->validate ? c->validate->len : 0;
    size_t *places = arena_array(op->arena, rules + 1, size_t);
    if (!places)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu rules", rules);
    for (size_t i = 0; i < rules; i++)
        places[i] = validate_place(&c->names, c->validate->rules[i].name);
    c->names.places = places;
    return OK;
}

enum err chain_compile(struct op *op, const struct chain_spec *spec, const struct chain_model *m, const struct str *beside, size_t beside_count,
                       struct chain **ret)
{
    struct post *post = NULL;
    struct chain *c = op_new(op, struct chain);
    *ret = NULL;
    *c = (struct chain){.transform = m->transform, .inputs = m->inputs, .input_count = m->input_count, .outputs = m->outputs,
                        .output_count = m->output_count};
    enum err e = m->transform ? chain_transform_check(op, m) : OK;
    if (!e && spec->validate)
        e = validate_compile(op, spec, m, c);
    if (!e)
        e = names_make(op, m, beside, beside_count, c);
    if (!e && m->transform)
        e = inputs_describe(op, c);
    if (!e)
        e = post_compile(op, spec->post, m->calibrator, spec->threshold, m->outputs, m->output_count, &post);
    if (e)
        return e;
    c->post = post;
    c->matrix = m->features ? STR("features") : m->input_count ? m->inputs[0].name : STR("");
    c->matrix_type = m->features ? (m->doubles ? TENSOR_FP64 : TENSOR_FP32) : m->input_count ? m->inputs[0].type : TENSOR_FP32;
    if (post) {
        c->outputs = post->outputs;
        c->output_count = post->output_count;
    }
    if (c->validate || c->transform || c->post)
        *ret = c;
    return OK;
}

size_t chain_rules(const struct chain *c, struct op *op, struct str **ret)
{
    const size_t n = c && c->validate ? c->validate->len : 0;
    struct str *names = n ? arena_array(op->arena, n, struct str) : NULL;
    for (size_t i = 0; names && i < n; i++)
        names[i] = c->validate->rules[i].name;
    *ret = names;
    return names ? n : 0;
}

/* ---- a request ---- */

static bool is_beside(const struct chain *c, struct str name)
{
    for (size_t i = 0; i < c->names.beside_count; i++)
        if (str_eq(c->names.beside[i], name))
            return true;
    return false;
}

static bool is_text(const struct chain *c, const struct validate_rule *r)
{
    for (size_t i = 0; c->transform && i < c->transform->input_count; i++)
        if (str_eq(c->transform->inputs[i].name, r->name))
            return c->transform->inputs[i].text;
    return r->type == VALIDATE_STRING;
}

/* A column of nothing but missing values. */
static enum err missing_make(struct op *op, const struct chain *c, const struct validate_rule *r, size_t rows, struct tensor *t)
{
    *t = (struct tensor){.name = r->name, .type = is_text(c, r) ? TENSOR_BYTES : TENSOR_FP64, .rank = 1, .shape = {(int64_t)rows}, .count = rows};
    double *numbers = t->type == TENSOR_FP64 ? arena_array(op->arena, rows + 1, double) : NULL;
    t->texts = t->type == TENSOR_BYTES ? arena_array(op->arena, rows + 1, struct str) : NULL;
    t->data = numbers;
    for (size_t i = 0; numbers && i < rows; i++)
        numbers[i] = NAN;
    return t->data || t->texts ? OK : op_fail(op, E_TOO_LARGE, "no memory for %zu rows", rows);
}

/* Does any tensor stand for one column, rather than all for a matrix, which may bear any name? */
static bool has_columns(const struct chain *c, const struct chain_columns *in)
{
    const struct validate_names columns = {.features = c->names.features, .feature_count = c->names.feature_count,
                                           .beside = c->names.beside + c->extras, .beside_count = c->names.beside_count - c->extras};
    for (size_t i = 0; i < in->len; i++)
        if (validate_knows(c->validate, &columns, in->all[i].name))
            return true;
    return false;
}

/* Leaves out what nothing knows, and makes what is missing. */
static enum err columns_mend(struct op *op, const struct chain *c, const struct chain_columns *in, struct chain_columns *out)
{
    const struct validate *v = c->validate;
    const bool drops = v->unknown == VALIDATE_UNKNOWN_IGNORE;
    size_t n = 0;
    if ((!drops && !c->fills) || !has_columns(c, in))
        return OK;
    struct tensor *all = arena_array(op->arena, in->len + v->len + 1, struct tensor);
    if (!all)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu columns", in->len);
    for (size_t i = 0; i < in->len; i++)
        if (!drops || validate_knows(v, &c->names, in->all[i].name))
            all[n++] = in->all[i];
    const size_t rows = in->all[0].rank && in->all[0].shape[0] > 0 ? (size_t)in->all[0].shape[0] : 1;
    enum err e = rows <= LIMIT_SERVE_ROWS ? OK : op_fail(op, E_TOO_LARGE, "%zu rows; a request may have %d", rows, LIMIT_SERVE_ROWS);
    for (size_t k = 0; c->fills && !e && k < v->len; k++)
        if (!v->rules[k].required && !chain_columns_find(in, v->rules[k].name, k))
            e = missing_make(op, c, &v->rules[k], rows, &all[n++]);
    *out = (struct chain_columns){.all = all, .len = n};
    return e;
}

static enum err input_read(struct op *op, const struct transform_input *in, const struct tensor *t, size_t *rows, struct transform_values *ret)
{
    size_t n;
    if (!tensor_is_vector(t, &n) || !n)
        return op_fail(op, E_INVALID, "input \"%.*s\": shape [n] or [n, 1] is wanted", STR_FMT(t->name));
    if (*rows == SIZE_MAX)
        *rows = n;
    if (n != *rows)
        return op_fail(op, E_INVALID, "input \"%.*s\" has %zu rows, the others %zu", STR_FMT(t->name), n, *rows);
    if (n > LIMIT_SERVE_ROWS)
        return op_fail(op, E_TOO_LARGE, "%zu rows; a request may have %d", n, LIMIT_SERVE_ROWS);
    if (in->text != (t->type == TENSOR_BYTES))
        return op_fail(op, E_INVALID, "input \"%.*s\" has datatype %s; %s wanted", STR_FMT(t->name), tensor_type_name(t->type),
                       in->text ? "BYTES is" : "numbers are");
    ret->texts = t->texts;
    if (in->text)
        return OK;
    if (t->type == TENSOR_FP64 && (uintptr_t)t->data % sizeof(double) == 0) {
        ret->numbers = t->data;
        return OK;
    }
    double *numbers = arena_array(op->arena, n, double);
    ret->numbers = numbers;
    return numbers ? tensor_to_f64(op, t, numbers, 1) : op_fail(op, E_TOO_LARGE, "no memory for %zu rows", n);
}

enum err chain_transform(struct op *op, const struct chain *c, const struct chain_columns *in, struct tensor *ret_matrix)
{
    const struct transform *t = c->transform;
    struct transform_values *values = arena_array(op->arena, t->input_count, struct transform_values);
    size_t rows = SIZE_MAX;
    enum err e = values ? OK : op_fail(op, E_TOO_LARGE, "no memory for %zu columns", t->input_count);
    for (size_t i = 0; !e && i < t->input_count; i++) {
        const struct tensor *one = chain_columns_find(in, t->inputs[i].name, i);
        e = one ? input_read(op, &t->inputs[i], one, &rows, &values[i])
                : op_fail(op, E_INVALID, "input \"%.*s\" is missing", STR_FMT(t->inputs[i].name));
    }
    if (e)
        return e;
    const bool wide = c->matrix_type == TENSOR_FP64;
    struct tensor m = {.name = c->matrix, .type = c->matrix_type, .rank = 2, .shape = {(int64_t)rows, (int64_t)t->output_count}};
    if (!tensor_count(m.shape, 2, LIMIT_TENSOR_VALUES, &m.count))
        return op_fail(op, E_TOO_LARGE, "%zu rows make more than %zu values", rows, LIMIT_TENSOR_VALUES);
    void *data = arena_try_alloc(op->arena, m.count, wide ? sizeof(double) : sizeof(float));
    if (!data)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu rows", rows);
    m.data = data;
    *ret_matrix = m;
    return transform_apply(op, t, values, rows, wide ? NULL : data, wide ? data : NULL);
}

static bool is_input(const struct transform *t, struct str name, size_t hint)
{
    if (hint < t->input_count && str_eq(t->inputs[hint].name, name))
        return true;
    for (size_t i = 0; i < t->input_count; i++)
        if (str_eq(t->inputs[i].name, name))
            return true;
    return false;
}

size_t chain_work(const struct chain *c, const struct chain_columns *in, size_t *ret_rows)
{
    const struct transform *t = c->transform;
    size_t rows = 1, values = 0;
    for (size_t i = 0; i < in->len; i++) {
        const size_t n = in->all[i].rank && in->all[i].shape[0] > 0 ? (size_t)in->all[i].shape[0] : 1;
        rows = n > rows ? n : rows;
        values += in->all[i].count;
    }
    *ret_rows = rows;
    rows = rows < LIMIT_SERVE_ROWS ? rows : LIMIT_SERVE_ROWS; /* more are refused */
    const size_t made = (t ? t->output_count + t->column_count : 0) + (c->fills ? c->validate->len : 0) + (c->post ? c->post->width : 0);
    return values + rows * made;
}

enum err chain_before(struct op *op, const struct chain *c, const struct chain_columns *in, struct chain_columns *out, const char **ret_warning)
{
    *ret_warning = NULL;
    *out = *in;
    enum err e = c->validate ? validate_run(op, c->validate, &c->names, in, c->tally, ret_warning) : OK;
    if (!e && c->validate)
        e = columns_mend(op, c, in, out);
    if (e || !c->transform)
        return e;
    struct tensor *all = arena_array(op->arena, out->len + 1, struct tensor);
    size_t n = 0;
    e = all ? chain_transform(op, c, out, &all[n++]) : op_fail(op, E_TOO_LARGE, "no memory for %zu columns", out->len);
    for (size_t i = 0; !e && i < out->len; i++) {
        if (is_input(c->transform, out->all[i].name, i))
            continue;
        if (!is_beside(c, out->all[i].name))
            return op_fail(op, E_INVALID, "there is no input \"%.*s\"", STR_FMT(out->all[i].name));
        all[n++] = out->all[i];
    }
    *out = (struct chain_columns){.all = all, .len = n};
    return e;
}
