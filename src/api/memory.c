#include "api/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/thread.h"

enum { NAME_MAX_BYTES = 255 };

struct held {
    atomic_int refs;
    int fd;
    struct memory_region region; /* its texts follow the struct */
    struct held *next;
    char texts[];
};
struct memory_regions {
    struct mutex lock;
    struct held *first;
    size_t len;
};

struct memory_regions *memory_regions_create(void)
{
    struct memory_regions *m = calloc(1, sizeof(*m));
    if (!m)
        abort();
    mutex_init(&m->lock);
    return m;
}

static void held_unref(struct held *h)
{
    if (!h || atomic_fetch_sub(&h->refs, 1) > 1)
        return;
    close(h->fd);
    free(h);
}

static void held_auto(struct held **h)
{
    held_unref(*h);
}

void memory_regions_destroy(struct memory_regions *m)
{
    if (!m)
        return;
    memory_unregister(m, STR(""));
    mutex_clear(&m->lock);
    free(m);
}

/* The lock is held. */
static struct held **held_find(struct memory_regions *m, struct str name)
{
    struct held **at = &m->first;
    while (*at && !str_eq((*at)->region.name, name))
        at = &(*at)->next;
    return at;
}

/* ---- registering ---- */

/* POSIX says "/name"; the slash may be left out, as shm_open takes both. */
static enum err path_make(struct op *op, struct str key, const char **ret)
{
    const struct str name = str_sub(key, str_starts(key, STR("/")), SIZE_MAX);
    bool ok = name.len && name.len <= NAME_MAX_BYTES && !str_eqc(name, ".") && !str_eqc(name, "..");
    for (size_t i = 0; ok && i < name.len; i++)
        ok = name.p[i] != '/' && name.p[i] != 0;
    if (!ok)
        return op_fail(op, E_INVALID, "key \"%.*s\" is not the name of shared memory: one file in /dev/shm", STR_FMT(str_sub(key, 0, NAME_MAX_BYTES)));
    *ret = op_printf(op, "/dev/shm/%.*s", STR_FMT(name));
    return OK;
}

static enum err region_open(struct op *op, const struct memory_region *r, int *ret)
{
    const char *path = NULL;
    struct stat st;
    enum err e = path_make(op, r->key, &path);
    if (e)
        return e;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return op_fail(op, errno == ENOENT ? E_NOT_FOUND : E_INVALID, "shared memory \"%.*s\" cannot be opened: errno %d", STR_FMT(r->key), errno);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        e = op_fail(op, E_INVALID, "\"%.*s\" is no shared memory", STR_FMT(r->key));
    else if (r->offset > (uint64_t)st.st_size || r->size_bytes > (uint64_t)st.st_size - r->offset)
        e = op_fail(op, E_INVALID, "shared memory \"%.*s\" has %lld bytes; %" PRIu64 " from %" PRIu64 " on are registered", STR_FMT(r->key), (long long)st.st_size,
                    r->size_bytes, r->offset);
    if (e)
        close(fd);
    else
        *ret = fd;
    return e;
}

static struct held *held_make(const struct memory_region *r, int fd)
{
    struct held *h = malloc(sizeof(*h) + r->name.len + r->key.len);
    if (!h)
        abort();
    *h = (struct held){.fd = fd, .region = *r};
    atomic_init(&h->refs, 1);
    memcpy(h->texts, r->name.p, r->name.len);
    memcpy(h->texts + r->name.len, r->key.p, r->key.len);
    h->region.name.p = h->texts;
    h->region.key.p = h->texts + r->name.len;
    return h;
}

enum err memory_register(struct op *op, struct memory_regions *m, const struct memory_region *region)
{
    int fd = -1;
    if (!m)
        return op_fail(op, E_UNSUPPORTED, "this server reads no shared memory; `ingot serve --shared-memory` does");
    if (!region->name.len || region->name.len > NAME_MAX_BYTES || !region->size_bytes)
        return op_fail(op, E_INVALID, "a region has a name of 1 to %d bytes and a size above 0", NAME_MAX_BYTES);
    enum err e = region_open(op, region, &fd);
    if (e)
        return e;
    struct held *h = held_make(region, fd);
    LOCK(&m->lock);
    struct held **at = held_find(m, region->name);
    if (*at)
        e = op_fail(op, E_EXISTS, "shared memory region \"%.*s\" is registered already", STR_FMT(region->name));
    else if (m->len == LIMIT_SHARED_REGIONS)
        e = op_fail(op, E_TOO_LARGE, "more than %d regions of shared memory", LIMIT_SHARED_REGIONS);
    if (e) {
        held_unref(h);
        return e;
    }
    *at = h;
    m->len++;
    return OK;
}

void memory_unregister(struct memory_regions *m, struct str name)
{
    if (!m)
        return;
    LOCK(&m->lock);
    for (struct held **at = name.len ? held_find(m, name) : &m->first, *h; (h = *at);) {
        *at = h->next;
        m->len--;
        held_unref(h);
        if (name.len)
            return;
    }
}

enum err memory_status(struct op *op, struct memory_regions *m, struct str name, struct memory_region **ret, size_t *ret_len)
{
    size_t n = 0;
    struct memory_region *all = arena_alloc(op->arena, LIMIT_SHARED_REGIONS * sizeof(*all));
    if (m) {
        LOCK(&m->lock);
        for (const struct held *h = m->first; h; h = h->next)
            if (!name.len || str_eq(h->region.name, name))
                all[n++] = (struct memory_region){str_dup(op->arena, h->region.name), str_dup(op->arena, h->region.key), h->region.offset, h->region.size_bytes};
    }
    if (name.len && !n)
        return op_fail(op, E_NOT_FOUND, "there is no shared memory region \"%.*s\"", STR_FMT(name));
    *ret = all;
    *ret_len = n;
    return OK;
}

