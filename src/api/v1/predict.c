/* TensorFlow Serving's rules: exactly one of "instances" and "inputs"; one tensor without a name loses its name in the answer as well,
 * several are objects; bytes are {"b64": text}, in answers for outputs whose names end in "_bytes". :classify and :regress take "examples",
 * a list of objects of features, each a value or a list, and "context" for what all of them share. */
#include "api/v1/predict.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/ask.h"
#include "base/limits.h"
#include "base/map.h"

/* ---- reading ---- */

static enum err rows_read(struct op *op, const struct json *list, const struct frame_want *want, struct v1_request *r)
{
    struct frame f;
    bool there = list->type == JSON_ARRAY || list->type == JSON_INTS || list->type == JSON_REALS;
    if (!there || !list->len)
        return op_fail(op, E_INVALID, "instances is not a list of at least one row");
    r->form = V1_ROWS;
    r->rows = list->len;
    const struct json *first = list->type == JSON_ARRAY ? &list->items[0] : NULL;
    bool records = first && first->type == JSON_OBJECT && !(first->len == 1 && json_get(first, "b64"));
    if (!records)
        return frame_tensor_of_list(op, want, list, true, &r->inputs);
    enum err e = frame_of_records(op, want, list, &f);
    return e ? e : frame_tensors(op, want, &f, &r->inputs);
}

static enum err columns_read(struct op *op, const struct json *inputs, const struct frame_want *want, struct v1_request *r)
{
    r->form = V1_COLUMNS;
    if (inputs->type == JSON_OBJECT && !(inputs->len == 1 && json_get(inputs, "b64")))
        return frame_tensors_of_object(op, want, inputs, &r->inputs);
    return frame_tensor_of_list(op, want, inputs, false, &r->inputs);
}

/* A feature of an example is a value or a list of one. */
static struct json feature_value(const struct json *v)
{
    if (v->type == JSON_INTS && v->len == 1)
        return (struct json){.type = JSON_INT, .i = v->ints[0]};
    if (v->type == JSON_REALS && v->len == 1)
        return (struct json){.type = JSON_REAL, .f = v->reals[0]};
    return v->type == JSON_ARRAY && v->len == 1 ? v->items[0] : *v;
}

/* What all examples share: which of its members an example has itself is marked with the example's number. */
struct context {
    const struct json *doc;   /* NULL: there is none */
    struct map places;        /* key to 1 + place */
    uint32_t *own_of;
};

static enum err context_read(struct op *op, const struct json *doc, struct context *ret)
{
    *ret = (struct context){.doc = doc};
    map_init(&ret->places, op->arena);
    ret->own_of = arena_array(op->arena, doc ? (size_t)doc->len + 1 : 1, uint32_t);
    bool room = ret->own_of != NULL;
    for (uint32_t i = 0; doc && room && i < doc->len; i++)
        room = map_put(&ret->places, doc->members[i].key, (void *)((uintptr_t)i + 1));
    return room ? OK : op_fail(op, E_TOO_LARGE, "no memory for the context");
}

static enum err example_make(struct op *op, const struct json *example, uint32_t number, struct context *shared, struct json *ret)
{
    const struct json *context = shared->doc;
    if (example->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "an example is %s, not an object of features", json_type_name(example->type));
    uint32_t n = example->len + (context ? context->len : 0);
    struct json_member *m = arena_array(op->arena, (size_t)n + 1, struct json_member);
    if (!m)
        return op_fail(op, E_TOO_LARGE, "no memory for %" PRIu32 " features", n);
    *ret = (struct json){.type = JSON_OBJECT, .members = m};
    for (uint32_t i = 0; i < example->len; i++) {
        const uintptr_t at = (uintptr_t)map_find(&shared->places, example->members[i].key);
        if (at)
            shared->own_of[at - 1] = number + 1;
        m[ret->len++] = (struct json_member){example->members[i].key, feature_value(&example->members[i].value)};
    }
    for (uint32_t i = 0; context && i < context->len; i++)
        if (shared->own_of[i] != number + 1)
            m[ret->len++] = (struct json_member){context->members[i].key, feature_value(&context->members[i].value)};
    return OK;
}

