/* transform_format.h - a fitted transform as a file: `NAME.transform.json` beside a model, or `transform.json` in its folder.
 *
 *     {"format": "ingot.transform", "version": 1,
 *      "inputs": [{"name": "age", "type": "number", "min": 0, "max": 93}, {"name": "city", "type": "string"}],   ranges: seen in training, optional
 *      "columns": [{"column": "age", "steps": [{"kind": "impute", "method": "median", "value": 38.0, "indicator": true},
 *                                              {"kind": "scale", "method": "standard", "center": 37.2, "scale": 12.9}]},
 *                  {"column": "city", "steps": [{"kind": "onehot", "categories": ["Bonn", "Köln"], "rare": ["Ulm"], "unknown": "ignore"}]}]}
 * Members of the steps: impute value, indicator; scale center, scale; clip min, max; log1p none; bucketize edges, onehot; onehot categories, rare,
 * unknown; ordinal categories, unknown ("error", "value"), unknown_value; target categories, values, mean; hash buckets, signs. `method` may stand in
 * impute, scale and bucketize. Categories ascend (numbers by value, texts by bytes). A null is NaN. Unknown members are E_INVALID. */
#ifndef INGOT_CORE_CHAIN_TRANSFORM_FORMAT_H
#define INGOT_CORE_CHAIN_TRANSFORM_FORMAT_H

#include "base/json.h"
#include "core/chain/transform.h"

/* "impute" ...; NULL-ended. */
extern const char *const transform_kind_names[];

/* In op's arena; the bytes may go. E_INVALID, E_UNSUPPORTED (another version of the format), E_TOO_LARGE. */
MUST_USE enum err transform_read(struct op *op, struct str bytes, struct transform **ret);
void transform_write(struct json_out *w, const struct transform *t);

#endif
