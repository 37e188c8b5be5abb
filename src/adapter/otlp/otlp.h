/* otlp.h - port/telemetry over OTLP/HTTP: OpenTelemetry's protocol, protobuf or JSON by POST, as collectors and most back-ends of traces take
 * it at http://HOST:4318/v1/traces.
 *
 * The answers 429, 502, 503 and 504 and no answer at all may be tried again (E_BUSY, E_IO, E_TIMEOUT); any other refusal is for good
 * (E_INVALID). No redirect is followed and no proxy used. */
#ifndef INGOT_ADAPTER_OTLP_OTLP_H
#define INGOT_ADAPTER_OTLP_OTLP_H

#include "port/telemetry.h"

struct otlp_pair {
    struct str key, value;
};
struct otlp_config {             /* copied */
    struct str url;              /* whole: ".../v1/traces" */
    bool json, gzip;
    const struct otlp_pair *headers; /* at most LIMIT_TRACE_HEADERS */
    size_t header_count;
    const struct otlp_pair *resource; /* attributes of the server itself: service.name ...; at most LIMIT_TRACE_RESOURCE */
    size_t resource_count;
    const char *ca_path;         /* NULL: the system's */
    int timeout_ms;              /* 0: LIMIT_TRACE_TIMEOUT_MS */
};
/* E_INVALID: the URL, a header, or too many of them. Nothing is sent yet. Closed by telemetry_close(). */
MUST_USE enum err otlp_open(struct op *op, const struct otlp_config *config, struct telemetry **ret);

#endif
