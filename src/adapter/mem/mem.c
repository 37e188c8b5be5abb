/* mem.c - blobs in a chained hash table; a blob that is removed lives on until its last reader closes. */
#include "adapter/mem/mem.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"

#define BUCKETS 1024

struct blob {
    struct blob_id id;
    struct blob *next;
    char *bytes;
    size_t size;
    int64_t stored_us;
    int users; /* the table and each reader */
};

struct mem {
    struct blob_store store; /* what callers hold */
    struct mutex lock;       /* guards all below */
    struct blob *buckets[BUCKETS];
    size_t used_bytes, max_bytes;
};

struct blob_writer {
    struct mem *m;
    struct hash_state *hash;
    struct buf bytes;
};

struct blob_reader {
    struct mem *m;
    struct blob *blob;
};

static struct blob **find(struct mem *m, const struct blob_id *id)
{
    size_t bucket = (size_t)(id->sha256[0] | id->sha256[1] << 8) % BUCKETS;
    struct blob **at = &m->buckets[bucket];
    while (*at && memcmp((*at)->id.sha256, id->sha256, sizeof id->sha256))
        at = &(*at)->next;
    return at;
}

/* With the lock held. */
static void drop(struct mem *m, struct blob *b)
{
    if (--b->users)
        return;
    m->used_bytes -= b->size;
    free(b->bytes);
    free(b);
}

static enum err mem_writer_open(void *self, struct op *op, struct blob_writer **ret)
{
    struct blob_writer *w = calloc(1, sizeof *w);
    if (!w)
        return op_fail(op, E_BUSY, "out of memory");
    w->m = self;
    w->hash = hash_create(HASH_SHA256);
    buf_init(&w->bytes, w->m->max_bytes);
    *ret = w;
    return OK;
}

static enum err mem_write(struct op *op, struct blob_writer *w, const void *p, size_t n)
{
    hash_update(w->hash, p, n);
    buf_add(&w->bytes, p, n);
    return w->bytes.failed ? op_fail(op, E_TOO_LARGE, "the store in memory is full") : OK;
}

static void mem_abort(struct blob_writer *w)
{
    hash_destroy(w->hash);
    buf_clear(&w->bytes);
    free(w);
}

static enum err mem_commit(struct op *op, struct blob_writer *w, struct blob_id *ret_id, uint64_t *ret_size)
{
    struct mem *m = w->m;
    struct blob_id id;
    uint64_t size = w->bytes.len;
    enum err e = OK;
    hash_finish(w->hash, id.sha256);
    w->hash = NULL;
    mutex_lock(&m->lock);
    struct blob **at = find(m, &id);
    if (w->bytes.failed || (!*at && size > m->max_bytes - m->used_bytes)) {
        e = op_fail(op, E_TOO_LARGE, "the store in memory is full");
    } else if (!*at) {
        struct blob *b = calloc(1, sizeof *b);
        if (!b)
            abort();
        *b = (struct blob){.id = id, .bytes = w->bytes.p, .size = w->bytes.len, .users = 1};
        w->bytes.p = NULL; /* taken over */
        w->bytes.len = w->bytes.cap = 0;
        m->used_bytes += b->size;
        *at = b;
    }
    if (!e)
        (*at)->stored_us = time_now_us();
    mutex_unlock(&m->lock);
    mem_abort(w);
    if (e)
        return e;
    *ret_id = id;
    *ret_size = size;
    return OK;
}

static enum err not_found(struct op *op, const struct blob_id *id)
{
    return op_fail(op, E_NOT_FOUND, "no stored file has the hash %.*s", STR_FMT(blob_id_hex(op, id)));
}

static enum err mem_reader_open(void *self, struct op *op, const struct blob_id *id, struct blob_reader **ret,
                                uint64_t *ret_size)
{
    struct mem *m = self;
    mutex_lock(&m->lock);
    struct blob *b = *find(m, id);
    if (b)
        b->users++;
    mutex_unlock(&m->lock);
    if (!b)
        return not_found(op, id);
    struct blob_reader *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    *r = (struct blob_reader){m, b};
    *ret = r;
    *ret_size = b->size;
    return OK;
}

static enum err mem_read(struct op *op UNUSED, struct blob_reader *r, uint64_t offset, void *p, size_t n,
                         size_t *ret_n)
{
    const struct blob *b = r->blob;
    if (offset >= b->size)
        n = 0;
    else if (n > b->size - offset)
        n = b->size - (size_t)offset;
    if (n)
        memcpy(p, b->bytes + offset, n);
    *ret_n = n;
    return OK;
}

static void mem_reader_close(struct blob_reader *r)
{
    mutex_lock(&r->m->lock);
    drop(r->m, r->blob);
    mutex_unlock(&r->m->lock);
    free(r);
}

static enum err mem_remove_old(void *self, struct op *op UNUSED, const struct blob_id *id, int64_t before_us, bool *ret_removed)
{
    struct mem *m = self;
    LOCK(&m->lock);
    struct blob **at = find(m, id), *b = *at;
    bool remove = b && b->stored_us < before_us;
    if (remove) {
        *at = b->next;
        drop(m, b);
    }
    *ret_removed = remove;
    return OK;
}

static enum err mem_remove(void *self, struct op *op, const struct blob_id *id)
{
    bool removed;
    return mem_remove_old(self, op, id, INT64_MAX, &removed);
}

/* A bucket at a time is copied, so that `fn` runs without the lock. */
static enum err mem_each(void *self, struct op *op, blob_each_fn fn, void *arg)
{
    struct mem *m = self;
    for (size_t i = 0; i < BUCKETS; i++) {
        size_t n = 0;
        mutex_lock(&m->lock);
        for (struct blob *b = m->buckets[i]; b; b = b->next)
            n++;
        struct blob_info *infos = n ? calloc(n, sizeof *infos) : NULL;
        if (n && !infos)
            abort();
        n = 0;
        for (struct blob *b = m->buckets[i]; b; b = b->next)
            infos[n++] = (struct blob_info){b->id, b->size, b->stored_us};
        mutex_unlock(&m->lock);
        enum err e = OK;
        for (size_t k = 0; !e && k < n; k++)
            e = fn(arg, op, &infos[k]);
        free(infos);
        if (e)
            return e;
    }
    return OK;
}

static enum err mem_local_path(void *self UNUSED, struct op *op, const struct blob_id *id UNUSED,
                               struct str *ret_path UNUSED)
{
    return op_fail(op, E_UNSUPPORTED, "the store in memory has no files");
}

static void mem_close(void *self)
{
    struct mem *m = self;
    for (size_t i = 0; i < BUCKETS; i++)
        while (m->buckets[i]) {
            struct blob *b = m->buckets[i];
            m->buckets[i] = b->next;
            assert(b->users == 1); /* a reader is still open */
            drop(m, b);
        }
    mutex_clear(&m->lock);
    free(m);
}

static const struct blob_ops mem_ops = {
    .name = "mem",
    .writer_open = mem_writer_open,
    .write = mem_write,
    .commit = mem_commit,
    .abort = mem_abort,
    .reader_open = mem_reader_open,
    .read = mem_read,
    .reader_close = mem_reader_close,
    .remove = mem_remove,
    .each = mem_each,
    .remove_old = mem_remove_old,
    .local_path = mem_local_path,
    .close = mem_close,
};

struct blob_store *mem_blobs_create(size_t max_bytes)
{
    struct mem *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    mutex_init(&m->lock);
    m->max_bytes = max_bytes ? max_bytes : LIMIT_BLOB_MEM_BYTES;
    m->store = (struct blob_store){.ops = &mem_ops, .self = m};
    return &m->store;
}
