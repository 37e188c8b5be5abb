/* infer_twin.h - whether the hand-made reader understood a ModelInferRequest as the compiled one does. For the test and the fuzz target. */
#ifndef INGOT_TESTS_GRPC_INFER_TWIN_H
#define INGOT_TESTS_GRPC_INFER_TWIN_H

#include <stdlib.h>
#include <string.h>

#include <inference.pb-c.h>

#include "api/grpc/infer_read.h"

static inline bool twin_text(struct str a, const char *b)
{
    size_t nul = str_find_char(a, '\0'); /* the compiled reader's texts end there */
    return str_eqc(str_sub(a, 0, nul == SIZE_MAX ? a.len : nul), b);
}

static inline bool twin_integers(const struct tensor *t, const Inference__InferTensorContents *c)
{
    for (size_t i = 0; i < t->count; i++) {
        uint64_t want = 0, got = 0;
        switch (t->type) {
        case TENSOR_BOOL: want = c->bool_contents[i] != 0; break;
        case TENSOR_INT8:
        case TENSOR_INT16:
        case TENSOR_INT32: want = (uint64_t)c->int_contents[i]; break;
        case TENSOR_INT64: want = (uint64_t)c->int64_contents[i]; break;
        case TENSOR_UINT8:
        case TENSOR_UINT16:
        case TENSOR_UINT32: want = c->uint_contents[i]; break;
        default: want = c->uint64_contents[i]; break;
        }
        const size_t size = tensor_type_size(t->type);
        memcpy(&got, (const char *)t->data + i * size, size);
        if (memcmp(&got, &want, size)) /* the low bytes: ranges are checked elsewhere */
            return false;
    }
    return true;
}

static inline bool twin_typed(const struct tensor *t, const Inference__InferTensorContents *c)
{
    if (!t->count)
        return true;
    if (!c)
        return false;
    switch (t->type) {
    case TENSOR_FP32: return c->n_fp32_contents == t->count && !memcmp(t->data, c->fp32_contents, t->count * 4);
    case TENSOR_FP64: return c->n_fp64_contents == t->count && !memcmp(t->data, c->fp64_contents, t->count * 8);
    case TENSOR_BYTES:
        for (size_t i = 0; i < t->count; i++)
            if (t->texts[i].len != c->bytes_contents[i].len || (t->texts[i].len && memcmp(t->texts[i].p, c->bytes_contents[i].data, t->texts[i].len)))
                return false;
        return c->n_bytes_contents == t->count;
    default: return twin_integers(t, c);
    }
}

static inline bool twin_raw(const struct tensor *t, const ProtobufCBinaryData *raw)
{
    if (t->type != TENSOR_BYTES)
        return raw->len == t->count * tensor_type_size(t->type) && (!raw->len || !memcmp(t->data, raw->data, raw->len));
    size_t at = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (raw->len - at < 4 + t->texts[i].len || memcmp(raw->data + at + 4, t->texts[i].p, t->texts[i].len))
            return false;
        at += 4 + t->texts[i].len;
    }
    return at == raw->len;
}

static inline bool twin_input(const struct tensor *t, const Inference__ModelInferRequest__InferInputTensor *p)
{
    if (!twin_text(t->name, p->name) || strcmp(tensor_type_name(t->type), p->datatype) || t->rank != p->n_shape)
        return false;
    for (uint32_t i = 0; i < t->rank; i++)
        if (t->shape[i] != p->shape[i])
            return false;
    return true;
}

static inline bool twin_equal(const struct grpc_infer *q, const Inference__ModelInferRequest *p)
{
    const struct infer_request *r = &q->request;
    if (!twin_text(q->model, p->model_name) || !twin_text(r->id, p->id) || r->input_count != p->n_inputs || r->output_count != p->n_outputs)
        return false;
    if (r->version != strtoll(p->model_version, NULL, 10))
        return false;
    for (size_t i = 0; i < r->input_count; i++) {
        const struct tensor *t = &r->inputs[i];
        if (!twin_input(t, p->inputs[i]))
            return false;
        if (p->n_raw_input_contents ? !twin_raw(t, &p->raw_input_contents[i]) : !twin_typed(t, p->inputs[i]->contents))
            return false;
    }
    for (size_t i = 0; i < r->output_count; i++)
        if (!twin_text(r->outputs[i].name, p->outputs[i]->name))
            return false;
    return true;
}

#endif
