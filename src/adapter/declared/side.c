#include "adapter/declared/side.h"

#include <inttypes.h>

#include "base/limits.h"

struct reader {
    struct op *op;
    struct arena *arena;
    const struct side_want *want;
    const struct tensor_spec *own;
    size_t own_count;
    const char *kind;        /* "input" */
};

/* ---- reading ---- */

static enum err lengths_read(struct reader *r, struct str name, const char *what, const struct json *list, uint32_t *ret_rank, int64_t *ret)
{
    if (list->type != JSON_ARRAY || list->len >= LIMIT_TENSOR_RANK)
        return op_fail(r->op, E_INVALID, "%s \"%.*s\": %s is not a list of less than %d lengths", r->kind, STR_FMT(name), what, LIMIT_TENSOR_RANK);
    for (uint32_t i = 0; i < list->len; i++)
        if (!json_as_i64(&list->items[i], &ret[i]) || ret[i] < -1 || ret[i] > (int64_t)LIMIT_TENSOR_VALUES)
            return op_fail(r->op, E_INVALID, "%s \"%.*s\": %s has a length that is neither -1 nor 0 or more", r->kind, STR_FMT(name), what);
    *ret_rank = list->len;
    return OK;
}

static void shape_make(uint32_t dims_rank, const int64_t *dims, bool batch, uint32_t *ret_rank, int64_t *ret)
{
    *ret_rank = dims_rank + batch;
    ret[0] = -1;
    for (uint32_t i = 0; i < dims_rank; i++)
        ret[i + batch] = dims[i];
}

/* Does a shape that is declared for the model fit its own? The batch's axis must be free there. */
static bool shape_fits(uint32_t rank, const int64_t *shape, bool batch, const struct tensor_spec *own)
{
    if (rank != own->rank || (batch && own->shape[0] != -1))
        return false;
    for (uint32_t i = 0; i < rank; i++)
        if (shape[i] != own->shape[i] && shape[i] != -1 && own->shape[i] != -1)
            return false;
    return true;
}

static const char *shape_text(struct op *op, uint32_t rank, const int64_t *shape)
{
    const char *text = "[";
    for (uint32_t i = 0; i < rank; i++)
        text = op_printf(op, "%s%s%" PRId64, text, i ? ", " : "", shape[i]);
    return op_printf(op, "%s]", text);
}

static enum err inner_find(struct reader *r, struct str name, size_t *ret)
{
    const char *names = "";
    for (size_t i = 0; i < r->own_count; i++) {
        if (r->want->rows || str_eq(r->own[i].name, name)) {
            *ret = i;
            return OK;
        }
        if (i < 8)
            names = op_printf(r->op, "%s%s\"%.*s\"", names, i ? ", " : "", STR_FMT(r->own[i].name));
    }
    return op_fail(r->op, E_INVALID, "the model has no %s \"%.*s\"; it has %s", r->kind, STR_FMT(name), names);
}

static enum err labels_read(struct reader *r, const struct json *list, struct tensor_spec *spec)
{
    if (!list)
        return OK;
    struct str *labels = list->type == JSON_ARRAY ? arena_array(r->arena, (size_t)list->len + 1, struct str) : NULL;
    for (uint32_t i = 0; labels && i < list->len; i++) {
        if (list->items[i].type != JSON_STRING || arena_left(r->arena) < list->items[i].s.len + 64)
            return op_fail(r->op, E_INVALID, "%s \"%.*s\": labels are not texts, or too long", r->kind, STR_FMT(spec->name));
        labels[i] = str_dup(r->arena, list->items[i].s);
    }
    if (!labels)
        return op_fail(r->op, E_INVALID, "%s \"%.*s\": labels are no list, or too many", r->kind, STR_FMT(spec->name));
    spec->labels = labels;
    spec->label_count = list->len;
    return OK;
}

