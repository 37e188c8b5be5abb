/* telemetry.h - the settings of tracing, ours and OpenTelemetry's names in the environment, made into a tracer that sends by OTLP.
 *
 * What was not said on the command line (or in our own environment names and file) is taken from OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT,
 * _HEADERS, _PROTOCOL, _COMPRESSION, _TIMEOUT and _CERTIFICATE, OTEL_TRACES_SAMPLER and _ARG, OTEL_TRACES_EXPORTER, OTEL_SERVICE_NAME,
 * OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_SCHEDULE_DELAY, OTEL_SDK_DISABLED, as OpenTelemetry defines them. Without an endpoint nothing is traced. */
#ifndef INGOT_APP_TELEMETRY_H
#define INGOT_APP_TELEMETRY_H

#include "core/observe/tracer.h"

struct telemetry_settings { /* "": not said */
    struct str endpoint;    /* "http://collector:4318"; /v1/traces is added unless it stands there */
    struct str headers;     /* "name=value,..." with %XX */
    struct str protocol;    /* "http/protobuf" (default) or "http/json" */
    struct str sample;      /* probability for requests without a caller's decision; default 0.01 */
};
/* *ret NULL: no traces are wanted. E_INVALID names the setting. The caller ends both: tracer_destroy(), telemetry_close(). */
MUST_USE enum err telemetry_open(struct op *op, const struct telemetry_settings *settings, struct telemetry **ret_sink, struct tracer **ret);

#endif
