/* run.h - runs: one execution of something, with what it logged. Points of metrics are in metric.h, inputs and
 * outputs in input.h, search in run_search.h. Run ids are 32 hex digits. The tag mlflow.runName and the name
 * are one thing. Creating, deleting and restoring write audit rows; logging does not.
 * Errors: E_NOT_FOUND, E_CONFLICT (deleted), E_INVALID. Times in ms since 1970 UTC. Thread-safe. */
#ifndef INGOT_CORE_TRACK_RUN_H
#define INGOT_CORE_TRACK_RUN_H

#include "core/track/names.h"
#include "port/db.h"

enum track_run_status { TRACK_RUN_RUNNING = 1, TRACK_RUN_SCHEDULED, TRACK_RUN_FINISHED, TRACK_RUN_FAILED, TRACK_RUN_KILLED };

struct track_metric {
    struct str key;
    double value;          /* NaN is allowed; infinities are clamped to +-DBL_MAX when stored */
    int64_t time_ms, step;
    struct str model_id, dataset_name, dataset_digest, run_id; /* empty unless measured on a logged model */
};
struct track_dataset {
    struct str name, digest, source_type, source;
    struct str schema, profile; /* p NULL: absent */
    struct track_kvs tags;      /* of this use; mlflow.data.context tells what for */
};
struct track_run_model {
    struct str model_id;
    int64_t step;
};

struct track_run {
    int64_t row;           /* internal number */
    struct str run_id;
    int64_t experiment_id;
    struct str name, user_id, artifact_uri;
    enum track_run_status status;
    int64_t start_ms, end_ms;
    bool has_end, deleted;
    /* Filled by track_run_get and searches. */
    struct track_kvs params, tags;
    struct track_metric *metrics; /* the latest point of each */
    size_t metric_count;
    struct track_dataset *datasets;
    size_t dataset_count;
    struct track_run_model *inputs, *outputs;
    size_t input_count, output_count;
};
struct track_run_head {
    int64_t row, experiment_id;
    bool deleted;
};

/* An empty `name` comes from the tag or is made up. Fills all of *ret but the logged parts, tags included. */
MUST_USE enum err track_run_create(struct op *op, struct db *db, int64_t experiment_id, struct str name, struct str user_id, int64_t start_ms, const struct track_kv *tags, size_t tag_count, struct track_run *ret);
/* Those named _start do not wait, as db_write_start: done(done_arg, e) comes once the change is durable or refused, and never if the
 * call itself returns an error. What they are given, texts included, must live as long as op's arena; *ret is written before
 * done(done_arg, OK). */
MUST_USE enum err track_run_create_start(struct op *op, struct db *db, int64_t experiment_id, struct str name, struct str user_id, int64_t start_ms, const struct track_kv *tags, size_t tag_count, struct track_run *ret, db_done_fn done, void *done_arg);
MUST_USE enum err track_run_get(struct op *op, struct db *db, struct str run_id, struct track_run *ret);
/* What is NULL or empty stays. */
MUST_USE enum err track_run_update(struct op *op, struct db *db, struct str run_id, const enum track_run_status *status, const int64_t *end_ms, struct str name, struct track_run *ret);
MUST_USE enum err track_run_update_start(struct op *op, struct db *db, struct str run_id, const enum track_run_status *status, const int64_t *end_ms, struct str name, struct track_run *ret, db_done_fn done, void *done_arg);
MUST_USE enum err track_run_delete(struct op *op, struct db *db, struct str run_id);
MUST_USE enum err track_run_restore(struct op *op, struct db *db, struct str run_id);
MUST_USE enum err track_run_set_tag(struct op *op, struct db *db, struct str run_id, struct str key, struct str value);
MUST_USE enum err track_run_delete_tag(struct op *op, struct db *db, struct str run_id, struct str key);
MUST_USE enum err track_run_set_tag_start(struct op *op, struct db *db, struct str run_id, struct str key, struct str value, db_done_fn done, void *done_arg);
MUST_USE enum err track_run_delete_tag_start(struct op *op, struct db *db, struct str run_id, struct str key, db_done_fn done, void *done_arg);
/* Appends a JSON object to the list in the tag mlflow.log-model.history, in one transaction. Unlike other tags it is never
 * cut: E_TOO_LARGE above LIMIT_TRACK_MODEL_HISTORY. A tag that holds no list is replaced. */
MUST_USE enum err track_run_add_model(struct op *op, struct db *db, struct str run_id, struct str model_json);

/* Inside a transaction. */
MUST_USE enum err track_run_find(struct op *op, struct db_tx *tx, struct str run_id, bool need_active, struct track_run_head *ret);
MUST_USE enum err track_run_put_tag(struct op *op, struct db_tx *tx, int64_t row, struct str key, struct str value);
/* The present row of a statement with the columns of track_run_by_id. */
void track_run_row(struct op *op, struct db_tx *tx, struct db_rows *rows, struct track_run *ret);
/* Loads parameters, tags, metrics, inputs and outputs. */
MUST_USE enum err track_run_fill(struct op *op, struct db_tx *tx, struct track_run *run);
MUST_USE enum err track_run_check_tag(struct op *op, struct str key, struct str value, const char *key_path);

const char *track_run_status_name(enum track_run_status s); /* "RUNNING" ... */
bool track_run_status_parse(struct str name, enum track_run_status *ret);

#endif
