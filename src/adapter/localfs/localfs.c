/* localfs.c - blobs as files.
 *
 * Writing: bytes go to a new file in tmp/ while their SHA-256 is computed; fsync; link(2) under the name that the hash
 * gives; unlink the temporary name; fsync the folder. The order makes a name in blobs/ mean "complete and durable"
 * after a crash at any point (Pillai et al., OSDI 2014, on why each fsync is needed). link, unlike rename, cannot replace
 * a blob that a reader has open, and tells us when an equal blob is there already. Then only the folder is
 * flushed: another writer may have linked the name but not flushed it yet.
 *
 * A blob whose file has the wrong size (a disk that lost bytes), or belongs to another user (a backup that root restored), is
 * replaced by the good copy when it is stored again.
 *
 * The age of a blob is its file's time, which every commit renews. A sweep looks at the age and removes in one hold of the
 * lock under which commits give names and renew: who stores bytes that are there already either renews first, and they
 * stay, or comes after the removal and stores its own copy.
 *
 * Names come from hashes only, 64 hex digits that we format ourselves; every open is relative to a folder's descriptor
 * and follows no symbolic link, so a planted link is an error, not a way out. */
#include "adapter/localfs/localfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

#define NAME_LEN (2 * HASH_SHA256_LEN)

struct localfs {
    struct blob_store store; /* what callers hold */
    char *dir;
    int blobs_fd, tmp_fd;
    atomic_uint_fast64_t next_tmp;
    atomic_bool failed;            /* fsync reported EIO: a second fsync would lie (see dbwriter.c) */
    atomic_bool folder_ready[256]; /* blobs/xx exists and its name is durable */
    struct mutex names;            /* held while a name is given, renewed or taken for its age */
};

struct blob_writer {
    struct localfs *s;
    struct hash_state *hash;
    uint64_t size;
    int fd;
    char tmp[32];
};

struct blob_reader {
    struct blob_id id;
    struct hash_state *hash; /* NULL once the blob is verified */
    uint64_t size, hashed;   /* the bytes before `hashed` are in `hash` */
    int fd;
};

/* "ab" and "cdef..." of a blob. */
struct place {
    char folder[3];
    char file[NAME_LEN - 1];
    uint8_t index;
};

static struct place place_of(const struct blob_id *id)
{
    char hex[NAME_LEN + 1];
    struct place p;
    hash_hex(id->sha256, HASH_SHA256_LEN, hex);
    memcpy(p.folder, hex, 2);
    p.folder[2] = 0;
    memcpy(p.file, hex + 2, NAME_LEN - 1);
    p.index = id->sha256[0];
    return p;
}

static int64_t stored_us(const struct stat *st)
{
    return st->st_mtim.tv_sec * TIME_US_PER_S + st->st_mtim.tv_nsec / 1000;
}

