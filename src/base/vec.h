/* vec.h - a typed growable array in an arena.
 *     VEC(int) v = {0};
 *     int *slot = vec_push(&v, arena);     NULL only when the arena's cap is hit
 *     for (size_t i = 0; i < v.len; i++) use(v.p[i]);
 * Growing copies; old storage stays in the arena until it goes (amortised factor 2). */
#ifndef INGOT_BASE_VEC_H
#define INGOT_BASE_VEC_H

#include "base/arena.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *p;                                                                                   \
        size_t len, cap;                                                                           \
    }

bool vec_grow(void **p, size_t *cap, size_t len, size_t item_size, struct arena *a);

#define vec_push(v, a)                                                                             \
    (((v)->len < (v)->cap ||                                                                       \
      vec_grow((void **)&(v)->p, &(v)->cap, (v)->len, sizeof(*(v)->p), (a)))                       \
         ? &(v)->p[(v)->len++]                                                                     \
         : NULL)

#endif
