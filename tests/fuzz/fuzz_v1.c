/* Bodies of V1 and TensorFlow Serving; the first byte chooses the method and the model. What is taken is answered as it came. */
#include <stdlib.h>

#include "api/v1/predict.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct str names[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};
    static const struct tensor_spec row[] = {{.name = STR_INIT("features"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 3}}};
    static const struct tensor_spec two[] = {{.name = STR_INIT("a"), .type = TENSOR_BYTES, .rank = 1, .shape = {-1}},
                                             {.name = STR_INIT("b"), .type = TENSOR_INT8, .rank = 2, .shape = {-1, 1}}};
    if (!size)
        return 0;
    const bool tensors = data[0] & 4;
    const struct infer_signature sig = tensors ? (struct infer_signature){.inputs = two, .input_count = 2} : (struct infer_signature){.inputs = row, .input_count = 1, .joins = true};
    const struct serve_info info = {.name = STR("e"), .features = tensors ? 0 : 3, .outputs = 1, .feature_names = tensors ? NULL : names, .ready = true, .id_field = STR("id")};
    const struct frame_want want = {.info = &info, .sig = &sig, .flags = VALUES_B64};
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct v1_request r;
    op_init(&op, a);
    enum err e = v1_request_read(&op, (struct str){(const char *)data + 1, size - 1}, (enum v1_method)(data[0] % 3), &want, &r);
    if (!e) {
        const struct infer_answer answer = {.outputs = r.inputs.p, .output_count = r.inputs.len, .version = 1};
        struct http_res res = {0};
        buf_init(&res.body, LIMIT_MIB(64));
        e = v1_answer_write(&op, &r, &answer, NULL, 0, &res);
        buf_clear(&res.body);
    }
    if (e && ((e != E_INVALID && e != E_TOO_LARGE) || !op.msg))
        abort();
    arena_destroy(a);
    return 0;
}
