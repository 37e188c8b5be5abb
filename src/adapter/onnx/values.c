/* TensorProto: dims 1, data_type 2, segment 3, float_data 4, int32_data 5, string_data 6, int64_data 7, name 8, raw_data 9,
 * double_data 10, uint64_data 11, external_data 13, data_location 14. Values lie in raw_data, or in the one typed field that belongs
 * to the data type; types below a byte are packed, and one entry of int32_data then holds a byte of them. */
#include "adapter/onnx/values.h"

#include "base/limits.h"
#include "base/wire_proto.h"

enum { FIELD_FLOAT = 4, FIELD_INT32 = 5, FIELD_STRING = 6, FIELD_INT64 = 7, FIELD_RAW = 9, FIELD_DOUBLE = 10, FIELD_UINT64 = 11, FIELDS = 12 };

/* By TensorProto.DataType: bits of one value, the typed field, and entries per value in it (0: packed bytes). */
static const struct {
    uint8_t bits, field, entries;
} types[] = {
    [1] = {32, FIELD_FLOAT, 1},   [2] = {8, FIELD_INT32, 1},   [3] = {8, FIELD_INT32, 1},    [4] = {16, FIELD_INT32, 1},
    [5] = {16, FIELD_INT32, 1},   [6] = {32, FIELD_INT32, 1},  [7] = {64, FIELD_INT64, 1},   [8] = {0, FIELD_STRING, 1},
    [9] = {8, FIELD_INT32, 1},    [10] = {16, FIELD_INT32, 1}, [11] = {64, FIELD_DOUBLE, 1}, [12] = {32, FIELD_UINT64, 1},
    [13] = {64, FIELD_UINT64, 1}, [14] = {64, FIELD_FLOAT, 2}, [15] = {128, FIELD_DOUBLE, 2}, [16] = {16, FIELD_INT32, 1},
    [17] = {8, FIELD_INT32, 1},   [18] = {8, FIELD_INT32, 1},  [19] = {8, FIELD_INT32, 1},   [20] = {8, FIELD_INT32, 1},
    [21] = {4, FIELD_INT32, 0},   [22] = {4, FIELD_INT32, 0},  [23] = {4, FIELD_INT32, 0},   [24] = {8, FIELD_INT32, 1},
    [25] = {2, FIELD_INT32, 0},   [26] = {2, FIELD_INT32, 0},
};

struct tensor_read {
    struct str name;
    int64_t type;
    uint64_t count;             /* product of the dims so far */
    uint32_t rank;
    bool too_large, negative, zero, external, segment, malformed;
    uint64_t entries[FIELDS];   /* per data field; raw_data: bytes */
    uint64_t text_bytes;
};

static void read_dims(struct tensor_read *t, const struct proto_field *f)
{
    struct proto_in in = proto_values(f);
    int64_t d = 0;
    while (proto_value_i64(f, &in, &d)) {
        t->rank++;
        t->negative = t->negative || d < 0;
        t->zero = t->zero || d == 0;
        if (d > 0 && t->count > LIMIT_ONNX_TENSOR_VALUES / (uint64_t)d)
            t->too_large = true;
        else if (d > 0)
            t->count *= (uint64_t)d;
        if (t->rank > LIMIT_ONNX_RANK) {
            t->too_large = true;
            return;
        }
    }
    t->malformed = t->malformed || in.bad;
}

static void read_data(struct tensor_read *t, const struct proto_field *f)
{
    static const enum proto_wire wires[FIELDS] = {
        [FIELD_FLOAT] = PROTO_I32, [FIELD_INT32] = PROTO_VARINT, [FIELD_INT64] = PROTO_VARINT, [FIELD_DOUBLE] = PROTO_I64, [FIELD_UINT64] = PROTO_VARINT};
    size_t n = f->number == FIELD_RAW ? f->bytes.len : 1;
    if (f->number == FIELD_STRING)
        t->text_bytes += f->bytes.len;
    else if (f->number != FIELD_RAW)
        n = proto_value_count(f, wires[f->number]);
    if (n == SIZE_MAX || ((f->number == FIELD_RAW || f->number == FIELD_STRING) && f->wire != PROTO_LEN))
        t->malformed = true;
    else
        t->entries[f->number] += n;
}

