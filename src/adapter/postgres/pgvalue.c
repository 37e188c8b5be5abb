/* pgvalue.c - the binary forms of PostgreSQL's send and receive functions (src/backend/utils/adt): integers and IEEE doubles big-endian,
 * text and bytea as they are, and numeric as a header of four int16 (digit count, weight, sign, scale) before base-10000 digits.
 * A bigint's SUM and AVG are numeric; it becomes an int64 where it is one, else a double. */
#include "adapter/postgres/pgvalue.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/limits.h"

#define NUMERIC_NEGATIVE 0x4000
#define NUMERIC_NAN 0xc000
#define NUMERIC_INFINITE 0xd000
#define NUMERIC_MINUS_INFINITE 0xf000

static void put_be(char *out, uint64_t v, size_t n)
{
    uint64_t be = htobe64(v << (64 - 8 * n));
    memcpy(out, &be, n);
}

static uint64_t get_be(const char *p, size_t n)
{
    uint64_t be = 0;
    memcpy(&be, p, n);
    return be64toh(be) >> (64 - 8 * n);
}

static void take_scratch(struct pgvalue_param *ret, int len)
{
    ret->p = ret->scratch;
    ret->len = len;
    ret->format = 1;
}

static enum err encode_i64(struct op *op, const char *what, int64_t v, unsigned type, struct pgvalue_param *ret)
{
    double d = (double)v;
    uint64_t bits;
    switch (type) {
    case PGTYPE_INT8:
        put_be(ret->scratch, (uint64_t)v, 8);
        take_scratch(ret, 8);
        return OK;
    case PGTYPE_INT4:
    case PGTYPE_INT2:
        if (type == PGTYPE_INT4 ? v != (int32_t)v : v != (int16_t)v)
            return op_fail(op, E_INVALID, "%s: %" PRId64 " is out of range", what, v);
        take_scratch(ret, type == PGTYPE_INT4 ? 4 : 2);
        put_be(ret->scratch, (uint64_t)v, (size_t)ret->len);
        return OK;
    case PGTYPE_FLOAT8:
        memcpy(&bits, &d, sizeof bits);
        put_be(ret->scratch, bits, 8);
        take_scratch(ret, 8);
        return OK;
    case PGTYPE_BOOL:
        ret->scratch[0] = v != 0;
        take_scratch(ret, 1);
        return OK;
    case PGTYPE_NUMERIC:
    case PGTYPE_TEXT:
    case PGTYPE_VARCHAR:
        take_scratch(ret, snprintf(ret->scratch, sizeof ret->scratch, "%" PRId64, v));
        ret->format = 0;
        return OK;
    default:
        return op_fail(op, E_INTERNAL, "%s: an integer for a parameter of type %u", what, type);
    }
}

static enum err encode_f64(struct op *op, const char *what, double v, unsigned type, struct pgvalue_param *ret)
{
    if (isnan(v)) /* refused as by the other back-ends */
        return op_fail(op, E_INVALID, "%s: NaN cannot be stored as a number", what);
    if (type == PGTYPE_FLOAT8) {
        uint64_t bits;
        memcpy(&bits, &v, sizeof bits);
        put_be(ret->scratch, bits, 8);
        take_scratch(ret, 8);
        return OK;
    }
    if (v != nearbyint(v) || v < -0x1p63 || v >= 0x1p63)
        return op_fail(op, E_INTERNAL, "%s: a double for a parameter of type %u", what, type);
    return encode_i64(op, what, (int64_t)v, type, ret);
}

static enum err encode_bytes(struct op *op, const char *what, const struct db_val *v, unsigned type, struct pgvalue_param *ret)
{
    bool text = v->type == DB_TYPE_TEXT;
    if (v->s.len > LIMIT_DB_VALUE_BYTES)
        return op_fail(op, E_TOO_LARGE, "%s: a value of %zu bytes; at most %zu fit", what, v->s.len, LIMIT_DB_VALUE_BYTES);
    if (text && v->s.len && memchr(v->s.p, 0, v->s.len))
        return op_fail(op, E_INVALID, "%s: a text must not hold a NUL character", what);
    bool fits = type == PGTYPE_BYTEA ? !text : type == PGTYPE_TEXT || type == PGTYPE_VARCHAR || type == PGTYPE_JSON || type == PGTYPE_NAME;
    if (!fits || (!text && type != PGTYPE_BYTEA))
        return op_fail(op, E_INTERNAL, "%s: a %s for a parameter of type %u", what, text ? "text" : "blob", type);
    ret->p = v->s.p ? v->s.p : "";
    ret->len = (int)v->s.len;
    ret->format = 1;
    return OK;
}

