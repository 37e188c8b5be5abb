/* encode.h - traces as an ExportTraceServiceRequest of OTLP, in protobuf (proto/otlp_trace.proto) or in its JSON form: ids as hex, 64-bit
 * integers as texts, names in camel case. Private to adapter/otlp. Sealed traces only (trace_seal). */
#ifndef INGOT_ADAPTER_OTLP_ENCODE_H
#define INGOT_ADAPTER_OTLP_ENCODE_H

#include "adapter/otlp/otlp.h"
#include "base/buf.h"

struct otlp_resource {
    const struct otlp_pair *pairs;
    size_t count;
};
/* E_TOO_LARGE: memory, or out's maximum. */
MUST_USE enum err otlp_encode(struct op *op, const struct otlp_resource *resource, const struct trace *const *traces, size_t n, struct buf *out);
MUST_USE enum err otlp_encode_json(struct op *op, const struct otlp_resource *resource, const struct trace *const *traces, size_t n, struct buf *out);
/* The spans that a receiver did not want, of the body of its answer; 0 when it says nothing that can be read. */
uint64_t otlp_rejected(struct op *op, struct str body, bool json, struct str *ret_why);

#endif
