/* The messages of onnx.proto (github.com/onnx/onnx) by field number, as far as they are read:
 *     ModelProto      1 ir_version, 7 graph, 8 opset_import {1 domain, 2 version}, 25 functions
 *     GraphProto      1 node, 5 initializer, 11 input, 12 output, 15 sparse_initializer
 *     NodeProto       1 input, 2 output, 3 name, 4 op_type, 5 attribute, 7 domain
 *     AttributeProto  1 name, 2 f, 3 i, 4 s, 5 t, 6 g, 7 floats, 8 ints, 9 strings, 10 tensors, 11 graphs, 21 ref_attr_name, 22 and 23 sparse
 *     TensorProto     1 dims, 2 data_type, 4 float_data, 5 int32_data, 6 string_data, 7 int64_data, 8 name, 9 raw_data,
 *                     10 double_data, 11 uint64_data, 13 external_data, 14 data_location
 *     ValueInfoProto  1 name, 2 type {1 tensor_type {1 elem_type, 2 shape {1 dim {1 dim_value, 2 dim_param}}}}
 * Lists are read in two passes: one counts, one fills what the arena gave. */
#include "adapter/onnxml/graph.h"

#include "base/wire_proto.h"

bool onnxml_accepts(struct str bytes)
{
    struct proto_in in = proto_in(str_sub(bytes, 0, 16));
    struct proto_field f;
    return bytes.len > 8 && bytes.p[0] == 0x08 && proto_next(&in, &f) && f.value > 0 && f.value < 100;
}

bool onnxml_type(int64_t element, enum tensor_type *ret)
{
    static const int8_t types[] = {[1] = TENSOR_FP32, [2] = TENSOR_UINT8, [3] = TENSOR_INT8, [4] = TENSOR_UINT16, [5] = TENSOR_INT16,
                                   [6] = TENSOR_INT32, [7] = TENSOR_INT64, [8] = TENSOR_BYTES, [9] = TENSOR_BOOL, [10] = TENSOR_FP16,
                                   [11] = TENSOR_FP64, [12] = TENSOR_UINT32, [13] = TENSOR_UINT64, [16] = TENSOR_BF16};
    if (element < 1 || element >= (int64_t)ARRAY_LEN(types) || element == 14 || element == 15)
        return false;
    *ret = (enum tensor_type)types[element];
    return true;
}

static enum err bad(struct op *op, const char *what)
{
    return op_fail(op, E_INVALID, "%s: not sound protobuf, or a member of another type", what);
}

/* How many fields of this number and wire type LEN a message has; SIZE_MAX: malformed. */
static size_t fields_count(struct str message, uint32_t number)
{
    struct proto_in in = proto_in(message);
    struct proto_field f;
    size_t n = 0;
    while (proto_next(&in, &f)) {
        if (f.number == number && f.wire != PROTO_LEN)
            return SIZE_MAX;
        n += f.number == number;
    }
    return in.bad ? SIZE_MAX : n;
}

/* All texts of one number. */
static enum err texts_read(struct op *op, struct str message, uint32_t number, const struct str **ret, size_t *ret_count)
{
    size_t n = fields_count(message, number), at = 0;
    if (n == SIZE_MAX)
        return bad(op, "texts");
    struct str *texts = arena_array(op->arena, n ? n : 1, struct str);
    if (!texts)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu texts", n);
    struct proto_in in = proto_in(message);
    struct proto_field f;
    while (proto_next(&in, &f))
        if (f.number == number)
            texts[at++] = f.bytes;
    *ret = texts;
    *ret_count = n;
    return OK;
}

/* All numbers of one field, packed or not, as 8-byte integers, floats or doubles. */
static enum err numbers_read(struct op *op, struct str message, uint32_t number, enum proto_wire wire, const void **ret, size_t *ret_count)
{
    struct proto_in in = proto_in(message), values;
    struct proto_field f;
    size_t n = 0, at = 0;
    while (proto_next(&in, &f)) {
        size_t more = f.number == number ? proto_value_count(&f, wire) : 0;
        if (more == SIZE_MAX || more > LIMIT_TENSOR_VALUES - n)
            return bad(op, "numbers");
        n += more;
    }
    const size_t size = wire == PROTO_I32 ? sizeof(float) : 8;
    char *out = arena_try_alloc(op->arena, n ? n : 1, size);
    if (!out)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu numbers", n);
    in = proto_in(message);
    while (proto_next(&in, &f)) {
        if (f.number != number)
            continue;
        values = proto_values(&f);
        for (bool more = true; more && at <= n;) {
            union { int64_t i; float f; double d; } v = {0};
            more = wire == PROTO_VARINT ? proto_value_i64(&f, &values, &v.i)
                   : wire == PROTO_I32  ? proto_value_f32(&f, &values, &v.f)
                                        : proto_value_f64(&f, &values, &v.d);
            if (more && at < n)
                memcpy(out + at * size, &v, size);
            at += more;
        }
        if (values.bad || at > n)
            return bad(op, "numbers");
    }
    if (at != n)
        return bad(op, "numbers");
    *ret = out;
    *ret_count = n;
    return OK;
}

