/* codec.h - what a record's value means. The dialect decodes it to tensors and encodes the answer; the core asks the endpoint in between, as it
 * does for a request over HTTP. Implemented in api/stream. Any thread; one record at a time per op. */
#ifndef INGOT_CORE_STREAMING_CODEC_H
#define INGOT_CORE_STREAMING_CODEC_H

#include "core/serve/infer.h"
#include "port/stream.h"

struct streaming_question {
    struct infer_request infer;
    bool has_key;            /* the answer's key is not the input's */
    struct str key;
    void *own;               /* the codec's */
};
struct streaming_codec {
    void *arg;
    /* Fills *ret from a record that has a value; everything lives in op's arena or in the record. An error is the record's own fault. */
    enum err (*decode)(void *arg, struct op *op, const struct stream_record *record, const struct serve_info *info, const struct infer_signature *sig,
                       struct streaming_question *ret);
    /* The answer's value, into `out`. E_INVALID: a value that may not be written; E_TOO_LARGE. */
    enum err (*encode)(void *arg, struct op *op, const struct serve_info *info, const struct streaming_question *question, const struct infer_answer *answer,
                       struct buf *out);
};

#endif
