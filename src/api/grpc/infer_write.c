/* proto/inference.proto: ModelInferResponse, written by hand. protobuf puts a message's length before the message, so every size is
 * known before the first byte: one walk adds up, one writes. Tensor data are copied once, into the answer's body. */
#include "api/grpc/infer_write.h"

#include "base/wire_proto.h"

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

/* Key and length before `n` bytes of a field below 16. */
static size_t len_size(size_t n)
{
    return 1 + varint_size(n) + n;
}

static char *varint_put(char *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (char)(v | 0x80);
    *p++ = (char)v;
    return p;
}

static char *len_put(char *p, unsigned field, size_t n)
{
    *p++ = (char)(field << 3 | PROTO_LEN);
    return varint_put(p, n);
}

static char *bytes_put(char *p, unsigned field, struct str s)
{
    p = len_put(p, field, s.len);
    if (s.len)
        memcpy(p, s.p, s.len);
    return p + s.len;
}

/* ---- values ---- */

static bool raw_only(enum tensor_type t)
{
    return t == TENSOR_FP16 || t == TENSOR_BF16;
}

static bool writes_raw(const struct grpc_answer *a)
{
    bool raw = a->raw;
    for (size_t i = 0; i < a->output_count; i++)
        raw = raw || raw_only(a->outputs[i].type);
    return raw;
}

static unsigned contents_field(enum tensor_type t)
{
    switch (t) {
    case TENSOR_BOOL: return 1;
    case TENSOR_INT8:
    case TENSOR_INT16:
    case TENSOR_INT32: return 2;
    case TENSOR_INT64: return 3;
    case TENSOR_UINT8:
    case TENSOR_UINT16:
    case TENSOR_UINT32: return 4;
    case TENSOR_UINT64: return 5;
    case TENSOR_FP32: return 6;
    case TENSOR_FP64: return 7;
    default: return 8;
    }
}

/* An integer as the varint that stands for it: negative ones take ten bytes, as int32 and int64 have it. */
static uint64_t value_bits(const struct tensor *t, size_t i)
{
    const char *p = (const char *)t->data + i * tensor_type_size(t->type);
    uint64_t u = 0;
    memcpy(&u, p, tensor_type_size(t->type)); /* little endian */
    switch (t->type) {
    case TENSOR_BOOL: return u != 0;
    case TENSOR_INT8: return (uint64_t)(int64_t)(int8_t)u;
    case TENSOR_INT16: return (uint64_t)(int64_t)(int16_t)u;
    case TENSOR_INT32: return (uint64_t)(int64_t)(int32_t)u;
    default: return u;
    }
}

static size_t raw_size(const struct tensor *t)
{
    size_t n = t->count * tensor_type_size(t->type);
    for (size_t i = 0; t->type == TENSOR_BYTES && i < t->count; i++)
        n += 4 + t->texts[i].len;
    return n;
}

static char *raw_put(char *p, const struct tensor *t)
{
    p = len_put(p, 6, raw_size(t));
    if (t->type != TENSOR_BYTES) {
        size_t n = raw_size(t);
        if (n)
            memcpy(p, t->data, n);
        return p + n;
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t n = t->texts[i].len;
        for (unsigned k = 0; k < 4; k++)
            *p++ = (char)(n >> 8 * k);
        if (n)
            memcpy(p, t->texts[i].p, n);
        p += n;
    }
    return p;
}

/* The packed numbers without their head. */
static size_t packed_size(const struct tensor *t)
{
    if (t->type == TENSOR_FP32 || t->type == TENSOR_FP64)
        return t->count * tensor_type_size(t->type);
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++)
        n += varint_size(value_bits(t, i));
    return n;
}

static size_t contents_size(const struct tensor *t)
{
    size_t n = 0;
    if (t->type != TENSOR_BYTES)
        return t->count ? len_size(packed_size(t)) : 0;
    for (size_t i = 0; i < t->count; i++)
        n += len_size(t->texts[i].len);
    return n;
}

static char *contents_put(char *p, const struct tensor *t)
{
    unsigned field = contents_field(t->type);
    for (size_t i = 0; t->type == TENSOR_BYTES && i < t->count; i++)
        p = bytes_put(p, field, t->texts[i]);
    if (t->type == TENSOR_BYTES || !t->count)
        return p;
    p = len_put(p, field, packed_size(t));
    if (t->type == TENSOR_FP32 || t->type == TENSOR_FP64) {
        size_t n = t->count * tensor_type_size(t->type);
        memcpy(p, t->data, n);
        return p + n;
    }
    for (size_t i = 0; i < t->count; i++)
        p = varint_put(p, value_bits(t, i));
    return p;
}

/* ---- tensors ---- */

static size_t shape_size(const struct tensor *t)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->rank; i++)
        n += varint_size((uint64_t)t->shape[i]);
    return n;
}

static const struct str region_key = STR_INIT("shared_memory_region"), size_key = STR_INIT("shared_memory_byte_size"), offset_key = STR_INIT("shared_memory_offset");

/* Entries of a map of parameters: a text's, a number's. */
static size_t text_param_size(struct str key, struct str value)
{
    return len_size(key.len) + len_size(len_size(value.len));
}

static char *text_param_put(char *p, struct str key, struct str value)
{
    p = len_put(p, 4, text_param_size(key, value));
    p = bytes_put(p, 1, key);
    p = len_put(p, 2, len_size(value.len));
    return bytes_put(p, 3, value);
}

static size_t number_param_size(struct str key, uint64_t value)
{
    return len_size(key.len) + len_size(1 + varint_size(value));
}

