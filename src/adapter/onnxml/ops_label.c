/* Categories: one-hot codes, labels to labels. Keys of all types are looked up as bytes: a number by its own, a text as it is. */
#include <math.h>

#include "adapter/onnxml/kernel.h"
#include "base/map.h"

struct label_state {
    struct map places;       /* key -> one of `marks` */
    enum tensor_type key;    /* TENSOR_INT64, TENSOR_FP64 (all reals) or TENSOR_BYTES */
    const char *marks;       /* marks + i says place i */
    size_t count;
    bool zeros;              /* OneHotEncoder: an unknown category has no 1 and is no error */
    struct tensor values, other; /* LabelEncoder: of each key, of none */
};

/* The bytes that stand for a number; `room` has 8. */
static struct str key_of(const struct tensor *t, size_t i, enum tensor_type key, char *room)
{
    if (key == TENSOR_BYTES)
        return t->texts[i];
    int64_t whole = 0;
    double real = onnxml_get(t, i);
    if (t->type == TENSOR_INT64)
        whole = ((const int64_t *)t->data)[i];
    else if (key == TENSOR_INT64 && real > -9e18 && real < 9e18)
        whole = (int64_t)real;
    else if (key == TENSOR_INT64)
        whole = INT64_MIN;
    real = isnan(real) ? (double)NAN : real == 0 ? 0 : real; /* one NaN, one zero */
    if (key == TENSOR_INT64)
        memcpy(room, &whole, sizeof(whole));
    else
        memcpy(room, &real, sizeof(real));
    return (struct str){room, 8};
}

static enum err keys_keep(struct op *op, struct arena *arena, const struct tensor *keys, struct label_state *s)
{
    s->count = keys->count;
    s->key = keys->type == TENSOR_BYTES || keys->type == TENSOR_INT64 ? keys->type : TENSOR_FP64;
    s->marks = arena_try_alloc(arena, keys->count + 1, 1);
    map_init(&s->places, arena);
    for (size_t i = 0; s->marks && i < keys->count; i++) {
        char room[8];
        struct str key = key_of(keys, i, s->key, room);
        if (map_has(&s->places, key))
            continue; /* the first stands */
        union { const char *from; void *to; } mark = {s->marks + i};
        if (arena_left(arena) < key.len + 64 || !map_put(&s->places, str_dup(arena, key), mark.to))
            return op_fail(op, E_TOO_LARGE, "no memory for %zu categories", keys->count);
    }
    return s->marks ? OK : op_fail(op, E_TOO_LARGE, "no memory for %zu categories", keys->count);
}

/* The place of a value among the keys; SIZE_MAX: it is none. */
static size_t place_of(const struct label_state *s, const struct tensor *t, size_t i)
{
    char room[8];
    const char *mark = map_find(&s->places, key_of(t, i, s->key, room));
    return mark ? (size_t)(mark - s->marks) : SIZE_MAX;
}

/* A list in an attribute as a tensor. False: there is none. */
static bool attr_tensor(const struct onnxml_node *node, const char *ints, const char *floats, const char *strings, const char *tensor,
                        struct tensor *ret)
{
    const struct onnxml_attr *a = onnxml_attr(node, ints), *f = onnxml_attr(node, floats), *s = onnxml_attr(node, strings),
                             *t = onnxml_attr(node, tensor);
    *ret = (struct tensor){.rank = 1};
    if (t && t->tensor.type != TENSOR_TYPE_COUNT) {
        *ret = t->tensor;
        return true;
    }
    if (a && a->int_count) {
        ret->type = TENSOR_INT64;
        ret->data = a->ints;
        ret->count = a->int_count;
    } else if (f && f->float_count) {
        ret->type = TENSOR_FP32;
        ret->data = f->floats;
        ret->count = f->float_count;
    } else if (s && s->string_count) {
        ret->type = TENSOR_BYTES;
        ret->texts = s->strings;
        ret->count = s->string_count;
    }
    ret->shape[0] = (int64_t)ret->count;
    return ret->count > 0;
}

static enum err onehot_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct label_state *s = arena_new(arena, struct label_state);
    struct tensor keys;
    (void)g;
    *ret_state = s;
    s->zeros = onnxml_attr_i64(node, "zeros", 1) != 0;
    if (!attr_tensor(node, "cats_int64s", "", "cats_strings", "", &keys))
        return op_fail(op, E_UNSUPPORTED, "OneHotEncoder without categories");
    return keys_keep(op, arena, &keys, s);
}

