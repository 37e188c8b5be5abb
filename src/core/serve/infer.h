/* infer.h - asking an endpoint, for every dialect and every way to serve: the dialect decodes tensors, makes one call here,
 * and encodes tensors.
 *
 * What happens inside: the rollout picks the version by unit_id; the endpoint's chain runs (validate, transform, online features
 * for requests that bring entity columns, model, post-process); the answer is recorded with the monitor and the payload log.
 * Models whose measured cost is small answer on the caller's thread; dear ones go through their queue and batcher.
 *
 * Inputs of a row model (port/engine.h) may come in three forms: one tensor of any name and shape [n, features] (or
 * [features] for one row); one tensor per feature, [n] or [n, 1], by name; or the entity columns of the endpoint's feature view.
 * Beside them the id column and the view's time column may stand. Inputs of a tensor model come by the names of its signature.
 * Errors: E_INVALID names the tensor at fault (wrong shape, count, datatype, duplicate, unknown, missing); E_NOT_FOUND: no
 * such endpoint or version; E_BUSY: not ready, or the queue is full; E_TIMEOUT; E_CANCELLED; E_TOO_LARGE; E_IO: the engine. */
#ifndef INGOT_CORE_SERVE_INFER_H
#define INGOT_CORE_SERVE_INFER_H

#include "core/serve/serve.h"
#include "port/tensor.h"

struct infer_want {
    struct str name;
    size_t classes;          /* > 0: the classification extension: the n largest as "value:index[:label]" */
    bool binary;             /* for the dialect's own use; the core ignores it */
};
/* Everything is borrowed and must live until the answer is there. */
struct infer_request {
    const struct tensor *inputs;
    size_t input_count;
    const struct infer_want *outputs; /* in the order wanted; none: all */
    size_t output_count;
    int64_t version;         /* 0: as the rollout says; else a loaded one */
    struct str unit_id;      /* decides the version during a rollout; "": the first id, else a number of its own */
    struct str id;           /* the request's; only logged */
    uint32_t priority;       /* 1 = highest; 0: the endpoint's default */
    int64_t timeout_us;      /* in the queue; 0: the endpoint's */
    struct str sequence;     /* correlation id as text, "" = none */
    bool sequence_start, sequence_end;
    const struct json_member *params; /* what else it says by name, scalars; for conditions of graphs */
    size_t param_count;
    int64_t started_ns;      /* time_mono_ns() at arrival */
};
struct infer_answer {
    const struct tensor *outputs; /* op's arena, or held by the endpoint's cache until op's arena ends */
    size_t output_count;
    int64_t version;
    int arm;                 /* enum rollout_arm */
    float propensity;        /* of `version` for this unit; 1 without a rollout */
    bool cached;
    const char *warning;     /* what validation found under the policy "warn", or which step of a graph failed; NULL: nothing */
};

/* Asks and waits: commands, batch and stream work, POOL handlers. Not for I/O threads. */
MUST_USE enum err serve_infer(struct op *op, struct serve_endpoint *e, const struct infer_request *r, struct infer_answer *ret);

/* Asks without waiting, for I/O threads. A cheap model's answer is in *ret when this returns, and `later` was not touched.
 * Else `later->begin(later->arg)` is called (on this thread, before anything can answer), OK is returned, and the result comes
 * once by `later->done(what begin returned, err)` on any thread, with *ret filled if it is OK. Until then `op`, `r`, `ret` and what
 * they point to belong to the call; the endpoint may be released at once. When an error is returned, done is never called. */
struct infer_later {
    void *(*begin)(void *arg);
    void (*done)(void *token, enum err e);
    void *arg;
};
MUST_USE enum err serve_infer_start(struct op *op, struct serve_endpoint *e, const struct infer_request *r, struct infer_answer *ret,
                                    const struct infer_later *later);

