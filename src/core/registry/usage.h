/* usage.h - which endpoints answer with a model. The registry is asked before a version goes away or a model gets another
 * name, in the transaction of that change, so that no endpoint is left without its model. core/serve stands above this
 * folder; its tables are read here, its code is not called. */
#ifndef INGOT_CORE_REGISTRY_USAGE_H
#define INGOT_CORE_REGISTRY_USAGE_H

#include "base/op.h"
#include "port/db.h"

/* Endpoints of the model's version (live, or with a share of the traffic), in alphabetical order; version 0: of any of its
 * versions. At most `max`. */
MUST_USE enum err registry_usage_list(struct op *op, struct db_tx *tx, struct str model, int64_t version, struct str *ret_names, size_t max, size_t *ret_len);
/* E_CONFLICT that names an endpoint and `what` cannot be done. */
MUST_USE enum err registry_usage_check(struct op *op, struct db_tx *tx, struct str model, int64_t version, const char *what);

#endif
