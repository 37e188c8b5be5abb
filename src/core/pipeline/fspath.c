#include "core/pipeline/fspath.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

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
    return file_make_dirs(op, str_cstr(op->arena, dir), 0777);
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

enum err fspath_read(struct op *op, struct str path, size_t max, struct str *ret)
{
    return file_read(op, str_cstr(op->arena, path), max, ret);
}

enum err fspath_write(struct op *op, struct str path, struct str bytes, bool durable)
{
    const char *p = str_cstr(op->arena, path);
    return durable ? file_write(op, p, bytes) : file_write_unsynced(op, p, bytes);
}
