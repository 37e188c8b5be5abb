#include "base/json.h"

#include "base/hash.h"
#include "base/json_parse.h"
#include "base/limits.h"

#include <pthread.h>
#include <stdlib.h>

#define JSON_FEW_KEYS 12 /* up to here comparing all pairs is faster than hashing */

static uint64_t json_seed;
static pthread_once_t json_seed_once = PTHREAD_ONCE_INIT;

static void json_seed_make(void)
{
    hash_random(&json_seed, sizeof json_seed);
}

static bool json_unique_few(struct json *object, unsigned flags, uint32_t *ret_index)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < object->len; i++) {
        uint32_t j = 0;
        while (j < kept && !str_eq(object->members[j].key, object->members[i].key))
            j++;
        if (j < kept) {
            *ret_index = i;
            if (!(flags & JSON_DUP_LAST))
                return false;
            object->members[j].value = object->members[i].value;
            continue;
        }
        if (kept != i)
            object->members[kept] = object->members[i];
        kept++;
    }
    object->len = kept;
    return true;
}

bool json_unique_keys(struct op *op, struct json *object, unsigned flags, uint32_t *ret_index,
                      enum err *ret_err)
{
    if (object->len <= JSON_FEW_KEYS)
        return json_unique_few(object, flags, ret_index);
    pthread_once(&json_seed_once, json_seed_make);
    size_t slots = 32;
    while (slots < (size_t)object->len * 2)
        slots *= 2;
    /* Beside the arena, since it is needed for the length of this call only; bounded by the members,
     * which the arena did hold. */
    uint32_t *table = calloc(slots, sizeof *table);
    if (!table) {
        *ret_err = op_fail(op, E_TOO_LARGE, "no memory for the keys of a JSON object");
        return false;
    }
    uint32_t kept = 0;
    bool unique = true;
    for (uint32_t i = 0; i < object->len && unique; i++) {
        struct str key = object->members[i].key;
        size_t at = (size_t)hash64(key.p, key.len, json_seed) & (slots - 1);
        while (table[at] && !str_eq(object->members[table[at] - 1].key, key))
            at = (at + 1) & (slots - 1);
        if (table[at]) {
            *ret_index = i;
            unique = flags & JSON_DUP_LAST;
            if (unique)
                object->members[table[at] - 1].value = object->members[i].value;
            continue;
        }
        if (kept != i)
            object->members[kept] = object->members[i];
        table[at] = ++kept;
    }
    free(table);
    if (unique)
        object->len = kept;
    return unique;
}

enum err json_parse(struct op *op, struct str text, unsigned flags, struct json **ret)
{
    if (text.len > LIMIT_JSON_BYTES)
        return op_fail(op, E_TOO_LARGE, "the JSON text has %zu bytes; the limit is %zu", text.len,
                       LIMIT_JSON_BYTES);
    struct json *tree = NULL;
    if (text.len > 0 && text.len <= JSON_FAST_BYTES) {
        enum err e = json_parse_fast(op, text, flags, &tree);
        if (e)
            return e;
    }
    if (!tree)
        return json_parse_exact(op, text, flags, ret);
    *ret = tree;
    return OK;
}

const struct json *json_get_str(const struct json *j, struct str key)
{
    if (!j || j->type != JSON_OBJECT)
        return NULL;
    for (uint32_t i = 0; i < j->len; i++)
        if (str_eq(j->members[i].key, key))
            return &j->members[i].value;
    return NULL;
}

const struct json *json_get(const struct json *j, const char *key)
{
    return json_get_str(j, str_from(key));
}

const struct json *json_path(const struct json *j, const char *dotted)
{
    struct str rest = str_from(dotted), key;
    while (j && str_split(&rest, '.', &key))
        j = json_get_str(j, key);
    return j;
}

const char *json_type_name(enum json_type t)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean",     [JSON_INT] = "an integer",
        [JSON_UINT] = "an integer", [JSON_REAL] = "a real number", [JSON_STRING] = "a string",
        [JSON_ARRAY] = "an array",  [JSON_OBJECT] = "an object",   [JSON_INTS] = "an array",
        [JSON_REALS] = "an array",
    };
    return names[t];
}

bool json_as_f64(const struct json *j, double *ret)
{
    if (!j)
        return false;
    switch (j->type) {
    case JSON_INT:
        *ret = (double)j->i;
        return true;
    case JSON_UINT:
        *ret = (double)j->u;
        return true;
    case JSON_REAL:
        *ret = j->f;
        return true;
    default:
        return false;
    }
}

