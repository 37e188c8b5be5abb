/* Graphs of models: whatever the bytes are, reading refuses them with a reason or gives a plan whose every place is one of its own. */
#include <stdlib.h>

#include "base/limits.h"
#include "core/serve/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void plan_check(const struct graph_plan *p)
{
    check(p->step_count && p->step_count <= LIMIT_SERVE_GRAPH_STEPS && p->input_count && p->input_count <= p->tensor_count);
    for (size_t i = 0; i < p->step_count; i++) {
        const struct graph_step *s = &p->steps[i];
        check(!(s->needs >> i)); /* what it needs stands before it */
        for (size_t k = 0; k < s->in_count; k++)
            check(s->in[k].tensor < p->tensor_count);
        for (size_t k = 0; k < s->out_count; k++)
            check(s->out[k].tensor < p->tensor_count && p->tensors[s->out[k].tensor].step == (int)i);
        for (size_t k = 0; k < s->when_count; k++)
            check(s->when[k].parameter || s->when[k].tensor < p->tensor_count);
        check(s->kind == GRAPH_COMBINE ? s->out_count == 1 && s->in_count : s->case_count > 0);
    }
    for (size_t i = 0; i < p->output_count; i++)
        check(p->outputs[i].tensor < p->tensor_count);
    check(graph_plan_needed(p, NULL) == (p->step_count == 64 ? UINT64_MAX : (UINT64_C(1) << p->step_count) - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str bytes = {(const char *)data, size};
    struct arena *a = arena_create(LIMIT_MIB(256));
    struct op op;
    struct graph_plan *p = NULL;
    op_init(&op, a);
    (void)graph_accepts(bytes);
    if (graph_parse(&op, bytes, &p) == OK)
        plan_check(p);
    else
        check(op.msg != NULL);
    graph_plan_unref(p);
    arena_destroy(a);
    return 0;
}
