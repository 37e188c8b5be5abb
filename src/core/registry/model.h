/* model.h - registered models: a name under which versions are kept, with tags and aliases.
 * Every change writes its audit row in the same transaction; alias changes also leave a history row that
 * stays. A model tagged mlflow.prompt.is_prompt=true is a prompt and is left out of searches that do not name
 * that tag. Errors: E_NOT_FOUND, E_EXISTS, E_INVALID. Times in ms since 1970 UTC. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_MODEL_H
#define INGOT_CORE_REGISTRY_MODEL_H

#include "core/registry/alias.h"
#include "core/registry/version.h"

struct registry_alias {
    struct str alias;
    int64_t version;
};
struct registry_model {
    int64_t row;
    struct str name;
    struct str description; /* p NULL: none */
    int64_t created_ms, updated_ms;
    struct track_kvs tags;
    struct registry_alias *aliases;
    size_t alias_count;
    struct registry_version *latest; /* newest version of each stage that has one */
    size_t latest_count;
};
struct registry_search {
    struct str filter;
    const struct str *order_by;
    size_t order_count;
    int64_t max_results;
    struct str page_token;
};
struct registry_model_page {
    struct registry_model *models;
    size_t len;
    struct str next_token;
};

MUST_USE enum err registry_model_create(struct op *op, struct db *db, struct str name, struct str description, const struct track_kv *tags, size_t tag_count, struct registry_model *ret);
MUST_USE enum err registry_model_get(struct op *op, struct db *db, struct str name, struct registry_model *ret);
MUST_USE enum err registry_model_rename(struct op *op, struct db *db, struct str name, struct str new_name, struct registry_model *ret);
MUST_USE enum err registry_model_describe(struct op *op, struct db *db, struct str name, struct str description, struct registry_model *ret);
/* With all its versions. E_CONFLICT: an endpoint serves it; E_DENIED: a version of it holds a protected alias or stage. The same
 * holds for a rename. */
MUST_USE enum err registry_model_delete(struct op *op, struct db *db, struct str name);
MUST_USE enum err registry_model_set_tag(struct op *op, struct db *db, struct str name, struct str key, struct str value);
/* Absent is fine. */
MUST_USE enum err registry_model_delete_tag(struct op *op, struct db *db, struct str name, struct str key);
/* max_results 1..LIMIT_REGISTRY_SEARCH_MODELS. */
MUST_USE enum err registry_model_search(struct op *op, struct db *db, const struct registry_search *q, struct registry_model_page *ret);

/* MLflow's rule: not empty, no '/' and no ':'. Pure. */
MUST_USE enum err registry_model_check_name(struct op *op, struct str name);

#endif
