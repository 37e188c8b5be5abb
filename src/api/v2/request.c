/* A body is JSON, then the bytes of the tensors that say parameters.binary_data_size, in their order and without gaps. Texts in binary
 * are a length of four bytes, little endian, and so many bytes each. Source: Triton's binary tensor data extension.
 *
 * What other servers answer to malformed requests differs: Triton says 500 to a shape that does not fit its data in places, MLServer serves
 * some of them. Here all are E_INVALID, and a request is either understood whole or refused. Members we do not know are
 * ignored, as the protocol lets others add some. */
#include "api/v2/request.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/values.h"
#include "base/limits.h"

enum { ID_MAX = 256 };

struct reader {
    struct op *op;
    struct str rest;         /* binary tensors not yet taken */
    bool has_binary;         /* the request came with the header */
    struct memory_regions *memory;
};

/* ---- parameters ---- */

static enum err id_read(struct op *op, const struct json *id, const char *what, struct str *ret)
{
    if (!id || id->type == JSON_NULL)
        return OK;
    if (id->type != JSON_STRING || id->s.len > ID_MAX)
        return op_fail(op, E_INVALID, "%s is not a text of at most %d bytes", what, ID_MAX);
    *ret = id->s;
    return OK;
}

static enum err flag_read(struct op *op, const struct json *obj, const char *key, bool *ret)
{
    const struct json *j = obj ? json_get(obj, key) : NULL;
    if (!j || j->type == JSON_NULL)
        return OK;
    if (j->type != JSON_BOOL)
        return op_fail(op, E_INVALID, "parameter %s is %s, not a boolean", key, json_type_name(j->type));
    *ret = j->boolean;
    return OK;
}

/* A whole number of 0 or more; *ret_there when it is there. */
static enum err number_read(struct op *op, const struct json *obj, const char *key, int64_t max, int64_t *ret, bool *ret_there)
{
    const struct json *j = obj ? json_get(obj, key) : NULL;
    int64_t v = 0;
    *ret_there = j && j->type != JSON_NULL;
    if (!*ret_there)
        return OK;
    if (!json_as_i64(j, &v) || v < 0 || v > max)
        return op_fail(op, E_INVALID, "parameter %s is not a whole number from 0 to %" PRId64, key, max);
    *ret = v;
    return OK;
}

/* Where a tensor lies in shared memory; ret->region "": nowhere there. */
static enum err part_read(struct op *op, const struct json *parameters, struct memory_part *ret)
{
    const struct json *region = parameters ? json_get(parameters, "shared_memory_region") : NULL;
    int64_t size = 0, offset = 0;
    bool sized = false, there = false;
    *ret = (struct memory_part){.region = STR("")};
    if (!region || region->type == JSON_NULL)
        return OK;
    if (region->type != JSON_STRING || !region->s.len)
        return op_fail(op, E_INVALID, "parameter shared_memory_region is no name");
    enum err e = number_read(op, parameters, "shared_memory_byte_size", INT64_MAX, &size, &sized);
    if (!e)
        e = number_read(op, parameters, "shared_memory_offset", INT64_MAX, &offset, &there);
    if (!e && !sized)
        e = op_fail(op, E_INVALID, "shared_memory_region without shared_memory_byte_size");
    *ret = (struct memory_part){region->s, (uint64_t)offset, (uint64_t)size};
    return e;
}

/* A correlation id: a number or a text; 0 and "" are none. */
static enum err sequence_read(struct op *op, const struct json *obj, struct infer_request *r)
{
    const struct json *j = obj ? json_get(obj, "sequence_id") : NULL;
    enum err e = flag_read(op, obj, "sequence_start", &r->sequence_start);
    if (!e)
        e = flag_read(op, obj, "sequence_end", &r->sequence_end);
    if (e || !j || j->type == JSON_NULL)
        return e;
    if (j->type == JSON_STRING)
        return id_read(op, j, "parameter sequence_id", &r->sequence);
    uint64_t n = j->type == JSON_INT ? (uint64_t)j->i : j->u;
    if ((j->type != JSON_INT && j->type != JSON_UINT) || (j->type == JSON_INT && j->i < 0))
        return op_fail(op, E_INVALID, "parameter sequence_id is neither a text nor a whole number of 0 or more");
    if (n)
        r->sequence = str_from(op_printf(op, "%" PRIu64, n));
    return OK;
}

