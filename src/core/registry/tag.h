/* tag.h - what models' and versions' tags have in common. Pure. */
#ifndef INGOT_CORE_REGISTRY_TAG_H
#define INGOT_CORE_REGISTRY_TAG_H

#include "core/track/names.h"

/* The form of a key and the length of a value, with MLflow's texts. */
MUST_USE enum err registry_tag_check(struct op *op, struct str key, struct str value);
MUST_USE enum err registry_tags_check(struct op *op, const struct track_kv *tags, size_t n);
/* Do the tags say that this is a prompt (mlflow.prompt.is_prompt, any case)? */
bool registry_tags_are_prompt(const struct track_kv *tags, size_t n);

#endif
