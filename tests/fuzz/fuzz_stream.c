/* Values of a stream's records. The first byte says the format and the model: row features by name, tensors by name, joined or not. What
 * is taken is encoded as an answer. */
#include <stdlib.h>

#include "api/stream/record.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct str names[] = {STR_INIT("a"), STR_INIT("b")};
    static const struct tensor_spec row = {.name = STR_INIT("features"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 2}};
    static const struct tensor_spec named[] = {{.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 3, .shape = {-1, 2, -1}},
                                               {.name = STR_INIT("s"), .type = TENSOR_BYTES, .rank = 2, .shape = {-1, 1}, .optional = true},
                                               {.name = STR_INIT("i"), .type = TENSOR_INT16, .rank = 1, .shape = {-1}, .optional = true}};
    if (!size)
        return 0;
    const bool rows = data[0] & 1;
    const struct serve_info info = {.name = STR("m"), .features = rows ? 2 : 0, .feature_names = rows ? names : NULL};
    const struct infer_signature sig = {.inputs = rows ? &row : named, .input_count = rows ? 1 : ARRAY_LEN(named), .joins = rows || data[0] & 2};
    const struct stream_codec codec = {.format = data[0] & 4 ? STREAM_V2 : STREAM_JSON, .id_field = STR("id"), .key_field = data[0] & 8 ? STR("k") : STR("")};
    const struct streaming_codec c = stream_codec_make(&codec);
    const struct stream_record r = {.has_value = true, .value = {(const char *)data + 1, size - 1}};
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct buf out;
    struct streaming_question q = {0};
    op_init(&op, a);
    buf_init(&out, LIMIT_MIB(64));
    enum err e = c.decode(c.arg, &op, &r, &info, &sig, &q);
    if (!e) {
        const struct infer_answer answer = {.outputs = q.infer.inputs, .output_count = q.infer.input_count, .version = 1};
        for (size_t i = 0; i < q.infer.input_count; i++)
            if (q.infer.inputs[i].count > LIMIT_TENSOR_VALUES || q.infer.inputs[i].rank > LIMIT_TENSOR_RANK)
                abort();
        e = c.encode(c.arg, &op, &info, &q, &answer, &out);
        if (e && e != E_INVALID)
            abort();
    } else if ((e != E_INVALID && e != E_TOO_LARGE && e != E_UNSUPPORTED) || !op.msg) {
        abort();
    }
    buf_clear(&out);
    arena_destroy(a);
    return 0;
}
