#include "api/v2/infer.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>

#include "api/v2/tensor.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/time.h"

enum { ID_MAX = 256, COUNT_MAX = 8 << 20 };

struct parse {
    struct op *op;
    const struct serve_info *info;
    struct v2_tensor *inputs;
    size_t len;
    size_t rows;
};

static enum err inputs_parse(struct parse *p, const struct json *doc)
{
    struct op *op = p->op;
    const struct json *list = json_get(doc, "inputs");
    if (!list || list->type != JSON_ARRAY || !list->len)
        return op_fail(op, E_INVALID, "the request has no inputs");
    const struct feature_view *v = p->info->view;
    size_t most = p->info->features + 2 + (v ? v->key_len + v->number_len : 0); /* names are compared one by one below */
    if (list->len > most)
        return op_fail(op, E_INVALID, "%u inputs; \"%.*s\" takes at most %zu", list->len, STR_FMT(p->info->name), most);
    p->inputs = arena_array(op->arena, list->len, struct v2_tensor);
    if (!p->inputs)
        return op_fail(op, E_TOO_LARGE, "no memory for %u inputs", list->len);
    for (size_t i = 0; i < list->len; i++) {
        enum err e = v2_tensor_parse(op, &list->items[i], i, COUNT_MAX, &p->inputs[i]);
        if (e)
            return e;
    }
    p->len = list->len;
    return OK;
}

/* NULL when absent; each name is taken at most once, so two of one name leave one that nobody asked for. */
static const struct v2_tensor *input_find(const struct parse *p, struct str name)
{
    for (size_t i = 0; name.len && i < p->len; i++)
        if (str_eq(p->inputs[i].name, name))
            return &p->inputs[i];
    return NULL;
}

static enum err names_unique(const struct parse *p)
{
    for (size_t i = 1; i < p->len; i++)
        if (input_find(p, p->inputs[i].name) != &p->inputs[i])
            return op_fail(p->op, E_INVALID, "input \"%.*s\" stands there twice", STR_FMT(p->inputs[i].name));
    return OK;
}

static enum err unknown_input(const struct parse *p, struct str name)
{
    return op_fail(p->op, E_INVALID, "\"%.*s\" has no input \"%.*s\"", STR_FMT(p->info->name), STR_FMT(name));
}

/* A column of as many rows as the others; the first sets the number. */
static enum err column_check(struct parse *p, const struct v2_tensor *t)
{
    size_t n;
    if (!v2_tensor_is_vector(t, &n))
        return op_fail(p->op, E_INVALID, "input \"%.*s\": shape [n] or [n, 1] is wanted", STR_FMT(t->name));
    if (p->rows == SIZE_MAX)
        p->rows = n;
    if (n != p->rows || !n)
        return op_fail(p->op, E_INVALID, "input \"%.*s\" has %zu rows, the others %zu", STR_FMT(t->name), n, p->rows);
    return n <= LIMIT_SERVE_ROWS ? OK : op_fail(p->op, E_TOO_LARGE, "%zu rows; a request may have %d", n, LIMIT_SERVE_ROWS);
}

static enum err memory(struct parse *p)
{
    return op_fail(p->op, E_TOO_LARGE, "no memory for %zu rows", p->rows);
}

/* INT64 microseconds or BYTES in RFC 3339. */
static enum err times_read(struct parse *p, const struct v2_tensor *t, const int64_t **ret)
{
    int64_t *out = arena_array(p->op->arena, p->rows, int64_t);
    if (!out)
        return memory(p);
    *ret = out;
    if (t->type != TENSOR_BYTES)
        return v2_tensor_i64(p->op, t, out);
    struct str *text = arena_array(p->op->arena, p->rows, struct str);
    enum err e = text ? v2_tensor_str(p->op, t, text) : memory(p);
    for (size_t i = 0; !e && i < p->rows; i++)
        if (!time_parse(text[i], &out[i]))
            e = op_fail(p->op, E_INVALID, "input \"%.*s\": data[%zu] is not a time in RFC 3339", STR_FMT(t->name), i);
    return e;
}

