/* audit.h - the tamper-evident log of who changed what.
 * A row is written in the same transaction as the change it records, so neither exists without the other. Each row
 * carries the hash of all rows before it: an edited, removed or inserted row is found by audit_verify(). (Rows cut off at
 * the end are found only by somebody who kept a later head; publish audit_proof.head for that.)
 * Texts are UTF-8. Times are microseconds since 1970 UTC. Thread-safe. */
#ifndef INGOT_CORE_AUDIT_AUDIT_H
#define INGOT_CORE_AUDIT_AUDIT_H

#include "base/hash.h"
#include "port/db.h"

struct audit_row {
    int64_t seq; /* dense, from 1 */
    int64_t time_us;
    struct str actor;
    struct str verb;   /* "create", "promote", ... */
    struct str kind;   /* of the object: "model_version", "endpoint", ... */
    struct str object; /* its name */
    bool allowed;      /* false: somebody tried and was refused */
    struct str detail; /* a JSON object */
    struct str request_id;
    uint8_t prev_hash[HASH_SHA256_LEN]; /* the hash of row seq - 1; zeros in row 1 */
    uint8_t hash[HASH_SHA256_LEN];
};

/* Records a change in the transaction that makes it; actor, time and request id come from `op`. `verb` and `kind` are not
 * empty; `detail_json` is one JSON value, "" stands for "{}". E_TOO_LARGE above LIMIT_AUDIT_DETAIL_BYTES, E_CONFLICT
 * when it is not JSON, E_INVALID for a NUL in a text; E_IO. */
MUST_USE enum err audit_append(struct op *op, struct db_tx *tx, struct str verb, struct str kind,
                               struct str object, struct str detail_json);
/* The same for an attempt that was refused. */
MUST_USE enum err audit_append_denied(struct op *op, struct db_tx *tx, struct str verb, struct str kind,
                                      struct str object, struct str detail_json);

struct audit_filter {
    struct str kind, object, verb; /* "" = any; `object` needs `kind` (E_INVALID) */
    int64_t before_seq;            /* only older rows: the last seq of the page before; 0 = from the newest */
    size_t limit;                  /* 1..LIMIT_AUDIT_PAGE; 0 = that */
};
/* Newest first, in op's arena. */
MUST_USE enum err audit_list(struct op *op, struct db *db, const struct audit_filter *filter,
                             struct audit_row **ret_rows, size_t *ret_count);
/* Oldest first: up to `limit` rows after `after_seq`. */
MUST_USE enum err audit_export(struct op *op, struct db *db, int64_t after_seq, size_t limit,
                               struct audit_row **ret_rows, size_t *ret_count);

struct audit_proof {
    int64_t rows;
    uint8_t head[HASH_SHA256_LEN]; /* the hash of the last row; zeros when there is none */
};
/* Recomputes the whole chain in one snapshot. E_CORRUPT names the first row that is not what was written. */
MUST_USE enum err audit_verify(struct op *op, struct db *db, struct audit_proof *ret);
/* The hash that `row` must have after a row with hash `prev`. Pure. */
void audit_hash(const struct audit_row *row, const uint8_t prev[HASH_SHA256_LEN],
                uint8_t out[HASH_SHA256_LEN]);

#endif