static enum err nonfinite_read(struct op *op, const struct json *obj, struct v2_request *r)
{
    const struct json *j = obj ? json_get(obj, "nonfinite") : NULL;
    struct str s = j && j->type == JSON_STRING ? j->s : STR("");
    r->nonfinite = JSON_NONFINITE_BARE;
    if (!j || j->type == JSON_NULL || str_eqc(s, "bare"))
        return OK;
    if (str_eqc(s, "null"))
        r->nonfinite = JSON_NONFINITE_NULL;
    else if (str_eqc(s, "string"))
        r->nonfinite = JSON_NONFINITE_STRING;
    else if (str_eqc(s, "refuse"))
        r->refuse_nonfinite = true;
    else
        return op_fail(op, E_INVALID, "parameter nonfinite is none of bare, null, string, refuse");
    return OK;
}

static enum err parameters_read(struct op *op, const struct json *doc, struct v2_request *r)
{
    const struct json *obj = json_get(doc, "parameters");
    int64_t priority = 0;
    bool there;
    if (obj && obj->type == JSON_NULL)
        obj = NULL;
    if (obj && obj->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "parameters is %s, not an object", json_type_name(obj->type));
    enum err e = id_read(op, json_get(doc, "id"), "id", &r->infer.id);
    if (!e)
        e = sequence_read(op, obj, &r->infer);
    r->infer.unit_id = r->infer.sequence.len ? r->infer.sequence : r->infer.id;
    if (!e && obj)
        e = id_read(op, json_get(obj, "id"), "parameters.id", &r->infer.unit_id);
    if (!e)
        e = number_read(op, obj, "priority", UINT32_MAX, &priority, &there);
    if (!e)
        e = number_read(op, obj, "timeout", INT64_MAX, &r->infer.timeout_us, &there);
    if (!e)
        e = flag_read(op, obj, "binary_data_output", &r->binary);
    if (!e)
        e = nonfinite_read(op, obj, r);
    r->infer.priority = (uint32_t)priority;
    r->infer.params = obj ? obj->members : NULL;
    r->infer.param_count = obj ? obj->len : 0;
    return e;
}

/* ---- tensors ---- */

static enum err head_read(struct op *op, const struct json *obj, size_t index, struct tensor *t)
{
    if (obj->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "inputs[%zu] is %s, not an object", index, json_type_name(obj->type));
    const struct json *name = json_get(obj, "name"), *datatype = json_get(obj, "datatype");
    if (!name || name->type != JSON_STRING || !name->s.len)
        return op_fail(op, E_INVALID, "inputs[%zu] has no name", index);
    t->name = name->s;
    if (!datatype || datatype->type != JSON_STRING)
        return op_fail(op, E_INVALID, "input \"%.*s\" has no datatype", STR_FMT(t->name));
    if (!tensor_type_parse(datatype->s, &t->type))
        return op_fail(op, E_INVALID, "input \"%.*s\": \"%.*s\" is no datatype", STR_FMT(t->name), STR_FMT(datatype->s));
    return OK;
}

/* Whole numbers of 0 or more, packed or not. */
static bool length_read(const struct json *shape, uint32_t i, int64_t *ret)
{
    struct json one = {.type = JSON_REAL};
    if (shape->type == JSON_INTS)
        *ret = shape->ints[i];
    else if (shape->type == JSON_REALS)
        one.f = shape->reals[i];
    else
        one = shape->items[i];
    return (shape->type == JSON_INTS || json_as_i64(&one, ret)) && *ret >= 0;
}

static enum err shape_read(struct op *op, const struct json *obj, struct tensor *t)
{
    const struct json *shape = json_get(obj, "shape");
    bool list = shape && (shape->type == JSON_ARRAY || shape->type == JSON_INTS || shape->type == JSON_REALS);
    if (!list || shape->len > LIMIT_TENSOR_RANK)
        return op_fail(op, E_INVALID, "input \"%.*s\": shape is not a list of at most %d numbers", STR_FMT(t->name), LIMIT_TENSOR_RANK);
    t->rank = shape->len;
    for (uint32_t i = 0; i < t->rank; i++)
        if (!length_read(shape, i, &t->shape[i]))
            return op_fail(op, E_INVALID, "input \"%.*s\": shape[%" PRIu32 "] is not a whole number of 0 or more", STR_FMT(t->name), i);
    if (!tensor_count(t->shape, t->rank, LIMIT_TENSOR_VALUES, &t->count))
        return op_fail(op, E_INVALID, "input \"%.*s\" has more than %zu values", STR_FMT(t->name), LIMIT_TENSOR_VALUES);
    return OK;
}

