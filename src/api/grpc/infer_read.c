/* proto/inference.proto: ModelInferRequest, read by hand (base/wire_proto.h).
 *
 * Why not by the compiled reader: it copies every byte of raw_input_contents and every text into memory of its own and makes a
 * structure of every parameter; inference of a small model costs less than that. A message is walked twice: the first walk
 * counts, so that each array is made once; the second fills. A test and a fuzz target compare the outcome with the compiled reader.
 *
 * protobuf's rules that matter here: fields come in any order; of a single field that comes twice the last counts; repeated
 * numbers come packed, one by one, or mixed; the parts of a message that comes twice (contents) are merged; unknown fields are skipped. */
#include "api/grpc/infer_read.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/wire_proto.h"

enum { ID_MAX = 256 };

/* ---- parameters ---- */

enum param_kind { PARAM_NONE, PARAM_BOOL, PARAM_INT, PARAM_STR, PARAM_REAL, PARAM_UINT };
struct param {
    struct str key;
    enum param_kind kind;
    uint64_t bits;
    struct str text;
};

static bool param_value(struct str bytes, struct param *ret)
{
    static const enum proto_wire wires[] = {[PARAM_BOOL] = PROTO_VARINT, [PARAM_INT] = PROTO_VARINT, [PARAM_STR] = PROTO_LEN,
                                            [PARAM_REAL] = PROTO_I64, [PARAM_UINT] = PROTO_VARINT};
    struct proto_in in = proto_in(bytes);
    struct proto_field f;
    while (proto_next(&in, &f)) {
        if (f.number > PARAM_UINT)
            continue;
        if (f.wire != wires[f.number])
            return false;
        ret->kind = (enum param_kind)f.number;
        ret->bits = f.value;
        ret->text = f.bytes;
    }
    return !in.bad;
}

/* An entry of a map: key 1, value 2. */
static enum err param_read(struct op *op, const struct proto_field *entry, struct param *ret)
{
    struct proto_in in = proto_in(entry->bytes);
    struct proto_field f;
    struct param p = {.key = STR(""), .text = STR("")};
    bool ok = entry->wire == PROTO_LEN;
    while (ok && proto_next(&in, &f)) {
        if (f.number != 1 && f.number != 2)
            continue;
        ok = f.wire == PROTO_LEN;
        if (ok && f.number == 1)
            p.key = f.bytes;
        else if (ok)
            ok = param_value(f.bytes, &p);
    }
    if (!ok || in.bad)
        return op_fail(op, E_INVALID, "a parameter is malformed");
    *ret = p;
    return OK;
}

static enum err param_wrong(struct op *op, const struct param *p, const char *wanted)
{
    return op_fail(op, E_INVALID, "parameter \"%.*s\" is not %s", STR_FMT(p->key), wanted);
}

static enum err param_bool(struct op *op, const struct param *p, bool *ret)
{
    if (p->kind != PARAM_BOOL)
        return param_wrong(op, p, "a boolean");
    *ret = p->bits != 0;
    return OK;
}

static enum err param_uint(struct op *op, const struct param *p, uint64_t max, uint64_t *ret)
{
    if ((p->kind != PARAM_INT && p->kind != PARAM_UINT) || p->bits > max)
        return param_wrong(op, p, op_printf(op, "an integer from 0 to %" PRIu64, max));
    *ret = p->bits;
    return OK;
}

static enum err param_str(struct op *op, const struct param *p, struct str *ret)
{
    if (p->kind != PARAM_STR || p->text.len > ID_MAX || !str_is_utf8(p->text))
        return param_wrong(op, p, op_printf(op, "a text of at most %d bytes", ID_MAX));
    *ret = p->text;
    return OK;
}

/* A sequence's id is a number or a text; 0 and "" say that there is none. */
static enum err param_sequence(struct op *op, const struct param *p, struct str *ret)
{
    if (p->kind == PARAM_STR)
        return param_str(op, p, ret);
    if (p->kind != PARAM_INT && p->kind != PARAM_UINT)
        return param_wrong(op, p, "an integer or a text");
    *ret = p->bits ? str_from(op_printf(op, "%" PRIu64, p->bits)) : STR("");
    return OK;
}