/* Both shapes with the batch's axis, or without one if only that fits. */
static enum err shapes_read(struct reader *r, const struct json *obj, const struct tensor_spec *own, struct tensor_spec *spec, struct side_place *place,
                            bool *batched)
{
    int64_t dims[LIMIT_TENSOR_RANK], reshape[LIMIT_TENSOR_RANK];
    uint32_t dims_rank = 0, reshape_rank = 0;
    const struct json *list = json_get(obj, "dims"), *other = json_get(obj, "reshape");
    if (!list)
        return op_fail(r->op, E_INVALID, "%s \"%.*s\" has no dims", r->kind, STR_FMT(spec->name));
    enum err e = lengths_read(r, spec->name, "dims", list, &dims_rank, dims);
    if (!e && other)
        e = lengths_read(r, spec->name, "reshape", other, &reshape_rank, reshape);
    if (e)
        return e;
    const uint32_t model_rank = other ? reshape_rank : dims_rank;
    const int64_t *model = other ? reshape : dims;
    /* Values of a row model are rows however their axes are called: [n] is [n, 1]. */
    const bool flat = r->want->rows && own->rank == 2 && own->shape[1] == 1 && !model_rank;
    for (int batch = 1; batch >= 0; batch--) {
        if ((batch && r->want->batched == SIDE_WHOLE) || (!batch && r->want->batched == SIDE_BATCHED))
            continue;
        shape_make(model_rank, model, batch != 0, &place->rank, place->shape);
        if (!(flat && batch) && !shape_fits(place->rank, place->shape, batch != 0, own))
            continue;
        place->reshaped = other != NULL || flat;
        shape_make(dims_rank, dims, batch != 0, &spec->rank, spec->shape);
        for (uint32_t i = 0; !place->reshaped && i < spec->rank; i++)
            spec->shape[i] = spec->shape[i] < 0 ? own->shape[i] : spec->shape[i];
        *batched = *batched && batch;
        return OK;
    }
    return op_fail(r->op, E_INVALID, "%s \"%.*s\" has shape %s in the model; %s%s are declared", r->kind, STR_FMT(spec->name), shape_text(r->op, own->rank, own->shape),
                   r->want->batched == SIDE_BATCHED ? "a batch of " : "dims ", shape_text(r->op, model_rank, model));
}

static enum err one_read(struct reader *r, const struct json *obj, struct tensor_spec *spec, struct side_place *place, bool *batched)
{
    struct str name, type;
    enum tensor_type parsed;
    bool optional = false;
    if (obj->type != JSON_OBJECT)
        return op_fail(r->op, E_INVALID, "an %s that is declared is no object", r->kind);
    enum err e = json_opt_str(r->op, obj, "name", STR(""), &name);
    if (!e)
        e = json_opt_str(r->op, obj, "datatype", STR(""), &type);
    if (!e)
        e = json_opt_bool(r->op, obj, "optional", false, &optional);
    if (!e && (!name.len || name.len > LIMIT_KIB(4)))
        e = op_fail(r->op, E_INVALID, "an %s that is declared has no name, or a long one", r->kind);
    if (!e)
        e = inner_find(r, name, &place->inner);
    if (e)
        return e;
    const struct tensor_spec *own = &r->own[place->inner];
    const bool any_type = r->want->rows && *r->kind == 'i';
    if (!tensor_type_parse(type, &parsed) || (any_type ? parsed == TENSOR_BYTES || parsed == TENSOR_BOOL : parsed != own->type))
        return op_fail(r->op, E_INVALID, "%s \"%.*s\" is declared as \"%.*s\"; the model has %s", r->kind, STR_FMT(name), STR_FMT(type), tensor_type_name(own->type));
    if (arena_left(r->arena) < name.len + 64)
        return op_fail(r->op, E_TOO_LARGE, "no memory for what is declared");
    *spec = (struct tensor_spec){.name = str_dup(r->arena, name), .type = parsed, .optional = optional && own->optional, .labels = own->labels,
                                 .label_count = own->label_count};
    e = shapes_read(r, obj, own, spec, place, batched);
    return e ? e : labels_read(r, json_get(obj, "labels"), spec);
}

/* The model's own tensors, as nobody declared others. */
static void own_take(struct reader *r, struct side *s)
{
    s->batched = r->want->joins && r->want->batched != SIDE_WHOLE;
    for (size_t i = 0; i < r->own_count; i++) {
        s->specs[i] = r->own[i];
        s->specs[i].name = str_dup(r->arena, r->own[i].name); /* a row model's are on the caller's stack */
        s->places[i] = (struct side_place){.inner = i};
    }
}

