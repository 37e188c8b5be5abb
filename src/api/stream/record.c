#include "api/stream/record.h"

#include <inttypes.h>
#include <math.h>

#include "api/frame.h"
#include "api/v2/answer.h"
#include "api/v2/request.h"
#include "base/limits.h"

/* What decoding keeps for the answer. */
struct question {
    const struct json *id;   /* NULL: none */
    struct v2_request v2;
};

/* ---- one object, one row ---- */

/* Members usually stand in the model's order: the search goes on where the last one was found. */
static const struct json *member_next(const struct json *obj, struct str name, uint32_t *at)
{
    for (uint32_t n = 0; n < obj->len; n++) {
        uint32_t i = *at + n < obj->len ? *at + n : *at + n - obj->len;
        if (str_eq(obj->members[i].key, name)) {
            *at = i + 1 < obj->len ? i + 1 : 0;
            return &obj->members[i].value;
        }
    }
    return NULL;
}

static bool number_of(const struct json *j, double *ret)
{
    if (j->type == JSON_NULL)
        *ret = (double)NAN;
    else if (j->type == JSON_BOOL)
        *ret = j->boolean;
    else
        return json_as_f64(j, ret);
    return true;
}

/* A model with named features: one matrix of one row. */
static enum err row_read(struct op *op, const struct json *obj, const struct serve_info *info, const struct infer_signature *sig, struct infer_request *ret)
{
    struct tensor *t = op_new(op, struct tensor);
    double *x = arena_array(op->arena, info->features, double);
    uint32_t at = 0;
    if (!x)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu features", info->features);
    for (size_t i = 0; i < info->features; i++) {
        const struct json *j = member_next(obj, info->feature_names[i], &at);
        if (!j)
            return op_fail(op, E_INVALID, "field \"%.*s\" is missing", STR_FMT(info->feature_names[i]));
        if (!number_of(j, &x[i]))
            return op_fail(op, E_INVALID, "field \"%.*s\" is %s, not a number", STR_FMT(info->feature_names[i]), json_type_name(j->type));
    }
    *t = (struct tensor){.name = sig->inputs[0].name, .type = TENSOR_FP64, .rank = 2, .shape = {1, (int64_t)info->features}, .count = info->features, .data = x};
    ret->inputs = t;
    ret->input_count = 1;
    return OK;
}

/* The members that the model knows by name. */
static enum err known_members(struct op *op, const struct json *obj, const struct infer_signature *sig, struct json *ret)
{
    uint32_t at = 0;
    struct json_member *members = arena_array(op->arena, sig->input_count + 1, struct json_member);
    if (!members)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu inputs", sig->input_count);
    *ret = (struct json){.type = JSON_OBJECT, .members = members};
    for (size_t i = 0; i < sig->input_count; i++) {
        const struct json *j = member_next(obj, sig->inputs[i].name, &at);
        if (j)
            members[ret->len++] = (struct json_member){sig->inputs[i].name, *j};
        else if (!sig->inputs[i].optional)
            return op_fail(op, E_INVALID, "field \"%.*s\" is missing", STR_FMT(sig->inputs[i].name));
    }
    return OK;
}

/* Inputs by name. Where the first axis is the batch, the record is one row of it. */
static enum err inputs_read(struct op *op, const struct json *obj, const struct serve_info *info, const struct infer_signature *sig, struct infer_request *ret)
{
    const struct frame_want want = {.info = info, .sig = sig};
    struct json known;
    struct frame frame;
    struct frame_tensors tensors = {0};
    enum err e = known_members(op, obj, sig, &known);
    if (!e && !sig->joins)
        e = frame_tensors_of_object(op, &want, &known, &tensors);
    if (!e && sig->joins) {
        struct json list = {.type = JSON_ARRAY, .len = 1, .items = &known};
        e = frame_of_records(op, &want, &list, &frame);
        if (!e)
            e = frame_tensors(op, &want, &frame, &tensors);
    }
    ret->inputs = tensors.p;
    ret->input_count = tensors.len;
    return e;
}

/* A text as it is, anything else as JSON. */
static enum err text_of(struct op *op, const struct json *j, struct str *ret)
{
    if (j->type == JSON_STRING) {
        *ret = j->s;
        return OK;
    }
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_STREAM_KEY_BYTES);
    json_out_init(&w, &b, 0);
    json_value(&w, j);
    if (b.failed)
        return op_fail(op, E_TOO_LARGE, "the answer's key would have more than %zu bytes", LIMIT_STREAM_KEY_BYTES);
    *ret = str_dup(op->arena, buf_str(&b));
    return OK;
}