/* What is not ours to read is kept for the conditions of a graph. The list grows by doubling. */
static enum err param_keep(struct op *op, const struct param *p, struct infer_request *r)
{
    const size_t n = r->param_count;
    struct json v = {.type = JSON_NULL};
    struct json_member *list = (struct json_member *)(uintptr_t)r->params;
    if (n >= 4 ? (n & (n - 1)) == 0 : n == 0) {
        list = arena_array(op->arena, n ? 2 * n : 4, struct json_member);
        if (!list)
            return op_fail(op, E_TOO_LARGE, "no memory for %zu parameters", n);
        if (n)
            memcpy(list, r->params, n * sizeof(*list));
    }
    switch (p->kind) {
    case PARAM_BOOL: v = (struct json){.type = JSON_BOOL, .boolean = p->bits != 0}; break;
    case PARAM_INT: v = (struct json){.type = JSON_INT, .i = (int64_t)p->bits}; break;
    case PARAM_UINT: v = (struct json){.type = p->bits > INT64_MAX ? JSON_UINT : JSON_INT, .u = p->bits}; break;
    case PARAM_STR: v = (struct json){.type = JSON_STRING, .s = p->text}; break;
    case PARAM_REAL:
        v.type = JSON_REAL;
        memcpy(&v.f, &p->bits, sizeof(v.f));
        break;
    case PARAM_NONE: break;
    }
    list[n] = (struct json_member){p->key, v};
    r->params = list;
    r->param_count = n + 1;
    return OK;
}

static enum err request_param(struct op *op, const struct proto_field *f, struct grpc_infer *q)
{
    struct param p;
    uint64_t n = 0;
    enum err e = param_read(op, f, &p);
    if (e)
        return e;
    if (str_eq(p.key, STR("id")))
        return param_str(op, &p, &q->request.unit_id);
    if (str_eq(p.key, STR("sequence_id")))
        return param_sequence(op, &p, &q->request.sequence);
    if (str_eq(p.key, STR("sequence_start")))
        return param_bool(op, &p, &q->request.sequence_start);
    if (str_eq(p.key, STR("sequence_end")))
        return param_bool(op, &p, &q->request.sequence_end);
    if (str_eq(p.key, STR("binary_data_output")))
        return param_bool(op, &p, &q->raw);
    if (str_eq(p.key, STR("triton_enable_empty_final_response")))
        return param_bool(op, &p, &q->wants_final);
    if (str_eq(p.key, STR("priority"))) {
        e = param_uint(op, &p, UINT32_MAX, &n);
        q->request.priority = (uint32_t)n;
    } else if (str_eq(p.key, STR("timeout"))) {
        e = param_uint(op, &p, INT64_MAX, &n);
        q->request.timeout_us = (int64_t)n;
    } else {
        e = param_keep(op, &p, &q->request);
    }
    return e;
}

/* Where a tensor lies in shared memory, parameter by parameter. */
static enum err part_param(struct op *op, const struct param *p, struct memory_part *part)
{
    if (str_eq(p->key, STR("shared_memory_region")))
        return param_str(op, p, &part->region);
    if (str_eq(p->key, STR("shared_memory_byte_size")))
        return param_uint(op, p, INT64_MAX, &part->size_bytes);
    if (str_eq(p->key, STR("shared_memory_offset")))
        return param_uint(op, p, INT64_MAX, &part->offset);
    return OK;
}

/* ---- typed contents ---- */

/* Which field of InferTensorContents holds a type's values, and how they stand there. */
static const struct contents_rule {
    uint32_t field; /* 0: raw only */
    enum proto_wire wire;
    int64_t min, max; /* of integers; max 0: any */
} contents_rules[TENSOR_TYPE_COUNT] = {
    [TENSOR_BOOL] = {1, PROTO_VARINT, 0, 0},
    [TENSOR_INT8] = {2, PROTO_VARINT, INT8_MIN, INT8_MAX},
    [TENSOR_INT16] = {2, PROTO_VARINT, INT16_MIN, INT16_MAX},
    [TENSOR_INT32] = {2, PROTO_VARINT, INT32_MIN, INT32_MAX},
    [TENSOR_INT64] = {3, PROTO_VARINT, 0, 0},
    [TENSOR_UINT8] = {4, PROTO_VARINT, 0, UINT8_MAX},
    [TENSOR_UINT16] = {4, PROTO_VARINT, 0, UINT16_MAX},
    [TENSOR_UINT32] = {4, PROTO_VARINT, 0, UINT32_MAX},
    [TENSOR_UINT64] = {5, PROTO_VARINT, 0, 0},
    [TENSOR_FP32] = {6, PROTO_I32, 0, 0},
    [TENSOR_FP64] = {7, PROTO_I64, 0, 0},
    [TENSOR_BYTES] = {8, PROTO_LEN, 0, 0},
};

