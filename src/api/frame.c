#include "api/frame.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/map.h"

static bool is_list(const struct json *j)
{
    return j->type == JSON_ARRAY || j->type == JSON_INTS || j->type == JSON_REALS;
}

/* Item `i` of a list, packed or not; a packed null is a real NaN again. */
static struct json item_of(const struct json *list, size_t i)
{
    if (list->type == JSON_INTS)
        return (struct json){.type = JSON_INT, .i = list->ints[i]};
    if (list->type == JSON_REALS)
        return (struct json){.type = JSON_REAL, .f = list->reals[i]};
    return list->items[i];
}

/* ---- frames ---- */

/* Rows with the first one's members in its order, the usual case, are read as they stand. Of others it is found once where each column stands:
 * to look for every name in every row takes a time that grows with the square of the columns, and a client chooses the order. */
struct records {
    const struct json *list;
    const uint32_t **places;  /* by row: 1 + the place of each column among the row's members, 0: not there. NULL: as in the first row */
};

static struct json record_cell(const struct frame *f, size_t row, size_t col)
{
    const struct records *r = f->data;
    const struct json *obj = &r->list->items[row];
    const size_t at = r->places[row] ? r->places[row][col] : col + 1;
    return at ? obj->members[at - 1].value : (struct json){.type = JSON_NULL};
}

static bool has_order(const struct json *row, const struct str *names, size_t n)
{
    bool same = row->len == n;
    for (size_t i = 0; same && i < n; i++)
        same = str_eq(row->members[i].key, names[i]);
    return same;
}

/* `columns`: name to 1 + place, made for the first row that needs it. */
static enum err places_find(struct op *op, const struct json *row, const struct str *names, size_t n, struct map *columns, const uint32_t **ret, size_t *ret_found)
{
    uint32_t *places = arena_array(op->arena, n + 1, uint32_t);
    bool room = places != NULL;
    for (size_t i = columns->len; room && i < n; i++)
        room = map_put(columns, names[i], (void *)(i + 1));
    if (!room)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu columns", n);
    *ret_found = 0;
    for (uint32_t i = 0; i < row->len; i++) {
        const uintptr_t at = (uintptr_t)map_find(columns, row->members[i].key);
        if (!at || places[at - 1])
            continue;
        places[at - 1] = i + 1;
        ++*ret_found;
    }
    *ret = places;
    return OK;
}

enum err frame_of_records(struct op *op, const struct frame_want *want, const struct json *list, struct frame *ret)
{
    if (list->type != JSON_ARRAY || !list->len)
        return op_fail(op, E_INVALID, "there are no rows");
    const struct json *first = &list->items[0];
    if (first->type != JSON_OBJECT || first->len > LIMIT_SERVE_INPUTS)
        return op_fail(op, E_INVALID, "row 0 is not an object of at most %d columns", LIMIT_SERVE_INPUTS);
    struct str *names = arena_array(op->arena, (size_t)first->len + 1, struct str);
    struct records *r = arena_array(op->arena, 1, struct records);
    const uint32_t **places = arena_array(op->arena, list->len, const uint32_t *);
    struct map columns;
    if (!names || !r || !places)
        return op_fail(op, E_TOO_LARGE, "no memory for %" PRIu32 " columns", first->len);
    map_init(&columns, op->arena);
    for (uint32_t c = 0; c < first->len; c++)
        names[c] = first->members[c].key;
    for (uint32_t i = 1; i < list->len; i++) {
        const struct json *row = &list->items[i];
        size_t found = 0;
        if (row->type != JSON_OBJECT)
            return op_fail(op, E_INVALID, "row %" PRIu32 " is %s, the first is an object", i, json_type_name(row->type));
        if (has_order(row, names, first->len))
            continue;
        enum err e = places_find(op, row, names, first->len, &columns, &places[i], &found);
        if (e)
            return e;
        if (found < row->len || (found < first->len && !want->fill_missing))
            return op_fail(op, E_INVALID, "row %" PRIu32 " has other columns than the first", i);
    }
    *r = (struct records){list, places};
    *ret = (struct frame){.rows = list->len, .cols = first->len, .names = names, .cell = record_cell, .data = r};
    return OK;
}