/* Integers as they are; texts by their hash, as the labels' side does. */
static enum err ids_read(struct parse *p, const struct v2_tensor *t, struct serve_request *r)
{
    int64_t *out = arena_array(p->op->arena, p->rows, int64_t);
    if (!out)
        return memory(p);
    r->ids = out;
    if (t->type != TENSOR_BYTES) {
        enum err e = v2_tensor_i64(p->op, t, out);
        char text[24];
        int n = e ? 0 : snprintf(text, sizeof(text), "%" PRId64, out[0]);
        r->unit_id = str_dup(p->op->arena, (struct str){text, (size_t)n});
        return e;
    }
    struct str *text = arena_array(p->op->arena, p->rows, struct str);
    enum err e = text ? v2_tensor_str(p->op, t, text) : memory(p);
    for (size_t i = 0; !e && i < p->rows; i++)
        out[i] = (int64_t)hash64(text[i].p, text[i].len, 0);
    if (!e)
        r->unit_id = text[0];
    return e;
}

/* What may come along with either kind: the row ids and, with features, the times. */
static enum err extras_read(struct parse *p, struct serve_request *r, bool times)
{
    const struct v2_tensor *id = input_find(p, p->info->id_field);
    const struct v2_tensor *time = times && p->info->view ? input_find(p, p->info->view->timestamp_field) : NULL;
    enum err e = id ? column_check(p, id) : OK;
    if (!e && id)
        e = ids_read(p, id, r);
    if (!e && time)
        e = column_check(p, time);
    if (!e && time)
        e = times_read(p, time, &r->event_us);
    return e;
}

/* ---- entity rows ---- */

static bool is_view_column(const struct feature_view *v, struct str name)
{
    if (str_eq(name, v->timestamp_field))
        return true;
    for (size_t i = 0; i < v->key_len; i++)
        if (str_eq(name, v->keys[i]))
            return true;
    for (size_t i = 0; i < v->number_len; i++)
        if (str_eq(name, v->numbers[i]))
            return true;
    return false;
}

static bool has_entities(const struct parse *p)
{
    const struct feature_view *v = p->info->view;
    for (size_t i = 0; v && i < v->key_len; i++)
        if (input_find(p, v->keys[i]))
            return true;
    return false;
}

static enum err column_find(struct parse *p, struct str name, const struct v2_tensor **ret)
{
    *ret = input_find(p, name);
    if (!*ret)
        return op_fail(p->op, E_INVALID, "input \"%.*s\" is missing", STR_FMT(name));
    return column_check(p, *ret);
}

static enum err keys_read(struct parse *p, struct str *keys)
{
    const struct feature_view *v = p->info->view;
    struct str *column = arena_array(p->op->arena, p->rows, struct str);
    if (!column)
        return memory(p);
    for (size_t k = 0; k < v->key_len; k++) {
        const struct v2_tensor *t = NULL;
        enum err e = column_find(p, v->keys[k], &t);
        if (!e)
            e = v2_tensor_str(p->op, t, column);
        if (e)
            return e;
        for (size_t i = 0; i < p->rows; i++)
            keys[i * v->key_len + k] = column[i];
    }
    return OK;
}

static enum err numbers_read(struct parse *p, double *numbers)
{
    const struct feature_view *v = p->info->view;
    double *column = arena_array(p->op->arena, p->rows, double);
    if (!column)
        return memory(p);
    for (size_t k = 0; k < v->number_len; k++) {
        const struct v2_tensor *t = NULL;
        enum err e = column_find(p, v->numbers[k], &t);
        if (!e)
            e = v2_tensor_f64(p->op, t, column);
        if (e)
            return e;
        for (size_t i = 0; i < p->rows; i++)
            numbers[i * v->number_len + k] = column[i];
    }
    return OK;
}

static enum err entities_read(struct parse *p, struct serve_request *r)
{
    const struct feature_view *v = p->info->view;
    const struct v2_tensor *time = NULL;
    for (size_t i = 0; i < p->len; i++)
        if (!is_view_column(v, p->inputs[i].name) && !str_eq(p->inputs[i].name, p->info->id_field))
            return unknown_input(p, p->inputs[i].name);
    enum err e = column_find(p, v->timestamp_field, &time);
    if (!e)
        e = times_read(p, time, &r->event_us);
    if (e)
        return e;
    struct feature_row *rows = arena_array(p->op->arena, p->rows, struct feature_row);
    struct str *keys = arena_array(p->op->arena, p->rows * v->key_len + 1, struct str);
    double *numbers = arena_array(p->op->arena, p->rows * v->number_len + 1, double);
    if (!rows || !keys || !numbers)
        return memory(p);
    e = keys_read(p, keys);
    if (!e)
        e = numbers_read(p, numbers);
    if (!e)
        e = extras_read(p, r, false);
    for (size_t i = 0; !e && i < p->rows; i++)
        rows[i] = (struct feature_row){.t_us = r->event_us[i], .keys = keys + i * v->key_len, .numbers = numbers + i * v->number_len};
    r->entities = rows;
    r->rows = p->rows;
    return e;
}

