/* Bodies of V2 inference with and without binary tensors: the first two bytes say how long the JSON is (0: raw body; 65535: no header), and
 * which of three signatures the model has. What is taken is written as an answer in both forms, so that every value is read. */
#include <stdio.h>
#include <stdlib.h>

#include "api/v2/answer.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer_both_ways(struct op *op, struct v2_request *r)
{
    const struct infer_answer a = {.outputs = r->infer.inputs, .output_count = r->infer.input_count, .version = 1};
    for (int binary = 0; binary < 2; binary++) {
        struct http_res res = {0};
        r->infer.output_count = 0;
        r->binary = binary;
        buf_init(&res.body, LIMIT_MIB(64));
        enum err e = v2_answer_write(op, STR("m"), r, &a, &res);
        if (e && (e != E_INVALID || binary)) /* only JSON has no form for some values */
            abort();
        buf_clear(&res.body);
        op_clear(op);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tensor_spec specs[] = {{.name = STR_INIT("f"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 3}},
                                               {.name = STR_INIT("t"), .type = TENSOR_BYTES, .rank = 1, .shape = {-1}},
                                               {.name = STR_INIT("i"), .type = TENSOR_INT16, .rank = 3, .shape = {2, -1, 2}}};
    char header[8];
    if (size < 2)
        return 0;
    unsigned n = data[0] | (unsigned)data[1] << 8;
    const struct infer_signature sig = {.inputs = &specs[n % ARRAY_LEN(specs)], .input_count = 1, .joins = n & 1};
    struct str body = {(const char *)data + 2, size - 2}, length = {NULL, 0};
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct v2_request r;
    op_init(&op, a);
    if (n != UINT16_MAX)
        length = (struct str){header, (size_t)snprintf(header, sizeof header, "%u", n)};
    enum err e = v2_request_read(&op, body, length, &sig, NULL, &r);
    if (!e) {
        for (size_t i = 0; i < r.infer.input_count; i++)
            if (r.infer.inputs[i].count > LIMIT_TENSOR_VALUES || r.infer.inputs[i].rank > LIMIT_TENSOR_RANK)
                abort();
        answer_both_ways(&op, &r);
    } else if ((e != E_INVALID && e != E_TOO_LARGE) || !op.msg) {
        abort();
    }
    arena_destroy(a);
    return 0;
}
