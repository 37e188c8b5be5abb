/* A question in bytes: the version's serial, then for a row model the kind of its numbers, their count and themselves; for a tensor
 * model type, rank, shape and values of every input in the signature's order (texts with their lengths), then a byte per output
 * that is wanted. Two questions are equal exactly when their bytes are, because every length stands before what it counts.
 * Numbers are compared as bits: -0.0 is not 0.0, which costs a hit and never a wrong answer. */
#include "core/serve/cache.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "core/serve/graph_link.h"

enum { BUCKETS_MIN = 64, BUCKETS_MAX = 1 << 18, ENTRY_TYPICAL = 512 };

struct entry {
    struct entry *newer, *older;    /* in the order of use */
    struct entry *next;             /* in the bucket */
    uint64_t hash;
    size_t key_len, value_len;
    char bytes[];                   /* key, then value */
};
struct cache {
    atomic_int refs;
    struct mutex lock;
    uint64_t seed;
    size_t max, used, bucket_count;
    struct entry *newest, *oldest;
    struct entry **buckets;
};

/* ---- writing and reading flat bytes ---- */

struct flat {
    char *p;                        /* NULL: only counting */
    size_t len;
};

static void flat_add(struct flat *f, const void *p, size_t n)
{
    if (f->p && n)
        memcpy(f->p + f->len, p, n);
    f->len += n;
}

static void flat_tensor(struct flat *f, const struct tensor *t)
{
    const uint32_t head[2] = {(uint32_t)t->type, t->rank};
    flat_add(f, head, sizeof(head));
    if (t->type == TENSOR_TYPE_COUNT)
        return;
    flat_add(f, t->shape, t->rank * sizeof(*t->shape));
    flat_add(f, t->data, t->count * tensor_type_size(t->type));
    for (size_t i = 0; t->type == TENSOR_BYTES && i < t->count; i++) {
        flat_add(f, &t->texts[i].len, sizeof(size_t));
        flat_add(f, t->texts[i].p, t->texts[i].len);
    }
}

static void flat_question(struct flat *f, const struct serve_call *c)
{
    flat_add(f, &c->v->serial, sizeof(c->v->serial));
    if (c->v->rows) {
        const uint64_t head[2] = {c->rows.x != NULL, c->rows.count};
        const size_t n = c->rows.count * c->v->info->features;
        flat_add(f, head, sizeof(head));
        flat_add(f, c->rows.x ? (const void *)c->rows.x : c->rows.x64, n * (c->rows.x ? sizeof(float) : sizeof(double)));
        return;
    }
    for (size_t i = 0; i < c->v->input_count; i++)
        flat_tensor(f, &c->inputs[i]);
    for (size_t i = 0; i < c->v->output_count; i++) {
        const char wanted = !c->wanted || c->wanted[i];
        flat_add(f, &wanted, 1);
    }
}

/* An output that was not made has no name, and is kept as one that is not there. */
static void flat_answer(struct flat *f, const struct serve_call *c)
{
    if (c->v->rows) {
        flat_add(f, c->scores, c->rows.count * c->v->info->outputs * sizeof(float));
        return;
    }
    for (size_t i = 0; i < c->v->output_count; i++) {
        const struct tensor none = {.type = TENSOR_TYPE_COUNT};
        flat_tensor(f, !c->wanted || c->wanted[i] ? &c->outputs[i] : &none);
    }
}

/* Reads one of flat_tensor's back; values are copied, since what is read need not be aligned. False without memory. */
static bool tensor_read(struct op *op, const char **at, struct str name, struct tensor *t)
{
    uint32_t head[2];
    memcpy(head, *at, sizeof(head));
    *at += sizeof(head);
    *t = (struct tensor){.name = name, .type = (enum tensor_type)head[0], .rank = head[1]};
    if (t->type == TENSOR_TYPE_COUNT) {
        *t = (struct tensor){0};
        return true;
    }
    memcpy(t->shape, *at, t->rank * sizeof(*t->shape));
    *at += t->rank * sizeof(*t->shape);
    const size_t size = tensor_type_size(t->type);
    char *data = tensor_count(t->shape, t->rank, SIZE_MAX, &t->count) ? arena_try_alloc(op->arena, t->count + 1, size ? size : sizeof(struct str)) : NULL;
    if (!data)
        return false;
    t->data = size ? data : NULL;
    t->texts = size ? NULL : (const struct str *)(const void *)data;
    if (size && t->count)
        memcpy(data, *at, t->count * size);
    *at += t->count * size;
    for (size_t i = 0; !size && i < t->count; i++) {
        struct str *text = (struct str *)(void *)data + i;
        memcpy(&text->len, *at, sizeof(size_t));
        char *copy = arena_array(op->arena, text->len + 1, char);
        if (!copy)
            return false;
        memcpy(copy, *at + sizeof(size_t), text->len);
        text->p = copy;
        *at += sizeof(size_t) + text->len;
    }
    return true;
}