static enum err json_decode(const struct stream_codec *c, struct op *op, const struct stream_record *record, const struct serve_info *info,
                            const struct infer_signature *sig, struct streaming_question *ret)
{
    struct json *obj = NULL;
    struct question *q = ret->own;
    ret->infer = (struct infer_request){.unit_id = record->has_key ? record->key : STR(""), .id = STR(""), .sequence = STR("")};
    enum err e = json_parse(op, record->value, JSON_NAN | JSON_PACK, &obj);
    if (e)
        return op_context(op, "the record's value");
    if (obj->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "the record's value is %s, not an object", json_type_name(obj->type));
    q->id = c->id_field.len ? json_get_str(obj, c->id_field) : NULL;
    if (q->id && (q->id->type == JSON_STRING || q->id->type == JSON_INT)) {
        if ((e = text_of(op, q->id, &ret->infer.id)))
            return e;
        ret->infer.unit_id = ret->infer.id;
    }
    const struct json *key = c->key_field.len ? json_get_str(obj, c->key_field) : NULL;
    if (c->key_field.len && (!key || key->type == JSON_NULL))
        return op_fail(op, E_INVALID, "field \"%.*s\", the key of the answer, is missing", STR_FMT(c->key_field));
    if (key) {
        ret->has_key = true;
        if ((e = text_of(op, key, &ret->key)))
            return e;
    }
    if (info->features && info->feature_names && !info->view)
        return row_read(op, obj, info, sig, &ret->infer);
    return inputs_read(op, obj, info, sig, &ret->infer);
}

/* Without the axis of the batch, which has one row. */
static enum err output_write(struct op *op, struct json_out *w, const struct tensor *t, bool refuse)
{
    struct tensor row = *t;
    if (row.rank && row.shape[0] == 1) {
        row.rank--;
        memmove(row.shape, row.shape + 1, row.rank * sizeof(row.shape[0]));
    }
    if (row.count == 1)
        return values_write_some(op, w, &row, 0, 1, 0, refuse);
    return values_write(op, w, &row, VALUES_NESTED, 0, refuse);
}

static enum err json_encode(const struct stream_codec *c, struct op *op, const struct serve_info *info, const struct streaming_question *question,
                            const struct infer_answer *a, struct buf *out)
{
    const struct question *q = question->own;
    struct json_out w;
    enum err e = OK;
    json_out_init(&w, out, 0);
    w.nonfinite = c->nonfinite;
    json_begin_object(&w);
    json_kv_str(&w, "model", info->name);
    json_kv_i64(&w, "version", a->version);
    if (q->id) {
        json_key(&w, "id");
        json_value(&w, q->id);
    }
    json_key(&w, "outputs");
    json_begin_object(&w);
    for (size_t i = 0; !e && i < a->output_count; i++) {
        json_key_str(&w, a->outputs[i].name);
        e = output_write(op, &w, &a->outputs[i], c->refuse_nonfinite);
    }
    if (e)
        return e;
    json_end_object(&w);
    if (a->warning)
        json_kv_cstr(&w, "warning", a->warning);
    json_end_object(&w);
    return OK;
}

/* ---- the protocol ---- */

static enum err v2_decode(struct op *op, const struct stream_record *record, const struct infer_signature *sig, struct streaming_question *ret)
{
    struct question *q = ret->own;
    enum err e = v2_request_read(op, record->value, (struct str){0}, sig, NULL, &q->v2);
    if (e)
        return e;
    bool binary = q->v2.binary;
    for (size_t i = 0; i < q->v2.infer.output_count; i++)
        binary = binary || q->v2.infer.outputs[i].binary;
    if (binary)
        return op_fail(op, E_INVALID, "a record has no place for binary outputs: ask for JSON");
    if (!q->v2.infer.unit_id.len && record->has_key)
        q->v2.infer.unit_id = record->key;
    ret->infer = q->v2.infer;
    return OK;
}

static enum err v2_encode(struct op *op, const struct serve_info *info, const struct streaming_question *question, const struct infer_answer *a, struct buf *out)
{
    const struct question *q = question->own;
    struct http_res *res = op_new(op, struct http_res); /* the dialect's answer; only its body is wanted */
    buf_init(&res->body, out->max);
    enum err e = v2_answer_write(op, info->name, &q->v2, a, res);
    if (!e)
        buf_add_str(out, buf_str(&res->body));
    buf_clear(&res->body);
    return e;
}

/* ---- the codec ---- */

static enum err decode(void *arg, struct op *op, const struct stream_record *record, const struct serve_info *info, const struct infer_signature *sig,
                       struct streaming_question *ret)
{
    const struct stream_codec *c = arg;
    ret->own = op_new(op, struct question);
    return c->format == STREAM_V2 ? v2_decode(op, record, sig, ret) : json_decode(c, op, record, info, sig, ret);
}

static enum err encode(void *arg, struct op *op, const struct serve_info *info, const struct streaming_question *question, const struct infer_answer *answer,
                       struct buf *out)
{
    const struct stream_codec *c = arg;
    return c->format == STREAM_V2 ? v2_encode(op, info, question, answer, out) : json_encode(c, op, info, question, answer, out);
}

struct streaming_codec stream_codec_make(const struct stream_codec *c)
{
    return (struct streaming_codec){.arg = (void *)(uintptr_t)c, .decode = decode, .encode = encode};
}
