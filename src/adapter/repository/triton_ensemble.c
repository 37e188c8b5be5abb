#include "adapter/repository/triton_ensemble.h"

#include <inttypes.h>

#include "base/limits.h"

static struct str text(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j ? j->s : STR("");
}

/* The ensemble's inputs: the batch's axis stands before the dims if there is one. */
static enum err inputs_write(struct op *op, struct json_out *w, const struct json *doc)
{
    const struct json *list = json_get(doc, "input"), *most = json_get(doc, "max_batch_size");
    json_key(w, "inputs");
    json_begin_array(w);
    for (uint32_t i = 0; list && i < list->len; i++) {
        const struct json *t = &list->items[i], *dims = json_get(t, "dims"), *optional = json_get(t, "optional");
        struct str type = text(t, "data_type");
        if (!text(t, "name").len || !dims || str_eqc(type, "TYPE_INVALID") || !type.len)
            return op_fail(op, E_INVALID, "input %" PRIu32 " of the ensemble lacks its name, data_type or dims", i);
        type = str_sub(type, sizeof("TYPE_") - 1, SIZE_MAX);
        json_begin_object(w);
        json_kv_str(w, "name", text(t, "name"));
        json_kv_str(w, "datatype", str_eqc(type, "STRING") ? STR("BYTES") : type);
        json_key(w, "shape");
        json_begin_array(w);
        if (most && most->i > 0)
            json_i64(w, -1);
        for (uint32_t k = 0; k < dims->len; k++)
            json_i64(w, dims->items[k].i);
        json_end_array(w);
        if (optional && optional->boolean)
            json_kv_bool(w, "optional", true);
        json_end_object(w);
    }
    json_end_array(w);
    return OK;
}

static void wires_write(struct json_out *w, const char *key, const struct json *map)
{
    json_key(w, key);
    json_begin_object(w);
    for (uint32_t i = 0; map && i < map->len; i++) {
        json_key_str(w, map->members[i].key);
        json_str(w, map->members[i].value.s);
    }
    json_end_object(w);
}

static enum err steps_write(struct op *op, struct json_out *w, const struct json *doc)
{
    const struct json *list = json_path(doc, "ensemble_scheduling.step");
    json_key(w, "steps");
    json_begin_array(w);
    for (uint32_t i = 0; list && i < list->len; i++) {
        const struct json *step = &list->items[i], *version = json_get(step, "model_version");
        if (!text(step, "model_name").len)
            return op_fail(op, E_INVALID, "step %" PRIu32 " of the ensemble has no model_name", i);
        json_begin_object(w);
        json_kv_cstr(w, "name", op_printf(op, "step%" PRIu32, i));
        json_kv_str(w, "model", text(step, "model_name"));
        if (version && version->i > 0)
            json_kv_i64(w, "version", version->i);
        wires_write(w, "inputs", json_get(step, "input_map"));
        wires_write(w, "outputs", json_get(step, "output_map"));
        json_end_object(w);
    }
    json_end_array(w);
    return OK;
}

enum err triton_ensemble(struct op *op, const struct json *doc, struct str *ret)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    const struct json *outputs = json_get(doc, "output");
    buf_init(&b, LIMIT_SERVE_GRAPH_BYTES);
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_cstr(&w, "format", "ingot.graph");
    json_kv_i64(&w, "version", 1);
    enum err e = inputs_write(op, &w, doc);
    if (!e)
        e = steps_write(op, &w, doc);
    if (e)
        return e;
    json_key(&w, "outputs");
    json_begin_object(&w);
    for (uint32_t i = 0; outputs && i < outputs->len; i++) {
        json_key_str(&w, text(&outputs->items[i], "name"));
        json_str(&w, text(&outputs->items[i], "name"));
    }
    json_end_object(&w);
    json_end_object(&w);
    if (b.failed)
        return op_fail(op, E_TOO_LARGE, "the ensemble is larger than %zu bytes", (size_t)LIMIT_SERVE_GRAPH_BYTES);
    *ret = str_dup(op->arena, buf_str(&b));
    return OK;
}