struct input {
    struct tensor *t;
    struct str message;    /* the InferInputTensor */
    size_t values;         /* in its typed contents */
    struct memory_part part;
};

static enum err contents_bad(struct op *op, const struct tensor *t)
{
    return op_fail(op, E_INVALID, "input \"%.*s\": its contents are malformed", STR_FMT(t->name));
}

/* Adds up the values of one `contents`. */
static enum err contents_count(struct op *op, struct input *input, struct str contents)
{
    const struct contents_rule *rule = &contents_rules[input->t->type];
    struct proto_in in = proto_in(contents);
    struct proto_field f;
    while (proto_next(&in, &f)) {
        if (f.number > 8)
            continue;
        if (f.number != rule->field)
            return op_fail(op, E_INVALID, "input \"%.*s\": contents of another type than %s", STR_FMT(input->t->name), tensor_type_name(input->t->type));
        size_t n = rule->wire != PROTO_LEN ? proto_value_count(&f, rule->wire) : f.wire == PROTO_LEN ? 1 : SIZE_MAX;
        if (n == SIZE_MAX)
            return contents_bad(op, input->t);
        input->values += n;
    }
    return in.bad ? contents_bad(op, input->t) : OK;
}

static void value_put(enum tensor_type type, void *out, size_t at, int64_t v)
{
    switch (tensor_type_size(type)) {
    case 1: ((uint8_t *)out)[at] = type == TENSOR_BOOL ? v != 0 : (uint8_t)v; break;
    case 2: ((uint16_t *)out)[at] = (uint16_t)v; break;
    case 4: ((uint32_t *)out)[at] = (uint32_t)v; break;
    default: ((uint64_t *)out)[at] = (uint64_t)v; break;
    }
}

static enum err integers_fill(struct op *op, const struct tensor *t, const struct proto_field *f, void *out, size_t *at)
{
    const struct contents_rule *rule = &contents_rules[t->type];
    struct proto_in values = proto_values(f);
    int64_t v = 0;
    while (proto_value_i64(f, &values, &v)) {
        /* int32 and uint32 on the wire are whatever their low 32 bits say, as the public readers have it. */
        if (rule->field == 2)
            v = (int32_t)v;
        else if (rule->field == 4)
            v = (uint32_t)v;
        if (rule->max && (v < rule->min || v > rule->max))
            return op_fail(op, E_INVALID, "input \"%.*s\": value %zu, %" PRId64 ", is out of the range of %s", STR_FMT(t->name), *at, v, tensor_type_name(t->type));
        value_put(t->type, out, (*at)++, v);
    }
    return values.bad ? contents_bad(op, t) : OK;
}

/* Appends the values of one `contents`; t->data (or texts) has room for them. */
static enum err contents_fill(struct op *op, struct tensor *t, struct str contents, void *out, size_t *at)
{
    const struct contents_rule *rule = &contents_rules[t->type];
    const size_t size = tensor_type_size(t->type);
    struct proto_in in = proto_in(contents);
    struct proto_field f;
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        if (f.number != rule->field)
            continue;
        if (rule->wire == PROTO_VARINT) {
            e = integers_fill(op, t, &f, out, at);
        } else if (rule->wire == PROTO_LEN) {
            ((struct str *)out)[(*at)++] = f.bytes;
        } else if (f.wire == PROTO_LEN) {
            memcpy((char *)out + *at * size, f.bytes.p, f.bytes.len);
            *at += f.bytes.len / size;
        } else {
            memcpy((char *)out + (*at)++ * size, &f.value, size); /* little endian */
        }
    }
    return e;
}

/* Floats that lie in one piece stay where they are. */
static bool contents_view(struct tensor *t, struct str contents)
{
    struct proto_in in = proto_in(contents);
    struct proto_field f;
    if (contents_rules[t->type].wire == PROTO_VARINT || t->type == TENSOR_BYTES || !proto_next(&in, &f) || f.wire != PROTO_LEN)
        return false;
    if (f.number != contents_rules[t->type].field || f.bytes.len != t->count * tensor_type_size(t->type))
        return false;
    t->data = f.bytes.p;
    return true;
}

