/* triton_schema.h - the messages of Triton's config.pbtxt as tables for base/pbtxt.h. Field names and enums are those of the public
 * model_config.proto (triton-inference-server/common, release 2.73). */
#ifndef INGOT_ADAPTER_REPOSITORY_TRITON_SCHEMA_H
#define INGOT_ADAPTER_REPOSITORY_TRITON_SCHEMA_H

#include "base/pbtxt.h"

extern const struct pbtxt_message triton_schema; /* ModelConfig */

#endif
