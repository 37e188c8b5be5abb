/* spans.h - one call as spans of its request's trace: the inference, its wait, the run, what was done before and after. Private to
 * core/serve; only for calls whose op has a trace. */
#ifndef INGOT_CORE_SERVE_SPANS_H
#define INGOT_CORE_SERVE_SPANS_H

#include "core/serve/call.h"

/* At the end of the call, however it ended; its times are those that the call carries. */
void call_spans(const struct serve_call *c, enum err e);

#endif
