/* model_list.h - the registered models as a list that people look at: each with its newest version, where it is served, who owns it and what waits.
 * In the order of names, from a name on (keyset), prompts left out. Texts in op's arena. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_MODEL_LIST_H
#define INGOT_CORE_REGISTRY_MODEL_LIST_H

#include "core/registry/model.h"

struct registry_served {
    struct str endpoint;
    int64_t version;
};
struct registry_model_row {
    struct str name, description; /* description p NULL: none */
    int64_t created_ms, updated_ms;
    struct registry_alias *aliases;
    size_t alias_count;
    struct registry_version newest; /* version 0: the model has none */
    int64_t staged[REGISTRY_STAGES]; /* newest version of each stage, 0: none; REGISTRY_STAGE_NONE is not filled */
    int64_t versions, waiting;       /* how many versions there are, how many requests wait */
    struct str owner;                /* section "owner" of the newest card that has one; "": none */
    struct registry_served *served;  /* at most LIMIT_REGISTRY_LIST_ENDPOINTS */
    size_t served_count;
};
struct registry_model_query {
    struct str search; /* in the name, in its tags' values not; ASCII case is ignored; "": all */
    struct str after;  /* only names after it; "": from the first on */
    size_t limit;      /* 1..LIMIT_REGISTRY_LIST */
};
/* *ret_more: there are further ones. */
MUST_USE enum err registry_model_list(struct op *op, struct db *db, const struct registry_model_query *q, struct registry_model_row **ret, size_t *ret_len, bool *ret_more);
/* One of them. E_NOT_FOUND. */
MUST_USE enum err registry_model_row_get(struct op *op, struct db *db, struct str name, struct registry_model_row *ret);

#endif
