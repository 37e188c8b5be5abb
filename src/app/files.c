#include "app/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"

enum err file_read(struct op *op, struct str path, size_t max, struct str *ret)
{
    const char *name = str_cstr(op->arena, path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return op_fail_errno(op, "open '%s'", name);
    AUTO(buf) struct buf b;
    buf_init(&b, max + 1);
    ssize_t n;
    do {
        char *p = buf_reserve(&b, b.max - b.len < LIMIT_KIB(256) ? b.max - b.len : LIMIT_KIB(256));
        n = p ? read(fd, p, b.max - b.len < LIMIT_KIB(256) ? b.max - b.len : LIMIT_KIB(256)) : 0;
        if (n > 0)
            b.len += (size_t)n;
    } while (n > 0 && b.len <= max);
    enum err e = n < 0 ? op_fail_errno(op, "read '%s'", name) : OK;
    close(fd);
    if (!e && b.len > max)
        e = op_fail(op, E_TOO_LARGE, "'%s' has more than %zu bytes", name, max);
    if (e)
        return e;
    char *copy = arena_array(op->arena, b.len + 1, char);
    if (!copy)
        return op_fail(op, E_TOO_LARGE, "'%s' does not fit into memory", name);
    memcpy(copy, buf_str(&b).p, b.len);
    *ret = (struct str){copy, b.len};
    return OK;
}

enum err file_write(struct op *op, struct str path, struct str bytes)
{
    const char *name = str_cstr(op->arena, path);
    const char *temp = op_printf(op, "%s.%s.tmp", name, hash_random_hex(op->arena, 4));
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return op_fail_errno(op, "write '%s'", name);
    enum err e = OK;
    for (size_t off = 0; !e && off < bytes.len;) {
        ssize_t n = write(fd, bytes.p + off, bytes.len - off);
        if (n < 0 && errno != EINTR)
            e = op_fail_errno(op, "write '%s'", name);
        off += n > 0 ? (size_t)n : 0;
    }
    if (!e && fsync(fd))
        e = op_fail_errno(op, "fsync '%s'", name);
    if (close(fd) && !e)
        e = op_fail_errno(op, "close '%s'", name);
    if (!e && rename(temp, name))
        e = op_fail_errno(op, "rename to '%s'", name);
    if (e)
        unlink(temp);
    return e;
}