static enum err input_typed(struct op *op, struct input *input)
{
    struct tensor *t = input->t;
    struct proto_in in = proto_in(input->message);
    struct proto_field f;
    if (input->values != t->count)
        return op_fail(op, E_INVALID, "input \"%.*s\" has %zu values, its shape %zu", STR_FMT(t->name), input->values, t->count);
    const size_t size = t->type == TENSOR_BYTES ? sizeof(struct str) : tensor_type_size(t->type);
    void *out = NULL;
    size_t at = 0;
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        if (f.number != 5)
            continue;
        if (!out && contents_view(t, f.bytes))
            return OK;
        if (!out && t->count && !(out = arena_try_alloc(op->arena, t->count, size)))
            return op_fail(op, E_TOO_LARGE, "no memory for input \"%.*s\" of %zu values", STR_FMT(t->name), t->count);
        e = contents_fill(op, t, f.bytes, out, &at);
    }
    t->data = t->type == TENSOR_BYTES ? NULL : out ? out : "";
    t->texts = t->type == TENSOR_BYTES ? out : NULL;
    return e;
}

/* ---- raw contents ---- */

/* Four bytes of length, little endian, before each text. */
static enum err texts_split(struct op *op, struct tensor *t, struct str raw)
{
    struct str *texts = t->count && raw.len / 4 >= t->count ? arena_array(op->arena, t->count, struct str) : NULL;
    size_t at = 0, n = 0;
    if (t->count && raw.len / 4 >= t->count && !texts)
        return op_fail(op, E_TOO_LARGE, "no memory for input \"%.*s\" of %zu texts", STR_FMT(t->name), t->count);
    while (texts && n < t->count && raw.len - at >= 4) {
        const uint8_t *p = (const uint8_t *)raw.p + at;
        size_t len = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
        if (len > raw.len - at - 4)
            break;
        texts[n++] = (struct str){raw.p + at + 4, len};
        at += 4 + len;
    }
    if (n != t->count || at != raw.len)
        return op_fail(op, E_INVALID, "input \"%.*s\": its raw contents are not %zu texts, each behind its length", STR_FMT(t->name), t->count);
    t->texts = texts;
    return OK;
}

static enum err input_raw(struct op *op, const struct input *input, struct str raw)
{
    struct tensor *t = input->t;
    if (input->values)
        return op_fail(op, E_INVALID, "input \"%.*s\": typed and raw contents in one request", STR_FMT(t->name));
    if (t->type == TENSOR_BYTES)
        return texts_split(op, t, raw);
    size_t want = t->count * tensor_type_size(t->type);
    if (raw.len != want)
        return op_fail(op, E_INVALID, "input \"%.*s\" has %zu bytes of raw contents, its shape %zu", STR_FMT(t->name), raw.len, want);
    t->data = raw.p;
    return OK;
}

/* ---- tensors ---- */

static enum err shape_read(struct op *op, struct tensor *t, const struct proto_field *f)
{
    struct proto_in values = proto_values(f);
    int64_t v = 0;
    while (proto_value_i64(f, &values, &v)) {
        if (t->rank == LIMIT_TENSOR_RANK)
            return op_fail(op, E_INVALID, "an input has more than %d axes", LIMIT_TENSOR_RANK);
        t->shape[t->rank++] = v;
    }
    return values.bad ? op_fail(op, E_INVALID, "an input's shape is malformed") : OK;
}

static enum err input_param(struct op *op, const struct proto_field *f, struct memory_part *part)
{
    struct param p;
    enum err e = param_read(op, f, &p);
    return e ? e : part_param(op, &p, part);
}

static enum err input_head(struct op *op, size_t index, struct input *input)
{
    struct tensor *t = input->t;
    struct proto_in in = proto_in(input->message);
    struct proto_field f;
    struct str type = STR("");
    enum err e = OK;
    t->name = STR("");
    while (!e && proto_next(&in, &f)) {
        if (f.number == 1 && f.wire == PROTO_LEN)
            t->name = f.bytes;
        else if (f.number == 2 && f.wire == PROTO_LEN)
            type = f.bytes;
        else if (f.number == 3)
            e = shape_read(op, t, &f);
        else if (f.number == 4)
            e = input_param(op, &f, &input->part);
        else if (f.number <= 5 && f.wire != PROTO_LEN)
            in.bad = true;
    }
    if (e || in.bad)
        return e ? e : op_fail(op, E_INVALID, "inputs[%zu] is malformed", index);
    if (!t->name.len || !str_is_utf8(t->name))
        return op_fail(op, E_INVALID, "inputs[%zu] has no name", index);
    if (!tensor_type_parse(type, &t->type))
        return op_fail(op, E_INVALID, "input \"%.*s\": \"%.*s\" is not a datatype", STR_FMT(t->name), STR_FMT(type));
    for (uint32_t i = 0; i < t->rank; i++)
        if (t->shape[i] < 0)
            return op_fail(op, E_INVALID, "input \"%.*s\": a length of %" PRId64 " in its shape", STR_FMT(t->name), t->shape[i]);
    if (!tensor_count(t->shape, t->rank, LIMIT_TENSOR_VALUES, &t->count))
        return op_fail(op, E_TOO_LARGE, "input \"%.*s\": its shape has more than %zu values", STR_FMT(t->name), LIMIT_TENSOR_VALUES);
    return OK;
}

