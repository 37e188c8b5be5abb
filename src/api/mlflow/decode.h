/* decode.h - requests into structs by field tables, with MLflow's texts for what is missing or wrong.
 * The fields come from the JSON body or, for GET, from the query (arrays as repeated keys). null is absent; unknown
 * fields are ignored; a body encoded twice is decoded twice. What is absent leaves the struct as it was, so callers
 * put defaults there first. Strictly typed beyond MLflow: a fraction or a bool is no integer, numbers out of range
 * are refused with the field named. All failures are E_INVALID. */
#ifndef INGOT_API_MLFLOW_DECODE_H
#define INGOT_API_MLFLOW_DECODE_H

#include "core/track/names.h"
#include "net/http.h"

struct json;

enum field_kind {
    FIELD_STR,   /* struct str; p stays NULL when absent */
    FIELD_NAME,  /* struct str: an enum's name, or its number as text */
    FIELD_I64,   /* int64_t; also a string of digits */
    FIELD_F64,   /* double; also "NaN", "Infinity", "-Infinity" and a number as a string */
    FIELD_BOOL,  /* bool */
    FIELD_STRS,  /* struct str_list */
    FIELD_KVS,   /* struct track_kvs: array of {"key", "value"} */
    FIELD_ITEMS, /* const struct json *: an array for the handler to walk */
    FIELD_OBJECT, /* const struct json *: an object likewise */
};
struct field {
    const char *name;
    enum field_kind kind;
    size_t at;        /* offsetof in the struct */
    bool required;    /* "" counts as missing */
    const char *alias; /* another name for it, or NULL */
};
struct str_list {
    struct str *p;
    size_t len;
};

#define FIELD(type, member, k, req) {.name = #member, .kind = (k), .at = offsetof(type, member), .required = (req)}
/* A run's id by both its names. */
#define RUN_ID_FIELD(type) {.name = "run_id", .kind = FIELD_STR, .at = offsetof(type, run_id), .required = true, .alias = "run_uuid"}
#define DECODE(op, req, fields, ret) decode_request((op), (req), (fields), ARRAY_LEN(fields), (ret))

MUST_USE enum err decode_request(struct op *op, const struct http_req *req, const struct field *fields, size_t n, void *ret);
/* One object by a table; `path` is where it stands ("metrics[3].") or "". */
MUST_USE enum err decode_object(struct op *op, const struct json *obj, const char *path, const struct field *fields, size_t n, void *ret);
/* An array of objects into an array of structs of `size` bytes, prefilled with `*init`. */
MUST_USE enum err decode_items(struct op *op, const struct json *array, const char *name, const struct field *fields, size_t n, size_t size, const void *init, void **ret, size_t *ret_len);
/* Index of an enum's value in its names; number k stands for index k - 1. SIZE_MAX: unknown. */
size_t decode_name(struct str text, const char *const *names, size_t n);
/* "Invalid value "x" for parameter 'status' supplied: ...", of a FIELD_NAME whose name is none. */
enum err decode_bad_name(struct op *op, const char *path, struct str text);
/* The same of a value that came as text, as all of a query do. */
enum err decode_bad_text(struct op *op, const char *path, struct str text);
/* The same of an array that holds something else than objects. */
enum err decode_bad_items(struct op *op, const char *path, const struct json *array);
/* "Missing value for required parameter 'x'. ..." */
enum err decode_missing(struct op *op, const char *path);

#endif