bool json_as_i64(const struct json *j, int64_t *ret)
{
    const double exact = 9007199254740992.0; /* 2^53: above it a double no longer tells integers apart */
    if (!j)
        return false;
    if (j->type == JSON_INT) {
        *ret = j->i;
        return true;
    }
    if (j->type == JSON_UINT && j->u <= INT64_MAX) {
        *ret = (int64_t)j->u;
        return true;
    }
    if (j->type != JSON_REAL || !(j->f >= -exact && j->f <= exact) || j->f != (double)(int64_t)j->f)
        return false;
    *ret = (int64_t)j->f;
    return true;
}

/* The member, or NULL when it is missing or null. */
static const struct json *json_present(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j && j->type != JSON_NULL ? j : NULL;
}

static enum err json_missing(struct op *op, const char *key)
{
    return op_fail_field(op, key, "'%s' is missing", key);
}

static enum err json_mistyped(struct op *op, const char *key, const char *wanted, const struct json *j)
{
    return op_fail_field(op, key, "'%s' must be %s, not %s", key, wanted, json_type_name(j->type));
}

static enum err json_read_str(struct op *op, const char *key, const struct json *j, struct str *ret)
{
    if (j->type != JSON_STRING)
        return json_mistyped(op, key, "a string", j);
    *ret = j->s;
    return OK;
}

static enum err json_read_i64(struct op *op, const char *key, const struct json *j, int64_t min, int64_t max,
                              int64_t *ret)
{
    int64_t v;
    if (!json_as_i64(j, &v)) {
        if (j->type == JSON_UINT)
            return op_fail_field(op, key, "'%s' must be between %lld and %lld", key, (long long)min,
                                 (long long)max);
        return json_mistyped(op, key, "an integer", j);
    }
    if (v < min || v > max)
        return op_fail_field(op, key, "'%s' must be between %lld and %lld, not %lld", key, (long long)min,
                             (long long)max, (long long)v);
    *ret = v;
    return OK;
}

static enum err json_read_f64(struct op *op, const char *key, const struct json *j, double *ret)
{
    return json_as_f64(j, ret) ? OK : json_mistyped(op, key, "a number", j);
}

enum err json_want_str(struct op *op, const struct json *obj, const char *key, struct str *ret)
{
    const struct json *j = json_present(obj, key);
    return j ? json_read_str(op, key, j, ret) : json_missing(op, key);
}

enum err json_want_i64(struct op *op, const struct json *obj, const char *key, int64_t min, int64_t max,
                       int64_t *ret)
{
    const struct json *j = json_present(obj, key);
    return j ? json_read_i64(op, key, j, min, max, ret) : json_missing(op, key);
}

enum err json_want_f64(struct op *op, const struct json *obj, const char *key, double *ret)
{
    const struct json *j = json_present(obj, key);
    return j ? json_read_f64(op, key, j, ret) : json_missing(op, key);
}

enum err json_want_array(struct op *op, const struct json *obj, const char *key, const struct json **ret)
{
    const struct json *j = json_present(obj, key);
    if (!j)
        return json_missing(op, key);
    if (j->type != JSON_ARRAY)
        return json_mistyped(op, key, "an array", j);
    *ret = j;
    return OK;
}

enum err json_want_object(struct op *op, const struct json *obj, const char *key, const struct json **ret)
{
    const struct json *j = json_present(obj, key);
    if (!j)
        return json_missing(op, key);
    if (j->type != JSON_OBJECT)
        return json_mistyped(op, key, "an object", j);
    *ret = j;
    return OK;
}

enum err json_opt_str(struct op *op, const struct json *obj, const char *key, struct str dflt,
                      struct str *ret)
{
    const struct json *j = json_present(obj, key);
    if (j)
        return json_read_str(op, key, j, ret);
    *ret = dflt;
    return OK;
}

enum err json_opt_i64(struct op *op, const struct json *obj, const char *key, int64_t min, int64_t max,
                      int64_t dflt, int64_t *ret)
{
    const struct json *j = json_present(obj, key);
    if (j)
        return json_read_i64(op, key, j, min, max, ret);
    *ret = dflt;
    return OK;
}

enum err json_opt_f64(struct op *op, const struct json *obj, const char *key, double dflt, double *ret)
{
    const struct json *j = json_present(obj, key);
    if (j)
        return json_read_f64(op, key, j, ret);
    *ret = dflt;
    return OK;
}

enum err json_opt_bool(struct op *op, const struct json *obj, const char *key, bool dflt, bool *ret)
{
    const struct json *j = json_present(obj, key);
    if (j && j->type != JSON_BOOL)
        return json_mistyped(op, key, "true or false", j);
    *ret = j ? j->boolean : dflt;
    return OK;
}