/* ---- features ---- */

static bool is_extra(const struct parse *p, struct str name)
{
    return (p->info->id_field.len && str_eq(name, p->info->id_field)) ||
           (p->info->view && str_eq(name, p->info->view->timestamp_field));
}

static enum err matrix_read(struct parse *p, const struct v2_tensor *t, struct serve_request *r)
{
    const size_t width = p->info->features;
    bool row = t->rank == 1 && (size_t)t->shape[0] == width;
    bool rows = t->rank == 2 && (size_t)t->shape[1] == width && t->shape[0] > 0;
    if (!row && !rows)
        return op_fail(p->op, E_INVALID, "input \"%.*s\": shape [n, %zu] is wanted", STR_FMT(t->name), width);
    p->rows = row ? 1 : (size_t)t->shape[0];
    if (p->rows > LIMIT_SERVE_ROWS)
        return op_fail(p->op, E_TOO_LARGE, "%zu rows; a request may have %d", p->rows, LIMIT_SERVE_ROWS);
    if (t->type == TENSOR_BYTES)
        return op_fail(p->op, E_INVALID, "input \"%.*s\": features are numbers, not BYTES", STR_FMT(t->name));
    float *x = arena_array(p->op->arena, t->count, float);
    if (!x)
        return memory(p);
    r->features = x;
    return v2_tensor_f32(p->op, t, x, 1);
}

static enum err columns_read(struct parse *p, struct serve_request *r)
{
    const struct serve_info *info = p->info;
    if (!info->feature_names)
        return op_fail(p->op, E_INVALID, "the model has no feature names: send one tensor of shape [n, %zu]", info->features);
    float *x = NULL;
    for (size_t j = 0; j < info->features; j++) {
        const struct v2_tensor *t = NULL;
        enum err e = column_find(p, info->feature_names[j], &t);
        if (!e && t->type == TENSOR_BYTES)
            e = op_fail(p->op, E_INVALID, "input \"%.*s\": features are numbers, not BYTES", STR_FMT(t->name));
        if (!e && !x && !(x = arena_array(p->op->arena, p->rows * info->features, float)))
            e = memory(p);
        if (!e)
            e = v2_tensor_f32(p->op, t, x + j, info->features);
        if (e)
            return e;
    }
    r->features = x;
    return OK;
}

static bool is_feature(const struct serve_info *info, struct str name)
{
    for (size_t i = 0; info->feature_names && i < info->features; i++)
        if (str_eq(name, info->feature_names[i]))
            return true;
    return false;
}

static enum err features_read(struct parse *p, struct serve_request *r)
{
    const struct v2_tensor *matrix = NULL;
    size_t others = 0;
    for (size_t i = 0; i < p->len; i++) {
        if (is_feature(p->info, p->inputs[i].name))
            continue; /* a feature may bear the name of the time column */
        if (is_extra(p, p->inputs[i].name))
            others++;
        else if (matrix)
            return unknown_input(p, p->inputs[i].name);
        else
            matrix = &p->inputs[i];
    }
    if (matrix && p->len - others > 1)
        return unknown_input(p, matrix->name);
    /* One tensor of a one-feature model may bear the feature's name. */
    enum err e = matrix ? matrix_read(p, matrix, r) : columns_read(p, r);
    if (!e)
        e = extras_read(p, r, true);
    r->rows = p->rows;
    return e;
}

/* ---- the rest of the request ---- */

static enum err id_read(struct op *op, const struct json *obj, const char *key, const char *what, struct str *ret)
{
    const struct json *id = obj ? json_get(obj, key) : NULL;
    *ret = STR("");
    if (!id || id->type == JSON_NULL)
        return OK;
    if (id->type != JSON_STRING || id->s.len > ID_MAX)
        return op_fail(op, E_INVALID, "%s is not a text of at most %d bytes", what, ID_MAX);
    *ret = id->s;
    return OK;
}

