/* wire_proto.h - reads protobuf's wire format (protobuf.dev/programming-guides/encoding) without generated code: field by field,
 * as views into the bytes. For readers that want a few members of a large foreign message and a verdict on the rest: model files.
 *
 *     struct proto_in in = proto_in(bytes);
 *     struct proto_field f;
 *     while (proto_next(&in, &f))
 *         if (f.number == 1 && f.wire == PROTO_LEN) ...
 *     if (in.bad) ...
 *
 * Nothing is allocated or copied; views live as long as the bytes. A message in a message is another proto_in over f.bytes:
 * the caller bounds the depth. Groups (wire types 3 and 4), which nobody has written since 2008, are malformed here, as are
 * field number 0, a varint above ten bytes and a length beyond the end. */
#ifndef INGOT_BASE_WIRE_PROTO_H
#define INGOT_BASE_WIRE_PROTO_H

#include "base/str.h"

enum proto_wire { PROTO_VARINT = 0, PROTO_I64 = 1, PROTO_LEN = 2, PROTO_I32 = 5 };
struct proto_in {
    const char *p, *end;
    bool bad;               /* the bytes are not protobuf; reading has stopped */
};
struct proto_field {
    uint32_t number;
    enum proto_wire wire;
    uint64_t value;         /* of the three numeric wire types: the bits */
    struct str bytes;       /* PROTO_LEN; else empty */
};

struct proto_in proto_in(struct str bytes);
/* The next field. False at the end, and when the bytes are malformed (in->bad). */
MUST_USE bool proto_next(struct proto_in *in, struct proto_field *ret);

/* A field's value as the type that the message's description gives it. */
static inline int64_t proto_i64(const struct proto_field *f) { return (int64_t)f->value; } /* int64, int32, enum, bool */
float proto_f32(const struct proto_field *f);
double proto_f64(const struct proto_field *f);

/* Repeated numbers come packed (one PROTO_LEN field) or one field each; a reader must take both. These walk a field of either
 * kind: start with proto_values(&f), then call until false. in->bad: the field is malformed or of another wire type. */
struct proto_in proto_values(const struct proto_field *f);
MUST_USE bool proto_value_i64(const struct proto_field *f, struct proto_in *in, int64_t *ret);
MUST_USE bool proto_value_f32(const struct proto_field *f, struct proto_in *in, float *ret);
MUST_USE bool proto_value_f64(const struct proto_field *f, struct proto_in *in, double *ret);
/* How many numbers a field holds, without reading the fixed ones: `wire` is the numbers' own type. SIZE_MAX: malformed. */
size_t proto_value_count(const struct proto_field *f, enum proto_wire wire);

#endif