static int open_folder(const struct localfs *s, const struct place *p)
{
    return openat(s->blobs_fd, p->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static enum err localfs_writer_open(void *self, struct op *op, struct blob_writer **ret)
{
    struct localfs *s = self;
    struct blob_writer *w = calloc(1, sizeof *w);
    if (!w)
        return op_fail(op, E_BUSY, "out of memory");
    w->s = s;
    snprintf(w->tmp, sizeof w->tmp, "%llu", (unsigned long long)atomic_fetch_add(&s->next_tmp, 1));
    w->fd = openat(s->tmp_fd, w->tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
    if (w->fd < 0) {
        free(w);
        return op_fail_errno(op, "store a file in '%s/tmp'", s->dir);
    }
    w->hash = hash_create(HASH_SHA256);
    *ret = w;
    return OK;
}

static enum err localfs_write(struct op *op, struct blob_writer *w, const void *p, size_t n)
{
    const char *at = p;
    hash_update(w->hash, p, n);
    w->size += n;
    while (n) {
        int fault = FAULT("blob.write");
        ssize_t done = fault ? -1 : write(w->fd, at, n);
        if (fault)
            errno = fault;
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return op_fail_errno(op, "store a file in '%s'", w->s->dir);
        at += done;
        n -= (size_t)done;
    }
    return OK;
}

/* Ends the temporary name and the writer. */
static void localfs_abort(struct blob_writer *w)
{
    unlinkat(w->s->tmp_fd, w->tmp, 0);
    close(w->fd);
    hash_destroy(w->hash);
    free(w);
}

static int flush(struct localfs *s, int fd)
{
    int fault = FAULT("blob.fsync");
    if (!fault && !fsync(fd))
        return 0;
    if (fault)
        errno = fault;
    if (errno == EIO && !atomic_exchange(&s->failed, true))
        log_at(LOG_ERROR, "blob.failed", {"folder", LOG_C(s->dir)},
               {"effect", LOG_C("no file is stored until the program starts again")});
    return -1;
}

/* Makes blobs/xx once; its own entry must be durable before a blob in it counts as stored. */
static int ready_folder(struct localfs *s, const struct place *p)
{
    if (!atomic_load(&s->folder_ready[p->index])) {
        if (mkdirat(s->blobs_fd, p->folder, 0700) && errno != EEXIST)
            return -1;
        if (flush(s, s->blobs_fd))
            return -1;
        atomic_store(&s->folder_ready[p->index], true);
    }
    return open_folder(s, p);
}

/* A whole blob of that name and size is there already. */
static bool is_stored(int folder, const struct place *p, uint64_t size)
{
    struct stat st;
    return !fstatat(folder, p->file, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == size;
}

/* Makes a blob young. The time is given because the kernel's own for "now" runs up to a tick behind the clock. */
static int make_young(int folder, const struct place *p)
{
    int64_t now_us = time_now_us();
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = now_us / TIME_US_PER_S, .tv_nsec = now_us % TIME_US_PER_S * 1000}};
    return utimensat(folder, p->file, times, AT_SYMLINK_NOFOLLOW);
}

/* A blob that is there already is young again; false when it is not there. */
static bool renew(struct localfs *s, int folder, const struct place *p, uint64_t size)
{
    LOCK(&s->names);
    return is_stored(folder, p, size) && !make_young(folder, p);
}

/* Gives the flushed temporary file its name. -1 with errno. */
static int give_name(struct blob_writer *w, int folder, const struct place *p)
{
    LOCK(&w->s->names);
    int fault = FAULT("blob.rename");
    if (fault) {
        errno = fault;
        return -1;
    }
    if (!linkat(w->s->tmp_fd, w->tmp, folder, p->file, 0))
        return make_young(folder, p); /* the bytes may have been flushed for minutes */
    if (errno != EEXIST)
        return -1;
    if (is_stored(folder, p, w->size) && !make_young(folder, p))
        return 0; /* an equal blob came first */
    log_at(LOG_WARN, "blob.repair", {"file", LOG_C(p->file)}, {"size", LOG_I(w->size)});
    return renameat(w->s->tmp_fd, w->tmp, folder, p->file);
}

static enum err localfs_commit(struct op *op, struct blob_writer *w, struct blob_id *ret_id,
                               uint64_t *ret_size)
{
    struct localfs *s = w->s;
    struct blob_id id;
    hash_finish(w->hash, id.sha256);
    w->hash = NULL;
    struct place p = place_of(&id);
    enum err e = OK;
    int folder = -1;
    if (atomic_load(&s->failed))
        e = op_fail(op, E_IO, "the disk under '%s' failed; nothing is stored until the program starts again",
                    s->dir);
    else if ((folder = ready_folder(s, &p)) < 0)
        e = op_fail_errno(op, "store a file in '%s/blobs'", s->dir);
    if (!e && !renew(s, folder, &p, w->size) && (flush(s, w->fd) || give_name(w, folder, &p)))
        e = op_fail_errno(op, "store a file in '%s/blobs'", s->dir);
    if (!e && flush(s, folder))
        e = op_fail_errno(op, "store a file in '%s/blobs'", s->dir);
    if (folder >= 0)
        close(folder);
    uint64_t size = w->size;
    localfs_abort(w); /* the temporary name is not needed in any case */
    if (e)
        return e;
    *ret_id = id;
    *ret_size = size;
    return OK;
}

static enum err localfs_reader_open(void *self, struct op *op, const struct blob_id *id,
                                    struct blob_reader **ret, uint64_t *ret_size)
{
    const struct localfs *s = self;
    struct place p = place_of(id);
    int folder = open_folder(s, &p);
    int fd = folder < 0 ? -1 : openat(folder, p.file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    int failure = errno;
    if (folder >= 0)
        close(folder);
    struct stat st;
    if (fd < 0) {
        errno = failure;
        if (failure == ENOENT)
            return op_fail(op, E_NOT_FOUND, "no stored file has the hash %s%s", p.folder, p.file);
        return op_fail_errno(op, "read stored file %s%s", p.folder, p.file);
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return op_fail(op, E_CORRUPT, "stored file %s%s is not a file", p.folder, p.file);
    }
    struct blob_reader *r = calloc(1, sizeof *r);
    if (!r) {
        close(fd);
        return op_fail(op, E_BUSY, "out of memory");
    }
    *r = (struct blob_reader){
        .id = *id, .fd = fd, .size = (uint64_t)st.st_size, .hash = hash_create(HASH_SHA256)};
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *ret = r;
    *ret_size = r->size;
    return OK;
}

/* Adds what continues the hashed part; at the end of the blob the hash must be its name. */
static enum err verify(struct op *op, struct blob_reader *r, uint64_t offset, const char *p, size_t n)
{
    if (!r->hash || offset > r->hashed)
        return OK;
    if (offset + n > r->hashed) {
        size_t known = (size_t)(r->hashed - offset);
        hash_update(r->hash, p + known, n - known);
        r->hashed = offset + n;
    }
    if (r->hashed < r->size)
        return OK;
    uint8_t sha256[HASH_SHA256_LEN];
    hash_finish(r->hash, sha256);
    r->hash = NULL;
    if (!memcmp(sha256, r->id.sha256, sizeof sha256))
        return OK;
    struct place place = place_of(&r->id);
    log_at(LOG_ERROR, "blob.corrupt", {"file", LOG_C(place.file)}, {"size", LOG_I(r->size)});
    return op_fail(op, E_CORRUPT, "stored file %s%s is damaged: its bytes have another hash", place.folder,
                   place.file);
}

static enum err localfs_read(struct op *op, struct blob_reader *r, uint64_t offset, void *p, size_t n,
                             size_t *ret_n)
{
    if (offset >= r->size)
        n = 0;
    else if (n > r->size - offset)
        n = (size_t)(r->size - offset);
    size_t got = 0;
    while (got < n) {
        int fault = FAULT("blob.read");
        ssize_t done = fault ? -1 : pread(r->fd, (char *)p + got, n - got, (off_t)(offset + got));
        if (fault)
            errno = fault;
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return op_fail_errno(op, "read a stored file");
        if (!done)
            return op_fail(op, E_CORRUPT, "a stored file became shorter while it was read");
        got += (size_t)done;
    }
    enum err e = verify(op, r, offset, p, got);
    if (e)
        return e;
    *ret_n = got;
    return OK;
}

static void localfs_reader_close(struct blob_reader *r)
{
    close(r->fd);
    hash_destroy(r->hash);
    free(r);
}

static enum err localfs_remove(void *self, struct op *op, const struct blob_id *id)
{
    const struct localfs *s = self;
    struct place p = place_of(id);
    int folder = open_folder(s, &p);
    if (folder < 0)
        return errno == ENOENT ? OK : op_fail_errno(op, "remove stored file %s%s", p.folder, p.file);
    enum err e = OK;
    if (unlinkat(folder, p.file, 0) && errno != ENOENT)
        e = op_fail_errno(op, "remove stored file %s%s", p.folder, p.file);
    close(
        folder); /* not flushed: a removed blob that comes back after a crash is removed again by the sweep */
    return e;
}

static enum err localfs_remove_old(void *self, struct op *op, const struct blob_id *id, int64_t before_us, bool *ret_removed)
{
    struct localfs *s = self;
    struct place p = place_of(id);
    int folder = open_folder(s, &p);
    if (folder < 0 && errno != ENOENT)
        return op_fail_errno(op, "remove stored file %s%s", p.folder, p.file);
    bool removed = false;
    enum err e = OK;
    if (folder >= 0) {
        mutex_lock(&s->names);
        struct stat st;
        bool known = !fstatat(folder, p.file, &st, AT_SYMLINK_NOFOLLOW);
        removed = known && stored_us(&st) < before_us && !unlinkat(folder, p.file, 0);
        if (!removed && (!known || stored_us(&st) < before_us) && errno != ENOENT)
            e = op_fail_errno(op, "remove stored file %s%s", p.folder, p.file);
        mutex_unlock(&s->names);
        close(folder);
    }
    if (!e)
        *ret_removed = removed;
    return e;
}

/* One folder blobs/xx. Names that are not ours are passed over. */
static enum err each_in(struct localfs *s, struct op *op, unsigned index, blob_each_fn fn, void *arg)
{
    char hex[NAME_LEN + 1];
    snprintf(hex, sizeof hex, "%02x", index);
    int fd = openat(s->blobs_fd, hex, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int failure = errno;
        if (fd >= 0)
            close(fd);
        errno = failure;
        return failure == ENOENT ? OK : op_fail_errno(op, "list folder '%s/blobs/%s'", s->dir, hex);
    }
    enum err e = OK;
    errno = 0;
    for (struct dirent *entry; !e && (entry = readdir(d)); errno = 0) {
        struct blob_info info;
        struct stat st;
        if (strlen(entry->d_name) != NAME_LEN - 2)
            continue;
        memcpy(hex + 2, entry->d_name, NAME_LEN - 1);
        if (!hash_unhex((struct str){hex, NAME_LEN}, info.id.sha256, HASH_SHA256_LEN) ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
            continue;
        info.size_bytes = (uint64_t)st.st_size;
        info.stored_us = stored_us(&st);
        e = fn(arg, op, &info);
    }
    if (!e && errno)
        e = op_fail_errno(op, "list folder '%s/blobs/%.2s'", s->dir, hex);
    closedir(d);
    return e;
}

static enum err localfs_each(void *self, struct op *op, blob_each_fn fn, void *arg)
{
    enum err e = OK;
    for (unsigned i = 0; !e && i < 256; i++)
        e = each_in(self, op, i, fn, arg);
    return e;
}

static enum err localfs_path(void *self, struct op *op, const struct blob_id *id, struct str *ret_path)
{
    const struct localfs *s = self;
    struct place p = place_of(id);
    struct stat st;
    const char *path = op_printf(op, "%s/blobs/%s/%s", s->dir, p.folder, p.file);
    if (lstat(path, &st) || !S_ISREG(st.st_mode))
        return op_fail(op, E_NOT_FOUND, "no stored file has the hash %s%s", p.folder, p.file);
    *ret_path = str_from(path);
    return OK;
}

static void localfs_close(void *self)
{
    struct localfs *s = self;
    close(s->blobs_fd);
    close(s->tmp_fd);
    mutex_clear(&s->names);
    free(s->dir);
    free(s);
}

static const struct blob_ops localfs_ops = {
    .name = "localfs",
    .writer_open = localfs_writer_open,
    .write = localfs_write,
    .commit = localfs_commit,
    .abort = localfs_abort,
    .reader_open = localfs_reader_open,
    .read = localfs_read,
    .reader_close = localfs_reader_close,
    .remove = localfs_remove,
    .each = localfs_each,
    .remove_old = localfs_remove_old,
    .local_path = localfs_path,
    .close = localfs_close,
};

/* Opens (or makes, durably) a folder of the store. */
static enum err open_sub(struct op *op, int dir_fd, const char *dir, const char *name, int *ret_fd)
{
    if (mkdirat(dir_fd, name, 0700) && errno != EEXIST)
        return op_fail_errno(op, "make folder '%s/%s'", dir, name);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return op_fail_errno(op, "open folder '%s/%s'", dir, name);
    *ret_fd = fd;
    return OK;
}

/* What a process that died was writing. */
static void sweep_tmp(int tmp_fd)
{
    int fd = openat(tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    int64_t swept = 0;
    for (struct dirent *entry; (entry = readdir(d));)
        if (entry->d_name[0] != '.' && !unlinkat(tmp_fd, entry->d_name, 0))
            swept++;
    closedir(d);
    if (swept)
        log_at(LOG_INFO, "blob.sweep", {"files", LOG_I(swept)});
}

enum err localfs_open(struct op *op, const char *dir, struct blob_store **ret)
{
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return op_fail_errno(op, "open folder '%s'", dir);
    int blobs_fd = -1, tmp_fd = -1;
    enum err e = open_sub(op, dir_fd, dir, "blobs", &blobs_fd);
    if (!e)
        e = open_sub(op, dir_fd, dir, "tmp", &tmp_fd);
    if (!e && fsync(dir_fd))
        e = op_fail_errno(op, "open folder '%s'", dir);
    close(dir_fd);
    struct localfs *s = e ? NULL : calloc(1, sizeof *s);
    if (!e && (!s || !(s->dir = strdup(dir))))
        abort();
    if (e) {
        if (blobs_fd >= 0)
            close(blobs_fd);
        if (tmp_fd >= 0)
            close(tmp_fd);
        return e;
    }
    sweep_tmp(tmp_fd);
    mutex_init(&s->names);
    s->blobs_fd = blobs_fd;
    s->tmp_fd = tmp_fd;
    s->store = (struct blob_store){.ops = &localfs_ops, .self = s};
    *ret = &s->store;
    return OK;
}

enum err localfs_clear_tmp(struct op *op, const char *dir)
{
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), tmp_fd = -1;
    if (dir_fd < 0)
        return op_fail_errno(op, "open folder '%s'", dir);
    enum err e = open_sub(op, dir_fd, dir, "tmp", &tmp_fd);
    close(dir_fd);
    if (e)
        return e;
    sweep_tmp(tmp_fd);
    close(tmp_fd);
    return OK;
}