static struct json row_cell(const struct frame *f, size_t row, size_t col)
{
    return item_of(&((const struct json *)f->data)->items[row], col);
}

enum err frame_of_rows(struct op *op, const struct json *columns, const struct json *data, struct frame *ret)
{
    struct frame f = {.cell = row_cell, .data = data};
    if (data->type != JSON_ARRAY || !data->len)
        return op_fail(op, E_INVALID, "there are no rows");
    for (uint32_t i = 0; i < data->len; i++) {
        if (!is_list(&data->items[i]))
            return op_fail(op, E_INVALID, "row %" PRIu32 " is %s, not a list", i, json_type_name(data->items[i].type));
        if (data->items[i].len != data->items[0].len)
            return op_fail(op, E_INVALID, "row %" PRIu32 " has %" PRIu32 " values, the first has %" PRIu32, i, data->items[i].len, data->items[0].len);
    }
    f.rows = data->len;
    f.cols = data->items[0].len;
    if (f.cols > LIMIT_SERVE_INPUTS)
        return op_fail(op, E_INVALID, "%zu columns; a request may have %d", f.cols, LIMIT_SERVE_INPUTS);
    if (columns && columns->type != JSON_NULL) {
        if (!is_list(columns) || columns->len != f.cols)
            return op_fail(op, E_INVALID, "columns is not a list of %zu names, as many as a row has values", f.cols);
        struct str *names = arena_array(op->arena, f.cols + 1, struct str);
        if (!names)
            return op_fail(op, E_TOO_LARGE, "no memory for %zu columns", f.cols);
        for (uint32_t c = 0; columns->type == JSON_ARRAY && c < columns->len; c++) {
            if (columns->items[c].type != JSON_STRING)
                return op_fail(op, E_INVALID, "columns[%" PRIu32 "] is %s, not a name", c, json_type_name(columns->items[c].type));
            names[c] = columns->items[c].s;
        }
        f.names = columns->type == JSON_ARRAY ? names : NULL; /* numbers are positions, no names */
    }
    *ret = f;
    return OK;
}

/* ---- names and types ---- */

static bool is_row_model(const struct frame_want *w)
{
    return w->info->features > 0;
}

static const struct tensor_spec *spec_find(const struct frame_want *w, struct str name)
{
    for (size_t i = 0; i < w->sig->input_count; i++)
        if (str_eq(w->sig->inputs[i].name, name))
            return &w->sig->inputs[i];
    return NULL;
}

static bool is_feature(const struct serve_info *info, struct str name, size_t hint)
{
    if (!info->feature_names)
        return false;
    if (hint < info->features && str_eq(info->feature_names[hint], name))
        return true;
    for (size_t i = 0; i < info->features; i++)
        if (str_eq(info->feature_names[i], name))
            return true;
    return false;
}

/* Columns beside the features: row ids, times, what the feature view wants. */
static bool is_beside(const struct serve_info *info, struct str name)
{
    const struct feature_view *v = info->view;
    bool found = (info->id_field.len && str_eq(name, info->id_field)) || (v && str_eq(name, v->timestamp_field));
    for (size_t i = 0; v && i < v->key_len; i++)
        found = found || str_eq(name, v->keys[i]);
    for (size_t i = 0; v && i < v->number_len; i++)
        found = found || str_eq(name, v->numbers[i]);
    return found;
}

