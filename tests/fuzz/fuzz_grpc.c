/* A body of ModelInfer: its frame, its compression (the first byte chooses), then the message, which the compiled reader reads as well: where
 * both accept it they must agree. */
#include "../unit/api/grpc/infer_twin.h"

#include "api/grpc/call.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_both(struct op *op, struct str message)
{
    struct grpc_infer q;
    enum err e = grpc_infer_read(op, message, NULL, &q);
    struct str id = grpc_infer_id(message);
    if (e && !op->msg)
        abort();
    if (e)
        return;
    if (id.len != q.request.id.len)
        abort();
    Inference__ModelInferRequest *p = inference__model_infer_request__unpack(NULL, message.len, (const uint8_t *)message.p);
    if (p && !twin_equal(&q, p))
        abort();
    if (p)
        inference__model_infer_request__free_unpacked(p, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct arena *a = arena_create(LIMIT_MIB(128));
    struct op op;
    struct str message = {(const char *)data + 1, size - 1};
    op_init(&op, a);
    if (data[0] & 4) { /* without a frame: most of a fuzzer's time goes to the message */
        read_both(&op, message);
    } else {
        const struct grpc_call call = {.coding = (enum grpc_coding)(data[0] & 3)};
        if (grpc_message_only(&op, &call, message, &message) == OK)
            read_both(&op, message);
        else if (!op.msg)
            abort();
    }
    arena_destroy(a);
    return 0;
}
