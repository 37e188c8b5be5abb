/* dvc_params.h - parameter files of a pipeline (YAML or JSON) and dotted keys into them.
 * Trees live in op's arena. E_NOT_FOUND: no such file; E_UNSUPPORTED: a TOML or Python file. */
#ifndef INGOT_CORE_PIPELINE_DVC_PARAMS_H
#define INGOT_CORE_PIPELINE_DVC_PARAMS_H

#include "base/json.h"

/* `name` is what messages call the file. An empty file is an empty map; anything but a map is E_INVALID. */
MUST_USE enum err dvc_params_load(struct op *op, struct str path, struct str name, const struct json **ret);
/* "a.b.0": keys of maps and indices of lists; a key that itself has dots is found too. NULL when absent. */
const struct json *dvc_params_find(const struct json *doc, struct str dotted);
/* The same value: 1 and 1.0 are equal as in Python, the order of a map's keys does not matter. */
bool dvc_params_equal(const struct json *a, const struct json *b);
/* Sets `dotted` to a YAML scalar in the file, making maps on the way, and rewrites it (comments are lost). */
MUST_USE enum err dvc_params_set(struct op *op, struct str path, struct str dotted, struct str yaml_value);

#endif