/* The type that untyped values have. */
static enum tensor_type type_of_values(const struct json *list)
{
    const struct json *j = list;
    while (j->type == JSON_ARRAY && j->len && is_list(&j->items[0]))
        j = &j->items[0];
    if (j->type == JSON_INTS || j->type == JSON_INT)
        return TENSOR_INT64;
    bool all_ints = j->type == JSON_ARRAY && j->len > 0;
    for (uint32_t i = 0; j->type == JSON_ARRAY && i < j->len; i++) {
        if (j->items[i].type == JSON_STRING || j->items[i].type == JSON_OBJECT)
            return TENSOR_BYTES;
        if (j->items[i].type == JSON_BOOL)
            return TENSOR_BOOL;
        all_ints = all_ints && j->items[i].type == JSON_INT;
    }
    return j->type == JSON_STRING ? TENSOR_BYTES : j->type == JSON_BOOL ? TENSOR_BOOL : all_ints ? TENSOR_INT64 : TENSOR_FP64;
}

/* The type of features and of the matrix of them: doubles, so that models that tell them apart do so. */
static enum tensor_type type_of_spec(const struct frame_want *w, const struct tensor_spec *spec)
{
    return is_row_model(w) ? TENSOR_FP64 : spec->type;
}

/* A column [n] for an input [n, 1], and the reverse. */
static void rank_fit(const struct tensor_spec *spec, struct tensor *t)
{
    if (t->rank + 1 == spec->rank && t->rank < LIMIT_TENSOR_RANK && (spec->shape[spec->rank - 1] == 1 || spec->shape[spec->rank - 1] < 0))
        t->shape[t->rank++] = 1;
    else if (t->rank == spec->rank + 1 && t->shape[t->rank - 1] == 1)
        t->rank--;
}

static enum err tensor_make(struct op *op, const struct frame_want *w, struct str name, const struct json *list, size_t hint, struct tensor *t)
{
    const struct tensor_spec *spec = spec_find(w, name);
    unsigned flags = w->flags | VALUES_HALF | VALUES_NULLS;
    *t = (struct tensor){.name = name};
    if (spec)
        t->type = type_of_spec(w, spec);
    else
        t->type = is_feature(w->info, name, hint) ? TENSOR_FP64 : type_of_values(list);
    enum err e = values_shape(op, list, t);
    if (!e)
        e = values_read(op, list, flags, t);
    if (!e && spec)
        rank_fit(spec, t);
    return e;
}

/* ---- tensors ---- */

static bool names_are_features(const struct frame_want *w, const struct frame *f)
{
    if (f->cols != w->info->features || !w->info->feature_names)
        return false;
    for (size_t c = 0; c < f->cols; c++)
        if (!str_eq(f->names[c], w->info->feature_names[c]))
            return false;
    return true;
}

/* Is the frame as a whole the model's one input? */
static bool is_matrix(const struct frame_want *w, const struct frame *f)
{
    if (w->sig->input_count != 1)
        return false;
    if (!f->names)
        return true;
    if (is_row_model(w))
        return names_are_features(w, f) || (!w->info->feature_names && f->cols == w->info->features);
    for (size_t c = 0; c < f->cols; c++)
        if (str_eq(f->names[c], w->sig->inputs[0].name))
            return false;
    return w->sig->inputs[0].rank == 2;
}

static enum err matrix_make(struct op *op, const struct frame_want *w, const struct frame *f, struct frame_tensors *ret)
{
    struct tensor *t = op_new(op, struct tensor);
    *t = (struct tensor){.name = w->sig->inputs[0].name, .type = type_of_spec(w, &w->sig->inputs[0]), .rank = 2,
                         .shape = {(int64_t)f->rows, (int64_t)f->cols}};
    if (!tensor_count(t->shape, 2, LIMIT_TENSOR_VALUES, &t->count))
        return op_fail(op, E_INVALID, "the request has more than %zu values", LIMIT_TENSOR_VALUES);
    enum err e = values_room(op, t);
    for (size_t i = 0; !e && i < f->rows; i++) {
        for (size_t c = 0; !e && c < f->cols; c++) {
            struct json cell = f->cell(f, i, c);
            e = values_put(op, &cell, w->flags | VALUES_HALF | VALUES_NULLS, t, i * f->cols + c);
        }
    }
    *ret = (struct frame_tensors){t, 1, f->rows};
    return e;
}

