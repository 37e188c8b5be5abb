/* tracer.h - which requests leave a trace, and who gets it.
 *
 * A request is sampled
 *   - because its caller sampled it (traceparent's flag), or never if its caller decided against it, unless `parent_ignored`;
 *   - else with the probability `ratio`, decided by its random trace id, so that programs that sample by id agree;
 *   - or, of inference requests without a caller, every rate'th, as a client of the V2 trace extension has asked (trace_level TIMESTAMPS, trace_rate,
 *     trace_count). That switch works beside the others and is off at first.
 * A request that is not sampled costs a look at one field and one random number. Thread-safe. */
#ifndef INGOT_CORE_OBSERVE_TRACER_H
#define INGOT_CORE_OBSERVE_TRACER_H

#include "base/op.h"
#include "base/trace.h"
#include "port/telemetry.h"

struct tracer_config {
    double ratio;              /* 0..1, of requests whose caller decided nothing */
    bool parent_ignored;       /* the caller's decision does not count */
    struct telemetry *sink;    /* borrowed; must outlive the tracer */
    int64_t delay_ms;          /* 0: LIMIT_TRACE_DELAY_MS */
};
struct tracer;
/* Starts the thread that sends. */
struct tracer *tracer_create(const struct tracer_config *config);
/* Sends what waits, for LIMIT_TRACE_STOP_MS at most. NULL is ignored. */
void tracer_destroy(struct tracer *t);

/* The trace of a request, in op's arena, or NULL: not sampled (or `t` is NULL). `traceparent` and `tracestate` as they came, "": none. */
struct trace *tracer_start(struct tracer *t, struct op *op, struct str traceparent, struct str tracestate, bool inference);
/* The trace is complete: its parents are decided and a copy waits to be sent. Never blocks. NULL is ignored. */
void tracer_finish(struct tracer *t, struct trace *trace);

/* The trace extension: `rate` 1 or more; `count` < 0: without an end. */
void tracer_rule_set(struct tracer *t, bool on, int64_t rate, int64_t count);
int64_t tracer_rule_left(struct tracer *t); /* of its count; -1: without an end */

struct tracer_stats {
    uint64_t sampled, sent_spans, dropped_spans; /* dropped: the queue was full, or nobody took them */
    uint64_t messages, retries, queued_bytes;
};
void tracer_stats(struct tracer *t, struct tracer_stats *ret);

#endif
