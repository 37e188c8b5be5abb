/* yaml_scalar.h - what a plain YAML scalar means (YAML 1.2 core schema as ruamel reads it); for
 * src/base only. Pure; no errors but those told by the result. */
#ifndef INGOT_BASE_YAML_SCALAR_H
#define INGOT_BASE_YAML_SCALAR_H

#include "base/json.h"

/* The value of an unquoted scalar; a string refers to `text` itself. False when it is a number that no
 * 64-bit integer or double holds. */
MUST_USE bool yaml_scalar_resolve(struct str text, struct json *ret);
/* Whether `text` may stand unquoted and then still be this very string, also for readers of YAML 1.1. */
bool yaml_scalar_plain(struct str text);

#endif