/* ---- tensors ---- */

/* Values that stand in int32_data or int64_data, as their own type. */
static enum err tensor_narrow(struct op *op, struct tensor *t, const int64_t *from)
{
    const size_t size = tensor_type_size(t->type);
    char *out = arena_try_alloc(op->arena, t->count ? t->count : 1, size);
    if (!out)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu values", t->count);
    for (size_t i = 0; i < t->count; i++)
        memcpy(out + i * size, &from[i], size); /* little endian: the low bytes */
    t->data = out;
    return OK;
}

static enum err tensor_values(struct op *op, struct str message, struct tensor *t)
{
    const void *values = NULL;
    size_t n = 0;
    enum err e = OK;
    switch (t->type) {
    case TENSOR_BYTES: e = texts_read(op, message, 6, &t->texts, &n); break;
    case TENSOR_FP32: e = numbers_read(op, message, 4, PROTO_I32, &t->data, &n); break;
    case TENSOR_FP64: e = numbers_read(op, message, 10, PROTO_I64, &t->data, &n); break;
    case TENSOR_INT64: e = numbers_read(op, message, 7, PROTO_VARINT, &t->data, &n); break;
    case TENSOR_UINT32: case TENSOR_UINT64: e = numbers_read(op, message, 11, PROTO_VARINT, &values, &n); break;
    default: e = numbers_read(op, message, 5, PROTO_VARINT, &values, &n); break;
    }
    if (!e && n != t->count)
        e = op_fail(op, E_INVALID, "tensor '%.*s': %zu values for a shape of %zu", STR_FMT(t->name), n, t->count);
    return !e && values ? tensor_narrow(op, t, values) : e;
}

static enum err tensor_read(struct op *op, struct str message, struct tensor *ret)
{
    struct tensor t = {.type = TENSOR_TYPE_COUNT};
    struct proto_in in = proto_in(message);
    struct proto_field f;
    struct str raw = {NULL, 0};
    bool has_raw = false, external = false;
    const void *dims = NULL;
    size_t rank = 0;
    while (proto_next(&in, &f)) {
        if (f.number == 2 && !onnxml_type(proto_i64(&f), &t.type))
            return op_fail(op, E_UNSUPPORTED, "a tensor of element type %lld", (long long)proto_i64(&f));
        if (f.number == 8)
            t.name = f.bytes;
        if (f.number == 9) {
            raw = f.bytes;
            has_raw = f.wire == PROTO_LEN;
        }
        external = external || f.number == 13 || (f.number == 14 && f.value != 0);
    }
    if (in.bad || t.type == TENSOR_TYPE_COUNT)
        return bad(op, "tensor");
    if (external)
        return op_fail(op, E_INVALID, "tensor '%.*s': its values are in another file", STR_FMT(t.name));
    enum err e = numbers_read(op, message, 1, PROTO_VARINT, &dims, &rank);
    if (e)
        return e;
    if (rank > LIMIT_TENSOR_RANK)
        return op_fail(op, E_UNSUPPORTED, "tensor '%.*s' has %zu axes", STR_FMT(t.name), rank);
    t.rank = (uint32_t)rank;
    memcpy(t.shape, dims, rank * sizeof(t.shape[0]));
    if (!tensor_count(t.shape, t.rank, LIMIT_TENSOR_VALUES, &t.count))
        return op_fail(op, E_INVALID, "tensor '%.*s': its shape is negative or too large", STR_FMT(t.name));
    if (!has_raw) {
        e = tensor_values(op, message, &t);
    } else if (t.type == TENSOR_BYTES || raw.len != t.count * tensor_type_size(t.type)) {
        e = op_fail(op, E_INVALID, "tensor '%.*s': %zu bytes for %zu values of %s", STR_FMT(t.name), raw.len, t.count,
                    tensor_type_name(t.type));
    } else {
        t.data = raw.p;
        e = tensor_align(op, &t);
    }
    *ret = t;
    return e;
}

