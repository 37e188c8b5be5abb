/* infer_write.h - a ModelInferResponse from tensors, written once: sizes first, then every byte to its place. Pure. */
#ifndef INGOT_API_GRPC_INFER_WRITE_H
#define INGOT_API_GRPC_INFER_WRITE_H

#include "api/memory.h"
#include "base/buf.h"
#include "port/tensor.h"

struct grpc_answer {
    struct str model, id;
    int64_t version;            /* 0: none is named */
    const char *warning;        /* parameter "warning"; NULL: none */
    bool final;                 /* parameter "triton_final_response" */
    bool raw;                   /* raw contents; else typed ones, unless a tensor has a type that is raw only */
    const struct memory_places *places; /* outputs that lie in shared memory already; NULL: none */
    const struct tensor *outputs;
    size_t output_count;
};
/* Appends the message; out->failed: it does not fit. */
void grpc_answer_write(const struct grpc_answer *a, struct buf *out);
/* The same within a ModelStreamInferResponse; `error` NULL: none. */
void grpc_stream_answer_write(const struct grpc_answer *a, struct str error, struct buf *out);

#endif
