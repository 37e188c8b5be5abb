#include "adapter/mlflow/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/vec.h"

#define READ_BYTES LIMIT_KIB(256)

/* "file:///a/b", "file:/a/b" or "file:a" without the scheme and its host. */
static struct str without_scheme(struct str uri, struct str scheme)
{
    struct str path = str_sub(uri, scheme.len, uri.len);
    if (!str_starts(path, STR("//")))
        return path;
    path = str_sub(path, 2, path.len);
    size_t slash = str_find_char(path, '/');
    return slash == SIZE_MAX ? STR("") : str_sub(path, slash, path.len);
}

static bool climbs(struct str path)
{
    struct str rest = path, part;
    while (rest.len && str_split(&rest, '/', &part))
        if (str_eq(part, STR("..")))
            return true;
    return false;
}

/* Percent escapes of a file: URI, once. */
static struct str decoded(struct op *op, struct str s)
{
    char *out = arena_alloc(op->arena, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int hi = s.p[i] == '%' && i + 2 < s.len ? str_hex_digit(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? str_hex_digit(s.p[i + 2]) : -1;
        out[n] = s.p[i];
        if (lo >= 0)
            out[n] = (char)(hi << 4 | lo);
        n++;
        i += lo >= 0 ? 2 : 0;
    }
    return (struct str){out, n};
}

enum err mlflow_files_folder(struct op *op, const struct mlflow_files *f, struct str uri, struct str *ret)
{
    struct str path = uri, proxy = STR("mlflow-artifacts:"), file = STR("file:");
    bool below = str_starts(uri, proxy);
    if (below) {
        if (!f->artifact_folder.len)
            return op_fail(op, E_UNSUPPORTED, "'%.*s' lies behind a server; tell its folder with --artifact-folder", STR_FMT(uri));
        path = without_scheme(uri, proxy);
    } else if (str_starts(uri, file)) {
        path = decoded(op, without_scheme(uri, file));
    } else if (str_find(uri, STR("://")) != SIZE_MAX) {
        return op_fail(op, E_UNSUPPORTED, "'%.*s' is not on this machine", STR_FMT(uri));
    }
    if (!path.len || climbs(path) || memchr(path.p, 0, path.len))
        return op_fail(op, E_UNSUPPORTED, "'%.*s' is no folder that artifacts could be in", STR_FMT(uri));
    if (below || path.p[0] != '/')
        path = str_from(op_printf(op, "%.*s/%.*s", STR_FMT(below ? f->artifact_folder : f->working_folder), STR_FMT(path)));
    *ret = path;
    return OK;
}

struct walk {
    struct op *op;
    VEC(struct origin_file) files;
    VEC(struct str) folders; /* still to be read, relative */
    size_t root_len;
};

static enum err walk_entry(struct walk *w, int dir, struct str folder, const char *name)
{
    struct op *op = w->op;
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
        return op_fail_errno(op, "read '%s'", name);
    struct str path = str_from(folder.len ? op_printf(op, "%.*s/%s", STR_FMT(folder), name) : op_printf(op, "%s", name));
    if (S_ISDIR(st.st_mode)) {
        struct str *slot = vec_push(&w->folders, op->arena);
        if (!slot)
            return op_fail(op, E_TOO_LARGE, "too many folders");
        *slot = path;
    } else if (S_ISREG(st.st_mode)) {
        struct origin_file *file = w->files.len < LIMIT_TRACK_ARTIFACT_LIST ? vec_push(&w->files, op->arena) : NULL;
        if (!file)
            return op_fail(op, E_TOO_LARGE, "more than %d files below one location", LIMIT_TRACK_ARTIFACT_LIST);
        *file = (struct origin_file){path, st.st_size, (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000};
    }
    return OK;
}

static enum err walk_folder(struct walk *w, struct str root, struct str folder)
{
    struct op *op = w->op;
    const char *path = op_printf(op, "%.*s/%.*s", STR_FMT(root), STR_FMT(folder));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT && !folder.len ? OK : op_fail_errno(op, "open '%s'", path);
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return op_fail_errno(op, "read '%s'", path);
    }
    enum err e = OK;
    const struct dirent *entry;
    while (!e && (entry = readdir(d)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            e = walk_entry(w, fd, folder, entry->d_name);
    closedir(d);
    return e;
}

enum err mlflow_files_list(struct op *op, const struct mlflow_files *f, struct str uri, struct str *cursor, struct origin_file **ret, size_t *ret_n)
{
    struct str root;
    enum err e = mlflow_files_folder(op, f, uri, &root);
    *ret_n = 0;
    if (e || cursor->len)
        return e;
    *cursor = STR("end");
    struct walk w = {.op = op};
    e = walk_folder(&w, root, STR(""));
    for (size_t i = 0; !e && i < w.folders.len; i++)
        e = walk_folder(&w, root, w.folders.p[i]);
    if (e)
        return e;
    *ret = w.files.p;
    *ret_n = w.files.len;
    return OK;
}

enum err mlflow_files_read(struct op *op, const struct mlflow_files *f, struct str uri, struct str path, origin_bytes_fn fn, void *arg)
{
    struct str root;
    enum err e = mlflow_files_folder(op, f, uri, &root);
    if (e)
        return e;
    const char *full = op_printf(op, "%.*s/%.*s", STR_FMT(root), STR_FMT(path));
    int fd = open(full, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return op_fail_errno(op, "open '%s'", full);
    char *piece = malloc(READ_BYTES);
    ssize_t got = piece ? 1 : -1;
    while (!e && got > 0) {
        got = read(fd, piece, READ_BYTES);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            e = fn(arg, piece, (size_t)got);
    }
    if (got < 0)
        e = op_fail_errno(op, "read '%s'", full);
    free(piece);
    close(fd);
    return e;
}
