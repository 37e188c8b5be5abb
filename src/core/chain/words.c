#include "core/chain/words.h"

#include <math.h>

enum err chain_members_check(struct op *op, const char *path, const struct json *obj, const char *const *known)
{
    if (!obj || obj->type != JSON_OBJECT)
        return op_fail_field(op, path, "%s is %s, not an object", path, obj ? json_type_name(obj->type) : "missing");
    for (size_t i = 0; i < obj->len; i++) {
        size_t k = 0;
        while (known[k] && !str_eqc(obj->members[i].key, known[k]))
            k++;
        if (!known[k])
            return op_fail_field(op, path, "%s has no member \"%.*s\"", path, STR_FMT(obj->members[i].key));
    }
    return OK;
}

enum err chain_word(struct op *op, const char *path, const struct json *obj, const char *key, const char *const *words, size_t dflt, size_t *ret)
{
    const struct json *j = json_get(obj, key);
    if (!j && dflt != SIZE_MAX) {
        *ret = dflt;
        return OK;
    }
    for (size_t i = 0; j && j->type == JSON_STRING && words[i]; i++) {
        if (str_eqc(j->s, words[i])) {
            *ret = i;
            return OK;
        }
    }
    const char *list = words[0];
    for (size_t i = 1; words[i]; i++)
        list = op_printf(op, "%s%s%s", list, words[i + 1] ? ", " : " or ", words[i]);
    return op_fail_field(op, path, "%s.%s must be %s", path, key, list);
}

enum err chain_number(struct op *op, const char *path, const struct json *obj, const char *key, const double *dflt, double *ret)
{
    const struct json *j = json_get(obj, key);
    double v = 0;
    if (!j && dflt) {
        *ret = *dflt;
        return OK;
    }
    if (!j || !json_as_f64(j, &v) || !isfinite(v))
        return op_fail_field(op, path, "%s.%s must be a finite number", path, key);
    *ret = v;
    return OK;
}

static enum err list_get(struct op *op, const char *path, const struct json *obj, const char *key, size_t max, const struct json **ret)
{
    const struct json *j = json_get(obj, key);
    if (!j || j->type != JSON_ARRAY || j->len > max)
        return op_fail_field(op, path, "%s.%s must be a list of at most %zu", path, key, max);
    *ret = j;
    return OK;
}

enum err chain_numbers(struct op *op, const char *path, const struct json *obj, const char *key, size_t max, double **ret, size_t *ret_len)
{
    const struct json *j = NULL;
    enum err e = list_get(op, path, obj, key, max, &j);
    double *v = e ? NULL : arena_array(op->arena, (size_t)j->len + 1, double);
    if (e || !v)
        return e ? e : op_fail(op, E_TOO_LARGE, "no memory for %s.%s", path, key);
    for (size_t i = 0; i < j->len; i++)
        if (!json_as_f64(&j->items[i], &v[i]) || !isfinite(v[i]))
            return op_fail_field(op, path, "%s.%s[%zu] is not a finite number", path, key, i);
    *ret = v;
    *ret_len = j->len;
    return OK;
}

enum err chain_texts(struct op *op, const char *path, const struct json *obj, const char *key, size_t max, struct str **ret, size_t *ret_len)
{
    const struct json *j = NULL;
    enum err e = list_get(op, path, obj, key, max, &j);
    struct str *v = e ? NULL : arena_array(op->arena, (size_t)j->len + 1, struct str);
    if (e || !v)
        return e ? e : op_fail(op, E_TOO_LARGE, "no memory for %s.%s", path, key);
    for (size_t i = 0; i < j->len; i++) {
        if (j->items[i].type != JSON_STRING)
            return op_fail_field(op, path, "%s.%s[%zu] is not a text", path, key, i);
        v[i] = j->items[i].s;
    }
    *ret = v;
    *ret_len = j->len;
    return OK;
}
