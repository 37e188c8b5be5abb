/* A chain of blocks. The newest is bumped; one that is full stays until the arena goes. Blocks come
 * zeroed from calloc, so an allocation costs no memset; arena_reset() wipes what was used of the first.
 *
 * Under ASan everything not handed out is poisoned and each allocation is followed by a red zone, so a
 * write past its end is reported although the neighbour is valid memory. The red zone takes room in the
 * block but is not counted against the cap: limits behave the same in every build. */
#include "base/arena.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#define RED_ZONE 16u
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define RED_ZONE 0u
#endif

#define ARENA_ALIGN 16u
#define ARENA_FIRST_BYTES 8192u
/* Room that arena_alloc has beyond the cap. Input may fill an arena up to its cap and is refused by arena_try_alloc then; the few small pieces that our
 * own code wants afterwards, to answer or to refuse, must not end the process. */
#define ARENA_RESERVE_BYTES ((size_t)1 << 20)
#define ARENA_BLOCK_MAX ((size_t)1 << 20)

struct block {
    struct block *older;
    size_t cap, len; /* payload bytes, and how many of them are taken */
    _Alignas(ARENA_ALIGN) unsigned char bytes[];
};

struct arena {
    struct block *newest, *first;
    size_t used, max;
};

static struct block *block_create(size_t cap)
{
    if (cap > SIZE_MAX - sizeof(struct block))
        return NULL;
    struct block *b = calloc(1, sizeof *b + cap);
    if (!b)
        return NULL;
    b->cap = cap;
    POISON(b->bytes, cap);
    return b;
}

static void block_destroy(struct block *b)
{
    UNPOISON(b->bytes, b->cap);
    free(b);
}

NORETURN static void arena_die(const char *why, size_t size)
{
    fprintf(stderr, "ingot: fatal: arena: %s (%zu bytes asked)\n", why, size);
    abort();
}

struct arena *arena_create(size_t max_bytes)
{
    struct arena *a = calloc(1, sizeof *a);
    struct block *b = block_create(ARENA_FIRST_BYTES);
    if (!a || !b)
        arena_die("no memory for the first block", ARENA_FIRST_BYTES);
    a->newest = a->first = b;
    a->max = max_bytes;
    return a;
}

static void arena_free_later_blocks(struct arena *a)
{
    struct block *b = a->newest;
    while (b != a->first) {
        struct block *older = b->older;
        block_destroy(b);
        b = older;
    }
    a->newest = a->first;
}

void arena_destroy(struct arena *a)
{
    if (!a)
        return;
    arena_free_later_blocks(a);
    block_destroy(a->first);
    free(a);
}

void arena_reset(struct arena *a)
{
    arena_free_later_blocks(a);
    struct block *b = a->first;
    UNPOISON(b->bytes, b->len);
    memset(b->bytes, 0, b->len);
    b->len = 0;
    POISON(b->bytes, b->cap);
    a->used = 0;
}

/* `span` is what the block loses: the rounded size and the red zone. */
static struct block *arena_block_for(struct arena *a, size_t span)
{
    struct block *b = a->newest;
    if (b->cap - b->len >= span)
        return b;
    size_t cap = b->cap < ARENA_BLOCK_MAX / 2 ? b->cap * 2 : ARENA_BLOCK_MAX;
    if (span > cap / 4) {
        /* A large piece gets a block of its own, put behind the newest, which stays in use. */
        b = block_create(span);
        if (!b)
            return NULL;
        if (a->newest == a->first) {
            b->older = a->first;
            a->newest = b;
        } else {
            b->older = a->newest->older;
            a->newest->older = b;
        }
        return b;
    }
    b = block_create(cap);
    if (!b)
        return NULL;
    b->older = a->newest;
    a->newest = b;
    return b;
}

/* What is left below a cap; pieces of the reserve may have led beyond it. */
static size_t room_below(const struct arena *a, size_t cap)
{
    return cap > a->used ? cap - a->used : 0;
}

static size_t cap_and_reserve(const struct arena *a)
{
    return a->max > SIZE_MAX - ARENA_RESERVE_BYTES ? SIZE_MAX : a->max + ARENA_RESERVE_BYTES;
}

static void *arena_take(struct arena *a, size_t size, size_t cap)
{
    if (size > room_below(a, cap) || size > SIZE_MAX - 2 * ARENA_ALIGN - RED_ZONE)
        return NULL;
    size_t rounded = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (rounded == 0)
        rounded = ARENA_ALIGN;
    if (rounded > room_below(a, cap))
        return NULL;
    struct block *b = arena_block_for(a, rounded + RED_ZONE);
    if (!b)
        return NULL;
    void *p = b->bytes + b->len;
    b->len += rounded + RED_ZONE;
    a->used += rounded;
    UNPOISON(p, size);
    return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
    void *p = arena_take(a, size, cap_and_reserve(a));
    if (!p)
        arena_die(size > room_below(a, cap_and_reserve(a)) ? "the cap is reached" : "out of memory", size);
    return p;
}

void *arena_try_alloc(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_take(a, total, a->max);
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

size_t arena_left(const struct arena *a)
{
    return room_below(a, a->max);
}
