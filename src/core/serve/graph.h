/* graph.h - a graph of models as its file says it: read, checked, immutable. Private to core/serve.
 *
 * A graph is a model file like any other, so the registry, rollouts, statistics and repositories work for it as they stand:
 *
 *     {"format": "ingot.graph", "version": 1,
 *      "inputs": ["x", {"name": "segment", "datatype": "BYTES", "shape": [-1], "optional": true}],
 *      "steps": [
 *        {"name": "gbm", "model": "gbm", "inputs": {"features": "x"}},
 *        {"name": "net", "model": "net", "version": 3, "inputs": {"input": "x"}, "outputs": {"probabilities": "p"},
 *         "optional": true, "timeout_ms": 50},
 *        {"name": "second", "combine": "slice", "inputs": ["p"], "column": 1},
 *        {"name": "blend", "combine": "mean", "inputs": ["gbm.score", "second"], "weights": [2, 1]}],
 *      "outputs": {"score": "blend"}}
 *
 * Tensors have one name space: the inputs; what "outputs" of a step calls its model's outputs, and without that "STEP.OUTPUT"; the tensor of
 * an operator, which is called as its step or as "output" says. Each is made once. "inputs" of a step of models: {input of the model:
 * tensor}; without it the model gets all inputs of the graph by their names. The order of the steps in the file means nothing.
 *
 * A step is one of
 *   "model": "NAME", "version": n          an endpoint of this server; without a version whichever its rollout picks
 *   "switch": [{"when": ..., "model": ...}, ..., {"model": ...}]   the first whose condition holds; none: the step is passed over
 *   "split": [{"model": ..., "weight": 9}, {"model": ..., "weight": 1}], "seed": n   by a hash of the unit's id: the same unit, the same model
 *   "combine": an operator                  graph_combine.h
 * and may have
 *   "when": condition or [conditions]       all must hold, else it is passed over (graph_when.h)
 *   "optional": true                        when it fails its tensors are not there; the answer carries a warning
 *   "default": 0.5 (or a text)              what its tensors hold when it fails or is passed over; implies optional
 *   "timeout_ms": n                         it fails when it takes longer
 * A step whose input is not there is passed over, unless the model or the operator does without. An output of the graph that is
 * not there refuses the request, unless it is {"tensor": "blend", "optional": true}.
 *
 * graph_parse checks all that can be known without the models: sizes, names, unknown members and references, cycles, steps that
 * nobody needs. graph_link.h goes on with the models. A plan is counted; any thread may read it. */
#ifndef INGOT_CORE_SERVE_GRAPH_H
#define INGOT_CORE_SERVE_GRAPH_H

#include <stdatomic.h>

#include "core/rollout/pick.h"
#include "core/serve/graph_combine.h"
#include "core/serve/graph_when.h"

enum graph_kind { GRAPH_MODEL, GRAPH_SWITCH, GRAPH_SPLIT, GRAPH_COMBINE };

struct graph_tensor {
    struct str name;
    int step;                    /* that makes it; -1: the request brings it */
    struct tensor_spec spec;     /* of the request's, when the file says it: rank and type */
    bool declared;               /* ... it does */
};
/* One tensor on its way in or out of a model. */
struct graph_wire {
    struct str name;             /* as the model calls it */
    uint16_t tensor;
};
struct graph_case {
    struct str model;
    int64_t version;             /* 0: any */
    const struct graph_when *when;
    size_t when_count;
};
struct graph_step {
    struct str name;
    enum graph_kind kind;
    struct graph_case *cases;    /* one for GRAPH_MODEL, none for GRAPH_COMBINE */
    size_t case_count;
    struct rollout_weights *split; /* "versions" are 1 + the case's place; NULL: no GRAPH_SPLIT */
    struct graph_combine combine;
    struct graph_wire *in, *out;
    size_t in_count, out_count;
    bool all_inputs;             /* the file wires none: the model gets what it wants of the graph's inputs */
    const struct graph_when *when;
    size_t when_count;
    bool optional;
    const struct json *dflt;     /* NULL: none */
    int64_t timeout_ms;          /* 0: none */
    uint64_t needs;              /* a bit for each step that makes something it reads */
};
struct graph_output {
    struct str name;
    uint16_t tensor;
    bool optional;
};
struct graph_plan {
    atomic_int refs;
    struct arena *arena;
    struct graph_tensor *tensors; /* the request's first */
    size_t tensor_count, input_count;
    struct graph_step *steps;    /* each behind those that it needs */
    size_t step_count;
    struct graph_output *outputs;
    size_t output_count;
};

/* Looks at the first bytes only. */
bool graph_accepts(struct str bytes);
/* One reference. E_INVALID names the step at fault; E_TOO_LARGE the limit. */
MUST_USE enum err graph_parse(struct op *op, struct str bytes, struct graph_plan **ret);
struct graph_plan *graph_plan_ref(struct graph_plan *p);
void graph_plan_unref(struct graph_plan *p); /* NULL is ignored */
/* The steps without which these outputs cannot be made; `wanted` NULL: all. */
uint64_t graph_plan_needed(const struct graph_plan *p, const bool *wanted);

static inline void graph_plan_auto(struct graph_plan **p) { graph_plan_unref(*p); }

#endif
