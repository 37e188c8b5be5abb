/* datadir.c - see datadir.h.
 *
 * The lock is an open-file-description lock (fcntl F_OFD_SETLK): unlike POSIX record locks it does not vanish when some
 * other part of the process opens and closes the same file, and two opens within one process exclude each other. The
 * file is never removed: a process that waits with the old file open and one that makes a new file would both hold "the"
 * lock. */
#include "adapter/localfs/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

struct datadir {
    int lock_fd;
};

static enum err check_folder(struct op *op, int fd, const char *path)
{
    struct stat st;
    if (fstat(fd, &st))
        return op_fail_errno(op, "data folder '%s'", path);
    if (st.st_uid != geteuid())
        return op_fail(op, E_CONFLICT, "data folder '%s' belongs to another user", path);
    if ((st.st_mode & 0777) != 0700 && fchmod(fd, 0700))
        return op_fail_errno(op, "make data folder '%s' private", path);
    return OK;
}

static enum err take_lock(struct op *op, int fd, const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock)) {
        if (errno != EAGAIN && errno != EACCES)
            return op_fail_errno(op, "lock data folder '%s'", path);
        char text[32] = {0};
        int64_t pid = 0;
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        if (n > 0 && str_parse_i64(str_trim(str_from(text)), &pid) && pid > 0)
            return op_fail(op, E_CONFLICT, "data folder '%s' is used by process %lld", path, (long long)pid);
        return op_fail(op, E_CONFLICT, "data folder '%s' is used by another process", path);
    }
    const char *pid = op_printf(op, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, pid, strlen(pid), 0) < 0)
        return op_fail_errno(op, "write '%s/lock'", path);
    return OK;
}

enum err datadir_lock(struct op *op, const char *path, struct datadir **ret)
{
    umask(077);
    enum err e = file_make_dirs(op, path, 0700);
    if (e)
        return e;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return op_fail_errno(op, "data folder '%s'", path);
    e = check_folder(op, dir, path);
    int fd = e ? -1 : openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (!e && fd < 0)
        e = op_fail_errno(op, "open '%s/lock'", path);
    close(dir);
    if (!e)
        e = take_lock(op, fd, path);
    if (e) {
        if (fd >= 0)
            close(fd);
        return e;
    }
    struct datadir *d = malloc(sizeof *d);
    if (!d)
        abort();
    d->lock_fd = fd;
    *ret = d;
    return OK;
}

void datadir_unlock(struct datadir *d)
{
    if (!d)
        return;
    close(d->lock_fd);
    free(d);
}
