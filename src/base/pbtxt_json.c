/* The tree is walked with a stack of fixed depth: a frame is an object or a list of messages that is being copied. */
#include "base/pbtxt_json.h"

#include "base/limits.h"

struct walk {
    const struct json *from;             /* an object, or a list of values of `field` */
    struct json *to;
    const struct pbtxt_message *schema;  /* of the object; NULL: the entries of a map, or a list */
    const struct pbtxt_field *field;     /* what stands in a map or a list; else NULL */
    uint32_t at;
    uint32_t chosen;
    uint64_t seen;
};

/* "max_batch_size" or "maxBatchSize". */
static bool name_is(const char *name, struct str key)
{
    size_t k = 0;
    if (str_eqc(key, name))
        return true;
    for (; *name; name++, k++) {
        const bool up = *name == '_' && name[1] >= 'a' && name[1] <= 'z';
        name += up;
        if (k >= key.len || key.p[k] != (char)(up ? *name - 'a' + 'A' : *name))
            return false;
    }
    return k == key.len;
}

static const struct pbtxt_field *field_of(const struct pbtxt_message *m, struct str key)
{
    for (const struct pbtxt_field *f = m->fields; f->name; f++)
        if (name_is(f->name, key))
            return f;
    return NULL;
}

static enum err scalar_copy(struct op *op, const struct pbtxt_field *f, const struct json *v, struct json *ret)
{
    const bool whole = f->kind == PBTXT_INT64 || f->kind == PBTXT_UINT64 || f->kind == PBTXT_INT32 || f->kind == PBTXT_UINT32;
    *ret = *v;
    if (v->type == JSON_ARRAY || v->type == JSON_OBJECT)
        return op_fail_field(op, f->name, "%s is a %s", f->name, json_type_name(v->type));
    if (whole && v->type == JSON_STRING && str_parse_u64(v->s, &ret->u))
        ret->type = ret->u > INT64_MAX ? JSON_UINT : JSON_INT;
    else if (whole && v->type == JSON_STRING && str_parse_i64(v->s, &ret->i))
        ret->type = JSON_INT;
    const char *want = pbtxt_fit(f, false, ret);
    return want ? op_fail_field(op, f->name, "%s is wanted for \"%s\"", want, f->name) : OK;
}

static bool room(struct op *op, struct json *to, uint32_t n)
{
    if (to->type == JSON_ARRAY)
        to->items = arena_array(op->arena, (size_t)n + 1, struct json);
    else
        to->members = arena_array(op->arena, (size_t)n + 1, struct json_member);
    return to->type == JSON_ARRAY ? to->items != NULL : to->members != NULL;
}

/* Makes *to for `from` as one value of `f` (or, `many`, as all of them) and a frame to fill it where it is not a scalar. */
static enum err value_begin(struct op *op, const struct pbtxt_field *f, bool many, const struct json *from, struct json *to, struct walk *next)
{
    const bool list = many && f->kind != PBTXT_MAP, message = f->kind == PBTXT_MESSAGE || f->kind == PBTXT_MAP;
    const enum json_type want = list ? JSON_ARRAY : JSON_OBJECT;
    next->from = NULL;
    if (!list && !message)
        return scalar_copy(op, f, from, to);
    if (from->type != want)
        return op_fail_field(op, f->name, "%s is a %s, not %s", f->name, json_type_name(from->type), list ? "a list" : "an object");
    *to = (struct json){.type = want};
    if (!room(op, to, from->len))
        return op_fail(op, E_TOO_LARGE, "no memory for %u values of %s", from->len, f->name);
    *next = (struct walk){.from = from, .to = to};
    if (many)
        next->field = f->kind == PBTXT_MAP ? pbtxt_field_find(f->message, STR("value")) : f;
    else
        next->schema = f->message;
    return OK;
}

/* A member of a message: which field it is, once. */
static enum err member_find(struct op *op, struct walk *w, struct str key, const struct pbtxt_field **ret)
{
    const struct pbtxt_field *f = field_of(w->schema, key);
    if (!f)
        return op_fail(op, E_INVALID, "%s has no field \"%.*s\"", w->schema->name, STR_FMT(str_sub(key, 0, 80)));
    const uint64_t bit = 1ULL << (f - w->schema->fields);
    const uint32_t choice = f->oneof ? 1u << f->oneof : 0;
    if (w->seen & bit)
        return op_fail_field(op, f->name, "%s is given twice", f->name);
    if (w->chosen & choice)
        return op_fail_field(op, f->name, "%s: another member of the same choice is given already", f->name);
    w->seen |= bit;
    w->chosen |= choice;
    *ret = f;
    return OK;
}

static enum err step(struct op *op, struct walk *w, struct walk *next)
{
    const uint32_t i = w->at++;
    next->from = NULL;
    if (w->from->type == JSON_ARRAY)
        return value_begin(op, w->field, false, &w->from->items[i], &w->to->items[w->to->len++], next);
    const struct json_member *m = &w->from->members[i];
    const struct pbtxt_field *f = w->field;
    if (m->value.type == JSON_NULL)
        return OK;
    enum err e = w->schema ? member_find(op, w, m->key, &f) : OK;
    if (e)
        return e;
    struct json_member *out = &w->to->members[w->to->len++];
    out->key = w->schema ? str_from(f->name) : m->key;
    return value_begin(op, f, w->schema && (f->repeated || f->kind == PBTXT_MAP), &m->value, &out->value, next);
}

enum err pbtxt_of_json(struct op *op, const struct json *doc, const struct pbtxt_message *schema, struct json **ret)
{
    const struct pbtxt_field top = {.name = schema->name, .kind = PBTXT_MESSAGE, .message = schema};
    struct walk stack[LIMIT_PBTXT_DEPTH * 2];
    struct json *tree = arena_array(op->arena, 1, struct json);
    size_t depth = 1;
    if (!tree)
        return op_fail(op, E_TOO_LARGE, "no memory for a message");
    enum err e = value_begin(op, &top, false, doc, tree, &stack[0]);
    while (!e && depth) {
        struct walk *w = &stack[depth - 1];
        if (w->at == w->from->len) {
            depth--;
            continue;
        }
        struct walk next = {.from = NULL};
        e = step(op, w, &next);
        if (e || !next.from)
            continue;
        if (depth == ARRAY_LEN(stack))
            e = op_fail(op, E_INVALID, "messages lie too deep in each other");
        else
            stack[depth++] = next;
    }
    if (!e)
        *ret = tree;
    return e;
}
