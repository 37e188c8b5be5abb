/* The wire format: a message is a row of fields, each a varint key (number << 3 | wire type) and a value: a varint (little endian
 * groups of seven bits, the top bit says that more follow), eight or four bytes little endian, or a varint length and so many bytes.
 * A number may come as any varint of up to ten bytes; bits above the 64th are dropped, as the public readers drop them. */
#include "base/wire_proto.h"

struct proto_in proto_in(struct str bytes)
{
    return (struct proto_in){.p = bytes.p, .end = bytes.len ? bytes.p + bytes.len : bytes.p};
}

static bool read_varint(struct proto_in *in, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70 && in->p < in->end; shift += 7) {
        uint8_t byte = (uint8_t)*in->p++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret = v;
            return true;
        }
    }
    in->bad = true;
    return false;
}

static bool read_fixed(struct proto_in *in, size_t size, uint64_t *ret)
{
    uint64_t v = 0;
    if ((size_t)(in->end - in->p) < size) {
        in->bad = true;
        return false;
    }
    for (size_t i = 0; i < size; i++)
        v |= (uint64_t)(uint8_t)in->p[i] << (8 * i);
    in->p += size;
    *ret = v;
    return true;
}

bool proto_next(struct proto_in *in, struct proto_field *ret)
{
    uint64_t key = 0, len = 0;
    if (in->bad || in->p >= in->end || !read_varint(in, &key))
        return false;
    struct proto_field f = {.number = (uint32_t)(key >> 3), .wire = (enum proto_wire)(key & 7), .bytes = STR("")};
    in->bad = !(key >> 3) || key >> 3 > 0x1fffffff;
    if (in->bad)
        return false;
    switch (f.wire) {
    case PROTO_VARINT: (void)!read_varint(in, &f.value); break;
    case PROTO_I64: (void)!read_fixed(in, 8, &f.value); break;
    case PROTO_I32: (void)!read_fixed(in, 4, &f.value); break;
    case PROTO_LEN:
        if (!read_varint(in, &len) || len > (size_t)(in->end - in->p)) {
            in->bad = true;
        } else {
            f.bytes = (struct str){in->p, (size_t)len};
            in->p += len;
        }
        break;
    default: in->bad = true;
    }
    if (in->bad)
        return false;
    *ret = f;
    return true;
}

static float f32_of(uint64_t bits)
{
    uint32_t b = (uint32_t)bits;
    float f;
    memcpy(&f, &b, sizeof(f));
    return f;
}

static double f64_of(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

float proto_f32(const struct proto_field *f)
{
    return f32_of(f->value);
}

double proto_f64(const struct proto_field *f)
{
    return f64_of(f->value);
}

struct proto_in proto_values(const struct proto_field *f)
{
    if (f->wire == PROTO_LEN)
        return proto_in(f->bytes);
    /* One number of its own: `p` different from `end` says that it has not been taken. */
    static const char one[1];
    return (struct proto_in){.p = one, .end = one + 1};
}

/* The next number's bits; `wire` is the type that the numbers have one by one. */
static bool next_bits(const struct proto_field *f, struct proto_in *in, enum proto_wire wire, uint64_t *ret)
{
    if (in->bad || in->p >= in->end)
        return false;
    if (f->wire != PROTO_LEN) {
        in->p = in->end;
        in->bad = f->wire != wire;
        *ret = f->value;
        return !in->bad;
    }
    return wire == PROTO_VARINT ? read_varint(in, ret) : read_fixed(in, wire == PROTO_I64 ? 8 : 4, ret);
}

bool proto_value_i64(const struct proto_field *f, struct proto_in *in, int64_t *ret)
{
    uint64_t bits = 0;
    if (!next_bits(f, in, PROTO_VARINT, &bits))
        return false;
    *ret = (int64_t)bits;
    return true;
}

bool proto_value_f32(const struct proto_field *f, struct proto_in *in, float *ret)
{
    uint64_t bits = 0;
    if (!next_bits(f, in, PROTO_I32, &bits))
        return false;
    *ret = f32_of(bits);
    return true;
}

bool proto_value_f64(const struct proto_field *f, struct proto_in *in, double *ret)
{
    uint64_t bits = 0;
    if (!next_bits(f, in, PROTO_I64, &bits))
        return false;
    *ret = f64_of(bits);
    return true;
}

size_t proto_value_count(const struct proto_field *f, enum proto_wire wire)
{
    if (f->wire != PROTO_LEN)
        return f->wire == wire ? 1 : SIZE_MAX;
    if (wire != PROTO_VARINT) {
        size_t size = wire == PROTO_I64 ? 8 : 4;
        return f->bytes.len % size ? SIZE_MAX : f->bytes.len / size;
    }
    size_t n = 0;
    unsigned length = 0;
    for (size_t i = 0; i < f->bytes.len; i++) {
        bool last = !((uint8_t)f->bytes.p[i] & 0x80);
        if (++length > 10)
            return SIZE_MAX;
        n += last;
        length = last ? 0 : length;
    }
    return length ? SIZE_MAX : n;
}
