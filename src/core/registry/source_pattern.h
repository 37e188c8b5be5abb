/* source_pattern.h - a rule of the house for where new model versions may say their bytes are, for example "^s3://models/". MLflow's servers
 * take it from MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX. It is a POSIX extended regular expression (Python's classes \d and (?:...)
 * are not in it) and need only match somewhere; anchors are the author's. Immutable, so thread-safe. */
#ifndef INGOT_CORE_REGISTRY_SOURCE_PATTERN_H
#define INGOT_CORE_REGISTRY_SOURCE_PATTERN_H

#include "base/op.h"

struct source_pattern;

/* E_INVALID: no such expression. */
MUST_USE enum err source_pattern_create(struct op *op, struct str text, struct source_pattern **ret);
void source_pattern_destroy(struct source_pattern *p); /* NULL is fine */
/* E_INVALID with MLflow's text when `source` does not match. NULL lets everything through. */
MUST_USE enum err source_pattern_check(struct op *op, const struct source_pattern *p, struct str source);

#endif
