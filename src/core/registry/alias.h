/* alias.h - names that point at a version of a model and can be moved. Errors as in model.h, and E_DENIED where the alias is
 * protected (policy.h): the text names the request that now waits for a second person. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_ALIAS_H
#define INGOT_CORE_REGISTRY_ALIAS_H

#include "core/registry/version.h"

MUST_USE enum err registry_alias_set(struct op *op, struct db *db, struct str name, struct str alias, int64_t version);
/* Absent is fine. */
MUST_USE enum err registry_alias_delete(struct op *op, struct db *db, struct str name, struct str alias);
/* "latest" is the newest version; "1.2", "^1", "~1.2.3" the highest semantic version of the range. E_INVALID: no such alias. */
MUST_USE enum err registry_alias_resolve(struct op *op, struct db *db, struct str name, struct str alias, struct registry_version *ret);

/* May it be an alias? */
MUST_USE enum err registry_alias_check(struct op *op, struct str alias);
/* Inside a transaction: the version that the alias names now, 0 when there is none. */
MUST_USE enum err registry_alias_now(struct op *op, struct db_tx *tx, int64_t model_row, struct str alias, int64_t *ret_version);
/* Inside a transaction: what registry_alias_resolve() finds. */
MUST_USE enum err registry_alias_version(struct op *op, struct db_tx *tx, struct str name, struct str alias, int64_t *ret_version);

#endif
