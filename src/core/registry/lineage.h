/* lineage.h - one graph of where things come from and what became of them:
 *     data, dataset -> run -> logged model -> model version -> alias, endpoint, rollout -> window -> retraining -> version ...
 * Nothing is stored for it: the edges are read from the tables of tracking, registry, serving, rollouts, monitors and pipelines.
 * A node is named "<kind>/<key>", its parts percent-escaped where they hold '/' or '%':
 *     data/VERSION  dataset/DIGEST/NAME  run/ID  logged_model/ID  version/MODEL/N  alias/MODEL/ALIAS  endpoint/NAME
 *     rollout/ID  window/ENDPOINT/START_US  retrain/ID
 * Answers in op's arena, from one snapshot. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_LINEAGE_H
#define INGOT_CORE_REGISTRY_LINEAGE_H

#include "base/op.h"
#include "port/db.h"

enum lineage_direction { LINEAGE_UP = 1, LINEAGE_DOWN = 2, LINEAGE_BOTH = 3 };

struct lineage_node {
    struct str id, kind;
    struct str label, state; /* a run's name and status, a version's semantic version and stage, ... */
    int64_t time_us;         /* 0: not known */
    int depth;               /* steps from the start: < 0 up, > 0 down */
};
struct lineage_edge {
    size_t from, to;         /* into nodes; from what was there first to what came of it */
    const char *relation;    /* "input", "output", "registered", "served" ... */
};
struct lineage_query {
    struct str node;
    enum lineage_direction direction; /* both: what lies above and what lies below, not their other relatives */
    int depth;                        /* 1..LIMIT_LINEAGE_DEPTH */
};
struct lineage {
    struct lineage_node *nodes; /* the start is the first */
    size_t node_count;
    struct lineage_edge *edges;
    size_t edge_count;
    bool truncated;             /* more than LIMIT_LINEAGE_NODES, or more than LIMIT_LINEAGE_FAN neighbours of one node */
};

/* E_NOT_FOUND: there is no such node; E_INVALID: no such kind or form. */
MUST_USE enum err lineage_read(struct op *op, struct db *db, const struct lineage_query *q, struct lineage *ret);
MUST_USE enum err lineage_direction_parse(struct op *op, struct str text, enum lineage_direction *ret);
/* "version/MODEL/N". */
struct str lineage_version_id(struct op *op, struct str model, int64_t version);

#endif
