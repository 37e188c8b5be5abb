/* rollback.h - an alias or a stage goes back to a version that it named before, in one call.
 * Undoing twice goes back two steps, not to and fro: a rollback takes steps off, it adds none. Deleted versions are passed
 * over. Leaves history rows of action "rollback"; protection is as policy.h says. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_ROLLBACK_H
#define INGOT_CORE_REGISTRY_ROLLBACK_H

#include "core/registry/version.h"

struct registry_rollback {
    struct str model;
    struct str alias;     /* p NULL: `stage`; the versions that leave it become Archived */
    struct str stage;
    int64_t to;           /* 0: the version before; else this one */
    /* What became of it. */
    int64_t from;         /* 0: the alias named none */
    int64_t went_to;
    bool changed;
};
/* E_CONFLICT: there is no earlier version. E_NOT_FOUND: model or version. E_DENIED: it waits for a second person (`to` was never
 * there before, or the policy says so). E_INVALID: stage None or Archived. */
MUST_USE enum err registry_rollback(struct op *op, struct db *db, struct registry_rollback *r);

#endif
