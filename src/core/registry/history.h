/* history.h - what every change of the registry leaves behind: who changed which alias or stage when, kept for ever,
 * and the row number of a model by name. Inside a transaction. */
#ifndef INGOT_CORE_REGISTRY_HISTORY_H
#define INGOT_CORE_REGISTRY_HISTORY_H

#include "core/track/names.h"
#include "port/db.h"

struct registry_change {
    int64_t time_us;
    struct str actor, kind, subject;  /* kind "alias": the alias; "stage": the version */
    struct str old_value, new_value;  /* p NULL: there was none, it was removed */
};

/* E_NOT_FOUND: "Registered Model with name=x not found". */
MUST_USE enum err registry_model_row(struct op *op, struct db_tx *tx, struct str name, int64_t *ret);
/* The history row and the audit row "<kind>.set" or "<kind>.delete". */
MUST_USE enum err registry_history_add(struct op *op, struct db_tx *tx, struct str model, const char *kind, struct str subject, struct str old_value, struct str new_value);
/* Oldest first, also of models that are gone. */
MUST_USE enum err registry_history_list(struct op *op, struct db *db, struct str model, struct registry_change **ret, size_t *ret_len);

#endif