/* Texts with their lengths before them, exactly filling `bytes`. */
static enum err texts_read(struct op *op, struct str bytes, struct tensor *t)
{
    size_t at = 0;
    if (t->count > bytes.len / 4)
        return op_fail(op, E_INVALID, "input \"%.*s\": %zu bytes are too few for %zu texts", STR_FMT(t->name), bytes.len, t->count);
    enum err e = values_room(op, t);
    struct str *texts = (struct str *)(uintptr_t)t->texts;
    for (size_t i = 0; !e && i < t->count; i++) {
        uint32_t n = 0;
        if (bytes.len - at >= sizeof(n))
            memcpy(&n, bytes.p + at, sizeof(n));
        if (bytes.len - at < sizeof(n) || bytes.len - at - sizeof(n) < n)
            return op_fail(op, E_INVALID, "input \"%.*s\": the bytes end within text %zu", STR_FMT(t->name), i);
        texts[i] = (struct str){bytes.p + at + sizeof(n), n};
        at += sizeof(n) + n;
    }
    if (!e && at < bytes.len)
        return op_fail(op, E_INVALID, "input \"%.*s\": %zu bytes stand behind its %zu texts", STR_FMT(t->name), bytes.len - at, t->count);
    return e;
}

static enum err bytes_read(struct op *op, struct str bytes, struct tensor *t)
{
    if (t->type == TENSOR_BYTES)
        return texts_read(op, bytes, t);
    size_t size = t->count * tensor_type_size(t->type); /* count is bounded: no overflow */
    if (bytes.len != size)
        return op_fail(op, E_INVALID, "input \"%.*s\": %zu bytes of binary data, the shape says %zu", STR_FMT(t->name), bytes.len, size);
    if (t->type == TENSOR_BOOL)
        for (size_t i = 0; i < bytes.len; i++)
            if ((unsigned char)bytes.p[i] > 1)
                return op_fail(op, E_INVALID, "input \"%.*s\": data[%zu] is neither 0 nor 1", STR_FMT(t->name), i);
    t->data = bytes.p;
    return tensor_align(op, t);
}

static enum err binary_read(struct reader *r, int64_t size, struct tensor *t)
{
    if (!r->has_binary)
        return op_fail(r->op, E_INVALID, "input \"%.*s\" has binary_data_size, but the request has no Inference-Header-Content-Length", STR_FMT(t->name));
    if ((uint64_t)size > r->rest.len)
        return op_fail(r->op, E_INVALID, "input \"%.*s\": %" PRId64 " bytes of binary data are announced, %zu are left", STR_FMT(t->name), size, r->rest.len);
    struct str bytes = {r->rest.p, (size_t)size};
    r->rest = str_sub(r->rest, bytes.len, SIZE_MAX);
    return bytes_read(r->op, bytes, t);
}

static enum err input_read(struct reader *r, const struct json *obj, size_t index, struct tensor *t)
{
    struct op *op = r->op;
    int64_t size = 0;
    bool binary = false;
    enum err e = head_read(op, obj, index, t);
    if (!e)
        e = shape_read(op, obj, t);
    if (e)
        return e;
    const struct json *parameters = json_get(obj, "parameters"), *data = json_get(obj, "data");
    if (parameters && parameters->type != JSON_OBJECT && parameters->type != JSON_NULL)
        return op_fail(op, E_INVALID, "input \"%.*s\": parameters is %s, not an object", STR_FMT(t->name), json_type_name(parameters->type));
    struct memory_part part;
    e = part_read(op, parameters, &part);
    if (!e)
        e = number_read(op, parameters, "binary_data_size", INT64_MAX, &size, &binary);
    if (e)
        return op_context(op, "input \"%.*s\"", STR_FMT(t->name));
    if (part.region.len && (data || binary))
        return op_fail(op, E_INVALID, "input \"%.*s\" has data and lies in shared memory", STR_FMT(t->name));
    if (part.region.len) {
        struct str bytes = STR("");
        e = memory_read(op, r->memory, t->name, &part, &bytes);
        return e ? e : bytes_read(op, bytes, t);
    }
    if (binary && data)
        return op_fail(op, E_INVALID, "input \"%.*s\" has both data and binary_data_size", STR_FMT(t->name));
    if (binary)
        return binary_read(r, size, t);
    if (!data)
        return op_fail(op, E_INVALID, "input \"%.*s\" has no data", STR_FMT(t->name));
    return values_read(op, data, 0, t);
}