/* ---- nodes ---- */
static enum err attr_read(struct op *op, struct str message, struct onnxml_attr *a)
{
    struct proto_in in = proto_in(message);
    struct proto_field f;
    *a = (struct onnxml_attr){.tensor = {.type = TENSOR_TYPE_COUNT}};
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        switch (f.number) {
        case 1: a->name = f.bytes; break;
        case 2: a->f = proto_f32(&f); break;
        case 3: a->i = proto_i64(&f); break;
        case 4: a->s = f.bytes; break;
        case 5: e = tensor_read(op, f.bytes, &a->tensor); break;
        case 6: case 10: case 11: case 21: case 22: case 23:
            return op_fail(op, E_UNSUPPORTED, "attribute '%.*s' holds a graph or the like", STR_FMT(a->name));
        default: break;
        }
    }
    if (!e && in.bad)
        e = bad(op, "attribute");
    const void *floats = NULL, *ints = NULL;
    if (!e)
        e = numbers_read(op, message, 7, PROTO_I32, &floats, &a->float_count);
    if (!e)
        e = numbers_read(op, message, 8, PROTO_VARINT, &ints, &a->int_count);
    if (!e)
        e = texts_read(op, message, 9, &a->strings, &a->string_count);
    a->floats = floats;
    a->ints = ints;
    return e;
}

static enum err node_read(struct op *op, struct str message, struct onnxml_node *n)
{
    struct proto_in in = proto_in(message);
    struct proto_field f;
    size_t count = fields_count(message, 5), at = 0;
    if (count == SIZE_MAX)
        return bad(op, "node");
    struct onnxml_attr *attrs = arena_array(op->arena, count ? count : 1, struct onnxml_attr);
    if (!attrs)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu attributes", count);
    *n = (struct onnxml_node){.attrs = attrs, .attr_count = count};
    enum err e = texts_read(op, message, 1, &n->inputs, &n->input_count);
    if (!e)
        e = texts_read(op, message, 2, &n->outputs, &n->output_count);
    while (!e && proto_next(&in, &f)) {
        switch (f.number) {
        case 3: n->name = f.bytes; break;
        case 4: n->type = f.bytes; break;
        case 5: e = attr_read(op, f.bytes, &attrs[at++]); break;
        case 7: n->domain = f.bytes; break;
        default: break;
        }
    }
    if (e)
        return op_context(op, "node '%.*s' (%.*s)", STR_FMT(n->name), STR_FMT(n->type));
    return in.bad ? bad(op, "node") : OK;
}

/* ---- inputs and outputs ---- */
static enum err shape_read(struct op *op, struct str message, struct onnxml_value *v)
{
    struct proto_in in = proto_in(message);
    struct proto_field f, d;
    v->has_shape = true;
    while (proto_next(&in, &f)) {
        if (f.number != 1)
            continue;
        if (v->rank == LIMIT_TENSOR_RANK)
            return op_fail(op, E_UNSUPPORTED, "'%.*s' has more than %d axes", STR_FMT(v->name), LIMIT_TENSOR_RANK);
        int64_t len = -1;
        struct proto_in dim = proto_in(f.bytes);
        while (proto_next(&dim, &d))
            if (d.number == 1)
                len = proto_i64(&d) > 0 ? proto_i64(&d) : -1;
        if (dim.bad)
            return bad(op, "shape");
        v->shape[v->rank++] = len;
    }
    return in.bad ? bad(op, "shape") : OK;
}

static enum err value_read(struct op *op, struct str message, struct onnxml_value *v)
{
    struct proto_in in = proto_in(message), type_in, tensor_in;
    struct proto_field f, t, m;
    struct str type = {"", 0};
    *v = (struct onnxml_value){.type = TENSOR_TYPE_COUNT};
    while (proto_next(&in, &f)) {
        if (f.number == 1)
            v->name = f.bytes;
        if (f.number == 2)
            type = f.bytes;
    }
    if (in.bad)
        return bad(op, "value");
    enum err e = OK;
    type_in = proto_in(type);
    while (!e && proto_next(&type_in, &t)) {
        if (t.number != 1)
            continue;
        v->is_tensor = true;
        tensor_in = proto_in(t.bytes);
        while (!e && proto_next(&tensor_in, &m)) {
            if (m.number == 1 && !onnxml_type(proto_i64(&m), &v->type))
                e = op_fail(op, E_UNSUPPORTED, "'%.*s' has element type %lld", STR_FMT(v->name), (long long)proto_i64(&m));
            else if (m.number == 2)
                e = shape_read(op, m.bytes, v);
        }
        if (!e && tensor_in.bad)
            e = bad(op, "type");
    }
    return e ? e : type_in.bad ? bad(op, "type") : OK;
}