static bool answer_read(struct serve_call *c, const char *value, size_t len)
{
    if (c->v->rows) {
        c->scores = arena_try_alloc(c->op->arena, len + 1, 1);
        if (c->scores)
            memcpy(c->scores, value, len);
        return c->scores != NULL;
    }
    struct tensor *out = arena_array(c->op->arena, c->v->output_count + 1, struct tensor);
    for (size_t i = 0; out && i < c->v->output_count; i++)
        if (!tensor_read(c->op, &value, c->v->outputs[i].name, &out[i]))
            return false;
    c->outputs = out;
    return out != NULL;
}

/* ---- the table; the lock is held ---- */

static size_t entry_size(const struct entry *e)
{
    return sizeof(*e) + e->key_len + e->value_len;
}

static void order_remove(struct cache *c, struct entry *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void order_push(struct cache *c, struct entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static struct entry **slot_of(struct cache *c, struct str key, uint64_t hash)
{
    struct entry **at = &c->buckets[hash & (c->bucket_count - 1)];
    while (*at && ((*at)->hash != hash || (*at)->key_len != key.len || memcmp((*at)->bytes, key.p, key.len) != 0))
        at = &(*at)->next;
    return at;
}

static void entry_remove(struct cache *c, struct entry *e)
{
    struct entry **at = slot_of(c, (struct str){e->bytes, e->key_len}, e->hash);
    *at = e->next;
    order_remove(c, e);
    c->used -= entry_size(e);
    free(e);
}

/* ---- from outside ---- */

struct cache *cache_create(size_t max_bytes)
{
    struct cache *c = calloc(1, sizeof(*c));
    if (!c)
        abort();
    c->bucket_count = BUCKETS_MIN;
    while (c->bucket_count < BUCKETS_MAX && c->bucket_count < max_bytes / ENTRY_TYPICAL)
        c->bucket_count *= 2;
    c->buckets = calloc(c->bucket_count, sizeof(*c->buckets));
    if (!c->buckets)
        abort();
    c->max = max_bytes;
    hash_random(&c->seed, sizeof(c->seed));
    mutex_init(&c->lock);
    atomic_init(&c->refs, 1);
    return c;
}

struct cache *cache_ref(struct cache *c)
{
    if (c)
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void cache_unref(struct cache *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    while (c->oldest)
        entry_remove(c, c->oldest);
    mutex_clear(&c->lock);
    free(c->buckets);
    free(c);
}

size_t cache_max(const struct cache *c)
{
    return c->max;
}

size_t cache_used(struct cache *c)
{
    LOCK(&c->lock);
    return c->used;
}

bool cache_get(struct cache *cache, struct serve_call *c)
{
    struct flat f = {0};
    if (c->rows.entities || (c->v->graph && c->v->graph->varies))
        return false;
    flat_question(&f, c);
    if (f.len > LIMIT_SERVE_CACHE_VALUE || f.len > cache->max)
        return false;
    if (!(f.p = arena_array(c->op->arena, f.len + 1, char)))
        return false;
    f.len = 0;
    flat_question(&f, c);
    c->key = (struct str){f.p, f.len};
    c->key_hash = hash64(f.p, f.len, cache->seed);
    LOCK(&cache->lock);
    struct entry *e = *slot_of(cache, c->key, c->key_hash);
    if (!e)
        return false;
    order_remove(cache, e);
    order_push(cache, e);
    return answer_read(c, e->bytes + e->key_len, e->value_len);
}

void cache_put(struct cache *cache, const struct serve_call *c)
{
    struct flat f = {0};
    if (!c->key.len)
        return;
    flat_answer(&f, c);
    const size_t size = sizeof(struct entry) + c->key.len + f.len;
    if (f.len > LIMIT_SERVE_CACHE_VALUE || size > cache->max)
        return;
    struct entry *e = malloc(size);
    if (!e)
        return;
    *e = (struct entry){.hash = c->key_hash, .key_len = c->key.len, .value_len = f.len};
    memcpy(e->bytes, c->key.p, c->key.len);
    f = (struct flat){e->bytes + c->key.len, 0};
    flat_answer(&f, c);
    LOCK(&cache->lock);
    struct entry **at = slot_of(cache, c->key, c->key_hash);
    if (*at) { /* another request asked the same at the same time */
        free(e);
        return;
    }
    while (cache->oldest && cache->used + size > cache->max)
        entry_remove(cache, cache->oldest);
    at = slot_of(cache, c->key, c->key_hash); /* removing may have moved it */
    *at = e;
    order_push(cache, e);
    cache->used += size;
}