/* Nothing twice; of the inputs nothing that the model cannot do without is left out. */
static enum err whole_check(struct reader *r, const struct side *s)
{
    for (size_t i = 0; i < s->len; i++)
        for (size_t k = 0; k < i; k++)
            if (s->places[i].inner == s->places[k].inner)
                return op_fail(r->op, E_INVALID, r->want->rows ? "the model has one %s; \"%.*s\" is declared beside another" : "%s \"%.*s\" is declared twice", r->kind,
                               STR_FMT(s->specs[i].name));
    for (size_t i = 0; *r->kind == 'i' && i < r->own_count; i++) {
        bool there = r->own[i].optional;
        for (size_t k = 0; k < s->len; k++)
            there = there || s->places[k].inner == i;
        if (!there)
            return op_fail(r->op, E_INVALID, "the model wants %s \"%.*s\", which is not declared", r->kind, STR_FMT(r->own[i].name));
    }
    return OK;
}

enum err side_read(struct op *op, struct arena *arena, const struct json *list, const struct side_want *want, const struct tensor_spec *own,
                   size_t own_count, bool input, struct side *ret)
{
    struct reader r = {.op = op, .arena = arena, .want = want, .own = own, .own_count = own_count, .kind = input ? "input" : "output"};
    if (list && (list->type != JSON_ARRAY || !list->len || list->len > LIMIT_DECLARED_TENSORS))
        return op_fail(op, E_INVALID, "%ss are not a list of 1 to %d objects", r.kind, LIMIT_DECLARED_TENSORS);
    struct side s = {.len = list ? list->len : own_count, .batched = want->joins};
    s.specs = arena_array(arena, s.len + 1, struct tensor_spec);
    s.places = arena_array(arena, s.len + 1, struct side_place);
    if (!s.specs || !s.places)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu tensors", s.len);
    enum err e = OK;
    if (!list)
        own_take(&r, &s);
    for (size_t i = 0; list && !e && i < s.len; i++)
        e = one_read(&r, &list->items[i], &s.specs[i], &s.places[i], &s.batched);
    if (!e)
        e = whole_check(&r, &s);
    if (!e)
        *ret = s;
    return e;
}

/* ---- shapes ---- */

/* `shape` with its free lengths from `count` values: the first axis is that of `t`, one other may be free. False: they do not fill it. */
static bool shape_fill(const struct tensor *t, uint32_t rank, const int64_t *shape, struct tensor *ret)
{
    size_t fixed = 1;
    uint32_t open = UINT32_MAX;
    *ret = *t;
    ret->rank = rank;
    for (uint32_t i = 0; i < rank; i++) {
        ret->shape[i] = shape[i] < 0 && i == 0 && t->rank ? t->shape[0] : shape[i];
        if (ret->shape[i] < 0 && open != UINT32_MAX)
            return false;
        if (ret->shape[i] < 0)
            open = i;
        else if (__builtin_mul_overflow(fixed, (size_t)ret->shape[i], &fixed))
            return false;
    }
    if (open == UINT32_MAX)
        return fixed == t->count;
    if (!fixed || t->count % fixed)
        return false;
    ret->shape[open] = (int64_t)(t->count / fixed);
    return true;
}

enum err side_give(struct op *op, const struct side *s, size_t i, const struct tensor *t, const struct tensor_spec *own, struct tensor *ret)
{
    const struct side_place *p = &s->places[i];
    struct tensor made = *t;
    if (p->reshaped && !shape_fill(t, p->rank, p->shape, &made))
        return op_fail(op, E_INVALID, "input \"%.*s\" has %zu values, which do not fill the model's shape", STR_FMT(t->name), t->count);
    made.name = own->name;
    for (uint32_t k = 0; p->reshaped && k < own->rank; k++)
        if (own->shape[k] != -1 && own->shape[k] != made.shape[k])
            return op_fail(op, E_INVALID, "input \"%.*s\" has a shape that the model does not take", STR_FMT(t->name));
    *ret = made;
    return OK;
}

enum err side_show(struct op *op, const struct side *s, size_t i, struct tensor *t)
{
    const struct side_place *p = &s->places[i];
    const struct tensor_spec *spec = &s->specs[i];
    struct tensor made = *t;
    if (p->reshaped && !shape_fill(t, spec->rank, spec->shape, &made))
        return op_fail(op, E_IO, "output \"%.*s\" has %zu values, which do not fill the declared shape", STR_FMT(spec->name), t->count);
    made.name = spec->name;
    *t = made;
    return OK;
}
