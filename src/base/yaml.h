/* yaml.h - YAML 1.2 core schema (libyaml's events) into the same tree as JSON, so one decoder serves both.
 * As ruamel in YAML-1.2 mode: yes/no/on/off are strings, 0o17 is octal, 017 and 1_000 are 17 and 1000,
 * 12:30:45 is a string, dates are strings, .inf/.nan are reals. Anchors and aliases are resolved with a
 * cap (LIMIT_YAML_NODES); tags other than the core ones, several documents, duplicate keys and depth
 * above LIMIT_JSON_DEPTH are E_INVALID with line and column. */
#ifndef INGOT_BASE_YAML_H
#define INGOT_BASE_YAML_H

#include "base/json.h"

MUST_USE enum err yaml_parse(struct op *op, struct str text, struct json **ret);
/* Writes a tree as block YAML in the style of DVC's files: indent 2, sequences not indented, plain
 * scalars where they read back as the same value, double quotes elsewhere. */
void yaml_write(struct buf *b, const struct json *j);

#endif
