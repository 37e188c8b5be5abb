/* pbtxt_json.h - a JSON tree under a schema of pbtxt.h, made the tree that pbtxt_parse() gives for the same message. As protobuf's own JSON
 * form: keys as the schema writes them or in lowerCamelCase, 64-bit integers also as texts, enums as names or numbers, null as absent.
 * E_INVALID names the field. Threads: any. */
#ifndef INGOT_BASE_PBTXT_JSON_H
#define INGOT_BASE_PBTXT_JSON_H

#include "base/pbtxt.h"

/* The tree lives in op's arena and borrows texts from `doc`. E_TOO_LARGE when the arena is used up. */
MUST_USE enum err pbtxt_of_json(struct op *op, const struct json *doc, const struct pbtxt_message *schema, struct json **ret);

#endif