static enum err input_read(struct op *op, size_t index, struct str message, struct tensor *t, struct input *ret)
{
    *ret = (struct input){.t = t, .message = message, .part.region = STR("")};
    enum err e = input_head(op, index, ret);
    struct proto_in in = proto_in(message);
    struct proto_field f;
    while (!e && proto_next(&in, &f))
        if (f.number == 5)
            e = contents_count(op, ret, f.bytes);
    if (!e && ret->values && !contents_rules[t->type].field)
        e = op_fail(op, E_INVALID, "input \"%.*s\": values of %s come in raw contents", STR_FMT(t->name), tensor_type_name(t->type));
    return e;
}

static enum err want_read(struct op *op, size_t index, struct str message, struct grpc_infer *q, struct infer_want *ret, struct memory_part *part)
{
    struct infer_want want = {.name = STR("")};
    struct proto_in in = proto_in(message);
    struct proto_field f;
    struct param p;
    uint64_t n = 0;
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        if (f.number > 2)
            continue;
        if (f.wire != PROTO_LEN)
            in.bad = true;
        else if (f.number == 1)
            want.name = f.bytes;
        else if (!(e = param_read(op, &f, &p)) && !(e = part_param(op, &p, part))) {
            if (str_eq(p.key, STR("classification")))
                e = param_uint(op, &p, UINT32_MAX, &n);
            else if (str_eq(p.key, STR("binary_data")) && !(e = param_bool(op, &p, &want.binary)))
                q->raw = q->raw || want.binary;
        }
    }
    want.classes = (size_t)n;
    if (!e && part->region.len && !q->places.regions)
        e = op_fail(op, E_INVALID, "output \"%.*s\": this server writes no shared memory; `ingot serve --shared-memory` does", STR_FMT(want.name));
    if (!e && (in.bad || !want.name.len || !str_is_utf8(want.name)))
        e = op_fail(op, E_INVALID, in.bad ? "outputs[%zu] is malformed" : "outputs[%zu] has no name", index);
    *ret = want;
    return e;
}

/* ---- the message ---- */

struct counts {
    size_t inputs, outputs, raws;
};

static enum err message_count(struct op *op, struct str message, struct counts *ret)
{
    struct proto_in in = proto_in(message);
    struct proto_field f;
    struct counts n = {0};
    while (proto_next(&in, &f)) {
        n.inputs += f.number == 5;
        n.outputs += f.number == 6;
        n.raws += f.number == 7;
        if (f.number <= 7 && f.wire != PROTO_LEN)
            in.bad = true;
    }
    if (in.bad)
        return op_fail(op, E_INVALID, "the request is not a ModelInferRequest");
    if (n.inputs > LIMIT_SERVE_INPUTS || n.outputs > LIMIT_SERVE_OUTPUTS)
        return op_fail(op, E_TOO_LARGE, "%zu inputs and %zu outputs; the limits are %d and %d", n.inputs, n.outputs, LIMIT_SERVE_INPUTS, LIMIT_SERVE_OUTPUTS);
    if (!n.inputs)
        return op_fail(op, E_INVALID, "the request has no inputs");
    *ret = n;
    return OK;
}

static enum err version_read(struct op *op, struct str text, int64_t *ret)
{
    if (text.len && (!str_parse_i64(text, ret) || *ret < 1))
        return op_fail(op, E_INVALID, "\"%.*s\" is not a version number", STR_FMT(text));
    return OK;
}

struct filled {
    struct tensor *tensors;
    struct input *inputs;
    struct infer_want *wants;
    struct memory_part *parts; /* of the outputs */
    struct str *raws;
    struct counts at;
};

