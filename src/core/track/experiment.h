/* experiment.h - experiments: named groups of runs with a place for artifacts.
 * Ids are dense integers that never come back; experiment 0 "Default" exists from the start. A deleted
 * experiment keeps its name and can be restored. Every change writes its audit row in the same transaction.
 * Errors: E_NOT_FOUND, E_EXISTS (name taken), E_CONFLICT (not in the right state), E_INVALID. Times in ms.
 * Thread-safe. */
#ifndef INGOT_CORE_TRACK_EXPERIMENT_H
#define INGOT_CORE_TRACK_EXPERIMENT_H

#include "core/track/names.h"
#include "port/db.h"

enum track_view { TRACK_VIEW_ACTIVE = 1, TRACK_VIEW_DELETED = 2, TRACK_VIEW_ALL = 3 };

struct experiment {
    int64_t id;
    struct str name;
    struct str artifact_location; /* "mlflow-artifacts:/7" */
    bool deleted;
    int64_t created_ms, updated_ms;
    struct track_kvs tags;
};
struct experiment_query {
    struct str filter;
    const struct str *order_by;
    size_t order_count;
    enum track_view view;
    int64_t max_results; /* 1..LIMIT_TRACK_SEARCH_EXPERIMENTS, else E_INVALID */
    struct str page_token;
};
struct experiment_page {
    struct experiment *items;
    size_t len;
    struct str next_token; /* empty: the last page */
};

/* An empty `location` becomes mlflow-artifacts:/<id>. */
MUST_USE enum err experiment_create(struct op *op, struct db *db, struct str name, struct str location, const struct track_kv *tags, size_t tag_count, int64_t *ret_id);
/* The same; where `location` is "" the artifacts go below `root` ("s3://bucket/ml", "/srv/ml"): root/<id>. */
MUST_USE enum err experiment_create_below(struct op *op, struct db *db, struct str name, struct str location, struct str root, const struct track_kv *tags, size_t tag_count, int64_t *ret_id);
/* Moves the experiment Default below `root` as long as it has no runs and its first location. */
MUST_USE enum err experiment_default_below(struct op *op, struct db *db, struct str root);
/* Deleted ones are found as well. */
MUST_USE enum err experiment_get(struct op *op, struct db *db, int64_t id, struct experiment *ret);
MUST_USE enum err experiment_get_by_name(struct op *op, struct db *db, struct str name, struct experiment *ret);
/* Its runs go and come back with it. */
MUST_USE enum err experiment_delete(struct op *op, struct db *db, int64_t id);
MUST_USE enum err experiment_restore(struct op *op, struct db *db, int64_t id);
MUST_USE enum err experiment_rename(struct op *op, struct db *db, int64_t id, struct str name);
MUST_USE enum err experiment_set_tag(struct op *op, struct db *db, int64_t id, struct str key, struct str value);
MUST_USE enum err experiment_delete_tag(struct op *op, struct db *db, int64_t id, struct str key);
MUST_USE enum err experiment_search(struct op *op, struct db *db, const struct experiment_query *q, struct experiment_page *ret);

/* Inside a transaction: without tags; `need_active` fails with E_CONFLICT when it is deleted. */
MUST_USE enum err experiment_find(struct op *op, struct db_tx *tx, int64_t id, bool need_active, struct experiment *ret);

#endif