/* The values of one column as a list. */
static enum err column_make(struct op *op, const struct frame_want *w, const struct frame *f, size_t col, struct tensor *t)
{
    struct json list = {.type = JSON_ARRAY, .len = (uint32_t)f->rows};
    list.items = arena_array(op->arena, f->rows, struct json);
    if (!list.items)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu rows", f->rows);
    for (size_t i = 0; i < f->rows; i++)
        list.items[i] = f->cell(f, i, col);
    return tensor_make(op, w, f->names[col], &list, col, t);
}

enum err frame_tensors(struct op *op, const struct frame_want *w, const struct frame *f, struct frame_tensors *ret)
{
    if (!f->rows || f->rows > LIMIT_SERVE_ROWS)
        return op_fail(op, f->rows ? E_TOO_LARGE : E_INVALID, "%zu rows; a request may have 1 to %d", f->rows, LIMIT_SERVE_ROWS);
    if (is_matrix(w, f))
        return matrix_make(op, w, f, ret);
    if (!f->names)
        return op_fail(op, E_INVALID, "\"%.*s\" has several inputs: the columns need names", STR_FMT(w->info->name));
    bool drop = w->drop_unknown && (w->info->feature_names || !is_row_model(w));
    struct tensor *p = arena_array(op->arena, f->cols + 1, struct tensor);
    enum err e = p ? OK : op_fail(op, E_TOO_LARGE, "no memory for %zu columns", f->cols);
    size_t n = 0;
    for (size_t c = 0; !e && c < f->cols; c++) {
        if (drop && !spec_find(w, f->names[c]) && !is_feature(w->info, f->names[c], c) && !is_beside(w->info, f->names[c]))
            continue;
        e = column_make(op, w, f, c, &p[n++]);
    }
    if (!e && !n)
        e = op_fail(op, E_INVALID, "\"%.*s\" has none of these columns", STR_FMT(w->info->name));
    *ret = (struct frame_tensors){p, n, f->rows};
    return e;
}

enum err frame_tensor_of_list(struct op *op, const struct frame_want *w, const struct json *list, bool rows_only, struct frame_tensors *ret)
{
    struct tensor *t = op_new(op, struct tensor);
    if (w->sig->input_count != 1)
        return op_fail(op, E_INVALID, "\"%.*s\" has %zu inputs: name them", STR_FMT(w->info->name), w->sig->input_count);
    const struct tensor_spec *spec = &w->sig->inputs[0];
    enum err e = tensor_make(op, w, spec->name, list, 0, t);
    if (e)
        return e;
    if (!t->rank)
        return op_fail(op, E_INVALID, "input \"%.*s\" is a single value, not a list", STR_FMT(spec->name));
    if (rows_only && t->rank != spec->rank)
        return op_fail(op, E_INVALID, "input \"%.*s\" has rank %" PRIu32 ", each row must have rank %" PRIu32, STR_FMT(spec->name), t->rank, spec->rank - !!spec->rank);
    *ret = (struct frame_tensors){t, 1, (size_t)t->shape[0]};
    return OK;
}

enum err frame_tensors_of_object(struct op *op, const struct frame_want *w, const struct json *obj, struct frame_tensors *ret)
{
    if (!obj->len || obj->len > LIMIT_SERVE_INPUTS)
        return op_fail(op, E_INVALID, "%" PRIu32 " inputs; a request may have 1 to %d", obj->len, LIMIT_SERVE_INPUTS);
    struct tensor *p = arena_array(op->arena, obj->len, struct tensor);
    enum err e = p ? OK : op_fail(op, E_TOO_LARGE, "no memory for %" PRIu32 " inputs", obj->len);
    for (uint32_t i = 0; !e && i < obj->len; i++)
        e = tensor_make(op, w, obj->members[i].key, &obj->members[i].value, i, &p[i]);
    if (e)
        return e;
    *ret = (struct frame_tensors){p, obj->len, p[0].rank ? (size_t)p[0].shape[0] : 1};
    return OK;
}
