#include "adapter/repository/triton_declared.h"

#include "base/file.h"
#include "base/limits.h"

/* One label a line; a label file of a request must not reach out of the model's folder. */
static enum err labels_write(struct op *op, struct json_out *w, struct str folder, struct str file)
{
    struct str bytes, line;
    size_t n = 0;
    if (!folder.len || str_find_char(file, '/') != SIZE_MAX || str_find_char(file, 0) != SIZE_MAX || str_eqc(file, ".."))
        return op_fail(op, E_INVALID, "label_filename \"%.*s\" is not the name of a file in the model's folder", STR_FMT(file));
    const char *path = op_printf(op, "%.*s/%.*s", STR_FMT(folder), STR_FMT(file));
    enum err e = file_read(op, path, LIMIT_DECLARED_BYTES, &bytes);
    if (e)
        return op_context(op, "label_filename");
    if (!str_is_utf8(bytes))
        return op_fail(op, E_INVALID, "label_filename \"%.*s\" is not UTF-8", STR_FMT(file));
    while (bytes.len && (bytes.p[bytes.len - 1] == '\n' || bytes.p[bytes.len - 1] == '\r'))
        bytes.len--;
    json_key(w, "labels");
    json_begin_array(w);
    while (bytes.len && str_split(&bytes, '\n', &line)) {
        if (n++ == LIMIT_REPOSITORY_LABELS)
            return op_fail(op, E_TOO_LARGE, "label_filename \"%.*s\" has more than %d lines", STR_FMT(file), LIMIT_REPOSITORY_LABELS);
        json_str(w, str_trim(line));
    }
    json_end_array(w);
    return OK;
}

static enum err tensor_write(struct op *op, struct json_out *w, const struct json *t, struct str folder)
{
    const struct json *name = json_get(t, "name"), *type = json_get(t, "data_type"), *dims = json_get(t, "dims"), *reshape = json_get(t, "reshape");
    const struct json *shape = reshape ? json_get(reshape, "shape") : NULL, *labels = json_get(t, "label_filename"), *optional = json_get(t, "optional");
    if (!name || !name->s.len)
        return op_fail(op, E_INVALID, "an input or output has no name");
    if (!type || str_eqc(type->s, "TYPE_INVALID"))
        return op_fail(op, E_INVALID, "\"%.*s\" has no data_type", STR_FMT(name->s));
    if (!dims || !dims->len || dims->len > LIMIT_TENSOR_RANK)
        return op_fail(op, E_INVALID, "\"%.*s\" has no dims, or more than %d", STR_FMT(name->s), LIMIT_TENSOR_RANK);
    json_begin_object(w);
    json_kv_str(w, "name", name->s);
    struct str word = str_sub(type->s, sizeof("TYPE_") - 1, SIZE_MAX);
    json_kv_str(w, "datatype", str_eqc(word, "STRING") ? STR("BYTES") : word);
    json_key(w, "dims");
    json_value(w, dims);
    if (reshape) {
        json_key(w, "reshape");
        json_begin_array(w);
        for (uint32_t i = 0; shape && i < shape->len; i++)
            json_i64(w, shape->items[i].i);
        json_end_array(w);
    }
    if (optional && optional->boolean)
        json_kv_bool(w, "optional", true);
    enum err e = labels && labels->s.len ? labels_write(op, w, folder, labels->s) : OK;
    if (!e)
        json_end_object(w);
    return e;
}

static enum err list_write(struct op *op, struct json_out *w, const struct json *doc, const char *from, const char *to, struct str folder)
{
    const struct json *list = json_get(doc, from);
    enum err e = OK;
    if (!list || !list->len)
        return OK;
    if (list->len > LIMIT_DECLARED_TENSORS)
        return op_fail(op, E_TOO_LARGE, "%s: more than %d tensors", from, LIMIT_DECLARED_TENSORS);
    json_key(w, to);
    json_begin_array(w);
    for (uint32_t i = 0; !e && i < list->len; i++)
        e = tensor_write(op, w, &list->items[i], folder);
    if (!e)
        json_end_array(w);
    return e ? op_context(op, "%s", from) : OK;
}

/* A parameter of the backend as a text; "" when it is not given. */
static struct str parameter(const struct json *doc, const char *name)
{
    const struct json *all = json_get(doc, "parameters"), *one = all ? json_get(all, name) : NULL;
    const struct json *value = one ? json_get(one, "string_value") : NULL;
    return value ? value->s : STR("");
}

static enum err parameter_flag(struct op *op, const struct json *doc, const char *name, bool *ret)
{
    struct str s = parameter(doc, name);
    *ret = str_ieq(s, STR("true")) || str_eqc(s, "1");
    if (*ret || !s.len || str_ieq(s, STR("false")) || str_eqc(s, "0"))
        return OK;
    return op_fail(op, E_INVALID, "parameter %s is \"%.*s\", neither true nor false", name, STR_FMT(s));
}

static enum err fil_write(struct op *op, struct json_out *w, const struct json *doc)
{
    static const char *const types[] = {"xgboost", "xgboost_json", "xgboost_ubj", "lightgbm"};
    struct str type = parameter(doc, "model_type"), limit = parameter(doc, "threshold");
    bool known = !type.len, proba = false, class = false;
    double threshold = 0.5;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known = known || str_eqc(type, types[i]);
    if (!known)
        return op_fail(op, E_UNSUPPORTED, "parameter model_type \"%.*s\" is not served; xgboost_json, xgboost_ubj and lightgbm are", STR_FMT(type));
    enum err e = parameter_flag(op, doc, "predict_proba", &proba);
    if (!e)
        e = parameter_flag(op, doc, "output_class", &class);
    if (!e && limit.len && !str_parse_f64(limit, false, &threshold))
        e = op_fail(op, E_INVALID, "parameter threshold is \"%.*s\", not a number", STR_FMT(limit));
    if (e)
        return e;
    json_key(w, "fil");
    json_begin_object(w);
    json_kv_bool(w, "predict_proba", proba);
    json_kv_bool(w, "output_class", class);
    json_kv_f64(w, "threshold", threshold);
    json_end_object(w);
    return OK;
}

enum err triton_declared(struct op *op, const struct json *doc, struct str folder, bool fil, struct str *ret)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    const struct json *most = json_get(doc, "max_batch_size"), *inputs = json_get(doc, "input"), *outputs = json_get(doc, "output");
    buf_init(&b, LIMIT_DECLARED_BYTES);
    *ret = STR("");
    if (!fil && !(inputs && inputs->len) && !(outputs && outputs->len))
        return OK;
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    if (most)
        json_kv_bool(&w, "batched", most->i > 0);
    enum err e = list_write(op, &w, doc, "input", "inputs", folder);
    if (!e)
        e = list_write(op, &w, doc, "output", "outputs", folder);
    if (!e && fil)
        e = fil_write(op, &w, doc);
    if (e)
        return e;
    json_end_object(&w);
    if (b.failed)
        return op_fail(op, E_TOO_LARGE, "what is declared of inputs and outputs is larger than %zu bytes", (size_t)LIMIT_DECLARED_BYTES);
    *ret = str_dup(op->arena, buf_str(&b));
    return OK;
}