static enum err outputs_check(struct op *op, const struct json *doc)
{
    const struct json *list = json_get(doc, "outputs");
    if (!list || list->type == JSON_NULL)
        return OK;
    if (list->type != JSON_ARRAY)
        return op_fail(op, E_INVALID, "outputs is a %s, not a list", json_type_name(list->type));
    for (size_t i = 0; i < list->len; i++) {
        const struct json *name = json_get(&list->items[i], "name"), *binary = json_path(&list->items[i], "parameters.binary_data");
        if (!name || name->type != JSON_STRING || !str_eqc(name->s, "score"))
            return op_fail(op, E_INVALID, "outputs[%zu]: the only output is \"score\"", i);
        if (binary && binary->type == JSON_BOOL && binary->boolean)
            return op_fail(op, E_UNSUPPORTED, "outputs[%zu]: binary tensors are not supported", i);
    }
    return OK;
}

/* A request that says nothing about itself gets a number, so that a rollout's share is its share of such requests too. */
static struct str unit_make(struct op *op)
{
    static atomic_uint_fast64_t next;
    return str_from(op_printf(op, "#%" PRIuFAST64, atomic_fetch_add_explicit(&next, 1, memory_order_relaxed)));
}

enum err infer_parse(struct op *op, struct str body, const struct serve_info *info, struct infer_request *ret)
{
    struct parse p = {.op = op, .info = info, .rows = SIZE_MAX};
    struct infer_request r = {0};
    struct json *doc = NULL;
    struct str unit;
    enum err e = json_parse(op, body, JSON_NAN, &doc);
    if (e)
        return op_context(op, "request body");
    if (doc->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "request body: it is a %s, not an object", json_type_name(doc->type));
    const struct json *parameters = json_get(doc, "parameters");
    if (parameters && parameters->type != JSON_OBJECT && parameters->type != JSON_NULL)
        return op_fail(op, E_INVALID, "parameters is a %s, not an object", json_type_name(parameters->type));
    if (!(e = id_read(op, doc, "id", "id", &r.id)) && !(e = id_read(op, parameters, "id", "parameters.id", &unit)))
        e = outputs_check(op, doc);
    if (!e)
        e = inputs_parse(&p, doc);
    if (!e)
        e = names_unique(&p);
    if (!e)
        e = has_entities(&p) ? entities_read(&p, &r.serve) : features_read(&p, &r.serve);
    if (e)
        return e;
    if (unit.len)
        r.serve.unit_id = unit;
    else if (r.id.len)
        r.serve.unit_id = r.id;
    else if (!r.serve.ids)
        r.serve.unit_id = unit_make(op);
    *ret = r;
    return OK;
}

void infer_format(const struct infer_request *r, const struct serve_info *info, const struct serve_answer *a, struct buf *out)
{
    static const char *const arms[] = {[ROLLOUT_ARM_CONTROL] = "control", [ROLLOUT_ARM_CANDIDATE] = "candidate", [ROLLOUT_ARM_NONE] = "none"};
    struct json_out w;
    char version[24];
    snprintf(version, sizeof(version), "%" PRId64, a->version);
    json_out_init(&w, out, 0);
    w.nonfinite = JSON_NONFINITE_BARE;
    json_begin_object(&w);
    json_kv_str(&w, "model_name", info->name);
    json_kv_cstr(&w, "model_version", version);
    if (r->id.len)
        json_kv_str(&w, "id", r->id);
    json_key(&w, "parameters");
    json_begin_object(&w);
    json_kv_i64(&w, "version", a->version);
    json_kv_cstr(&w, "arm", arms[a->arm]);
    json_end_object(&w);
    json_key(&w, "outputs");
    json_begin_array(&w);
    json_begin_object(&w);
    json_kv_cstr(&w, "name", "score");
    json_key(&w, "shape");
    json_begin_array(&w);
    json_i64(&w, (int64_t)r->serve.rows);
    if (a->outputs > 1)
        json_i64(&w, (int64_t)a->outputs);
    json_end_array(&w);
    json_kv_cstr(&w, "datatype", "FP32");
    json_key(&w, "data");
    json_begin_array(&w);
    for (size_t i = 0; i < r->serve.rows * a->outputs; i++)
        json_f32(&w, a->scores[i]);
    json_end_array(&w);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
}
