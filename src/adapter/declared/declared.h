/* declared.h - a model under the names and shapes that somebody declared for it: an engine over the other engines, for model repositories
 * whose configuration says what clients see (Triton's input, output, reshape, labels, and the outputs of its backend "fil").
 *
 * A declared model is its file with a head before it: 8 bytes of magic, the length of a JSON text (4 bytes, little endian), the text:
 *     {"batched": true,                       shapes below lack the first axis, the batch's; absent: whichever fits
 *      "inputs": [{"name": "x", "datatype": "FP32", "dims": [3, -1], "reshape": [3, -1], "optional": true}],
 *      "outputs": [{"name": "y", "datatype": "FP32", "dims": [1], "reshape": [], "labels": ["no", "yes"]}],
 *      "fil": {"predict_proba": true, "output_class": false, "threshold": 0.5}}
 * What is declared must be what the model has: names and types of a tensor model, widths of a row model (whose one input and one output may
 * have any names); a list that is absent is the model's own. A row model becomes a tensor model. `fil`: a row of a binary model has two
 * probabilities, or is the number of its class. Everything is checked when the model is loaded. Threads: any. */
#ifndef INGOT_ADAPTER_DECLARED_DECLARED_H
#define INGOT_ADAPTER_DECLARED_DECLARED_H

#include "port/engine.h"

/* Stand first in the table of engines. The second is for files whose engine starts threads or processes (engine_ops.spawns). */
extern const struct engine_ops declared_engine, declared_spawning_engine;
/* The engines that load the files themselves, NULL-ended; before any model is loaded. These two may be among them. */
void declared_setup(const struct engine_ops *const *engines);
/* Puts the head before a file, in op's arena. E_TOO_LARGE. */
MUST_USE enum err declared_wrap(struct op *op, struct str declared, struct str file, bool spawns, struct str *ret);

#endif
