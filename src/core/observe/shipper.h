/* shipper.h - a bounded queue of finished traces and the thread that sends them in batches. Private to core/observe. Thread-safe. */
#ifndef INGOT_CORE_OBSERVE_SHIPPER_H
#define INGOT_CORE_OBSERVE_SHIPPER_H

#include "core/observe/tracer.h"

struct shipper;
struct shipper *shipper_create(struct telemetry *sink, int64_t delay_ms);
void shipper_destroy(struct shipper *s); /* sends what waits, for LIMIT_TRACE_STOP_MS at most */
/* Takes a copy made by trace_copy. When the queue is full its oldest entries go. */
void shipper_take(struct shipper *s, struct trace *take_trace, size_t bytes);
void shipper_stats(struct shipper *s, struct tracer_stats *ret); /* all but `sampled` */

#endif
