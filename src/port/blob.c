/* blob.c - the thin half of the blob port, and whole small objects. */
#include "port/blob.h"

#include <stdio.h>

#include "base/limits.h"

enum err blob_writer_open(struct op *op, struct blob_store *s, struct blob_writer **ret)
{
    return s->ops->writer_open(s->self, op, ret);
}

enum err blob_write(struct op *op, struct blob_store *s, struct blob_writer *w, const void *p, size_t n)
{
    return n ? s->ops->write(op, w, p, n) : OK;
}

enum err blob_commit(struct op *op, struct blob_store *s, struct blob_writer *take_w, struct blob_id *ret_id,
                     uint64_t *ret_size)
{
    return s->ops->commit(op, take_w, ret_id, ret_size);
}

void blob_abort(struct blob_store *s, struct blob_writer *take_w)
{
    if (take_w)
        s->ops->abort(take_w);
}

enum err blob_reader_open(struct op *op, struct blob_store *s, const struct blob_id *id,
                          struct blob_reader **ret, uint64_t *ret_size)
{
    return s->ops->reader_open(s->self, op, id, ret, ret_size);
}

enum err blob_read(struct op *op, struct blob_store *s, struct blob_reader *r, uint64_t offset, void *p,
                   size_t n, size_t *ret_n)
{
    return s->ops->read(op, r, offset, p, n, ret_n);
}

void blob_reader_close(struct blob_store *s, struct blob_reader *r)
{
    if (r)
        s->ops->reader_close(r);
}

enum err blob_remove(struct op *op, struct blob_store *s, const struct blob_id *id)
{
    return s->ops->remove(s->self, op, id);
}

enum err blob_each(struct op *op, struct blob_store *s, blob_each_fn fn, void *arg)
{
    return s->ops->each(s->self, op, fn, arg);
}

enum err blob_remove_old(struct op *op, struct blob_store *s, const struct blob_id *id, int64_t before_us, bool *ret_removed)
{
    return s->ops->remove_old(s->self, op, id, before_us, ret_removed);
}

enum err blob_local_path(struct op *op, struct blob_store *s, const struct blob_id *id, struct str *ret_path)
{
    return s->ops->local_path(s->self, op, id, ret_path);
}

void blob_store_close(struct blob_store *s)
{
    if (s)
        s->ops->close(s->self);
}

enum err blob_put(struct op *op, struct blob_store *s, struct str bytes, struct blob_id *ret_id)
{
    struct blob_writer *w = NULL;
    enum err e = blob_writer_open(op, s, &w);
    if (e)
        return e;
    e = blob_write(op, s, w, bytes.p, bytes.len);
    if (e) {
        blob_abort(s, w);
        return e;
    }
    uint64_t size;
    return blob_commit(op, s, w, ret_id, &size);
}

/* Reads [0, size) and then once more, which must find the end: the blob is then verified even when empty. */
static enum err read_whole(struct op *op, struct blob_store *s, struct blob_reader *r, char *p, size_t size)
{
    size_t at = 0, got = 0;
    do {
        char beyond;
        bool more = at < size;
        enum err e = blob_read(op, s, r, at, more ? p + at : &beyond, more ? size - at : 1, &got);
        if (e)
            return e;
        at += got;
    } while (got && at <= size);
    return at == size ? OK : op_fail(op, E_CORRUPT, "a stored file changed its size while it was read");
}

enum err blob_get(struct op *op, struct blob_store *s, const struct blob_id *id, size_t max,
                  struct str *ret_bytes)
{
    struct blob_reader *r = NULL;
    uint64_t size = 0;
    enum err e = blob_reader_open(op, s, id, &r, &size);
    if (e)
        return e;
    char *p = NULL;
    if (size > max)
        e = op_fail(op, E_TOO_LARGE, "the stored file has %llu bytes, more than the %zu allowed here",
                    (unsigned long long)size, max);
    else if (!(p = arena_array(op->arena, (size_t)size + 1, char)))
        e = op_fail(op, E_TOO_LARGE, "the stored file of %llu bytes does not fit into memory",
                    (unsigned long long)size);
    else
        e = read_whole(op, s, r, p, (size_t)size);
    blob_reader_close(s, r);
    if (e)
        return e;
    *ret_bytes = (struct str){p, (size_t)size};
    return OK;
}

enum err blob_put_file(struct op *op, struct blob_store *s, const char *path, struct blob_id *ret_id, uint64_t *ret_size)
{
    struct blob_writer *w = NULL;
    FILE *f = fopen(path, "rbe");
    if (!f)
        return op_fail_errno(op, "open '%s'", path);
    enum err e = blob_writer_open(op, s, &w);
    char *piece = arena_alloc(op->arena, LIMIT_KIB(64));
    size_t n;
    while (!e && (n = fread(piece, 1, LIMIT_KIB(64), f)) > 0)
        e = blob_write(op, s, w, piece, n);
    if (!e && ferror(f))
        e = op_fail(op, E_IO, "read '%s'", path);
    fclose(f);
    if (e) {
        blob_abort(s, w);
        return e;
    }
    return blob_commit(op, s, w, ret_id, ret_size);
}

struct str blob_id_hex(struct op *op, const struct blob_id *id)
{
    char *hex = arena_alloc(op->arena, 2 * HASH_SHA256_LEN + 1);
    hash_hex(id->sha256, HASH_SHA256_LEN, hex);
    return (struct str){hex, 2 * HASH_SHA256_LEN};
}

enum err blob_id_parse(struct op *op, struct str hex, struct blob_id *ret)
{
    /* Upper case would give one blob two names. */
    for (size_t i = 0; i < hex.len; i++)
        if (hex.p[i] >= 'A' && hex.p[i] <= 'F')
            return op_fail(op, E_INVALID, "a file's hash is 64 lower-case hex digits");
    struct blob_id id;
    if (hex.len != 2 * HASH_SHA256_LEN || !hash_unhex(hex, id.sha256, HASH_SHA256_LEN))
        return op_fail(op, E_INVALID, "a file's hash is 64 lower-case hex digits");
    *ret = id;
    return OK;
}
