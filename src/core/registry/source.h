/* source.h - where a model version says its bytes are, checked and resolved. Inside a transaction. */
#ifndef INGOT_CORE_REGISTRY_SOURCE_H
#define INGOT_CORE_REGISTRY_SOURCE_H

#include "core/registry/version.h"

struct registry_source {
    struct str source;           /* "models:/name/3" for an alias or "latest" */
    struct str storage_location; /* where the bytes are */
    struct str run_id, model_id;
    int64_t logged_model_row;    /* 0: none */
    int64_t origin_row;          /* of the version that this one copies; 0: none */
    struct str signature;        /* that version's */
};

/* "models:/..." becomes what it stands for; sources in our own store must lie inside the artifacts of the run or
 * logged model that the request names. E_INVALID with MLflow's texts. */
MUST_USE enum err source_resolve(struct op *op, struct db_tx *tx, const struct registry_version_new *v, struct registry_source *ret);

#endif
