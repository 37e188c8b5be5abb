#include "core/pipeline/dvc_params.h"

#include "base/limits.h"
#include "base/yaml.h"
#include "core/pipeline/fspath.h"

enum err dvc_params_load(struct op *op, struct str path, struct str name, const struct json **ret)
{
    if (str_ends(name, STR(".toml")) || str_ends(name, STR(".py")))
        return op_fail(op, E_UNSUPPORTED, "'%.*s': parameters are read from YAML and JSON files only", STR_FMT(name));
    struct str text;
    struct json *doc;
    enum err e = fspath_read(op, path, LIMIT_PIPELINE_FILE_BYTES, &text);
    if (e)
        return e;
    if (str_trim(text).len == 0) {
        doc = op_new(op, struct json);
        doc->type = JSON_OBJECT;
    } else {
        e = str_ends(name, STR(".json")) ? json_parse(op, text, JSON_NAN, &doc) : yaml_parse(op, text, &doc);
    }
    if (e)
        return op_context(op, "'%.*s'", STR_FMT(name));
    if (doc->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "'%.*s': expected a map, got %s", STR_FMT(name), json_type_name(doc->type));
    *ret = doc;
    return OK;
}

const struct json *dvc_params_find(const struct json *doc, struct str dotted)
{
    const struct json *whole = json_get_str(doc, dotted);
    if (whole)
        return whole;
    struct str rest = dotted, part;
    const struct json *at = doc;
    while (at && str_split(&rest, '.', &part)) {
        int64_t index;
        if (at->type == JSON_OBJECT)
            at = json_get_str(at, part);
        else if (at->type == JSON_ARRAY && str_parse_i64(part, &index) && index >= 0 && index < (int64_t)at->len)
            at = &at->items[index];
        else
            at = NULL;
    }
    return at;
}

static bool is_number(const struct json *j)
{
    return j->type == JSON_INT || j->type == JSON_UINT || j->type == JSON_REAL;
}

static bool objects_equal(const struct json *a, const struct json *b)
{
    for (uint32_t i = 0; i < a->len; i++) {
        const struct json *other = json_get_str(b, a->members[i].key);
        if (!other || !dvc_params_equal(&a->members[i].value, other))
            return false;
    }
    return true;
}

bool dvc_params_equal(const struct json *a, const struct json *b)
{
    if (is_number(a) && is_number(b)) {
        double x = 0, y = 0;
        if (a->type == b->type && a->type != JSON_REAL)
            return a->i == b->i;
        return json_as_f64(a, &x) && json_as_f64(b, &y) && (x == y || (x != x && y != y));
    }
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case JSON_BOOL:
        return a->boolean == b->boolean;
    case JSON_STRING:
        return str_eq(a->s, b->s);
    case JSON_ARRAY:
        for (uint32_t i = 0; a->len == b->len && i < a->len; i++) {
            if (!dvc_params_equal(&a->items[i], &b->items[i]))
                return false;
        }
        return a->len == b->len;
    case JSON_OBJECT:
        return a->len == b->len && objects_equal(a, b);
    default:
        return true;
    }
}

/* The member `key` of `obj`, made (as null) when absent. */
static struct json *member_make(struct op *op, struct json *obj, struct str key)
{
    for (uint32_t i = 0; i < obj->len; i++) {
        if (str_eq(obj->members[i].key, key))
            return &obj->members[i].value;
    }
    struct json_member *all = arena_alloc(op->arena, ((size_t)obj->len + 1) * sizeof(*all));
    if (obj->len)
        memcpy(all, obj->members, obj->len * sizeof(*all));
    all[obj->len].key = key;
    obj->members = all;
    return &all[obj->len++].value;
}

enum err dvc_params_set(struct op *op, struct str path, struct str dotted, struct str yaml_value)
{
    const struct json *doc;
    struct json *value;
    enum err e = dvc_params_load(op, path, fspath_name(path), &doc);
    if (e)
        return e;
    if ((e = yaml_parse(op, yaml_value, &value)))
        return op_context(op, "value of '%.*s'", STR_FMT(dotted));
    struct json root = *doc, *at = &root;
    struct str rest = dotted, part;
    while (str_split(&rest, '.', &part)) {
        if (at->type == JSON_NULL)
            *at = (struct json){.type = JSON_OBJECT};
        if (at->type != JSON_OBJECT || part.len == 0)
            return op_fail(op, E_INVALID, "'%.*s': '%.*s' leads through something that is no map", STR_FMT(path),
                           STR_FMT(dotted));
        at = member_make(op, at, part);
    }
    *at = *value;
    struct buf b;
    buf_init(&b, LIMIT_PIPELINE_FILE_BYTES);
    if (str_ends(path, STR(".json"))) {
        struct json_out w;
        json_out_init(&w, &b, 2);
        w.nonfinite = JSON_NONFINITE_BARE;
        json_value(&w, &root);
        buf_add_char(&b, '\n');
    } else {
        yaml_write(&b, &root);
    }
    e = b.failed ? op_fail(op, E_TOO_LARGE, "'%.*s' grows too large", STR_FMT(path)) : fspath_write(op, path, buf_str(&b), true);
    buf_clear(&b);
    return e;
}
