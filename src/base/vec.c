#include "base/vec.h"

#include <string.h>

bool vec_grow(void **p, size_t *cap, size_t len, size_t item_size, struct arena *a)
{
    size_t new_cap = *cap ? *cap * 2 : 8;
    if (new_cap < *cap)
        return false;
    void *q = arena_try_alloc(a, new_cap, item_size);
    if (!q)
        return false;
    if (len > 0)
        memcpy(q, *p, len * item_size);
    *p = q;
    *cap = new_cap;
    return true;
}