/* ---- tensors ---- */

/* A reference to the part's region, once it is known to hold the part. */
static enum err part_hold(struct op *op, struct memory_regions *m, struct str tensor, const struct memory_part *p, struct held **ret)
{
    if (!m)
        return op_fail(op, E_INVALID, "\"%.*s\" lies in shared memory, which this server does not read; `ingot serve --shared-memory` does", STR_FMT(tensor));
    LOCK(&m->lock);
    struct held *h = *held_find(m, p->region);
    if (!h)
        return op_fail(op, E_INVALID, "\"%.*s\": there is no shared memory region \"%.*s\"", STR_FMT(tensor), STR_FMT(p->region));
    if (p->offset > h->region.size_bytes || p->size_bytes > h->region.size_bytes - p->offset)
        return op_fail(op, E_INVALID, "\"%.*s\": %" PRIu64 " bytes from %" PRIu64 " on are not within shared memory region \"%.*s\" of %" PRIu64, STR_FMT(tensor),
                       p->size_bytes, p->offset, STR_FMT(p->region), h->region.size_bytes);
    atomic_fetch_add(&h->refs, 1);
    *ret = h;
    return OK;
}

static enum err short_file(struct op *op, struct str tensor, const struct memory_part *p)
{
    return op_fail(op, E_INVALID, "\"%.*s\": shared memory region \"%.*s\" is shorter than it was", STR_FMT(tensor), STR_FMT(p->region));
}

enum err memory_read(struct op *op, struct memory_regions *m, struct str tensor, const struct memory_part *part, struct str *ret)
{
    AUTO(held) struct held *h = NULL;
    enum err e = part_hold(op, m, tensor, part, &h);
    if (e)
        return e;
    if (part->size_bytes > LIMIT_HTTP_BODY_BYTES)
        return op_fail(op, E_TOO_LARGE, "\"%.*s\": %" PRIu64 " bytes of shared memory; a request may take %zu", STR_FMT(tensor), part->size_bytes, LIMIT_HTTP_BODY_BYTES);
    const size_t n = (size_t)part->size_bytes;
    char *bytes = arena_array(op->arena, n + 1, char);
    if (!bytes)
        return op_fail(op, E_TOO_LARGE, "\"%.*s\": no memory for %zu bytes", STR_FMT(tensor), n);
    for (size_t at = 0; at < n;) {
        ssize_t got = pread(h->fd, bytes + at, n - at, (off_t)(h->region.offset + part->offset + at));
        if (got <= 0)
            return short_file(op, tensor, part);
        at += (size_t)got;
    }
    *ret = (struct str){bytes, n};
    return OK;
}

const struct memory_part *memory_place(const struct memory_places *p, struct str output)
{
    for (size_t i = 0; p->parts && i < p->len; i++)
        if (p->parts[i].region.len && str_eq(p->wants[i].name, output))
            return &p->parts[i];
    return NULL;
}

size_t memory_tensor_size(const struct tensor *t)
{
    size_t n = t->count * tensor_type_size(t->type);
    for (size_t i = 0; t->type == TENSOR_BYTES && i < t->count; i++)
        n += sizeof(uint32_t) + t->texts[i].len;
    return n;
}

static enum err output_write(struct op *op, const struct held *h, const struct memory_part *p, const struct tensor *t)
{
    AUTO(buf) struct buf texts;
    struct str bytes = {t->data, memory_tensor_size(t)};
    struct stat st;
    buf_init(&texts, bytes.len + 1);
    for (size_t i = 0; t->type == TENSOR_BYTES && i < t->count; i++) {
        const uint32_t n = (uint32_t)t->texts[i].len;
        buf_add(&texts, &n, sizeof(n));
        buf_add(&texts, t->texts[i].p, n);
    }
    if (t->type == TENSOR_BYTES)
        bytes = buf_str(&texts);
    /* A file that was cut short is not made longer again. */
    if (fstat(h->fd, &st) || (uint64_t)st.st_size < h->region.offset + p->offset + bytes.len)
        return short_file(op, t->name, p);
    for (size_t at = 0; at < bytes.len;) {
        ssize_t put = pwrite(h->fd, bytes.p + at, bytes.len - at, (off_t)(h->region.offset + p->offset + at));
        if (put <= 0)
            return op_fail_errno(op, "\"%.*s\": shared memory region \"%.*s\"", STR_FMT(t->name), STR_FMT(p->region));
        at += (size_t)put;
    }
    return OK;
}

enum err memory_write(struct op *op, const struct memory_places *p, const struct tensor *outputs, size_t n)
{
    for (size_t i = 0; p->parts && i < n; i++) {
        AUTO(held) struct held *h = NULL;
        const struct memory_part *part = memory_place(p, outputs[i].name);
        if (!part)
            continue;
        enum err e = part_hold(op, p->regions, outputs[i].name, part, &h);
        if (!e && memory_tensor_size(&outputs[i]) > part->size_bytes)
            e = op_fail(op, E_INVALID, "output \"%.*s\" has %zu bytes; its place in shared memory region \"%.*s\" has %" PRIu64, STR_FMT(outputs[i].name),
                        memory_tensor_size(&outputs[i]), STR_FMT(part->region), part->size_bytes);
        if (!e)
            e = output_write(op, h, part, &outputs[i]);
        if (e)
            return e;
    }
    return OK;
}
