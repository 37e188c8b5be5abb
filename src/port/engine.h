/* engine.h - a model that answers. An engine loads bytes of one format, checks every index and size before
 * use, and predicts. A loaded model is immutable: any thread may ask it.
 *
 * There are two kinds. A *row* model takes a matrix of floats, one row per example, answers without allocation and cannot
 * fail: trees, linear models. A *tensor* model takes and gives named tensors and may fail: ONNX Runtime. model_inputs() and
 * model_outputs() describe both in the same words; a row model's are "features" [-1, n] and "score" [-1] or [-1, outputs]. */
#ifndef INGOT_PORT_ENGINE_H
#define INGOT_PORT_ENGINE_H

#include "port/tensor.h"

struct engine_fact {       /* what a file says of itself beside its signature: ONNX's metadata_props */
    struct str key, value;
};
struct engine_info {
    struct str format;      /* "xgboost", "linear", "onnx" ... */
    size_t features;        /* columns of a row; 0: a tensor model */
    size_t outputs;         /* values per row; 1 for regression and binary classification */
    struct str *feature_names; /* `features` of them, or NULL when the file has none */
    size_t memory_bytes;    /* what the loaded model holds */
    /* Of the last axis of a row model's output (classes), or NULL. */
    struct str *labels;
    size_t label_count;
    /* Tensor models only. */
    const struct tensor_spec *inputs_spec, *outputs_spec;
    size_t input_count, output_count;
    bool joins;             /* the first axis of every input and output is free and rows do not touch each other: requests
                               may be joined along it. Row models always are. */
    const struct engine_fact *facts;
    size_t fact_count;
};
struct engine_ops {
    const char *name;
    /* Does this engine take the file? Looks at the first bytes only. */
    bool (*accepts)(struct str bytes);
    /* E_INVALID: malformed or out of range; E_UNSUPPORTED: sound, but has parts that this engine does not know (another may).
     * Nothing kept then. Everything is copied from `bytes`. */
    enum err (*load)(struct op *op, struct str bytes, void **ret_model);
    /* load starts threads or processes. They inherit the priority of the thread that loads, and without privileges nobody can raise it
     * again: such a model must not be loaded on a thread of low priority. */
    bool spawns;
    void (*unload)(void *model);
    const struct engine_info *(*info)(const void *model);
    /* Row models, else NULL: rows x features floats, row major, NaN = missing -> rows x outputs. Probability for
     * binary:logistic. Cannot fail. */
    void (*predict)(const void *model, const float *rows, size_t n_rows, float *out);
    /* The same from doubles, for formats whose own library compares in doubles. NULL: rows are rounded to floats. */
    void (*predict_f64)(const void *model, const double *rows, size_t n_rows, float *out);
    /* Tensor models, else NULL. `inputs` stand in the order of inputs_spec and fit it in type, rank and fixed lengths; one that
     * was left out has type TENSOR_TYPE_COUNT. `wanted` has output_count flags (NULL: all); outputs not wanted stay zeroed.
     * ret_outputs has room for output_count; their data live in op's arena. op->deadline_ms ends a run (E_TIMEOUT).
     * E_INVALID: what the model itself refuses; E_IO: the engine failed. */
    enum err (*run)(struct op *op, const void *model, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs);
    /* Tensor models that may run in another process, else all four NULL. is_apart: this one does, and may be asked without waiting for the end:
     * run_start asks as run does, and waits for `patience_ms` at most. OK with *ret_pending NULL: answered. OK with *ret_pending: it is
     * worked on, and one of the other two must follow, on any thread, while op's arena lives: run_finish waits for the rest as run does,
     * run_forget gives it up. E_BUSY: nothing was asked. */
    bool (*is_apart)(const void *model);
    enum err (*run_start)(struct op *op, const void *model, const struct tensor *inputs, const bool *wanted, int64_t patience_ms,
                          struct tensor *ret_outputs, void **ret_pending);
    enum err (*run_finish)(struct op *op, const void *model, void *take_pending, struct tensor *ret_outputs);
    void (*run_forget)(const void *model, void *take_pending);
};
struct model;               /* one loaded model */

/* Tries the engines of the NULL-ended list in order: the first that accepts the bytes and does not call them unsupported. */
MUST_USE enum err model_load(struct op *op, const struct engine_ops *const *engines, struct str bytes, struct model **ret);
void model_unload(struct model *m); /* NULL is ignored */
static inline void model_auto(struct model **m) { model_unload(*m); }
const struct engine_info *model_info(const struct model *m);
const char *model_engine(const struct model *m); /* the engine's name */
static inline bool model_has_rows(const struct engine_info *info) { return info->features > 0; }
/* What it takes and gives; borrowed from the model. */
const struct tensor_spec *model_inputs(const struct model *m, size_t *ret_count);
const struct tensor_spec *model_outputs(const struct model *m, size_t *ret_count);
/* Row models only. */
void model_predict(const struct model *m, const float *rows, size_t n_rows, float *out);
/* True when doubles make a difference: then model_predict_f64 may be called. */
bool model_takes_f64(const struct model *m);
void model_predict_f64(const struct model *m, const double *rows, size_t n_rows, float *out);
/* Tensor models only: see engine_ops.run. */
MUST_USE enum err model_run(struct op *op, const struct model *m, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs);
/* Only where model_is_apart(): see engine_ops.run_start. */
bool model_is_apart(const struct model *m);
MUST_USE enum err model_run_start(struct op *op, const struct model *m, const struct tensor *inputs, const bool *wanted, int64_t patience_ms,
                                  struct tensor *ret_outputs, void **ret_pending);
MUST_USE enum err model_run_finish(struct op *op, const struct model *m, void *take_pending, struct tensor *ret_outputs);
void model_run_forget(const struct model *m, void *take_pending);

#endif