static enum err examples_read(struct op *op, const struct json *doc, const struct frame_want *want, struct v1_request *r)
{
    const struct json *examples = json_get(doc, "examples"), *context = json_get(doc, "context");
    struct json list = {.type = JSON_ARRAY};
    struct frame f;
    if (!examples || examples->type != JSON_ARRAY || !examples->len)
        return op_fail(op, E_INVALID, "examples is not a list of at least one object");
    if (context && context->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "context is %s, not an object", json_type_name(context->type));
    if (examples->len > LIMIT_SERVE_ROWS)
        return op_fail(op, E_TOO_LARGE, "%" PRIu32 " examples; a request may have %d", examples->len, LIMIT_SERVE_ROWS);
    list.len = examples->len;
    list.items = arena_array(op->arena, list.len, struct json);
    if (!list.items)
        return op_fail(op, E_TOO_LARGE, "no memory for %" PRIu32 " examples", list.len);
    struct context shared;
    enum err e = context_read(op, context, &shared);
    for (uint32_t i = 0; !e && i < list.len; i++)
        e = example_make(op, &examples->items[i], i, &shared, &list.items[i]);
    r->form = V1_ROWS;
    r->rows = list.len;
    if (!e)
        e = frame_of_records(op, want, &list, &f);
    return e ? e : frame_tensors(op, want, &f, &r->inputs);
}

enum err v1_request_read(struct op *op, struct str body, enum v1_method method, const struct frame_want *want, struct v1_request *ret)
{
    struct json *doc = NULL;
    struct v1_request r = {.method = method};
    enum err e = json_parse(op, body, JSON_NAN | JSON_PACK, &doc);
    if (e)
        return op_context(op, "request body");
    if (doc->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "request body: it is %s, not an object", json_type_name(doc->type));
    const struct json *signature = json_get(doc, "signature_name"), *instances = json_get(doc, "instances"), *inputs = json_get(doc, "inputs");
    if (signature && signature->type != JSON_NULL &&
        (signature->type != JSON_STRING || (signature->s.len && !str_eqc(signature->s, "serving_default"))))
        return op_fail(op, E_INVALID, "the only signature is \"serving_default\"");
    if (method != V1_PREDICT)
        e = examples_read(op, doc, want, &r);
    else if (!instances == !inputs)
        e = op_fail(op, E_INVALID, instances ? "the request has both instances and inputs" : "the request has neither instances nor inputs");
    else
        e = instances ? rows_read(op, instances, want, &r) : columns_read(op, inputs, want, &r);
    if (!e)
        *ret = r;
    return e;
}

/* ---- writing ---- */

static unsigned flags_of(const struct tensor *t)
{
    return t->type == TENSOR_BYTES && str_ends(t->name, STR("_bytes")) ? VALUES_B64 : 0;
}

/* Row `i` of a tensor whose first axis is rows. */
static struct tensor row_of(const struct tensor *t, size_t rows, size_t i)
{
    struct tensor row = *t;
    row.rank--;
    memmove(row.shape, row.shape + 1, row.rank * sizeof(row.shape[0]));
    row.count = t->count / rows;
    if (t->type == TENSOR_BYTES)
        row.texts = t->texts + i * row.count;
    else
        row.data = (const char *)t->data + i * row.count * tensor_type_size(t->type);
    return row;
}

static enum err row_write(struct op *op, struct json_out *w, const struct infer_answer *a, size_t rows, size_t i)
{
    enum err e = OK;
    if (a->output_count != 1)
        json_begin_object(w);
    for (size_t k = 0; !e && k < a->output_count; k++) {
        const struct tensor row = row_of(&a->outputs[k], rows, i);
        if (a->output_count != 1)
            json_key_str(w, row.name);
        e = values_write(op, w, &row, VALUES_NESTED, flags_of(&row), false);
    }
    if (!e && a->output_count != 1)
        json_end_object(w);
    return e;
}