static char *number_param_put(char *p, struct str key, uint64_t value)
{
    p = len_put(p, 4, number_param_size(key, value));
    p = bytes_put(p, 1, key);
    p = len_put(p, 2, 1 + varint_size(value));
    *p++ = 2 << 3 | PROTO_VARINT;
    return varint_put(p, value);
}

static size_t part_size(const struct memory_part *part, const struct tensor *t)
{
    size_t n = len_size(text_param_size(region_key, part->region)) + len_size(number_param_size(size_key, raw_size(t)));
    return n + (part->offset ? len_size(number_param_size(offset_key, part->offset)) : 0);
}

static char *part_put(char *p, const struct memory_part *part, const struct tensor *t)
{
    p = text_param_put(p, region_key, part->region);
    p = number_param_put(p, size_key, raw_size(t));
    return part->offset ? number_param_put(p, offset_key, part->offset) : p;
}

static const struct memory_part *part_of(const struct grpc_answer *a, const struct tensor *t)
{
    return a->places ? memory_place(a->places, t->name) : NULL;
}

static size_t output_size(const struct tensor *t, const struct memory_part *part, bool raw)
{
    size_t n = len_size(t->name.len) + len_size(strlen(tensor_type_name(t->type)));
    if (t->rank)
        n += len_size(shape_size(t));
    if (part)
        return n + part_size(part, t);
    return raw ? n : n + len_size(contents_size(t));
}

static char *output_put(char *p, const struct tensor *t, const struct memory_part *part, bool raw)
{
    p = len_put(p, 5, output_size(t, part, raw));
    p = bytes_put(p, 1, t->name);
    p = bytes_put(p, 2, str_from(tensor_type_name(t->type)));
    if (t->rank) {
        p = len_put(p, 3, shape_size(t));
        for (uint32_t i = 0; i < t->rank; i++)
            p = varint_put(p, (uint64_t)t->shape[i]);
    }
    if (part) {
        p = part_put(p, part, t);
    } else if (!raw) {
        p = len_put(p, 5, contents_size(t));
        p = contents_put(p, t);
    }
    return p;
}

/* ---- the message ---- */

static const struct str final_key = STR_INIT("triton_final_response"), warning_key = STR_INIT("warning");

/* Sizes of a map's entry, and of the InferParameter in it. */
static size_t bool_entry_size(void)
{
    return len_size(final_key.len) + len_size(2);
}

static size_t text_entry_size(const char *text)
{
    return len_size(warning_key.len) + len_size(len_size(strlen(text)));
}

static size_t digits_of(int64_t v, char out[24])
{
    char reversed[24];
    size_t n = 0;
    for (; v > 0; v /= 10)
        reversed[n++] = (char)('0' + v % 10);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

static size_t answer_size(const struct grpc_answer *a, bool raw)
{
    char digits[24];
    size_t version = digits_of(a->version, digits), n = 0;
    n += a->model.len ? len_size(a->model.len) : 0;
    n += version ? len_size(version) : 0;
    n += a->id.len ? len_size(a->id.len) : 0;
    n += a->warning ? len_size(text_entry_size(a->warning)) : 0;
    n += a->final ? len_size(bool_entry_size()) : 0;
    for (size_t i = 0; i < a->output_count; i++) {
        const struct memory_part *part = part_of(a, &a->outputs[i]);
        n += len_size(output_size(&a->outputs[i], part, raw));
        n += raw ? len_size(part ? 0 : raw_size(&a->outputs[i])) : 0; /* an empty one stands in the place of one in shared memory, as Triton has it */
    }
    return n;
}

static char *answer_put(char *p, const struct grpc_answer *a, bool raw)
{
    char digits[24];
    size_t version = digits_of(a->version, digits);
    if (a->model.len)
        p = bytes_put(p, 1, a->model);
    if (version)
        p = bytes_put(p, 2, (struct str){digits, version});
    if (a->id.len)
        p = bytes_put(p, 3, a->id);
    if (a->warning) {
        p = len_put(p, 4, text_entry_size(a->warning));
        p = bytes_put(p, 1, warning_key);
        p = len_put(p, 2, len_size(strlen(a->warning)));
        p = bytes_put(p, 3, str_from(a->warning));
    }
    if (a->final) {
        p = len_put(p, 4, bool_entry_size());
        p = bytes_put(p, 1, final_key);
        p = len_put(p, 2, 2);
        *p++ = 1 << 3 | PROTO_VARINT;
        *p++ = 1;
    }
    for (size_t i = 0; i < a->output_count; i++)
        p = output_put(p, &a->outputs[i], part_of(a, &a->outputs[i]), raw);
    for (size_t i = 0; raw && i < a->output_count; i++)
        p = part_of(a, &a->outputs[i]) ? bytes_put(p, 6, STR("")) : raw_put(p, &a->outputs[i]);
    return p;
}

void grpc_answer_write(const struct grpc_answer *a, struct buf *out)
{
    bool raw = writes_raw(a);
    size_t n = answer_size(a, raw);
    char *p = buf_reserve(out, n);
    if (!p)
        return;
    answer_put(p, a, raw);
    out->len += n;
}

void grpc_stream_answer_write(const struct grpc_answer *a, struct str error, struct buf *out)
{
    bool raw = writes_raw(a);
    size_t size = answer_size(a, raw), n = len_size(size) + (error.len ? len_size(error.len) : 0);
    char *p = buf_reserve(out, n);
    if (!p)
        return;
    if (error.len)
        p = bytes_put(p, 1, error);
    p = len_put(p, 2, size);
    answer_put(p, a, raw);
    out->len += n;
}
