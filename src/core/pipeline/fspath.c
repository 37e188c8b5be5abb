#include "core/pipeline/fspath.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"

struct str fspath_join(struct op *op, struct str base, struct str rel)
{
    bool absolute = rel.len && rel.p[0] == '/';
    size_t room = (absolute ? 0 : base.len) + rel.len + 2;
    char *out = arena_alloc(op->arena, room + 1);
    size_t len = 0;
    struct str parts[2] = {absolute ? STR("") : base, rel};
    for (int i = 0; i < 2; i++) {
        struct str rest = parts[i], part;
        while (rest.p && str_split(&rest, '/', &part)) {
            if (part.len == 0 || str_eq(part, STR(".")))
                continue;
            if (str_eq(part, STR(".."))) {
                while (len && out[--len] != '/') {
                }
                continue;
            }
            out[len++] = '/';
            memcpy(out + len, part.p, part.len);
            len += part.len;
        }
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return (struct str){out, len};
}

bool fspath_inside(struct str dir, struct str path)
{
    if (str_eq(dir, STR("/")))
        return true;
    return str_starts(path, dir) && (path.len == dir.len || path.p[dir.len] == '/');
}

bool fspath_overlaps(struct str a, struct str b)
{
    return fspath_inside(a, b) || fspath_inside(b, a);
}

struct str fspath_parent(struct str path)
{
    size_t n = path.len;
    while (n && path.p[n - 1] != '/')
        n--;
    if (n == 0)
        return STR(".");
    return n == 1 ? STR("/") : str_sub(path, 0, n - 1);
}

struct str fspath_name(struct str path)
{
    size_t n = path.len;
    while (n && path.p[n - 1] != '/')
        n--;
    return str_sub(path, n, path.len - n);
}

enum err fspath_stat(struct op *op, struct str path, struct stat *ret, bool *ret_found)
{
    if (stat(str_cstr(op->arena, path), ret) == 0) {
        *ret_found = true;
        return OK;
    }
    *ret_found = false;
    if (errno == ENOENT || errno == ENOTDIR)
        return OK;
    return op_fail_errno(op, "look at '%.*s'", STR_FMT(path));
}

bool fspath_exists(struct op *op, struct str path)
{
    return access(str_cstr(op->arena, path), F_OK) == 0;
}

enum err fspath_make_dirs(struct op *op, struct str dir)
{
    char *p = str_cstr(op->arena, dir);
    for (size_t i = 1; i <= dir.len; i++) {
        if (p[i] != '/' && p[i] != '\0')
            continue;
        char saved = p[i];
        p[i] = '\0';
        if (mkdir(p, 0777) < 0 && errno != EEXIST)
            return op_fail_errno(op, "make folder '%s'", p);
        p[i] = saved;
    }
    struct stat st;
    if (stat(p, &st) == 0 && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return op_fail_errno(op, "make folder '%s'", p);
    }
    return OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

enum err fspath_remove(struct op *op, struct str path)
{
    const char *p = str_cstr(op->arena, path);
    if (unlink(p) == 0 || errno == ENOENT || errno == ENOTDIR)
        return OK;
    if (errno != EISDIR && errno != EPERM)
        return op_fail_errno(op, "remove '%s'", p);
    if (nftw(p, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        return op_fail_errno(op, "remove folder '%s'", p);
    return OK;
}

static enum err read_fd(struct op *op, int fd, const char *path, size_t max, struct str *ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return op_fail_errno(op, "look at '%s'", path);
    if (!S_ISREG(st.st_mode))
        return op_fail(op, E_INVALID, "'%s' is no file", path);
    if ((uint64_t)st.st_size > max)
        return op_fail(op, E_TOO_LARGE, "'%s' has %lld bytes; at most %zu are read", path, (long long)st.st_size, max);
    size_t size = (size_t)st.st_size, len = 0;
    char *p = arena_array(op->arena, size + 1, char);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "'%s' does not fit into memory", path);
    while (len < size) {
        ssize_t n = read(fd, p + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return op_fail_errno(op, "read '%s'", path);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret = (struct str){p, len};
    return OK;
}

enum err fspath_read(struct op *op, struct str path, size_t max, struct str *ret)
{
    const char *p = str_cstr(op->arena, path);
    int fd = open(p, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return op_fail_errno(op, "open '%s'", p);
    enum err e = read_fd(op, fd, p, max, ret);
    close(fd);
    return e;
}

static enum err write_fd(struct op *op, int fd, const char *path, struct str bytes, bool durable)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.p, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return op_fail_errno(op, "write '%s'", path);
        bytes = str_sub(bytes, (size_t)n, bytes.len);
    }
    if (durable && fsync(fd) < 0)
        return op_fail_errno(op, "fsync '%s'", path);
    return OK;
}

static enum err sync_dir(struct op *op, struct str dir)
{
    const char *p = str_cstr(op->arena, dir);
    int fd = open(p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return op_fail_errno(op, "open folder '%s'", p);
    int rc = fsync(fd);
    enum err e = rc < 0 ? op_fail_errno(op, "fsync folder '%s'", p) : OK;
    close(fd);
    return e;
}

enum err fspath_write(struct op *op, struct str path, struct str bytes, bool durable)
{
    char *tmp = op_printf(op, "%.*s.%s.tmp", STR_FMT(path), hash_random_hex(op->arena, 6));
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return op_fail_errno(op, "make '%s'", tmp);
    enum err e = write_fd(op, fd, tmp, bytes, durable);
    if (close(fd) < 0 && !e)
        e = op_fail_errno(op, "close '%s'", tmp);
    if (!e && rename(tmp, str_cstr(op->arena, path)) < 0)
        e = op_fail_errno(op, "rename '%s'", tmp);
    if (e) {
        unlink(tmp);
        return e;
    }
    return durable ? sync_dir(op, fspath_parent(path)) : OK;
}
