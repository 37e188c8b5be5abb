/* scratch_op.h - an op with an arena of its own as a test's state. */
#ifndef INGOT_TESTS_SCRATCH_OP_H
#define INGOT_TESTS_SCRATCH_OP_H

#include "base/op.h"

static inline int scratch_op_up(void **state)
{
    struct arena *arena = arena_create((size_t)256 << 20);
    struct op *op = arena_new(arena, struct op);
    op_init(op, arena);
    *state = op;
    return 0;
}

static inline int scratch_op_down(void **state)
{
    struct op *op = *state;
    arena_destroy(op->arena);
    return 0;
}

#endif
