/* yaml.h - YAML 1.2 core schema (libyaml's events) into the same tree as JSON, so one decoder serves both.
 * As ruamel in YAML-1.2 mode: yes/no/on/off are strings, 0o17 is octal, 017 and 1_000 are 17 and 1000,
 * 12:30:45 is a string, .inf/.nan are reals, `<<` merges mappings; unlike it, dates are strings, a key is
 * its text ("1: x" has the key "1"), an integer beyond 64 bits is a real and a real beyond a double an
 * error. Anchors and aliases are resolved with a cap (LIMIT_YAML_NODES); tags other than the core ones,
 * several documents, duplicate keys, keys that are no scalars, a %YAML directive of 1.1 and depth above
 * LIMIT_JSON_DEPTH are E_INVALID with line and column. An empty text is null. */
#ifndef INGOT_BASE_YAML_H
#define INGOT_BASE_YAML_H

#include "base/json.h"

/* The tree lives in op->arena; aliases share their subtree. E_TOO_LARGE above LIMIT_YAML_BYTES or when
 * the arena is used up. */
MUST_USE enum err yaml_parse(struct op *op, struct str text, struct json **ret);
/* Writes a tree as block YAML in the style of DVC's files: indent 2, sequences not indented, plain
 * scalars where they read back as the same value, single quotes elsewhere, double quotes where escapes
 * are needed. What it writes is read back by yaml_parse() and by ruamel as the same tree. */
void yaml_write(struct buf *b, const struct json *j);

#endif
