/* json.h - JSON in (simdjson, strict RFC 8259, into an arena tree) and out (a streaming writer).
 * Numbers: an integer that fits int64 is JSON_INT, one that fits only uint64 is JSON_UINT, everything
 * else is JSON_REAL and round-trips bit for bit. 1e999 is refused (E_INVALID), as are NaN literals unless
 * JSON_NAN is given, duplicate keys (unless JSON_DUP_LAST), depth > LIMIT_JSON_DEPTH, invalid UTF-8. */
#ifndef INGOT_BASE_JSON_H
#define INGOT_BASE_JSON_H

#include "base/buf.h"
#include "base/op.h"

C_BEGIN

enum json_type {
    JSON_NULL, JSON_BOOL, JSON_INT, JSON_UINT, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT,
    JSON_INTS, JSON_REALS, /* arrays of numbers in one piece: only with JSON_PACK */
};

struct json {
    enum json_type type;
    uint32_t len;             /* members of an array or object */
    union {
        bool boolean;
        int64_t i;
        uint64_t u;
        double f;
        struct str s;         /* unescaped UTF-8; may hold NUL */
        struct json *items;   /* array: len values, contiguous */
        struct json_member *members; /* object: len members in source order */
        int64_t *ints;        /* JSON_INTS: len values */
        double *reals;        /* JSON_REALS: len values */
    };
};

struct json_member {
    struct str key;
    struct json value;
};

enum json_flags {
    JSON_STRICT = 0,
    JSON_NAN = 1 << 0,      /* bare NaN, Infinity, -Infinity as Python writes them */
    JSON_DUP_LAST = 1 << 1, /* a repeated key: the last one wins */
    JSON_PACK = 1 << 2,     /* an array of nothing but numbers and nulls becomes JSON_INTS or, with a real or a null (NaN) in it, JSON_REALS;
                               where that would not be exact (beyond 2^53 beside reals, UINT) it stays a JSON_ARRAY, as an empty one does.
                               Only for readers that know; json_value() writes them. */
};

/* Parses one document; the tree and its strings live in op->arena. E_INVALID names line and column;
 * E_TOO_LARGE for text above LIMIT_JSON_BYTES or an arena that is used up. */
MUST_USE enum err json_parse(struct op *op, struct str text, unsigned flags, struct json **ret);

/* Finders: NULL when absent or `j` is no object. A JSON null member is returned as such. */
const struct json *json_get(const struct json *j, const char *key);
const struct json *json_get_str(const struct json *j, struct str key);
/* Follows "a.b.c" through objects. */
const struct json *json_path(const struct json *j, const char *dotted);

/* Typed readers with the field named in the error (E_INVALID, op->field = `path`). `j` NULL or JSON null
 * is "missing": an error for json_want_*, `dflt` for json_opt_*. A real with a fraction is no integer. */
MUST_USE enum err json_want_str(struct op *op, const struct json *obj, const char *key, struct str *ret);
MUST_USE enum err json_want_i64(struct op *op, const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *ret);
MUST_USE enum err json_want_f64(struct op *op, const struct json *obj, const char *key, double *ret);
MUST_USE enum err json_want_array(struct op *op, const struct json *obj, const char *key, const struct json **ret);
MUST_USE enum err json_want_object(struct op *op, const struct json *obj, const char *key, const struct json **ret);
MUST_USE enum err json_opt_str(struct op *op, const struct json *obj, const char *key, struct str dflt, struct str *ret);
MUST_USE enum err json_opt_i64(struct op *op, const struct json *obj, const char *key, int64_t min, int64_t max, int64_t dflt, int64_t *ret);
MUST_USE enum err json_opt_f64(struct op *op, const struct json *obj, const char *key, double dflt, double *ret);
MUST_USE enum err json_opt_bool(struct op *op, const struct json *obj, const char *key, bool dflt, bool *ret);
/* Any number type as double / true when it is a number. */
bool json_as_f64(const struct json *j, double *ret);
/* An integer value (INT, UINT in range, REAL without fraction in +-2^53). */
bool json_as_i64(const struct json *j, int64_t *ret);
const char *json_type_name(enum json_type t);

/* The writer. Puts commas and (if indent > 0) line breaks itself; misuse (key outside an object) asserts.
 *     struct json_out w; json_out_init(&w, &buf, 0);
 *     json_begin_object(&w); json_key(&w, "a"); json_i64(&w, 1); json_end_object(&w);
 * Doubles are the shortest text that reads back the same, with ".0" for whole ones (as Python);
 * NaN and infinities are written by `nonfinite`: as strings "NaN"/"Infinity"/"-Infinity", bare, or null. */
enum json_nonfinite { JSON_NONFINITE_STRING, JSON_NONFINITE_BARE, JSON_NONFINITE_NULL };
struct json_out {
    struct buf *buf;
    int indent;
    enum json_nonfinite nonfinite;
    int depth;
    bool after_key;
    uint8_t stack[128]; /* per level: kind and "has members" */
};

void json_out_init(struct json_out *w, struct buf *b, int indent);
void json_begin_object(struct json_out *w);
void json_end_object(struct json_out *w);
void json_begin_array(struct json_out *w);
void json_end_array(struct json_out *w);
void json_key(struct json_out *w, const char *key);
void json_key_str(struct json_out *w, struct str key);
void json_str(struct json_out *w, struct str s); /* invalid UTF-8 becomes U+FFFD */
void json_cstr(struct json_out *w, const char *s); /* NULL: null */
void json_i64(struct json_out *w, int64_t v);
void json_u64(struct json_out *w, uint64_t v);
void json_f64(struct json_out *w, double v);
void json_f32(struct json_out *w, float v); /* shortest text that reads back the same float */
void json_bool(struct json_out *w, bool v);
void json_null(struct json_out *w);
void json_value(struct json_out *w, const struct json *j); /* a whole tree */
void json_raw(struct json_out *w, struct str json_text);   /* trusted, already JSON */
/* key + value in one call. */
void json_kv_str(struct json_out *w, const char *key, struct str v);
void json_kv_cstr(struct json_out *w, const char *key, const char *v);
void json_kv_i64(struct json_out *w, const char *key, int64_t v);
void json_kv_f64(struct json_out *w, const char *key, double v);
void json_kv_bool(struct json_out *w, const char *key, bool v);

/* Shortest round-trip text of a finite double/float (std::to_chars) with ".0" for whole numbers and
 * Python's exponent form (1e-05, 1e+16); returns its length. `out` has room for 32. */
size_t json_format_f64(double v, char *out);
size_t json_format_f32(float v, char *out);
/* Exactly what CPython's json.dumps(j, sort_keys=sort) prints with default separators and ensure_ascii:
 * the text that DVC's hashes are made of. */
void json_dumps_python(struct buf *b, const struct json *j, bool sort_keys);

C_END

#endif