static enum err onehot_run(struct onnxml_call *c)
{
    const struct label_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    int64_t shape[LIMIT_TENSOR_RANK + 1];
    if ((t->type == TENSOR_BYTES) != (s->key == TENSOR_BYTES))
        return onnxml_unsupported(c, "categories of another type");
    memcpy(shape, t->shape, t->rank * sizeof(*shape));
    shape[t->rank] = (int64_t)s->count;
    enum err e = onnxml_out(c, 0, TENSOR_FP32, t->rank + 1, shape);
    for (size_t i = 0; !e && i < t->count; i++) {
        size_t at = place_of(s, t, i);
        if (at != SIZE_MAX)
            ((float *)onnxml_data(c->out[0]))[i * s->count + at] = 1;
        else if (!s->zeros && !c->trial && t->type == TENSOR_BYTES)
            e = op_fail(c->op, E_INVALID, "\"%.*s\" is not one of the %zu categories", STR_FMT(t->texts[i]), s->count);
        else if (!s->zeros && !c->trial)
            e = op_fail(c->op, E_INVALID, "%g is not one of the %zu categories", onnxml_get(t, i), s->count);
    }
    return e;
}

static enum err encoder_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct label_state *s = arena_new(arena, struct label_state);
    const struct onnxml_attr *others = onnxml_attr(node, "default_tensor");
    struct tensor keys, values;
    (void)g;
    *ret_state = s;
    if (!attr_tensor(node, "keys_int64s", "keys_floats", "keys_strings", "keys_tensor", &keys) ||
        !attr_tensor(node, "values_int64s", "values_floats", "values_strings", "values_tensor", &values) || keys.count != values.count)
        return op_fail(op, E_UNSUPPORTED, "LabelEncoder without as many keys as values");
    enum err e = keys_keep(op, arena, &keys, s);
    if (!e)
        e = onnxml_keep_tensor(op, arena, &values, &s->values);
    if (e)
        return e;
    struct tensor other = {.type = values.type, .count = 1};
    const int64_t whole = onnxml_attr_i64(node, "default_int64", -1);
    const float real = onnxml_attr_f32(node, "default_float", -0.0f);
    const struct str text = onnxml_attr_str(node, "default_string", "_Unused");
    switch (values.type) {
    case TENSOR_INT64: other.data = &whole; break;
    case TENSOR_FP32: other.data = &real; break;
    case TENSOR_BYTES: other.texts = &text; break;
    default: return op_fail(op, E_UNSUPPORTED, "LabelEncoder to %s", tensor_type_name(values.type));
    }
    if (others && others->tensor.type == values.type && others->tensor.count == 1)
        other = others->tensor;
    return onnxml_keep_tensor(op, arena, &other, &s->other);
}

static enum err encoder_run(struct onnxml_call *c)
{
    const struct label_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    if ((t->type == TENSOR_BYTES) != (s->key == TENSOR_BYTES) || (s->key == TENSOR_INT64 && t->type != TENSOR_INT64))
        return onnxml_unsupported(c, "keys of another type");
    enum err e = onnxml_out(c, 0, s->values.type, t->rank, t->shape);
    const size_t size = tensor_type_size(s->values.type);
    for (size_t i = 0; !e && i < t->count; i++) {
        size_t at = place_of(s, t, i);
        const struct tensor *from = at == SIZE_MAX ? &s->other : &s->values;
        at = at == SIZE_MAX ? 0 : at;
        if (from->type == TENSOR_BYTES)
            onnxml_texts(c->out[0])[i] = from->texts[at];
        else
            memcpy((char *)onnxml_data(c->out[0]) + i * size, (const char *)from->data + at * size, size);
    }
    return e;
}

/* ZipMap makes a list of maps from class to score; here it is the matrix of the scores, whose columns the labels name. */
static enum err zipmap_run(struct onnxml_call *c)
{
    return onnxml_alias(c, 0, c->in[0], c->in[0]->rank, c->in[0]->shape);
}

/* clang-format off */
const struct onnxml_kernel onnxml_label_kernels[] = {
    {"OneHotEncoder", true, 1, 1, 0, onehot_prepare, onehot_run},
    {"LabelEncoder", true, 1, 1, 0, encoder_prepare, encoder_run},
    {"ZipMap", true, 1, 1, 0, NULL, zipmap_run},
    {0},
};
