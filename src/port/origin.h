/* origin.h - another tracking system that experiments, runs and models are moved in from.
 * Everything is read in pages: `cursor` starts as the empty text and is the origin's own from then on; a page of no
 * items is the end. What a page returns lies in op's arena, so a caller who takes a fresh arena per page needs little
 * memory, however large the origin is. Reading changes nothing there. Used by one thread at a time.
 * Errors: E_IO, E_CORRUPT, E_TIMEOUT: the world's failures; E_UNSUPPORTED: not readable from here, with the reason. */
#ifndef INGOT_PORT_ORIGIN_H
#define INGOT_PORT_ORIGIN_H

#include "base/op.h"

struct origin_kv {
    struct str key, value;
};
struct origin_kvs {
    struct origin_kv *p;
    size_t len;
};
struct origin_experiment {
    struct str id, name, artifact_location;
    bool deleted;
    int64_t created_ms, updated_ms;
    struct origin_kvs tags;
};
struct origin_dataset {
    struct str name, digest, source_type, source;
    struct str schema, profile; /* p NULL: absent */
    struct origin_kvs tags;
};
struct origin_model_use {
    struct str model_id;
    int64_t step;
};
struct origin_latest {
    struct str key;
    int64_t time_ms, step;
    double value;
    bool is_nan;
};
struct origin_run {
    struct str run_id, experiment_id, name, user_id, artifact_uri;
    struct str status; /* "FINISHED" */
    int64_t start_ms, end_ms, deleted_ms;
    bool has_end, deleted;
    struct origin_kvs params, tags;
    struct origin_latest *latest; /* one per metric */
    size_t latest_count;
    int64_t point_count; /* of all metrics; -1: not known */
    struct origin_dataset *datasets;
    size_t dataset_count;
    struct origin_model_use *inputs, *outputs;
    size_t input_count, output_count;
};
struct origin_point {
    struct str key;
    int64_t time_ms, step;
    double value;
    bool is_nan;
};
struct origin_model_metric {
    struct str key, run_id, dataset_name, dataset_digest;
    int64_t time_ms, step;
    double value;
    bool is_nan;
};
struct origin_logged_model {
    struct str model_id, experiment_id, name, model_type, source_run_id, artifact_uri, status_message;
    int status; /* 1 pending, 2 ready, 3 failed */
    bool deleted;
    int64_t created_ms, updated_ms;
    struct origin_kvs params, tags;
    struct origin_model_metric *metrics;
    size_t metric_count;
};
struct origin_model {
    struct str name;
    struct str description; /* p NULL: none */
    int64_t created_ms, updated_ms;
    struct origin_kvs tags;
    struct origin_kvs aliases; /* name and version number */
};
struct origin_version {
    struct str name;
    int64_t version, created_ms, updated_ms;
    struct str description; /* p NULL: none */
    struct str user_id, stage, source, storage_location, run_id, run_link;
    struct str data_version, signature; /* where the origin knows them */
    bool deleted;
    struct origin_kvs tags;
};
/* Where the files of a run or a logged model are. */
struct origin_place {
    struct str uri;
    struct str run_id, model_id; /* one of them, the other empty */
};
struct origin_file {
    struct str path;   /* relative to the place it was listed for */
    int64_t size_bytes; /* -1: not known */
    int64_t changed_us; /* 0: not known */
};
/* How many of each the origin holds; -1: not known. Used to compare afterwards. */
struct origin_counts {
    int64_t experiments, runs, params, tags, points, logged_models, models, versions;
    int64_t traces; /* there, but not moved */
};

typedef enum err (*origin_bytes_fn)(void *arg, const void *p, size_t n);
typedef enum err (*origin_points_fn)(void *arg, const struct origin_point *points, size_t n);

struct origin_ops {
    const char *name; /* "mlflow database" */
    enum err (*counts)(void *self, struct op *op, struct origin_counts *ret);
    enum err (*experiments)(void *self, struct op *op, struct str *cursor, struct origin_experiment **ret, size_t *ret_n);
    /* Without what was logged. */
    enum err (*runs)(void *self, struct op *op, struct str *cursor, struct origin_run **ret, size_t *ret_n);
    /* Fills params, tags, latest, point_count, datasets, inputs, outputs. */
    enum err (*run_fill)(void *self, struct op *op, struct origin_run *run);
    /* Points of all metrics of a filled run, in any order, a batch per call of `fn`; they live for that call only. An error of
     * `fn` ends it and is returned. While `fn` runs, `op` is the origin's. */
    enum err (*points)(void *self, struct op *op, const struct origin_run *run, origin_points_fn fn, void *arg);
    enum err (*logged_models)(void *self, struct op *op, struct str *cursor, struct origin_logged_model **ret, size_t *ret_n);
    enum err (*models)(void *self, struct op *op, struct str *cursor, struct origin_model **ret, size_t *ret_n);
    enum err (*versions)(void *self, struct op *op, struct str *cursor, struct origin_version **ret, size_t *ret_n);
    /* Every file of a place. E_UNSUPPORTED: it cannot be read from here. An absent folder is empty. */
    enum err (*files)(void *self, struct op *op, const struct origin_place *at, struct str *cursor, struct origin_file **ret, size_t *ret_n);
    /* The bytes of one file, piece by piece. An error of `fn` ends it and is returned. */
    enum err (*file)(void *self, struct op *op, const struct origin_place *at, struct str path, origin_bytes_fn fn, void *arg);
    void (*close)(void *self);
};
struct origin {
    const struct origin_ops *ops;
    void *self;
};

void origin_close(struct origin *o); /* NULL is ignored */

#endif
