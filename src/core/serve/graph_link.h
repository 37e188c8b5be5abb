/* graph_link.h - a plan and the endpoints it names, as they stand: what a version of a graph is made of. Private to core/serve.
 *
 * A linked graph holds the present state of each member, so a request runs on one consistent set, and no request fails while a member
 * is loaded anew. When an endpoint changes, graph_follow() links all graphs that name it to its new state and swaps them in as any
 * other version; until then they go on with the old one. A graph whose members are not all there, ready and fitting is not linked: it is
 * there, not ready, and `problem` says why; it is linked when they come.
 *
 * A graph cannot lead back to itself. By names this is checked each time it is linked; by states it cannot be, since a state is
 * linked to older ones only. Graphs are nested up to LIMIT_SERVE_GRAPH_DEPTH and cause up to LIMIT_SERVE_GRAPH_RUNS runs.
 * A graph is immutable and belongs to its version. Making and following: with `change` held. */
#ifndef INGOT_CORE_SERVE_GRAPH_LINK_H
#define INGOT_CORE_SERVE_GRAPH_LINK_H

#include "core/serve/graph.h"
#include "core/serve/infer.h"
#include "core/serve/table.h"

struct graph_member {
    struct serve_endpoint *ep;       /* a reference */
    const struct serve_version *v;   /* that answers when no rollout runs; alive through ep */
    const uint16_t *in;              /* which of the step's wires it gets */
    const bool *in_optional;         /* ... and does without */
    size_t in_count;
    bool lenient;                    /* it takes other numbers than it says: a row model, one behind a chain */
};
struct graph_link_step {
    struct graph_member *members;    /* one per case */
    const struct infer_want *wants;  /* outputs to ask for, in the order of the step's wires */
};
struct graph {
    struct arena *arena;
    struct graph_plan *plan;         /* a reference */
    struct str problem;              /* "": it is linked */
    struct graph_link_step *steps;   /* NULL: not linked */
    const struct tensor_spec *tensors; /* by place; known when linked */
    size_t depth, runs;
    bool varies;                     /* equal inputs, other answers: by unit, parameter, a member's rollout or online features */
    struct engine_info info;         /* inputs_spec, outputs_spec ... */
};

/* E_NOT_FOUND, E_CONFLICT: a member is not there, not ready; E_INVALID: they do not fit; E_TOO_LARGE. `name`: the endpoint's own. */
MUST_USE enum err graph_link(struct op *op, struct serve *s, struct str name, struct graph_plan *plan, struct graph **ret);
/* One that waits for its members. */
struct graph *graph_unlinked(struct graph_plan *plan, struct str problem);
void graph_destroy(struct graph *g); /* NULL is ignored */
/* Nanoseconds that a request over so many rows is expected to take. */
double graph_cost(const struct graph *g, size_t rows);

/* Links the graphs that name `changed`, and those that name them. Cannot fail: one that cannot be linked says so. */
void graph_follow(struct serve *s, struct str changed);
/* Adds the names of its members that are not among the first `n` of `names`, which has room for LIMIT_SERVE_ENDPOINTS, in op's arena; how
 * many there are now. */
size_t graph_names(struct op *op, const struct graph_plan *p, struct str *names, size_t n);
/* Logs the graphs that are not ready: at the end of a start. */
void graph_report(struct serve *s);
/* Does a loaded graph name it? *ret_user: one that does. */
bool graph_is_used(struct serve *s, struct str name, const char **ret_user, struct op *op);

#endif