/* What the live version (or a loaded one; 0: live) takes and gives after its chain, for metadata. E_NOT_FOUND, E_BUSY. */
struct infer_signature {
    const struct tensor_spec *inputs, *outputs;
    size_t input_count, output_count;
    struct str platform;     /* "ingot_xgboost", "onnxruntime_onnx" ... */
    bool joins;              /* the first axis is the batch */
};
MUST_USE enum err serve_signature(struct op *op, struct serve_endpoint *e, int64_t version, struct infer_signature *ret);

/* ---- figures, as Triton's statistics extension counts them ---- */
struct infer_duration {
    uint64_t count, ns;
};
struct infer_batch_stats {
    uint64_t batch_size;
    struct infer_duration input, infer, output;
};
enum { INFER_BATCH_SIZES = 32, INFER_BUCKETS = 18 };
enum { INFER_FINE = 176 }; /* buckets of equal relative width: core/serve/stats.h, stats_fine_edges */
/* Upper bounds of the first INFER_BUCKETS - 1 buckets, ascending; the last one has none. */
extern const uint64_t infer_bounds_ns[INFER_BUCKETS - 1];
struct infer_histogram {
    uint64_t bucket[INFER_BUCKETS], ns; /* each for itself; the sum of all values */
};
struct infer_stats {
    int64_t version;
    int64_t last_us;         /* wall clock of the last inference; 0: none */
    uint64_t inference_count, execution_count; /* rows; runs of the model. Neither counts what the cache answered */
    struct infer_duration success, fail, queue, input, infer, output, cache_hit, cache_miss;
    struct infer_batch_stats batches[INFER_BATCH_SIZES];
    size_t batch_count;
    uint64_t queue_bytes;    /* memory of the requests that wait or run, as the queue's limit counts it; now */
    uint64_t queued, running, rejected, cancelled, timed_out; /* now, now, since the start ... */
    uint64_t memory_bytes;
    uint64_t failed[ERR_COUNT]; /* `fail`, by reason */
    struct infer_histogram total_by_time, queue_by_time, infer_by_time; /* of answered requests; what the cache answered is in the first alone */
    uint64_t total_fine[INFER_FINE]; /* the same as total_by_time, fine enough for quantiles */
};
/* What belongs to no single version. */
struct serve_figures {
    uint64_t shadow_dropped, shadow_waiting; /* copies of requests for the versions that rollouts shadow */
};
void serve_figures(struct serve *s, struct serve_figures *ret);
/* Values that broke a rule of the endpoint's "validate", by column, since the server started; in op's arena. */
struct serve_violation {
    struct str column;
    uint64_t count;
};
size_t serve_violations(struct op *op, struct serve_endpoint *e, struct serve_violation **ret);
/* One per loaded version, ascending; in op's arena. */
size_t serve_stats(struct op *op, struct serve_endpoint *e, struct infer_stats **ret);

/* ---- the repository, as its extension sees it ---- */
struct serve_index_row {
    struct str name;
    int64_t version;         /* 0: none is known */
    bool ready;
    struct str reason;       /* why it is not */
};
/* Every endpoint with its loaded versions, and what the repository could load; by name and version, in op's arena. */
MUST_USE enum err serve_index(struct op *op, struct serve *s, struct serve_index_row **ret, size_t *ret_len);
/* Loads (again) what the repository or the registry holds under this name; blocking. `config` NULL: as it stands there.
 * E_NOT_FOUND, E_UNSUPPORTED: this server's endpoints are managed by their own API. */
MUST_USE enum err serve_repository_load(struct op *op, struct serve *s, struct str name, const struct json *config);
/* The same with files that came along (serve_source.override); `n` may be 0. */
MUST_USE enum err serve_repository_load_files(struct op *op, struct serve *s, struct str name, const struct json *config,
                                              const struct serve_upload *files, size_t n);
MUST_USE enum err serve_repository_unload(struct op *op, struct serve *s, struct str name);
/* The same, and of a graph the members that no other graph names: Triton's unload_dependents. */
MUST_USE enum err serve_repository_unload_members(struct op *op, struct serve *s, struct str name);

#endif
