#include "core/serve/named.h"

#include <stdio.h>

#include "base/limits.h"

/* "[-1, 3]" */
static void shape_text(const int64_t *shape, uint32_t rank, char out[256])
{
    size_t n = 0;
    out[n++] = '[';
    for (uint32_t i = 0; i < rank; i++)
        n += (size_t)snprintf(out + n, 256 - n, i ? ", %lld" : "%lld", (long long)shape[i]);
    snprintf(out + n, 256 - n, "]");
}

static enum err shape_fail(struct op *op, const struct tensor *t, const struct tensor_spec *s)
{
    char has[256], want[256];
    shape_text(t->shape, t->rank, has);
    shape_text(s->shape, s->rank, want);
    return op_fail(op, E_INVALID, "input \"%.*s\" has shape %s; %s is wanted", STR_FMT(t->name), has, want);
}

static enum err input_check(struct op *op, const struct tensor *t, const struct tensor_spec *s)
{
    if (t->type != s->type)
        return op_fail(op, E_INVALID, "input \"%.*s\" has datatype %s; %s is wanted", STR_FMT(t->name), tensor_type_name(t->type),
                       tensor_type_name(s->type));
    if (t->rank != s->rank)
        return shape_fail(op, t, s);
    for (uint32_t i = 0; i < t->rank; i++)
        if (s->shape[i] >= 0 && s->shape[i] != t->shape[i])
            return shape_fail(op, t, s);
    return OK;
}

static bool is_extra(const struct named_want *w, struct str name)
{
    return (w->id_field.len && str_eq(name, w->id_field)) || (w->time_field.len && str_eq(name, w->time_field));
}

static bool is_input(const struct named_want *w, struct str name)
{
    for (size_t i = 0; i < w->input_count; i++)
        if (str_eq(w->inputs[i].name, name))
            return true;
    return false;
}

/* The row count of a model that joins: all inputs agree on the first length. */
static enum err rows_agree(struct op *op, const struct tensor *t, size_t *rows)
{
    size_t n = t->rank ? (size_t)t->shape[0] : 1;
    if (*rows == SIZE_MAX)
        *rows = n;
    if (n != *rows)
        return op_fail(op, E_INVALID, "input \"%.*s\" has %zu rows, the others %zu", STR_FMT(t->name), n, *rows);
    return n <= LIMIT_SERVE_ROWS ? OK : op_fail(op, E_TOO_LARGE, "%zu rows; a request may have %d", n, LIMIT_SERVE_ROWS);
}

static enum err extras_read(struct op *op, const struct named_want *w, const struct tensor_set *set, size_t rows, struct rows *extras)
{
    const struct tensor *id = is_input(w, w->id_field) ? NULL : tensor_set_find(set, w->id_field, SIZE_MAX);
    const struct tensor *time = is_input(w, w->time_field) ? NULL : tensor_set_find(set, w->time_field, SIZE_MAX);
    enum err e = id ? rows_read_ids(op, id, rows, extras) : OK;
    return !e && time ? rows_read_times(op, time, rows, extras) : e;
}

enum err named_read(struct op *op, const struct named_want *w, const struct tensor_set *set, struct tensor **ret_inputs, size_t *ret_rows,
                    struct rows *extras)
{
    struct tensor *in = arena_array(op->arena, w->input_count + 1, struct tensor);
    size_t found = 0, rows = SIZE_MAX;
    enum err e = in ? OK : op_fail(op, E_TOO_LARGE, "no memory for %zu inputs", w->input_count);
    for (size_t i = 0; !e && i < w->input_count; i++) {
        const struct tensor *t = tensor_set_find(set, w->inputs[i].name, i);
        if (!t && !w->inputs[i].optional)
            return op_fail(op, E_INVALID, "input \"%.*s\" is missing", STR_FMT(w->inputs[i].name));
        if (!t) {
            in[i] = (struct tensor){.name = w->inputs[i].name, .type = TENSOR_TYPE_COUNT};
            continue;
        }
        found++;
        in[i] = *t;
        e = w->loose ? OK : input_check(op, t, &w->inputs[i]);
        if (!e && w->joins)
            e = rows_agree(op, t, &rows);
        if (!e)
            e = tensor_align(op, &in[i]);
    }
    for (size_t i = 0; !e && found < set->len && i < set->len; i++)
        if (!is_input(w, set->all[i].name) && !is_extra(w, set->all[i].name))
            e = op_fail(op, E_INVALID, "\"%.*s\" has no input \"%.*s\"", STR_FMT(w->endpoint), STR_FMT(set->all[i].name));
    if (rows == SIZE_MAX)
        rows = 1;
    if (!e && found < set->len)
        e = extras_read(op, w, set, rows, extras);
    if (e)
        return e;
    *ret_inputs = in;
    *ret_rows = rows;
    return OK;
}

enum err named_outputs(struct op *op, struct str endpoint, const struct infer_want *wanted, size_t n, const struct tensor_spec *outputs,
                       size_t output_count, uint16_t *ret_places)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < output_count && !str_eq(outputs[k].name, wanted[i].name))
            k++;
        if (k == output_count)
            return op_fail(op, E_INVALID, "\"%.*s\" has no output \"%.*s\"", STR_FMT(endpoint), STR_FMT(wanted[i].name));
        for (size_t j = 0; j < i; j++)
            if (ret_places[j] == k)
                return op_fail(op, E_INVALID, "output \"%.*s\" is asked for twice", STR_FMT(wanted[i].name));
        ret_places[i] = (uint16_t)k;
    }
    return OK;
}
