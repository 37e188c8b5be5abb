/* rules.h - the rules of "columns": "signature": what a version says of its own columns. Private to core/chain. */
#ifndef INGOT_CORE_CHAIN_RULES_H
#define INGOT_CORE_CHAIN_RULES_H

#include "core/chain/chain.h"

/* Types and ranges of the transform's inputs; else of the signature's columns; else the model's features or inputs. Ranges are those
 * seen in training, where they are known. In op's arena. A signature that cannot be read counts as none. */
MUST_USE enum err rules_of_model(struct op *op, const struct chain_model *m, const struct validate_rule **ret, size_t *ret_len);

#endif
