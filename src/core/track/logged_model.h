/* logged_model.h - logged models (MLflow 3): what a run produced as a model, before and besides registration.
 * Ids are "m-" and 32 hex digits. A model starts PENDING and is finalised to READY or UPLOAD_FAILED.
 * Errors: E_NOT_FOUND, E_CONFLICT (experiment deleted), E_INVALID. Times in ms. Thread-safe. */
#ifndef INGOT_CORE_TRACK_LOGGED_MODEL_H
#define INGOT_CORE_TRACK_LOGGED_MODEL_H

#include "core/track/run.h"

enum logged_model_status { LOGGED_MODEL_PENDING = 1, LOGGED_MODEL_READY, LOGGED_MODEL_UPLOAD_FAILED };

struct logged_model {
    int64_t row;
    struct str model_id;
    int64_t experiment_id;
    struct str name, model_type, source_run_id, artifact_uri, status_message;
    enum logged_model_status status;
    bool deleted;
    int64_t created_ms, updated_ms;
    struct track_kvs params, tags;
    struct track_metric *metrics; /* with run_id and dataset */
    size_t metric_count;
};
struct logged_model_new {
    int64_t experiment_id;
    struct str name, model_type, source_run_id; /* an empty name is made up */
    const struct track_kv *params, *tags;
    size_t param_count, tag_count;
};
struct logged_model_dataset {
    struct str name, digest; /* an empty digest: any */
};
struct logged_model_order {
    struct str field; /* "metrics.auc", "creation_timestamp" */
    bool descending;
    struct logged_model_dataset dataset; /* an empty name: the metric on whatever dataset */
};
struct logged_model_query {
    const int64_t *experiments;
    size_t experiment_count;
    struct str filter;
    const struct logged_model_order *order_by; /* none: newest first */
    size_t order_count;
    const struct logged_model_dataset *datasets; /* none, or metrics on one of them are required */
    size_t dataset_count;
    int64_t max_results; /* 1..LIMIT_TRACK_SEARCH_LOGGED_MODELS */
    struct str page_token;
};
struct logged_model_page {
    struct logged_model *models;
    size_t len;
    struct str next_token;
};

MUST_USE enum err logged_model_create(struct op *op, struct db *db, const struct logged_model_new *m, struct logged_model *ret);
/* A deleted one is E_NOT_FOUND unless `allow_deleted`. */
MUST_USE enum err logged_model_get(struct op *op, struct db *db, struct str model_id, bool allow_deleted, struct logged_model *ret);
MUST_USE enum err logged_model_finalize(struct op *op, struct db *db, struct str model_id, enum logged_model_status status, struct logged_model *ret);
MUST_USE enum err logged_model_delete(struct op *op, struct db *db, struct str model_id);
/* Parameters never change: E_INVALID for another value. */
MUST_USE enum err logged_model_log_params(struct op *op, struct db *db, struct str model_id, const struct track_kv *params, size_t n);
MUST_USE enum err logged_model_set_tags(struct op *op, struct db *db, struct str model_id, const struct track_kv *tags, size_t n);
MUST_USE enum err logged_model_delete_tag(struct op *op, struct db *db, struct str model_id, struct str key);
MUST_USE enum err logged_model_search(struct op *op, struct db *db, const struct logged_model_query *q, struct logged_model_page *ret);

/* Inside a transaction: without parameters, tags and metrics. */
MUST_USE enum err logged_model_find(struct op *op, struct db_tx *tx, struct str model_id, struct logged_model *ret);
/* The present row of a statement with the columns of track_model_by_id. */
void logged_model_row(struct op *op, struct db_tx *tx, struct db_rows *rows, struct logged_model *ret);
/* Loads parameters, tags and metrics. */
MUST_USE enum err logged_model_fill(struct op *op, struct db_tx *tx, struct logged_model *m);
/* Notes in the tag mlflow.modelVersions that a registered version was made of it. */
MUST_USE enum err logged_model_add_version(struct op *op, struct db_tx *tx, int64_t row, struct str name, int64_t version);

const char *logged_model_status_name(enum logged_model_status s); /* "LOGGED_MODEL_READY" */
bool logged_model_status_parse(struct str name, enum logged_model_status *ret);

#endif
