/* record.h - tells the monitor and the rollout what was asked and answered. Private to core/serve. */
#ifndef INGOT_CORE_SERVE_RECORD_H
#define INGOT_CORE_SERVE_RECORD_H

#include "core/serve/call.h"

/* One prediction per row. The score is the first value of a row's output; of a tensor model: of its first output of a float type,
 * where a row of two values is taken for the probabilities of two classes, whose second counts. `ok` false: it failed. */
void call_record(struct serve_call *c, bool ok);

#endif
