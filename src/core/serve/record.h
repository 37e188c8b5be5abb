/* record.h - tells the monitor and the rollout what was asked and answered. Private to core/serve. */
#ifndef INGOT_CORE_SERVE_RECORD_H
#define INGOT_CORE_SERVE_RECORD_H

#include "core/serve/call.h"

/* One prediction per row, and the picks that wait for a reward. `ok` false: it failed. */
void call_record(struct serve_call *c, bool ok);

/* What the answer says of each row, as floats: a row model's outputs; of a tensor model the first output of a float type, where a row
 * of two values is taken for the probabilities of two classes, whose second counts. NULL: the answer has no such output.
 * In op's arena or the call. */
const float *call_scores(struct serve_call *c, size_t *ret_per_row);
/* What labels will refer to, and when it happened. */
int64_t call_row_id(const struct serve_call *c, size_t row);
int64_t call_row_time(const struct serve_call *c, size_t row);

#endif
