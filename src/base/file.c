#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

struct fd {
    int n;
};
static void fd_auto(struct fd *f)
{
    if (f->n >= 0)
        close(f->n);
}

static enum err open_regular(struct op *op, const char *path, struct fd *f, uint64_t *ret_bytes)
{
    f->n = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block us here */
    struct stat st;
    if (f->n < 0 || fstat(f->n, &st))
        return op_fail_errno(op, "open '%s'", path);
    if (!S_ISREG(st.st_mode))
        return op_fail(op, E_INVALID, "'%s' is no regular file", path);
    *ret_bytes = (uint64_t)st.st_size;
    return OK;
}

/* Reads up to n bytes, short only at the end of the file. */
static ssize_t read_full(int fd, char *p, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = read(fd, p + got, n - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

enum err file_read(struct op *op, const char *path, size_t max_bytes, struct str *ret)
{
    AUTO(fd) struct fd f = {-1};
    uint64_t size = 0;
    enum err e = open_regular(op, path, &f, &size);
    if (e)
        return e;
    if (size > max_bytes)
        return op_fail(op, E_TOO_LARGE, "'%s' has %llu bytes, the limit is %zu", path, (unsigned long long)size, max_bytes);
    char *p = arena_try_alloc(op->arena, size + 1, 1);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "out of memory for '%s'", path);
    ssize_t n = read_full(f.n, p, size);
    if (n < 0)
        return op_fail_errno(op, "read '%s'", path);
    p[n] = 0;
    *ret = (struct str){p, (size_t)n};
    return OK;
}

enum err file_sha256(struct op *op, const char *path, char ret_hex[65], uint64_t *ret_bytes)
{
    AUTO(fd) struct fd f = {-1};
    uint64_t size = 0, total = 0;
    enum err e = open_regular(op, path, &f, &size);
    if (e)
        return e;
    struct hash_state *h = hash_create(HASH_SHA256);
    char block[16384];
    ssize_t n;
    while ((n = read_full(f.n, block, sizeof block)) > 0) {
        hash_update(h, block, (size_t)n);
        total += (uint64_t)n;
    }
    if (n < 0) {
        hash_destroy(h);
        return op_fail_errno(op, "read '%s'", path);
    }
    uint8_t digest[HASH_SHA256_LEN];
    hash_finish(h, digest);
    hash_hex(digest, sizeof digest, ret_hex);
    if (ret_bytes)
        *ret_bytes = total;
    return OK;
}

static enum err write_all(struct op *op, int fd, struct str bytes, const char *path)
{
    while (bytes.len) {
        ssize_t r = write(fd, bytes.p, bytes.len);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return op_fail_errno(op, "write '%s'", path);
        bytes = str_sub(bytes, (size_t)r, bytes.len - (size_t)r);
    }
    return OK;
}

static enum err sync_folder_of(struct op *op, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *folder = !slash ? "." : slash == path ? "/" : str_cstr(op->arena, (struct str){path, (size_t)(slash - path)});
    AUTO(fd) struct fd d = {open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (d.n < 0 || fsync(d.n))
        return op_fail_errno(op, "sync '%s'", folder);
    return OK;
}

static enum err replace(struct op *op, const char *path, struct str bytes, bool durable)
{
    const char *temp = op_printf(op, "%s.tmp-%s", path, hash_random_hex(op->arena, 8));
    AUTO(fd) struct fd f = {open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    if (f.n < 0)
        return op_fail_errno(op, "create '%s'", temp);
    enum err e = write_all(op, f.n, bytes, path);
    if (!e && durable && fsync(f.n))
        e = op_fail_errno(op, "sync '%s'", path);
    if (!e && rename(temp, path))
        e = op_fail_errno(op, "rename to '%s'", path);
    if (!e)
        return durable ? sync_folder_of(op, path) : OK;
    unlink(temp);
    return e;
}

enum err file_write(struct op *op, const char *path, struct str bytes)
{
    return replace(op, path, bytes, true);
}

enum err file_write_unsynced(struct op *op, const char *path, struct str bytes)
{
    return replace(op, path, bytes, false);
}

enum err file_make_dirs(struct op *op, const char *path, mode_t mode)
{
    char *p = str_cstr(op->arena, str_from(path));
    for (size_t i = 1, n = strlen(p); i <= n; i++) {
        if (p[i] != '/' && p[i])
            continue;
        char saved = p[i];
        p[i] = 0;
        if (mkdir(p, mode) && errno != EEXIST)
            return op_fail_errno(op, "make folder '%s'", p);
        p[i] = saved;
    }
    struct stat st;
    if (*p && !stat(p, &st) && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return op_fail_errno(op, "make folder '%s'", p);
    }
    return OK;
}
