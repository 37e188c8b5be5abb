#include "core/pipeline/dvc_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "core/pipeline/fspath.h"

#define OBJECT_MODE 0444

static enum err object_path(struct op *op, const struct workspace *ws, struct str md5, struct str *ret)
{
    struct str hex = md5;
    if (str_ends(md5, STR(".dir")))
        hex = str_sub(md5, 0, md5.len - 4);
    for (size_t i = 0; i < hex.len; i++) {
        if (!((hex.p[i] >= '0' && hex.p[i] <= '9') || (hex.p[i] >= 'a' && hex.p[i] <= 'f')))
            hex.len = 0;
    }
    if (hex.len != 2 * HASH_MD5_LEN)
        return op_fail(op, E_CORRUPT, "'%.*s' is no md5", STR_FMT(md5));
    *ret = str_from(op_printf(op, "%.*s/files/md5/%.2s/%.*s", STR_FMT(ws->cache_dir), md5.p, STR_FMT(str_sub(md5, 2, md5.len))));
    return OK;
}

static struct str bare(struct str md5)
{
    return str_sub(md5, 0, 2 * HASH_MD5_LEN);
}

/* One object. Heals the mode of a good one; removes a bad one. */
static enum err object_has(struct op *op, const struct workspace *ws, struct str md5, bool *ret)
{
    struct str path, real;
    struct stat st;
    bool found;
    uint64_t size;
    enum err e = object_path(op, ws, md5, &path);
    if (!e)
        e = fspath_stat(op, path, &st, &found);
    if (e)
        return e;
    *ret = found && (st.st_mode & 07777) == OBJECT_MODE;
    if (!found || *ret)
        return OK;
    if ((e = dvc_hash_file(op, path, &real, &size)))
        return e;
    *ret = str_eq(real, bare(md5));
    const char *p = str_cstr(op->arena, path);
    if (*ret ? chmod(p, OBJECT_MODE) < 0 : unlink(p) < 0)
        return op_fail_errno(op, "tidy cache object '%s'", p);
    return OK;
}

static enum err tree_load(struct op *op, const struct workspace *ws, struct str md5, struct dvc_entry **ret, size_t *ret_len)
{
    struct str path, text;
    enum err e = object_path(op, ws, md5, &path);
    if (!e)
        e = fspath_read(op, path, LIMIT_MIB(1024), &text);
    return e ? e : dvc_tree_parse(op, text, ret, ret_len);
}

enum err dvc_cache_has(struct op *op, const struct workspace *ws, struct str md5, bool *ret)
{
    enum err e = object_has(op, ws, md5, ret);
    if (e || !*ret || !str_ends(md5, STR(".dir")))
        return e;
    struct dvc_entry *list;
    size_t n;
    if ((e = tree_load(op, ws, md5, &list, &n)))
        return e;
    for (size_t i = 0; !e && *ret && i < n; i++)
        e = object_has(op, ws, list[i].md5, ret);
    return e;
}

/* --- copying --- */

static enum err copy_bytes(struct op *op, int in, int out, const char *from)
{
    if (ioctl(out, FICLONE, in) == 0)
        return OK;
    for (;;) {
        ssize_t n = copy_file_range(in, NULL, out, NULL, LIMIT_MIB(64), 0);
        if (n == 0)
            return OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
            break;
        if (n < 0)
            return op_fail_errno(op, "copy '%s'", from);
    }
    char chunk[LIMIT_KIB(32)];
    for (;;) {
        ssize_t n = read(in, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return op_fail_errno(op, "read '%s'", from);
        if (n == 0)
            return OK;
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(out, chunk + done, (size_t)(n - done));
            if (w < 0 && errno != EINTR)
                return op_fail_errno(op, "write a copy of '%s'", from);
            done += w > 0 ? w : 0;
        }
    }
}

