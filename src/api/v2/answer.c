#include "api/v2/answer.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/values.h"

/* Is output `i` wanted in binary behind the JSON? */
static bool is_binary(const struct v2_request *r, const struct infer_answer *a, size_t i)
{
    if (memory_place(&r->places, a->outputs[i].name))
        return false;
    return i < r->infer.output_count ? r->infer.outputs[i].binary : r->binary;
}

static void binary_write(const struct tensor *t, struct buf *out)
{
    if (t->type != TENSOR_BYTES)
        buf_add(out, t->data, t->count * tensor_type_size(t->type));
    for (size_t i = 0; t->type == TENSOR_BYTES && i < t->count; i++) {
        uint32_t n = (uint32_t)t->texts[i].len;
        buf_add(out, &n, sizeof(n));
        buf_add(out, t->texts[i].p, n);
    }
}

/* Where the bytes of an output stand. */
static void place_write(struct json_out *w, const struct memory_part *part, const struct tensor *t)
{
    json_key(w, "parameters");
    json_begin_object(w);
    if (part) {
        json_kv_str(w, "shared_memory_region", part->region);
        json_kv_i64(w, "shared_memory_byte_size", (int64_t)memory_tensor_size(t));
        if (part->offset)
            json_kv_i64(w, "shared_memory_offset", (int64_t)part->offset);
    } else {
        json_kv_i64(w, "binary_data_size", (int64_t)memory_tensor_size(t));
    }
    json_end_object(w);
}

static enum err output_write(struct op *op, struct json_out *w, const struct tensor *t, const struct memory_part *part, bool binary, bool refuse)
{
    json_begin_object(w);
    json_kv_str(w, "name", t->name);
    json_kv_cstr(w, "datatype", tensor_type_name(t->type));
    json_key(w, "shape");
    json_begin_array(w);
    for (uint32_t i = 0; i < t->rank; i++)
        json_i64(w, t->shape[i]);
    json_end_array(w);
    enum err e = OK;
    if (binary || part) {
        place_write(w, part, t);
    } else if (t->type == TENSOR_FP16 || t->type == TENSOR_BF16) {
        e = op_fail(op, E_INVALID, "output \"%.*s\": %s has no form in JSON, ask for it in binary", STR_FMT(t->name), tensor_type_name(t->type));
    } else {
        json_key(w, "data");
        e = values_write(op, w, t, VALUES_FLAT, 0, refuse);
    }
    if (!e)
        json_end_object(w);
    return e;
}

static void head_write(struct json_out *w, struct str model, const struct v2_request *r, const struct infer_answer *a)
{
    static const char *const arms[] = {[ROLLOUT_ARM_CONTROL] = "control", [ROLLOUT_ARM_CANDIDATE] = "candidate", [ROLLOUT_ARM_NONE] = "none"};
    char version[24];
    snprintf(version, sizeof(version), "%" PRId64, a->version);
    json_kv_str(w, "model_name", model);
    json_kv_cstr(w, "model_version", version);
    if (r->infer.id.len)
        json_kv_str(w, "id", r->infer.id);
    json_key(w, "parameters");
    json_begin_object(w);
    json_kv_i64(w, "version", a->version);
    json_kv_cstr(w, "arm", (size_t)a->arm < ARRAY_LEN(arms) ? arms[a->arm] : "none");
    if (a->propensity > 0 && a->propensity < 1) {
        json_key(w, "propensity");
        json_f32(w, a->propensity);
    }
    if (a->warning)
        json_kv_cstr(w, "warning", a->warning);
    json_end_object(w);
}

enum err v2_answer_write(struct op *op, struct str model, const struct v2_request *r, const struct infer_answer *a, struct http_res *res)
{
    struct json_out w;
    bool binary = false;
    enum err e = memory_write(op, &r->places, a->outputs, a->output_count);
    json_out_init(&w, &res->body, 0);
    w.nonfinite = r->nonfinite;
    json_begin_object(&w);
    head_write(&w, model, r, a);
    json_key(&w, "outputs");
    json_begin_array(&w);
    for (size_t i = 0; !e && i < a->output_count; i++) {
        e = output_write(op, &w, &a->outputs[i], memory_place(&r->places, a->outputs[i].name), is_binary(r, a, i), r->refuse_nonfinite);
        binary = binary || is_binary(r, a, i);
    }
    if (e)
        return e;
    json_end_array(&w);
    json_end_object(&w);
    http_set_type(res, binary ? "application/octet-stream" : "application/json");
    if (binary)
        http_set_header(res, "Inference-Header-Content-Length", str_from(op_printf(op, "%zu", res->body.len)));
    for (size_t i = 0; binary && i < a->output_count; i++)
        if (is_binary(r, a, i))
            binary_write(&a->outputs[i], &res->body);
    return res->body.failed ? op_fail(op, E_TOO_LARGE, "the answer is larger than %zu bytes", res->body.max) : OK;
}
