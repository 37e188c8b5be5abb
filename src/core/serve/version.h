/* version.h - one loaded version of a model: counted, shared by the states of an endpoint that know it. Private to core/serve. */
#ifndef INGOT_CORE_SERVE_VERSION_H
#define INGOT_CORE_SERVE_VERSION_H

#include <stdatomic.h>

#include "core/serve/cost.h"
#include "core/serve/policy.h"
#include "core/serve/stats.h"
#include "port/engine.h"

struct loader;
struct serve_call;
struct graph;

struct call_list {
    struct serve_call *first, *last;
};
/* Requests that wait for one version; batch.c's, under its lock. */
struct version_queue {
    struct call_list levels[LIMIT_SERVE_PRIORITIES + 1][2]; /* by priority; those in time, those delayed */
    size_t waiting, waiting_rows, promised; /* requests, their rows, requests that are on their way in */
    uint32_t running;               /* runs */
    uint32_t narrow;                /* batches that left somebody waiting */
    atomic_size_t bytes;            /* memory of the requests that wait or run; grows under the lock */
    int64_t arrived_ns;             /* the last request */
    int64_t expires_ns;             /* none of those that wait expires before; INT64_MAX: none expires */
    double gap_ns;                  /* between requests, smoothed; 0: not known */
    double used_ns;                 /* engine time, for fairness */
    struct serve_version *next, *prev; /* among those with requests that wait */
};
struct serve_version {
    atomic_int refs;
    int64_t version;
    uint64_t serial;                /* no other version that this process ever loaded has it */
    struct model *model;            /* NULL: a graph */
    struct graph *graph;            /* graph_link.h; NULL: a model. Its queue and cost are its members' affair */
    const struct engine_info *info; /* of either */
    bool rows;                      /* a row model (port/engine.h) */
    bool doubles;                   /* ... that tells doubles from floats */
    const struct tensor_spec *inputs, *outputs;
    size_t input_count, output_count;
    char platform[64];
    size_t memory_bytes;
    struct stats *stats;
    struct cost cost;
    atomic_int running;             /* runs under way outside the queue's threads */
    struct version_queue queue;
    struct extras *extras;          /* what lies beside the model; NULL: nothing */
    struct loader *loader;          /* who unloads it; NULL: the thread that gives up the last reference */
    struct serve_version *next_buried; /* in the loader's list */
};
/* Loads, checks, warms and measures on this thread; a graph is read, and waits to be linked (table.h). One reference. */
MUST_USE enum err serve_version_load(struct op *op, const struct engine_ops *const *engines, struct str bytes, int64_t version,
                                     const struct serve_policy *policy, struct serve_version **ret);
/* A version of a graph. `stats`: another one's, to count on with; NULL: its own. One reference. */
struct serve_version *serve_version_of_graph(struct graph *take_graph, int64_t version, struct stats *stats);
/* It can be asked: false for a graph whose members are not all there; *ret_why (may be NULL) says why. */
bool serve_version_answers(const struct serve_version *v, struct str *ret_why);
struct serve_version *serve_version_ref(struct serve_version *v);
void serve_version_unref(struct serve_version *v); /* NULL is ignored */
/* Frees one that nobody refers to; takes as long as the engine takes. */
void serve_version_destroy(struct serve_version *v);
/* Do requests made for `a` fit `b`, and are the answers alike? *ret_why (may be NULL) says what differs, in op's arena. */
bool serve_version_alike(struct op *op, const struct serve_version *a, const struct serve_version *b, const char **ret_why);

static inline void version_auto(struct serve_version **v) { serve_version_unref(*v); }

#endif