/* ---- the graph ---- */
static enum err graph_read(struct op *op, struct str message, struct onnxml_graph *g)
{
    const size_t nodes = fields_count(message, 1), constants = fields_count(message, 5), inputs = fields_count(message, 11),
                 outputs = fields_count(message, 12);
    if (nodes == SIZE_MAX || constants == SIZE_MAX || inputs == SIZE_MAX || outputs == SIZE_MAX)
        return bad(op, "graph");
    g->nodes = arena_array(op->arena, nodes + 1, struct onnxml_node);
    g->constants = arena_array(op->arena, constants + 1, struct tensor);
    g->inputs = arena_array(op->arena, inputs + 1, struct onnxml_value);
    g->outputs = arena_array(op->arena, outputs + 1, struct onnxml_value);
    if (!g->nodes || !g->constants || !g->inputs || !g->outputs)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu nodes", nodes);
    struct proto_in in = proto_in(message);
    struct proto_field f;
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        switch (f.number) {
        case 1: e = node_read(op, f.bytes, &g->nodes[g->node_count++]); break;
        case 5: e = tensor_read(op, f.bytes, &g->constants[g->constant_count++]); break;
        case 11: e = value_read(op, f.bytes, &g->inputs[g->input_count++]); break;
        case 12: e = value_read(op, f.bytes, &g->outputs[g->output_count++]); break;
        case 15: e = op_fail(op, E_UNSUPPORTED, "a sparse tensor"); break;
        default: break;
        }
    }
    return e ? e : in.bad ? bad(op, "graph") : OK;
}

static enum err opset_read(struct op *op, struct str message, struct onnxml_graph *g)
{
    struct proto_in in = proto_in(message);
    struct proto_field f;
    struct str domain = {"", 0};
    int64_t version = 1;
    while (proto_next(&in, &f)) {
        if (f.number == 1)
            domain = f.bytes;
        if (f.number == 2)
            version = proto_i64(&f);
    }
    if (in.bad)
        return bad(op, "opset");
    if (!domain.len || str_eqc(domain, "ai.onnx"))
        g->opset = version;
    else if (str_eqc(domain, "ai.onnx.ml"))
        g->opset_ml = version;
    return OK;
}

enum err onnxml_graph_read(struct op *op, struct str bytes, struct onnxml_graph *ret)
{
    struct onnxml_graph g = {0};
    struct proto_in in = proto_in(bytes);
    struct proto_field f;
    size_t graphs = 0;
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        if (f.number == 7 && f.wire == PROTO_LEN && graphs++ == 0)
            e = graph_read(op, f.bytes, &g);
        else if (f.number == 8)
            e = opset_read(op, f.bytes, &g);
        else if (f.number == 25)
            e = op_fail(op, E_UNSUPPORTED, "functions in the file");
    }
    if (!e && (in.bad || graphs != 1))
        e = bad(op, "model");
    if (e)
        return op_context(op, "ONNX model");
    *ret = g;
    return OK;
}

const struct onnxml_attr *onnxml_attr(const struct onnxml_node *n, const char *name)
{
    for (size_t i = 0; i < n->attr_count; i++)
        if (str_eqc(n->attrs[i].name, name))
            return &n->attrs[i];
    return NULL;
}

int64_t onnxml_attr_i64(const struct onnxml_node *n, const char *name, int64_t dflt)
{
    const struct onnxml_attr *a = onnxml_attr(n, name);
    return a ? a->i : dflt;
}

float onnxml_attr_f32(const struct onnxml_node *n, const char *name, float dflt)
{
    const struct onnxml_attr *a = onnxml_attr(n, name);
    return a ? a->f : dflt;
}

struct str onnxml_attr_str(const struct onnxml_node *n, const char *name, const char *dflt)
{
    const struct onnxml_attr *a = onnxml_attr(n, name);
    return a ? a->s : str_from(dflt);
}