static void read_tensor(struct tensor_read *t, struct str bytes)
{
    struct proto_in in = proto_in(bytes);
    struct proto_field f;
    while (!t->malformed && !t->too_large && proto_next(&in, &f)) {
        switch (f.number) {
        case 1: read_dims(t, &f); break;
        case 2:
            t->type = proto_i64(&f);
            t->malformed = f.wire != PROTO_VARINT;
            break;
        case 3: t->segment = true; break;
        case FIELD_FLOAT:
        case FIELD_INT32:
        case FIELD_STRING:
        case FIELD_INT64:
        case FIELD_RAW:
        case FIELD_DOUBLE:
        case FIELD_UINT64: read_data(t, &f); break;
        case 8:
            t->name = f.bytes;
            t->malformed = f.wire != PROTO_LEN;
            break;
        case 13: t->external = true; break;
        case 14: t->external = t->external || f.value != 0; break;
        default: break;
        }
    }
    t->malformed = t->malformed || in.bad;
}

#define NAME(t) STR_FMT(str_sub((t)->name, 0, 100))

/* One place holds the values, and as many as the shape says. */
static enum err check_amount(struct op *op, const struct tensor_read *t, uint64_t count)
{
    unsigned own = types[t->type].field;
    for (unsigned i = 0; i < FIELDS; i++)
        if (t->entries[i] && i != own && i != FIELD_RAW)
            return op_fail(op, E_INVALID, "tensor \"%.*s\" of data type %lld holds values of another type", NAME(t), (long long)t->type);
    uint64_t bits = types[t->type].bits, packed = (count * bits + 7) / 8, raw = t->entries[FIELD_RAW], typed = t->entries[own];
    if (raw && typed)
        return op_fail(op, E_INVALID, "tensor \"%.*s\" holds its values twice", NAME(t));
    if (raw && (!bits || raw != packed))
        return op_fail(op, E_INVALID, "tensor \"%.*s\" has %llu bytes of values; its shape asks for %llu", NAME(t), (unsigned long long)raw,
                       (unsigned long long)packed);
    uint64_t want = types[t->type].entries ? count * types[t->type].entries : packed;
    if (!raw && typed != want)
        return op_fail(op, E_INVALID, "tensor \"%.*s\" has %llu values; its shape asks for %llu", NAME(t), (unsigned long long)typed,
                       (unsigned long long)want);
    return OK;
}

enum err onnx_values_check(struct op *op, struct str tensor, struct onnx_values *ret)
{
    struct tensor_read t = {.name = STR(""), .count = 1};
    read_tensor(&t, tensor);
    if (t.malformed)
        return op_fail(op, E_INVALID, "tensor \"%.*s\" is malformed", NAME(&t));
    if (t.too_large)
        return op_fail(op, E_TOO_LARGE, "tensor \"%.*s\" has more than %d axes or %llu values", NAME(&t), LIMIT_ONNX_RANK,
                       (unsigned long long)LIMIT_ONNX_TENSOR_VALUES);
    if (t.negative)
        return op_fail(op, E_INVALID, "tensor \"%.*s\" has a negative length", NAME(&t));
    if (t.external)
        return op_fail(op, E_UNSUPPORTED, "tensor \"%.*s\" keeps its values in another file: save the model as one file", NAME(&t));
    if (t.segment || t.type <= 0 || t.type >= (int64_t)ARRAY_LEN(types))
        return op_fail(op, E_INVALID, "tensor \"%.*s\" has %s", NAME(&t), t.segment ? "segments, which nothing reads" : "no known data type");
    uint64_t count = t.zero ? 0 : t.count;
    enum err e = check_amount(op, &t, count);
    if (e)
        return e;
    uint64_t bytes = types[t.type].bits ? (count * types[t.type].bits + 7) / 8 : t.text_bytes + count * sizeof(struct str);
    *ret = (struct onnx_values){.name = t.name, .bytes = bytes};
    return OK;
}

enum err onnx_values_check_sparse(struct op *op, struct str tensor, struct onnx_values *ret)
{
    struct onnx_values sum = {.name = STR("")};
    struct proto_in in = proto_in(tensor);
    struct proto_field f;
    struct tensor_read dense = {.name = STR(""), .count = 1};
    while (proto_next(&in, &f)) {
        struct onnx_values part = {.name = STR("")};
        enum err e = OK;
        if ((f.number == 1 || f.number == 2) && f.wire == PROTO_LEN)
            e = onnx_values_check(op, f.bytes, &part);
        else if (f.number == 3)
            read_dims(&dense, &f);
        if (e)
            return e;
        if (f.number == 1)
            sum.name = part.name;
        sum.bytes += part.bytes;
    }
    if (in.bad || dense.malformed || dense.negative)
        return op_fail(op, E_INVALID, "sparse tensor \"%.*s\" is malformed", NAME(&sum));
    if (dense.too_large) /* the runtime makes it dense */
        return op_fail(op, E_TOO_LARGE, "sparse tensor \"%.*s\" has more than %llu values", NAME(&sum), (unsigned long long)LIMIT_ONNX_TENSOR_VALUES);
    *ret = sum;
    return OK;
}
