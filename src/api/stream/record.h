/* record.h - the values of a stream's records, in and out (core/streaming/codec.h).
 *
 * STREAM_JSON: one JSON object is one row: {"age": 41, "income": null, "ts": "..."}. Members are found by the names of the model's features or
 * inputs; null and NaN are a missing number, true and false are 1 and 0; members that the model does not know are left alone; one that it wants and that
 * is not there is an error. The answer is {"model": name, "version": n, "id": ..., "outputs": {"score": 0.73}}: `id` is the member that `id_field`
 * names, as it came, if it is there; an output of one value is that value, else a (nested) list; "warning" when validation found something.
 *
 * STREAM_V2: an inference request of the Open Inference Protocol, as its REST dialect has it; the answer is the protocol's. Binary tensors
 * are not taken: a record has no place for their length. Threads: any; a codec is immutable. */
#ifndef INGOT_API_STREAM_RECORD_H
#define INGOT_API_STREAM_RECORD_H

#include "base/json.h"
#include "core/streaming/codec.h"

enum stream_format { STREAM_JSON, STREAM_V2 };
struct stream_codec {        /* must outlive the streaming_codec */
    enum stream_format format;
    struct str id_field;     /* "": none. JSON only */
    struct str key_field;    /* whose value is the answer's key; "": the input's key stays. JSON only */
    enum json_nonfinite nonfinite; /* how answers say NaN and infinities. V2: what the request asks for */
    bool refuse_nonfinite;   /* ... or they are errors */
};
struct streaming_codec stream_codec_make(const struct stream_codec *c);

#endif