static enum err columns_write(struct op *op, struct json_out *w, const struct infer_answer *a)
{
    enum err e = OK;
    if (a->output_count != 1)
        json_begin_object(w);
    for (size_t k = 0; !e && k < a->output_count; k++) {
        const struct tensor *t = &a->outputs[k];
        if (a->output_count != 1)
            json_key_str(w, t->name);
        e = values_write(op, w, t, VALUES_NESTED, flags_of(t), false);
    }
    if (!e && a->output_count != 1)
        json_end_object(w);
    return e;
}

/* Labels and scores of one row: its classes, or the one value of a binary model as the class "1". */
static enum err classes_write(struct op *op, struct json_out *w, const struct tensor *row, const struct str *labels, size_t label_count)
{
    enum err e = OK;
    char number[24];
    json_begin_array(w);
    for (size_t i = 0; !e && i < row->count; i++) { /* millions of them: nothing is left in the arena */
        const int n = snprintf(number, sizeof(number), "%zu", row->count == 1 ? (size_t)1 : i);
        struct str label = {number, (size_t)n};
        if (i < label_count && row->count > 1)
            label = labels[i];
        else if (label_count == 2 && row->count == 1)
            label = labels[1];
        json_begin_array(w);
        json_str(w, label);
        e = values_write_some(op, w, row, i, 1, 0, false);
        json_end_array(w);
    }
    json_end_array(w);
    return e;
}

static enum err result_write(struct op *op, struct json_out *w, const struct v1_request *r, const struct infer_answer *a, const struct str *labels, size_t n)
{
    const struct tensor *t = &a->outputs[0];
    enum err e = OK;
    json_begin_array(w);
    for (size_t i = 0; !e && i < r->rows; i++) {
        const struct tensor row = row_of(t, r->rows, i);
        if (t->type == TENSOR_BYTES || (r->method == V1_REGRESS && row.count != 1))
            return op_fail(op, E_INVALID, "output \"%.*s\" is no %s", STR_FMT(t->name), r->method == V1_REGRESS ? "regression" : "classification");
        e = r->method == V1_REGRESS ? values_write_some(op, w, &row, 0, 1, 0, false) : classes_write(op, w, &row, labels, n);
    }
    json_end_array(w);
    return e;
}

static enum err rows_check(struct op *op, const struct v1_request *r, const struct infer_answer *a)
{
    for (size_t k = 0; k < a->output_count; k++)
        if (!a->outputs[k].rank || a->outputs[k].shape[0] != (int64_t)r->rows)
            return op_fail(op, E_INVALID, "output \"%.*s\" has no row for each instance: ask with inputs", STR_FMT(a->outputs[k].name));
    return a->output_count ? OK : op_fail(op, E_INVALID, "the model has no outputs");
}

enum err v1_answer_write(struct op *op, const struct v1_request *r, const struct infer_answer *a, const struct str *labels, size_t label_count,
                         struct http_res *res)
{
    struct json_out w;
    enum err e = r->form == V1_ROWS ? rows_check(op, r, a) : OK;
    if (e)
        return e;
    ask_reply(res, &w);
    json_begin_object(&w);
    if (r->method != V1_PREDICT) {
        json_key(&w, "result");
        e = result_write(op, &w, r, a, labels, label_count);
    } else if (r->form == V1_COLUMNS) { /* "outputs" as TensorFlow Serving has it, "predictions" as KServe has it */
        json_key(&w, "outputs");
        e = columns_write(op, &w, a);
        if (!e) {
            json_key(&w, "predictions");
            e = columns_write(op, &w, a);
        }
    } else {
        json_key(&w, "predictions");
        json_begin_array(&w);
        for (size_t i = 0; !e && i < r->rows; i++)
            e = row_write(op, &w, a, r->rows, i);
        if (!e)
            json_end_array(&w);
    }
    if (e)
        return e;
    json_end_object(&w);
    return res->body.failed ? op_fail(op, E_TOO_LARGE, "the answer is larger than %zu bytes", res->body.max) : OK;
}
