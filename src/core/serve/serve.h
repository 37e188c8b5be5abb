/* serve.h - endpoints: named places where a registered model answers.
 *
 * An endpoint is a row (name, model, live version, configuration) and, in memory, an immutable state that
 * readers hold by reference: the loaded versions, the rollout's weights, the feature view. Changing anything
 * builds a new state and swaps one pointer; requests under way finish on the state they started with, so no request
 * fails or waits during a change. Versions are read, loaded and warmed on the loader's thread
 * (loader.h) before the swap, which the caller's thread does.
 *
 * Configuration of an endpoint, JSON:
 *     {"model": "flights-delay",      registered model; default: the endpoint's name
 *      "view": "flights_delay",       online features for requests that bring entity columns; absent: none
 *      "id_field": "flight",          the tensor whose values labels will refer to; default: the view's id field
 *      "threshold": 0.5,              for accuracy
 *      "monitor": {...},              see core/monitor/monitor.h: monitor_config_parse
 *      "rollout": {...},              the plan of rollouts started by retraining: rollout_plan_parse
 *      "retrain": {...},              kept as it is for the scheduler
 *      "payload_log": {...}, "logger": {...}, what is kept of requests, and who is told: core/payload/config.h
 *      "batch": {"max_size": 32,      rows of one run; 0 or absent: where the measured cost says that more saves nothing; 1: never join
 *                "max_rows": 0,       rows of one request; 0: LIMIT_SERVE_ROWS
 *                "max_delay_us": 2000, a request waits no longer for others, and only while the measured cost says that it pays
 *                "preferred": [8, 16]}, sizes at which nothing is waited for, ascending
 *      "queue": {"max_queue_size": 1024, requests that may wait for one version; one more is E_BUSY
 *                "max_queue_bytes": 268435456, memory of those that wait or run; one more is E_BUSY, unless it is the only one
 *                "priority_levels": 0,  priorities 1 (first) to this; 0: all requests are equal
 *                "default_priority_level": 1,
 *                "default_queue_policy": {"timeout_action": "REJECT",    or "DELAY": timed-out requests run last
 *                                         "default_timeout_microseconds": 0,   in the queue; 0: none
 *                                         "allow_timeout_override": true},     a request may ask for less
 *                "priority_queue_policy": {"1": {...}}}, the same for one priority
 *      "cache": {"max_bytes": 0},     answers kept for equal questions; 0: none. Never for online features
 *      "warmup": {"count": 8, "sample": "zero", or "random"
 *                 "shapes": {"input": [1, 3, 224, 224]}}, of tensor models with free axes
 *      "concurrency": 0,              runs of one version at a time; 0: as many as there are threads
 *      "inline_us": 50,               a run expected to take no longer is done on the I/O thread; 0: all are queued
 *      "triton": {...},               kept as it is: what a model repository of Triton's says, for its model configuration
 *      "memory_max_bytes": 0,         of all loaded versions; older ones go first; 0: the server's limit only
 *      "validate": {...},             what the columns of a request must be like: core/chain/validate.h
 *      "post": {...}}                 what becomes of the scores: core/chain/post.h
 * A version that was registered with a transform or a calibrator brings them along: requests name the raw columns, scores are calibrated.
 * Unknown members are E_INVALID. Each change writes the endpoint's row and an audit row in one transaction.
 * How requests are asked stands in infer.h.
 * Threads: everything from any thread; serve_acquire .. serve_release is what I/O threads use (~50 ns). Models are loaded and
 * unloaded on a thread of low priority of its own. */
#ifndef INGOT_CORE_SERVE_SERVE_H
#define INGOT_CORE_SERVE_SERVE_H

#include "base/json.h"
#include "core/feature/online.h"
#include "core/monitor/monitor.h"
#include "core/rollout/rollout.h"
#include "port/blob.h"
#include "port/db.h"
#include "port/engine.h"

struct payload;
struct serve;          /* one per server */
struct serve_endpoint; /* one state of one endpoint, held by reference */

/* The files of one registered version, in op's arena. */
struct serve_files {
    struct str model;      /* bytes an engine loads */
    struct str reference;  /* bytes of monitor_reference_format; empty: none */
    /* What was fitted with the model (core/chain), and its signature in MLflow's JSON; empty: none. */
    struct str transform, calibrator, signature;
};
struct serve_upload {
    struct str path;       /* in the model's folder: "1/model.onnx" */
    struct str bytes;
};
struct serve_source_model {
    struct str name;
    const struct json *config; /* an endpoint's configuration as above; NULL: {} */
    const int64_t *versions;   /* that shall be loaded, ascending; the last one is live */
    size_t version_count;      /* 0: none; `problem` says why */
    struct str problem;        /* "" = none: why it cannot be loaded as it stands */
};
/* Where versions come from: core/serve/source.h in the server, memory in tests. E_NOT_FOUND, E_CORRUPT, E_IO.
 * A source is a value; `self` is the copy that serve keeps. Its functions are called on the thread of whoever asked for a change. What takes
 * long there and waits for nobody but the disk (scanning folders, reading, hashing) belongs into serve_source_run(). */
