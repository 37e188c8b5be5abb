/* release.h - the semantic version of each model version: given at its creation from what its signature changes
 * (signature.h), checked when its author names one, never changed and never given twice. Versions of prompts have none; those that
 * are older than this table or were imported get theirs, in the order of their numbers, when the model's first new one is made. Inside a transaction, but for registry_resolve. */
#ifndef INGOT_CORE_REGISTRY_RELEASE_H
#define INGOT_CORE_REGISTRY_RELEASE_H

#include "core/registry/semver.h"
#include "core/registry/version.h"
#include "port/db.h"

#define REGISTRY_SEMVER_TAG "ingot.semver" /* what an unmodified client writes its wish into; the version's tag keeps the answer */

struct registry_release {
    bool known;            /* false: the version has none */
    struct semver semver;
    struct str bump;       /* "first", "patch", "minor", "major": what its signature asked for */
    struct str changes;    /* JSON: ["input 'age' was removed", ...] against the release before */
};

struct registry_release_new {
    int64_t model_row, version_row, origin_row;
    struct str wanted;     /* "", "patch", "minor", "major" or "X.Y.Z" */
    struct str signature;
};
/* E_INVALID (field "semver"): no such form; taken; or smaller than the signature's changes ask for, with those listed. */
MUST_USE enum err registry_release_add(struct op *op, struct db_tx *tx, const struct registry_release_new *r, struct registry_release *ret);
MUST_USE enum err registry_release_get(struct op *op, struct db_tx *tx, int64_t version_row, struct registry_release *ret);
/* The number of the highest live version in the range; 0: none. */
MUST_USE enum err registry_release_find(struct op *op, struct db_tx *tx, int64_t model_row, const struct semver_range *range, int64_t *ret_version);

/* What people write behind a name: a number ("7"), "latest", an alias, or a range of semantic versions ("1.2", "^1", "~1.2.3").
 * An alias goes before a range of the same form. E_NOT_FOUND; E_INVALID. */
MUST_USE enum err registry_resolve(struct op *op, struct db *db, struct str name, struct str spec, struct registry_version *ret);
MUST_USE enum err registry_resolve_tx(struct op *op, struct db_tx *tx, struct str name, struct str spec, int64_t *ret_version);
/* "1.2.0", or "" without one. */
struct str registry_release_text(struct op *op, const struct registry_release *r);

#endif