enum err dvc_copy_file(struct op *op, struct str from, struct str to, mode_t mode, bool durable)
{
    const char *src = str_cstr(op->arena, from), *dst = str_cstr(op->arena, to);
    int in = open(src, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return op_fail_errno(op, "open '%s'", src);
    int out = open(dst, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum err e = out < 0 ? op_fail_errno(op, "make '%s'", dst) : copy_bytes(op, in, out, src);
    if (!e && fchmod(out, mode) < 0)
        e = op_fail_errno(op, "set mode of '%s'", dst);
    if (!e && durable && fsync(out) < 0)
        e = op_fail_errno(op, "fsync '%s'", dst);
    if (out >= 0 && close(out) < 0 && !e)
        e = op_fail_errno(op, "close '%s'", dst);
    close(in);
    if (e && out >= 0)
        unlink(dst);
    return e;
}

static struct str tmp_name(struct op *op, const struct workspace *ws)
{
    return str_from(op_printf(op, "%.*s/ingot-tmp/%s", STR_FMT(ws->cache_dir), hash_random_hex(op->arena, 12)));
}

static enum err rename_into(struct op *op, struct str tmp, struct str to)
{
    enum err e = fspath_make_dirs(op, fspath_parent(to));
    if (!e && rename(str_cstr(op->arena, tmp), str_cstr(op->arena, to)) < 0)
        e = op_fail_errno(op, "rename '%.*s'", STR_FMT(to));
    if (e)
        unlink(str_cstr(op->arena, tmp));
    return e;
}

static bool links_to_cache(const struct workspace *ws)
{
    return ws->links_len && (ws->links[0] == WORKSPACE_HARDLINK || ws->links[0] == WORKSPACE_SYMLINK);
}

static mode_t plain_mode(bool exec)
{
    mode_t mask = umask(022); /* umask can only be read by setting it; a pipeline command has one thread here */
    umask(mask);
    return (exec ? 0777 : 0666) & ~mask;
}

/* Puts one object at `path`, where nothing stands, by the first link type that works. */
static enum err link_out(struct op *op, const struct workspace *ws, struct str object, bool exec, struct str path, bool copy)
{
    const char *from = str_cstr(op->arena, object), *to = str_cstr(op->arena, path);
    if (copy)
        return dvc_copy_file(op, object, path, plain_mode(exec), false);
    for (size_t i = 0; i < ws->links_len; i++) {
        if (ws->links[i] == WORKSPACE_HARDLINK && link(from, to) == 0)
            return OK;
        if (ws->links[i] == WORKSPACE_SYMLINK && symlink(from, to) == 0)
            return OK;
        if (ws->links[i] == WORKSPACE_REFLINK || ws->links[i] == WORKSPACE_COPY)
            return dvc_copy_file(op, object, path, plain_mode(exec), false);
    }
    return op_fail_errno(op, "link '%s' into the workspace", from);
}

/* Where the workspace gets a link anyway, the file itself becomes the object: no byte is copied. *ret_moved false
 * when it is a link, has other names, or lies on another file system: then it must be copied. */
static enum err move_in(struct op *op, struct str path, struct str object, bool *ret_moved)
{
    const char *from = str_cstr(op->arena, path);
    struct stat st;
    *ret_moved = false;
    if (lstat(from, &st) < 0)
        return op_fail_errno(op, "look at '%s'", from);
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
        return OK;
    enum err e = fspath_make_dirs(op, fspath_parent(object));
    int fd = e ? -1 : open(from, O_RDONLY | O_CLOEXEC);
    if (!e && fd < 0)
        e = op_fail_errno(op, "open '%s'", from);
    if (!e && (fsync(fd) < 0 || fchmod(fd, OBJECT_MODE) < 0))
        e = op_fail_errno(op, "make '%s' durable", from);
    if (fd >= 0)
        close(fd);
    if (e)
        return e;
    *ret_moved = rename(from, str_cstr(op->arena, object)) == 0;
    return *ret_moved || errno == EXDEV ? OK : op_fail_errno(op, "move '%s' into the cache", from);
}

static enum err commit_file(struct op *op, const struct workspace *ws, struct str path, struct str md5, bool exec,
                            bool copy)
{
    struct str object, tmp = tmp_name(op, ws);
    bool has;
    enum err e = object_path(op, ws, md5, &object);
    if (!e)
        e = object_has(op, ws, md5, &has);
    if (e)
        return e;
    bool linked = !copy && links_to_cache(ws), moved = false;
    if (!has && linked)
        e = move_in(op, path, object, &moved);
    if (!e && !has && !moved) {
        e = dvc_copy_file(op, path, tmp, OBJECT_MODE, true);
        if (!e)
            e = rename_into(op, tmp, object);
    }
    if (e || !linked)
        return e;
    if ((e = fspath_remove(op, path)))
        return e;
    return link_out(op, ws, object, exec, path, false);
}

enum err dvc_cache_commit(struct op *op, const struct workspace *ws, struct str path, const struct dvc_digest *d, bool copy)
{
    enum err e = fspath_make_dirs(op, fspath_join(op, ws->cache_dir, STR("ingot-tmp")));
    if (e)
        return e;
    if (!d->dir)
        return commit_file(op, ws, path, d->md5, d->exec, copy);
    for (size_t i = 0; !e && i < d->nfiles; i++) {
        const struct dvc_entry *f = &d->entries[i];
        e = commit_file(op, ws, fspath_join(op, path, f->rel), f->md5, f->exec, copy);
    }
    /* The .dir object comes last: its presence says that its files are there. */
    struct str object, tmp = tmp_name(op, ws);
    bool has = false;
    if (!e)
        e = object_path(op, ws, d->md5, &object);
    if (!e)
        e = object_has(op, ws, d->md5, &has);
    if (e || has)
        return e;
    if ((e = fspath_write(op, tmp, d->tree, true)))
        return e;
    if (chmod(str_cstr(op->arena, tmp), OBJECT_MODE) < 0)
        return op_fail_errno(op, "set mode of a cache object");
    return rename_into(op, tmp, object);
}

static enum err checkout_tree(struct op *op, const struct workspace *ws, struct str md5, struct str path, bool copy)
{
    struct dvc_entry *list;
    size_t n;
    enum err e = tree_load(op, ws, md5, &list, &n);
    if (!e)
        e = fspath_make_dirs(op, path);
    for (size_t i = 0; !e && i < n; i++) {
        struct str object, to = fspath_join(op, path, list[i].rel);
        e = object_path(op, ws, list[i].md5, &object);
        if (!e)
            e = fspath_make_dirs(op, fspath_parent(to));
        if (!e)
            e = link_out(op, ws, object, false, to, copy);
    }
    return e;
}

enum err dvc_cache_checkout(struct op *op, const struct workspace *ws, struct str md5, bool exec, struct str path, bool copy)
{
    struct str object;
    bool has;
    enum err e = object_path(op, ws, md5, &object);
    if (!e)
        e = dvc_cache_has(op, ws, md5, &has);
    if (e)
        return e;
    if (!has)
        return op_fail(op, E_NOT_FOUND, "'%.*s' is not in the cache", STR_FMT(md5));
    if ((e = fspath_remove(op, path)) || (e = fspath_make_dirs(op, fspath_parent(path))))
        return e;
    return str_ends(md5, STR(".dir")) ? checkout_tree(op, ws, md5, path, copy)
                                        : link_out(op, ws, object, exec, path, copy);
}
