/* infer_read.h - a ModelInferRequest as tensors. Values stay where they are in the message wherever its form allows it: raw contents and packed
 * floats are views into it, so the message must live until the answer is there. Texts and other arrays live in op's arena.
 * E_INVALID names the tensor at fault; E_TOO_LARGE: more tensors or values than base/limits.h allows. No threads. */
#ifndef INGOT_API_GRPC_INFER_READ_H
#define INGOT_API_GRPC_INFER_READ_H

#include "api/memory.h"
#include "core/serve/infer.h"

struct grpc_infer {
    struct str model;
    struct infer_request request;   /* started_ns is the caller's to set */
    bool raw;                       /* the peer sent raw contents or shared memory, or asks for raw ones: so the answer has them */
    struct memory_places places;    /* of outputs that go to shared memory */
    bool wants_final;               /* a stream's answers say that they are the last of their request */
};
/* `memory`: where tensors in shared memory are read; NULL: they are refused. */
MUST_USE enum err grpc_infer_read(struct op *op, struct str message, struct memory_regions *memory, struct grpc_infer *ret);
/* The id alone, for the answer to a request that cannot be read; "" if there is none. */
struct str grpc_infer_id(struct str message);

#endif