static enum err inputs_read(struct reader *r, const struct json *doc, struct infer_request *ret)
{
    struct op *op = r->op;
    const struct json *list = json_get(doc, "inputs");
    if (!list || list->type != JSON_ARRAY || !list->len)
        return op_fail(op, E_INVALID, "the request has no inputs");
    if (list->len > LIMIT_SERVE_INPUTS)
        return op_fail(op, E_INVALID, "%" PRIu32 " inputs; a request may have %d", list->len, LIMIT_SERVE_INPUTS);
    struct tensor *inputs = arena_array(op->arena, list->len, struct tensor);
    if (!inputs)
        return op_fail(op, E_TOO_LARGE, "no memory for %" PRIu32 " inputs", list->len);
    for (uint32_t i = 0; i < list->len; i++) {
        enum err e = input_read(r, &list->items[i], i, &inputs[i]);
        if (e)
            return e;
    }
    if (r->rest.len)
        return op_fail(op, E_INVALID, "%zu bytes stand behind the last binary tensor", r->rest.len);
    ret->inputs = inputs;
    ret->input_count = list->len;
    return OK;
}

/* ---- outputs ---- */

static enum err output_read(struct op *op, const struct json *obj, size_t index, bool binary, struct infer_want *want, struct memory_part *part)
{
    const struct json *name = json_get(obj, "name"), *parameters = json_get(obj, "parameters");
    int64_t classes = 0;
    bool there;
    if (!name || name->type != JSON_STRING || !name->s.len)
        return op_fail(op, E_INVALID, "outputs[%zu] has no name", index);
    if (parameters && parameters->type != JSON_OBJECT && parameters->type != JSON_NULL)
        return op_fail(op, E_INVALID, "output \"%.*s\": parameters is %s, not an object", STR_FMT(name->s), json_type_name(parameters->type));
    *want = (struct infer_want){.name = name->s, .binary = binary};
    enum err e = part_read(op, parameters, part);
    if (!e)
        e = flag_read(op, parameters, "binary_data", &want->binary);
    if (e)
        return op_context(op, "output \"%.*s\"", STR_FMT(name->s));
    if (!e)
        e = number_read(op, parameters, "classification", INT32_MAX, &classes, &there);
    if (!e && there && !classes)
        e = op_fail(op, E_INVALID, "output \"%.*s\": classification of 0 classes", STR_FMT(name->s));
    want->classes = (size_t)classes;
    return e;
}

static enum err outputs_read(struct op *op, const struct json *doc, struct memory_regions *memory, struct v2_request *r)
{
    const struct json *list = json_get(doc, "outputs");
    if (!list || list->type == JSON_NULL)
        return OK;
    if (list->type != JSON_ARRAY)
        return op_fail(op, E_INVALID, "outputs is %s, not a list of objects", json_type_name(list->type));
    if (list->len > LIMIT_SERVE_OUTPUTS)
        return op_fail(op, E_INVALID, "%" PRIu32 " outputs; a request may name %d", list->len, LIMIT_SERVE_OUTPUTS);
    struct infer_want *want = arena_array(op->arena, list->len ? list->len : 1, struct infer_want);
    struct memory_part *parts = arena_array(op->arena, list->len ? list->len : 1, struct memory_part);
    if (!want || !parts)
        return op_fail(op, E_TOO_LARGE, "no memory for %" PRIu32 " outputs", list->len);
    r->places = (struct memory_places){memory, want, NULL, list->len};
    for (uint32_t i = 0; i < list->len; i++) {
        enum err e = output_read(op, &list->items[i], i, r->binary, &want[i], &parts[i]);
        if (!e && parts[i].region.len && !memory)
            e = op_fail(op, E_INVALID, "output \"%.*s\": this server writes no shared memory; `ingot serve --shared-memory` does", STR_FMT(want[i].name));
        if (e)
            return e;
        if (parts[i].region.len)
            r->places.parts = parts;
    }
    r->infer.outputs = want;
    r->infer.output_count = list->len;
    return OK;
}

