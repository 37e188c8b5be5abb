/* dvc_graph.h - which stage needs which: an edge where a dependency and another stage's output are the same
 * path or one lies inside the other. Frozen stages lose their upstream edges. In op's arena.
 * E_INVALID: two stages own overlapping outputs, or a cycle; both name the stages. */
#ifndef INGOT_CORE_PIPELINE_DVC_GRAPH_H
#define INGOT_CORE_PIPELINE_DVC_GRAPH_H

#include "core/pipeline/dvc_file.h"

struct dvc_node {
    uint32_t *needs, *feeds; /* indices of stages */
    uint32_t needs_len, feeds_len;
};
struct dvc_graph {
    const struct dvc_file *file;
    struct dvc_node *nodes;  /* one per stage, in file order */
    uint32_t *order;         /* all stages, every one after what it needs */
};
MUST_USE enum err dvc_graph_build(struct op *op, const struct dvc_file *file, struct dvc_graph **ret);
/* Marks the targets and all that they need. A target is a stage, a group ("train" for train@a, train@b) or an
 * output path as written. None: everything. E_NOT_FOUND names the target. */
MUST_USE enum err dvc_graph_select(struct op *op, const struct dvc_graph *g, const struct str *targets, size_t n, bool *ret_wanted);

#endif
