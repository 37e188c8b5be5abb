/* status.h - how gRPC says how a call went: numbers for enum err, texts in headers, times to wait. Pure. Source: the gRPC
 * project's "gRPC over HTTP2" and "Status codes and their use". */
#ifndef INGOT_API_GRPC_STATUS_H
#define INGOT_API_GRPC_STATUS_H

#include "base/op.h"

enum grpc_status {
    GRPC_OK = 0, GRPC_CANCELLED = 1, GRPC_UNKNOWN = 2, GRPC_INVALID_ARGUMENT = 3, GRPC_DEADLINE_EXCEEDED = 4, GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6, GRPC_PERMISSION_DENIED = 7, GRPC_RESOURCE_EXHAUSTED = 8, GRPC_FAILED_PRECONDITION = 9, GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11, GRPC_UNIMPLEMENTED = 12, GRPC_INTERNAL = 13, GRPC_UNAVAILABLE = 14, GRPC_DATA_LOSS = 15, GRPC_UNAUTHENTICATED = 16,
};
enum grpc_status grpc_status_of(enum err e);
/* The decimal digits; static. */
struct str grpc_status_text(enum grpc_status s);
/* `text` as a grpc-message: bytes outside ' '..'~' and '%' become %XX; at most LIMIT_GRPC_TEXT_BYTES. In `a`. */
struct str grpc_message_encode(struct arena *a, struct str text);
/* A grpc-timeout: one to eight digits and one of H M S m u n. Rounded up to milliseconds. False on anything else. */
MUST_USE bool grpc_timeout_parse(struct str text, int64_t *ret_ms);

#endif