/* ---- the whole ---- */

/* The body is the one tensor. The first axis is one row; one axis of free length takes what the bytes say. A text is the body as it is. */
static enum err raw_read(struct op *op, struct str body, const struct infer_signature *sig, struct v2_request *r)
{
    struct tensor *t = op_new(op, struct tensor);
    if (sig->input_count != 1)
        return op_fail(op, E_INVALID, "a raw body holds one tensor, the model has %zu inputs", sig->input_count);
    const struct tensor_spec *spec = &sig->inputs[0];
    uint32_t unknown = UINT32_MAX, from = sig->joins && spec->rank > 1 ? 1 : 0;
    size_t fixed = 1, size = tensor_type_size(spec->type);
    t->name = spec->name;
    t->type = spec->type;
    t->rank = spec->rank;
    for (uint32_t i = 0; i < t->rank; i++) {
        t->shape[i] = spec->shape[i];
        if (t->shape[i] < 0 && i < from)
            t->shape[i] = 1;
        else if (t->shape[i] < 0 && unknown != UINT32_MAX)
            return op_fail(op, E_INVALID, "a raw body does not tell the lengths of two axes of \"%.*s\"", STR_FMT(t->name));
        else if (t->shape[i] < 0)
            unknown = i;
        if (t->shape[i] >= 0)
            fixed *= (size_t)t->shape[i]; /* a model's own lengths: its engine bounds them */
    }
    if (unknown != UINT32_MAX)
        t->shape[unknown] = !size ? 1 : size * fixed > 0 ? (int64_t)(body.len / (size * fixed)) : 0;
    if (!tensor_count(t->shape, t->rank, LIMIT_TENSOR_VALUES, &t->count))
        return op_fail(op, E_INVALID, "input \"%.*s\" has more than %zu values", STR_FMT(t->name), LIMIT_TENSOR_VALUES);
    r->binary = true;
    r->infer.inputs = t;
    r->infer.input_count = 1;
    if (size)
        return bytes_read(op, body, t);
    if (t->count != 1)
        return op_fail(op, E_INVALID, "a raw body is one text, input \"%.*s\" has %zu", STR_FMT(t->name), t->count);
    struct str *text = op_new(op, struct str);
    *text = body;
    t->texts = text;
    return OK;
}

static enum err json_read(struct reader *r, struct str text, struct v2_request *ret)
{
    struct json *doc = NULL;
    enum err e = json_parse(r->op, text, JSON_NAN | JSON_PACK, &doc);
    if (e)
        return op_context(r->op, "request body");
    if (doc->type != JSON_OBJECT)
        return op_fail(r->op, E_INVALID, "request body: it is %s, not an object", json_type_name(doc->type));
    e = parameters_read(r->op, doc, ret);
    if (!e)
        e = outputs_read(r->op, doc, r->memory, ret);
    return e ? e : inputs_read(r, doc, &ret->infer);
}

enum err v2_request_read(struct op *op, struct str body, struct str json_len, const struct infer_signature *sig, struct memory_regions *memory,
                         struct v2_request *ret)
{
    struct v2_request request = {.infer = {.unit_id = STR(""), .id = STR(""), .sequence = STR("")}, .nonfinite = JSON_NONFINITE_BARE};
    struct reader r = {.op = op, .rest = STR(""), .has_binary = json_len.p != NULL, .memory = memory};
    uint64_t n = body.len;
    if (json_len.p && (!str_parse_u64(json_len, &n) || n > body.len))
        return op_fail(op, E_INVALID, "Inference-Header-Content-Length is not a number of bytes within the body of %zu", body.len);
    enum err e = OK;
    if (r.has_binary && !n) {
        e = raw_read(op, body, sig, &request);
    } else {
        r.rest = str_sub(body, (size_t)n, SIZE_MAX);
        e = json_read(&r, str_sub(body, 0, (size_t)n), &request);
    }
    if (!e)
        *ret = request;
    return e;
}