static enum err field_take(struct op *op, const struct proto_field *f, struct filled *to, struct grpc_infer *q)
{
    struct infer_request *r = &q->request;
    size_t i;
    switch (f->number) {
    case 1: q->model = f->bytes; return OK;
    case 2: return version_read(op, f->bytes, &r->version);
    case 3:
        r->id = f->bytes;
        return r->id.len <= ID_MAX && str_is_utf8(r->id) ? OK : op_fail(op, E_INVALID, "id is not a text of at most %d bytes", ID_MAX);
    case 4: return request_param(op, f, q);
    case 5: i = to->at.inputs++; return input_read(op, i, f->bytes, &to->tensors[i], &to->inputs[i]);
    case 6: i = to->at.outputs++; return want_read(op, i, f->bytes, q, &to->wants[i], &to->parts[i]);
    case 7: to->raws[to->at.raws++] = f->bytes; return OK;
    default: return OK;
    }
}

/* The values of all inputs: in shared memory, or raw in the order of those that are not there, or typed. */
static enum err inputs_fill(struct op *op, const struct filled *to, const struct counts *n, struct memory_regions *memory)
{
    size_t raw = 0, own = 0;
    enum err e = OK;
    for (size_t i = 0; i < n->inputs; i++)
        own += !to->inputs[i].part.region.len;
    /* Some clients send an empty one in the place of each that lies in shared memory. */
    const bool gaps = n->raws == n->inputs;
    if (n->raws && n->raws != own && !gaps)
        return op_fail(op, E_INVALID, "%zu raw contents for %zu inputs", n->raws, own);
    for (size_t i = 0; !e && i < n->inputs; i++) {
        struct input *input = &to->inputs[i];
        struct str bytes = STR("");
        if (!input->part.region.len) {
            e = n->raws ? input_raw(op, input, to->raws[raw++]) : input_typed(op, input);
            continue;
        }
        raw += gaps;
        e = memory_read(op, memory, input->t->name, &input->part, &bytes);
        if (!e)
            e = input_raw(op, input, bytes);
    }
    return e;
}

enum err grpc_infer_read(struct op *op, struct str message, struct memory_regions *memory, struct grpc_infer *ret)
{
    struct counts n = {0};
    enum err e = message_count(op, message, &n);
    if (e)
        return e;
    struct grpc_infer q = {.model = STR(""), .places.regions = memory, .request = {.id = STR(""), .unit_id = STR(""), .sequence = STR("")}};
    struct filled to = {.tensors = arena_array(op->arena, n.inputs, struct tensor), .inputs = arena_array(op->arena, n.inputs, struct input),
                        .wants = arena_array(op->arena, n.outputs + 1, struct infer_want), .parts = arena_array(op->arena, n.outputs + 1, struct memory_part), .raws = arena_array(op->arena, n.raws + 1, struct str)};
    if (!to.tensors || !to.inputs || !to.wants || !to.parts || !to.raws)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu inputs", n.inputs);
    struct proto_in in = proto_in(message);
    struct proto_field f;
    while (!e && proto_next(&in, &f))
        e = field_take(op, &f, &to, &q);
    if (!e)
        e = inputs_fill(op, &to, &n, memory);
    if (!e && (!q.model.len || !str_is_utf8(q.model)))
        e = op_fail(op, E_INVALID, "the request names no model");
    if (e)
        return e;
    q.raw = q.raw || n.raws;
    for (size_t i = 0; i < n.inputs; i++)
        q.raw = q.raw || to.inputs[i].part.region.len;
    q.request.inputs = to.tensors;
    q.request.input_count = n.inputs;
    q.request.outputs = n.outputs ? to.wants : NULL;
    q.request.output_count = n.outputs;
    q.places = (struct memory_places){memory, to.wants, NULL, n.outputs};
    for (size_t i = 0; i < n.outputs; i++)
        q.places.parts = to.parts[i].region.len ? to.parts : q.places.parts;
    if (!q.request.unit_id.len)
        q.request.unit_id = q.request.id;
    *ret = q;
    return OK;
}

struct str grpc_infer_id(struct str message)
{
    struct proto_in in = proto_in(message);
    struct proto_field f;
    struct str id = STR("");
    while (proto_next(&in, &f))
        if (f.number == 3 && f.wire == PROTO_LEN && f.bytes.len <= ID_MAX && str_is_utf8(f.bytes))
            id = f.bytes;
    return id;
}