enum err pgvalue_encode(struct op *op, const char *what, const struct db_val *v, unsigned type, struct pgvalue_param *ret)
{
    switch (v->type) {
    case DB_TYPE_I64:
        return encode_i64(op, what, v->i, type, ret);
    case DB_TYPE_F64:
        return encode_f64(op, what, v->f, type, ret);
    case DB_TYPE_TEXT:
    case DB_TYPE_BLOB:
        return encode_bytes(op, what, v, type, ret);
    default:
        ret->p = NULL;
        ret->len = 0;
        ret->format = 1;
        return OK;
    }
}

static double double_of(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static bool decode_numeric(const char *p, size_t len, struct db_val *ret)
{
    if (len < 8)
        return false;
    size_t count = get_be(p, 2);
    int weight = (int16_t)get_be(p + 2, 2);
    unsigned sign = (unsigned)get_be(p + 4, 2);
    if (len != 8 + 2 * count || sign == NUMERIC_NAN)
        return false;
    if (sign == NUMERIC_INFINITE || sign == NUMERIC_MINUS_INFINITE) {
        *ret = DB_F64(sign == NUMERIC_INFINITE ? INFINITY : -INFINITY);
        return true;
    }
    bool negative = sign == NUMERIC_NEGATIVE, whole = (int)count <= weight + 1 && weight <= 4;
    int64_t i = 0;
    double f = 0;
    for (size_t k = 0; k < count; k++) {
        int64_t digit = (int64_t)get_be(p + 8 + 2 * k, 2);
        if (digit > 9999)
            return false;
        f += (double)digit * pow(10000.0, weight - (double)k);
        whole = whole && !__builtin_mul_overflow(i, 10000, &i) && !__builtin_sub_overflow(i, digit, &i); /* below zero: INT64_MIN fits */
    }
    for (int k = (int)count; whole && k <= weight; k++)
        whole = !__builtin_mul_overflow(i, 10000, &i);
    if (whole && (negative || i != INT64_MIN))
        *ret = DB_I64(negative ? i : -i);
    else
        *ret = DB_F64(negative ? -f : f);
    return true;
}

bool pgvalue_decode(unsigned type, const char *p, size_t len, struct db_val *ret)
{
    switch (type) {
    case PGTYPE_INT8:
        *ret = DB_I64(len == 8 ? (int64_t)get_be(p, 8) : 0);
        return len == 8;
    case PGTYPE_INT4:
        *ret = DB_I64(len == 4 ? (int32_t)get_be(p, 4) : 0);
        return len == 4;
    case PGTYPE_OID:
        *ret = DB_I64(len == 4 ? (int64_t)get_be(p, 4) : 0);
        return len == 4;
    case PGTYPE_INT2:
        *ret = DB_I64(len == 2 ? (int16_t)get_be(p, 2) : 0);
        return len == 2;
    case PGTYPE_BOOL:
        *ret = DB_I64(len == 1 && p[0]);
        return len == 1;
    case PGTYPE_FLOAT8:
        *ret = DB_F64(len == 8 ? double_of(get_be(p, 8)) : 0);
        return len == 8;
    case PGTYPE_NUMERIC:
        return decode_numeric(p, len, ret);
    case PGTYPE_TEXT:
    case PGTYPE_VARCHAR:
    case PGTYPE_NAME:
    case PGTYPE_JSON:
    case PGTYPE_UNKNOWN:
        *ret = DB_TEXT(((struct str){len ? p : "", len}));
        return true;
    case PGTYPE_BYTEA:
        *ret = DB_BLOB(((struct str){len ? p : "", len}));
        return true;
    default:
        return false;
    }
}
