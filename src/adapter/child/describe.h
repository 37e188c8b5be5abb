/* describe.h - a model's description as JSON: what a child tells the server of the model that it has loaded. A row model
 * (port/engine.h) is described as the tensor model that the child makes of it: "features" in, "score" out. */
#ifndef INGOT_ADAPTER_CHILD_DESCRIBE_H
#define INGOT_ADAPTER_CHILD_DESCRIBE_H

#include "base/buf.h"
#include "port/engine.h"

void describe_format(struct buf *b, const struct model *m, size_t memory_bytes);
/* Everything in op's arena. E_INVALID: not such a text. */
MUST_USE enum err describe_parse(struct op *op, struct str text, struct engine_info *ret);

#endif
