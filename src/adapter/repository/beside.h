/* beside.h - files that lie beside a model's file and belong to it: the transform and the calibrator that were fitted with it
 * (core/chain), and what `ingot train --package-out` writes. For MODEL.json they are MODEL.transform.json and MODEL.calibrator.json;
 * for a file named "model" also transform.json and calibrator.json. Threads: any. */
#ifndef INGOT_ADAPTER_REPOSITORY_BESIDE_H
#define INGOT_ADAPTER_REPOSITORY_BESIDE_H

#include "base/op.h"

/* Is a file of this name no model but one that lies beside models? */
bool beside_is(struct str name);
/* The bytes of both in op's arena; "": there is none. E_IO, E_TOO_LARGE. */
MUST_USE enum err beside_read(struct op *op, struct str model_file, struct str *ret_transform, struct str *ret_calibrator);

#endif