struct serve_source {
    void *arg;
    struct db *db;
    struct blob_store *blobs;
    enum err (*fetch)(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret);
    /* Is the version still there? Asked in the transaction that makes an endpoint depend on it. NULL: it is. */
    enum err (*check)(const struct serve_source *self, struct op *op, struct db_tx *tx, struct str model, int64_t version);
    /* What a server without a database serves, by name: each becomes an endpoint. NULL: this source is asked by name only. */
    enum err (*list)(const struct serve_source *self, struct op *op, struct serve_source_model **ret, size_t *ret_len);
    /* A client asks to load a model with this configuration (NULL: none) and these files. *ret_taken: list and fetch follow it from now on,
     * until they are told otherwise; false: the configuration is the endpoint's own, as above. Everything is copied. Without configuration
     * and files: as it lies there. NULL: this source cannot. */
    enum err (*override)(const struct serve_source *self, struct op *op, struct str model, const struct json *config, const struct serve_upload *files,
                         size_t file_count, bool *ret_taken);
    /* That load failed: what was told before holds again. Set with `override`. */
    void (*override_undo)(const struct serve_source *self, struct str model);
    struct loader *loader;     /* serve's own, set in the copy that it keeps */
    /* That load succeeded: what was told before is wanted no more. The model was unloaded: nor is what was told. Set with `override`. */
    void (*override_keep)(const struct serve_source *self, struct str model);
    void (*override_forget)(const struct serve_source *self, struct str model);
};
/* Runs fn(arg) on the thread of low priority, so that requests notice nothing, and waits for its end; before serve has the source, at once. */
void serve_source_run(const struct serve_source *self, void (*fn)(void *arg), void *arg);
struct serve_config {      /* all borrowed; must outlive the serve */
    struct db *db;                   /* NULL: endpoints are what the source lists, in memory only; there are no rollouts */
    struct feature_online *features; /* NULL: no endpoint may name a view */
    struct monitor *monitor;         /* NULL: predictions are not recorded */
    struct payload *payload;         /* NULL: requests are neither kept nor told */
    const struct engine_ops *const *engines; /* NULL-ended */
    struct serve_source source;
    struct rollout_live *live;       /* pairs and picks of running rollouts; NULL: none are kept */
    size_t memory_max_bytes;         /* of all loaded models; 0: no limit */
    int threads;                     /* that run queued requests; 0: as many as there are cores */
    size_t queue_max_bytes;          /* memory of all requests that wait or run; 0: LIMIT_SERVE_QUEUES_BYTES; SIZE_MAX: no limit, nor an endpoint's: a command that asks bounds it */
    bool explicit_load;              /* without a database: nothing is loaded until serve_repository_load() asks for it */
};

/* Takes up all stored endpoints: loads their live versions and the candidates of running rollouts. An endpoint whose
 * version cannot be loaded is there but not ready (E_BUSY on use) and is logged; it never stops the server. */
MUST_USE enum err serve_open(struct op *op, const struct serve_config *config, struct serve **ret);
void serve_close(struct serve *s); /* NULL is ignored; no request may be left */

/* ---- changing endpoints (blocking: pool threads) ---- */

/* Creates or replaces. `version` > 0 becomes live. A rollout that runs goes on only if the model is the same, else E_CONFLICT.
 * E_NOT_FOUND: version or view; E_INVALID: configuration, or the model's features are not the view's. */
MUST_USE enum err serve_put(struct op *op, struct serve *s, struct str name, const struct json *config, int64_t version);
/* Makes a version live at once (blue-green by hand, or back). E_CONFLICT while a rollout runs. */
MUST_USE enum err serve_set_version(struct op *op, struct serve *s, struct str name, int64_t version);
/* E_CONFLICT while a rollout runs, and while a graph names it. */
MUST_USE enum err serve_remove(struct op *op, struct serve *s, struct str name);
/* Loads `candidate`, checks it against the endpoint, then starts the rollout (core/rollout) and sends it traffic.
 * `plan` NULL: the endpoint's. `start_us` is event time. E_CONFLICT: one runs. */
MUST_USE enum err serve_start_rollout(struct op *op, struct serve *s, struct str name, int64_t candidate, const struct rollout_plan *plan,
                                      int64_t start_us, int64_t *ret_rollout_id);
/* To be called after every decision that monitor_labels or rollout_finish reported (verdict HOLD and NO_ROLLOUT cost
 * nothing): publishes the new weights; after PROMOTE the candidate is live, after ROLLBACK the control stays. The version
 * that lost stays loaded for a quick way back until the next change. */
MUST_USE enum err serve_apply(struct op *op, struct serve *s, struct str name, const struct rollout_decision *decision);

/* Runs fn(arg) on the thread of low priority that loads models, between two loads, and waits for its end. */
void serve_run_quietly(struct serve *s, void (*fn)(void *arg), void *arg);

/* ---- looking (I/O threads); asking: infer.h ---- */
struct serve_info {
    struct str name, model;
    struct str id_field;               /* "" = none */
    const struct json *config;
    const struct feature_view *view;   /* NULL = none */
    bool ready;
    int64_t live;                      /* version; 0 = none */
    struct rollout_weights weights;
    size_t version_count;              /* loaded ones, ascending */
    const int64_t *versions;
    size_t features, outputs;          /* of the live model */
    const struct str *feature_names;   /* `features` of them, or NULL */
    struct str format;
};
/* E_NOT_FOUND. Pair with serve_release. */
MUST_USE enum err serve_acquire(struct op *op, struct serve *s, struct str name, struct serve_endpoint **ret);
void serve_release(struct serve_endpoint *e); /* NULL is ignored */
const struct serve_info *serve_endpoint_info(const struct serve_endpoint *e);
/* Names in op's arena, in alphabetical order. */
size_t serve_list(struct op *op, struct serve *s, struct str **ret);

#endif
