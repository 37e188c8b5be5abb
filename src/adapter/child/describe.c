#include "adapter/child/describe.h"

#include "base/json.h"

static void specs_format(struct json_out *w, const char *key, const struct tensor_spec *specs, size_t count)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(w);
        json_kv_str(w, "name", specs[i].name);
        json_kv_cstr(w, "type", tensor_type_name(specs[i].type));
        json_kv_bool(w, "optional", specs[i].optional);
        json_key(w, "shape");
        json_begin_array(w);
        for (uint32_t k = 0; k < specs[i].rank; k++)
            json_i64(w, specs[i].shape[k]);
        json_end_array(w);
        json_key(w, "labels");
        json_begin_array(w);
        for (size_t k = 0; specs[i].labels && k < specs[i].label_count; k++)
            json_str(w, specs[i].labels[k]);
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
}

void describe_format(struct buf *b, const struct model *m, size_t memory_bytes)
{
    const struct engine_info *info = model_info(m);
    size_t ins = 0, outs = 0;
    const struct tensor_spec *in = model_inputs(m, &ins), *out = model_outputs(m, &outs);
    struct json_out w;
    json_out_init(&w, b, 0);
    json_begin_object(&w);
    json_kv_str(&w, "format", info->format);
    json_kv_i64(&w, "memory_bytes", (int64_t)memory_bytes);
    json_kv_bool(&w, "joins", info->joins || model_has_rows(info));
    specs_format(&w, "inputs", in, ins);
    specs_format(&w, "outputs", out, outs);
    json_key(&w, "facts");
    json_begin_array(&w);
    for (size_t i = 0; i < info->fact_count; i++) {
        json_begin_object(&w);
        json_kv_str(&w, "key", info->facts[i].key);
        json_kv_str(&w, "value", info->facts[i].value);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static enum err labels_parse(struct op *op, const struct json *j, struct tensor_spec *spec)
{
    if (!j->len)
        return OK;
    struct str *labels = arena_array(op->arena, j->len, struct str);
    if (!labels)
        return op_fail(op, E_TOO_LARGE, "no memory for labels");
    for (uint32_t i = 0; i < j->len; i++) {
        if (j->items[i].type != JSON_STRING)
            return op_fail(op, E_INVALID, "a label is no text");
        labels[i] = j->items[i].s;
    }
    spec->labels = labels;
    spec->label_count = j->len;
    return OK;
}

static enum err spec_parse(struct op *op, const struct json *j, struct tensor_spec *spec)
{
    struct str type;
    const struct json *shape = NULL, *labels = NULL;
    enum err e = json_want_str(op, j, "name", &spec->name);
    if (!e)
        e = json_want_str(op, j, "type", &type);
    if (!e)
        e = json_opt_bool(op, j, "optional", false, &spec->optional);
    if (!e)
        e = json_want_array(op, j, "shape", &shape);
    if (!e)
        e = json_want_array(op, j, "labels", &labels);
    if (e)
        return e;
    if (!tensor_type_parse(type, &spec->type) || shape->len > LIMIT_TENSOR_RANK)
        return op_fail(op, E_INVALID, "a tensor of unknown type or too many axes");
    spec->rank = shape->len;
    for (uint32_t i = 0; i < shape->len; i++)
        if (!json_as_i64(&shape->items[i], &spec->shape[i]) || spec->shape[i] < -1)
            return op_fail(op, E_INVALID, "a length is no number");
    return labels_parse(op, labels, spec);
}

static enum err specs_parse(struct op *op, const struct json *doc, const char *key, const struct tensor_spec **ret, size_t *ret_count)
{
    const struct json *list = NULL;
    enum err e = json_want_array(op, doc, key, &list);
    if (e)
        return e;
    struct tensor_spec *specs = arena_array(op->arena, (size_t)list->len + 1, struct tensor_spec);
    if (!specs || list->len > LIMIT_ONNX_TENSORS)
        return op_fail(op, E_TOO_LARGE, "%u tensors", list->len);
    for (uint32_t i = 0; !e && i < list->len; i++)
        e = spec_parse(op, &list->items[i], &specs[i]);
    *ret = specs;
    *ret_count = list->len;
    return e;
}

static enum err facts_parse(struct op *op, const struct json *doc, struct engine_info *info)
{
    const struct json *list = NULL;
    enum err e = json_want_array(op, doc, "facts", &list);
    struct engine_fact *facts = e ? NULL : arena_array(op->arena, (size_t)list->len + 1, struct engine_fact);
    if (!e && !facts)
        return op_fail(op, E_TOO_LARGE, "no memory for the metadata");
    for (uint32_t i = 0; !e && i < list->len; i++) {
        e = json_want_str(op, &list->items[i], "key", &facts[i].key);
        if (!e)
            e = json_want_str(op, &list->items[i], "value", &facts[i].value);
    }
    info->facts = facts;
    info->fact_count = e ? 0 : list->len;
    return e;
}

enum err describe_parse(struct op *op, struct str text, struct engine_info *ret)
{
    struct json *doc = NULL;
    struct engine_info info = {0};
    int64_t memory = 0;
    enum err e = json_parse(op, text, JSON_STRICT, &doc);
    if (!e)
        e = json_want_str(op, doc, "format", &info.format);
    if (!e)
        e = json_want_i64(op, doc, "memory_bytes", 0, INT64_MAX, &memory);
    if (!e)
        e = json_opt_bool(op, doc, "joins", false, &info.joins);
    if (!e)
        e = specs_parse(op, doc, "inputs", &info.inputs_spec, &info.input_count);
    if (!e)
        e = specs_parse(op, doc, "outputs", &info.outputs_spec, &info.output_count);
    if (!e)
        e = facts_parse(op, doc, &info);
    if (e)
        return e;
    info.memory_bytes = (size_t)memory;
    *ret = info;
    return OK;
}
