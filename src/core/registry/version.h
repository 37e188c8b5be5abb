/* version.h - versions of registered models: where the bytes are and what they came from.
 * Numbers are dense from 1 and unique under any concurrency; a deleted one is not given again. Creating, staging and
 * deleting write audit rows in the same transaction. Errors as in model.h. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_VERSION_H
#define INGOT_CORE_REGISTRY_VERSION_H

#include "core/track/names.h"
#include "port/db.h"

struct registry_search;

enum registry_stage { REGISTRY_STAGE_NONE, REGISTRY_STAGE_STAGING, REGISTRY_STAGE_PRODUCTION, REGISTRY_STAGE_ARCHIVED, REGISTRY_STAGES };

struct registry_version {
    int64_t row, model_row;
    struct str name;
    int64_t version;
    int64_t created_ms, updated_ms;
    struct str description; /* p NULL: none */
    struct str user_id;
    enum registry_stage stage;
    struct str source;            /* as given, "models:/a/1" made exact */
    struct str storage_location;  /* where the bytes are when that differs from the source */
    struct str run_id, run_link, model_id;
    struct str data_version, signature; /* lineage: the data's version; the model's signature as JSON */
    struct track_kvs tags;
    struct str *aliases;
    size_t alias_count;
    struct str semver;            /* "1.2.0"; "" for prompts and versions from before there were any */
    struct str semver_bump, semver_changes; /* what the signature asked for, and why: a JSON array (release.h) */
};
struct registry_version_new {
    struct str name, source, run_id, run_link, description, model_id, data_version, signature;
    struct str semver; /* a wish: "patch", "minor", "major", "X.Y.Z"; "": the tag ingot.semver, else what the signature asks for */
    const struct track_kv *tags;
    size_t tag_count;
};
struct registry_version_page {
    struct registry_version *versions;
    size_t len;
    struct str next_token;
};

/* E_INVALID, field "semver": the wish hides a break of the signature, with the differences listed. A signature that `v` lacks is
 * not looked for: see signature_find(). Checks the source: no "..", inside the run's or logged model's artifacts when it is one of ours. */
MUST_USE enum err registry_version_create(struct op *op, struct db *db, const struct registry_version_new *v, struct registry_version *ret);
MUST_USE enum err registry_version_get(struct op *op, struct db *db, struct str name, int64_t version, struct registry_version *ret);
/* `description` with p NULL stays. */
MUST_USE enum err registry_version_describe(struct op *op, struct db *db, struct str name, int64_t version, struct str description, struct registry_version *ret);
/* E_CONFLICT: an endpoint serves it; E_DENIED: it holds a protected alias or stage. */
MUST_USE enum err registry_version_delete(struct op *op, struct db *db, struct str name, int64_t version);
MUST_USE enum err registry_version_set_tag(struct op *op, struct db *db, struct str name, int64_t version, struct str key, struct str value);
MUST_USE enum err registry_version_delete_tag(struct op *op, struct db *db, struct str name, int64_t version, struct str key);
/* `archive_others` moves the stage's other versions to Archived; only for Staging and Production. E_DENIED: a protected stage; the
 * text names the request that waits for a second person. */
MUST_USE enum err registry_version_set_stage(struct op *op, struct db *db, struct str name, int64_t version, struct str stage, bool archive_others, struct registry_version *ret);
/* The newest version of each named stage; no names: of Staging, Production and None. */
MUST_USE enum err registry_version_latest(struct op *op, struct db *db, struct str name, const struct str *stages, size_t n, struct registry_version_page *ret);
/* Newest first, below the number `before` (0: from the newest on), `limit` at most. E_NOT_FOUND: the model. */
MUST_USE enum err registry_version_page(struct op *op, struct db *db, struct str name, int64_t before, size_t limit, struct registry_version_page *ret);
/* Where to download from. */
MUST_USE enum err registry_version_uri(struct op *op, struct db *db, struct str name, int64_t version, struct str *ret);
/* max_results 1..LIMIT_REGISTRY_SEARCH_VERSIONS. */
MUST_USE enum err registry_version_search(struct op *op, struct db *db, const struct registry_search *q, struct registry_version_page *ret);

const char *registry_stage_name(enum registry_stage s);
MUST_USE enum err registry_stage_parse(struct op *op, struct str name, enum registry_stage *ret);
MUST_USE enum err registry_version_parse(struct op *op, struct str text, int64_t *ret);

/* Inside a transaction. */
MUST_USE enum err registry_version_find(struct op *op, struct db_tx *tx, struct str name, int64_t version, struct registry_version *ret);
/* The stage's versions but for `except`, newest first, without tags. */
MUST_USE enum err registry_version_staged(struct op *op, struct db_tx *tx, struct str name, enum registry_stage stage, int64_t except, struct registry_version **ret, size_t *ret_len);
/* The newest of each stage that has one, newest first, without tags: REGISTRY_STAGES at most, however many there are. */
MUST_USE enum err registry_version_newest(struct op *op, struct db_tx *tx, struct str name, struct registry_version **ret, size_t *ret_len);
/* Tags, aliases, semantic version. */
MUST_USE enum err registry_version_fill(struct op *op, struct db_tx *tx, struct registry_version *v);

#endif
