/* policy.h - which aliases and stages of a model may only be moved with a second person's consent.
 * A model's own policy replaces the one of all models; without any, nothing is protected. What protection means:
 *  - setting or removing a protected alias, moving a version into or out of a protected stage makes a request (approval.h)
 *    instead of the change;
 *  - a version that holds one, and its model, can be neither deleted nor renamed: that would move it by another way;
 *  - a rollback to a version that held it before needs nobody, unless `free_rollback` is false.
 * Texts of names live in op's arena. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_POLICY_H
#define INGOT_CORE_REGISTRY_POLICY_H

#include "core/registry/version.h"
#include "port/db.h"

#define REGISTRY_POLICY_TTL_US (7 * 86400000000LL)

struct registry_policy {
    struct str *aliases; /* ASCII case is ignored */
    size_t alias_count;
    bool stages[REGISTRY_STAGES];
    int64_t ttl_us;      /* how long a request waits */
    bool self_approval;  /* the asker may approve: for one person with one name */
    bool free_rollback;
    bool own;            /* the model's own, not that of all models */
    int64_t updated_us;
    struct str updated_by;
};

/* `model` "": that of all models. Nothing set: nothing protected, with the defaults. E_NOT_FOUND: the model. */
MUST_USE enum err registry_policy_get(struct op *op, struct db *db, struct str model, struct registry_policy *ret);
/* Replaces; audited as "policy.set". E_INVALID: an alias that cannot be one, too many, ttl_us out of range. */
MUST_USE enum err registry_policy_set(struct op *op, struct db *db, struct str model, const struct registry_policy *p);
/* The model is under the policy of all models again; for "" nothing is protected there. Audited as "policy.clear". */
MUST_USE enum err registry_policy_clear(struct op *op, struct db *db, struct str model);

/* Inside a transaction. */
MUST_USE enum err registry_policy_find(struct op *op, struct db_tx *tx, int64_t model_row, struct registry_policy *ret);
bool registry_policy_has_alias(const struct registry_policy *p, struct str alias);
/* E_DENIED when the version holds a protected alias or stage. */
MUST_USE enum err registry_policy_check_version(struct op *op, struct db_tx *tx, const struct registry_version *v, const char *what);
/* The same for any version of the model. */
MUST_USE enum err registry_policy_check_model(struct op *op, struct db_tx *tx, struct str name, int64_t model_row, const char *what);

#endif
