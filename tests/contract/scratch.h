/* scratch.h - a folder of its own for a test, and an op with its arena. */
#ifndef INGOT_TESTS_SCRATCH_H
#define INGOT_TESTS_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/op.h"

#ifndef SCRATCH_ROOT
#define SCRATCH_ROOT "/tmp" /* a test of thousands of flushes may say /dev/shm */
#endif

struct scratch {
    char dir[64];
    struct arena *arena;
    struct op op;
};

static inline void scratch_init(struct scratch *s)
{
    snprintf(s->dir, sizeof s->dir, SCRATCH_ROOT "/ingot-test-XXXXXX");
    if (!mkdtemp(s->dir))
        abort();
    s->arena = arena_create((size_t)256 << 20);
    op_init(&s->op, s->arena);
}

static inline int scratch_remove_one(const char *path, const struct stat *st UNUSED, int kind UNUSED,
                                     struct FTW *at UNUSED)
{
    return remove(path);
}

static inline void scratch_clear(struct scratch *s)
{
    nftw(s->dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_destroy(s->arena);
}

/* For cmocka's setup and teardown: *state is a struct scratch. */
static inline int scratch_set_up(void **state)
{
    struct scratch *s = calloc(1, sizeof *s);
    if (!s)
        return -1;
    scratch_init(s);
    *state = s;
    return 0;
}

static inline int scratch_tear_down(void **state)
{
    scratch_clear(*state);
    free(*state);
    return 0;
}

/* "<dir>/<name>", in the arena. */
static inline char *scratch_path(struct scratch *s, const char *name)
{
    return op_printf(&s->op, "%s/%s", s->dir, name);
}

/* A cheap reproducible sequence; the seed is printed by whoever uses it. */
static inline uint64_t scratch_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
