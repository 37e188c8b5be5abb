/* triton_declared.h - input, output and the parameters of the backend "fil" as what adapter/declared reads. */
#ifndef INGOT_ADAPTER_REPOSITORY_TRITON_DECLARED_H
#define INGOT_ADAPTER_REPOSITORY_TRITON_DECLARED_H

#include "base/json.h"

/* JSON in op's arena; "": nothing is declared. `doc` is a checked configuration in Triton's names; `folder`: where files of labels lie.
 * E_INVALID, E_NOT_FOUND, E_IO. */
MUST_USE enum err triton_declared(struct op *op, const struct json *doc, struct str folder, bool fil, struct str *ret);

#endif
