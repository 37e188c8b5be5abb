#include "core/scoring/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/vec.h"
#include "port/table.h"

enum { END_BYTES = 65536, PIECE_BYTES = 16384 }; /* END: of head and tail */

struct finding {
    struct op *op;
    VEC(struct scoring_file) files;
};

struct str scoring_base_name(struct str path)
{
    size_t at = path.len;
    while (at && path.p[at - 1] != '/')
        at--;
    return str_sub(path, at, path.len - at);
}

static enum err digest_range(struct op *op, const struct scoring_file *f, int fd, uint64_t from, uint64_t len, struct hash_state *h)
{
    char piece[PIECE_BYTES];
    while (len) {
        ssize_t n = pread(fd, piece, len < sizeof(piece) ? (size_t)len : sizeof(piece), (off_t)from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return op_fail_errno(op, "read '%.*s'", STR_FMT(f->path));
        if (n == 0)
            return op_fail(op, E_CONFLICT, "'%.*s' shrinks while it is read", STR_FMT(f->path));
        hash_update(h, piece, (size_t)n);
        from += (uint64_t)n;
        len -= (uint64_t)n;
    }
    return OK;
}

/* The footer's length stands in front of the last four bytes (Parquet's file format); END_BYTES where it makes no sense. */
static uint64_t tail_bytes(const struct scoring_file *f, int fd)
{
    uint8_t end[8];
    uint64_t tail = END_BYTES;
    if (f->parquet && f->size_bytes >= sizeof(end) && pread(fd, end, sizeof(end), (off_t)(f->size_bytes - sizeof(end))) == (ssize_t)sizeof(end)) {
        uint64_t footer = (uint64_t)end[0] | (uint64_t)end[1] << 8 | (uint64_t)end[2] << 16 | (uint64_t)end[3] << 24;
        tail = footer + sizeof(end);
    }
    if (tail < END_BYTES || tail > LIMIT_SCORING_FOOTER_BYTES)
        tail = END_BYTES;
    return tail < f->size_bytes ? tail : f->size_bytes;
}

static enum err file_identify(struct op *op, struct scoring_file *f, int fd)
{
    struct stat st;
    uint8_t digest[HASH_SHA256_LEN];
    if (fstat(fd, &st))
        return op_fail_errno(op, "look at '%.*s'", STR_FMT(f->path));
    f->size_bytes = (uint64_t)st.st_size;
    f->changed_us = (int64_t)st.st_mtim.tv_sec * TIME_US_PER_S + st.st_mtim.tv_nsec / 1000;
    uint64_t head = f->size_bytes < END_BYTES ? f->size_bytes : END_BYTES, tail = tail_bytes(f, fd);
    struct hash_state *h = hash_create(HASH_SHA256);
    enum err e = digest_range(op, f, fd, 0, head, h);
    if (!e)
        e = digest_range(op, f, fd, f->size_bytes - tail, tail, h);
    if (e) {
        hash_destroy(h);
        return e;
    }
    hash_finish(h, digest);
    hash_hex(digest, sizeof(digest), f->sha256);
    return OK;
}

static enum err file_add(struct finding *k, struct str path)
{
    struct scoring_file f = {.path = str_dup(k->op->arena, path)};
    struct str sql;
    enum err e = table_source_sql(k->op, f.path, false, &sql);
    if (e)
        return e;
    f.parquet = str_starts(sql, STR("read_parquet"));
    int fd = open(f.path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return op_fail_errno(k->op, "open '%.*s'", STR_FMT(f.path));
    e = file_identify(k->op, &f, fd);
    close(fd);
    if (e)
        return e;
    struct scoring_file *slot = k->files.len < LIMIT_SCORING_FILES ? vec_push(&k->files, k->op->arena) : NULL;
    if (!slot)
        return op_fail(k->op, E_TOO_LARGE, "more than %d input files", LIMIT_SCORING_FILES);
    *slot = f;
    return OK;
}

static int name_compare(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static enum err folder_add(struct finding *k, struct str folder)
{
    VEC(struct str) names = {0};
    DIR *d = opendir(str_cstr(k->op->arena, folder));
    if (!d)
        return op_fail_errno(k->op, "open folder '%.*s'", STR_FMT(folder));
    enum err e = OK;
    for (struct dirent *entry; !e && (entry = readdir(d));) {
        struct str name = str_from(entry->d_name), sql;
        if (name.p[0] == '.' || name.p[0] == '_')
            continue;
        if (table_source_sql(k->op, name, false, &sql)) {
            op_clear(k->op);
            continue;
        }
        struct str *slot = names.len < LIMIT_SCORING_FILES ? vec_push(&names, k->op->arena) : NULL;
        if (!slot)
            e = op_fail(k->op, E_TOO_LARGE, "more than %d input files", LIMIT_SCORING_FILES);
        else
            *slot = str_dup(k->op->arena, name);
    }
    closedir(d);
    if (!e && !names.len)
        e = op_fail(k->op, E_NOT_FOUND, "folder '%.*s' holds no .parquet, .pq, .csv, .csv.gz or .tsv file", STR_FMT(folder));
    if (!e)
        qsort(names.p, names.len, sizeof(*names.p), name_compare);
    bool slash = str_ends(folder, STR("/"));
    for (size_t i = 0; !e && i < names.len; i++)
        e = file_add(k, str_from(op_printf(k->op, "%.*s%s%.*s", STR_FMT(folder), slash ? "" : "/", STR_FMT(names.p[i]))));
    return e;
}

static enum err pattern_add(struct finding *k, struct str pattern)
{
    glob_t g = {0};
    int rc = glob(str_cstr(k->op->arena, pattern), 0, NULL, &g);
    enum err e = OK;
    if (rc == GLOB_NOMATCH)
        e = op_fail(k->op, E_NOT_FOUND, "there is no file '%.*s'", STR_FMT(pattern));
    else if (rc)
        e = op_fail(k->op, E_IO, "cannot look for '%.*s'", STR_FMT(pattern));
    struct str *names = e ? NULL : arena_array(k->op->arena, g.gl_pathc + 1, struct str);
    if (!e && !names)
        e = op_fail(k->op, E_TOO_LARGE, "more than %d input files", LIMIT_SCORING_FILES);
    for (size_t i = 0; !e && i < g.gl_pathc; i++)
        names[i] = str_from(g.gl_pathv[i]);
    if (!e) /* by bytes: the order must not depend on the locale */
        qsort(names, g.gl_pathc, sizeof(*names), name_compare);
    for (size_t i = 0; !e && i < g.gl_pathc; i++)
        e = file_add(k, names[i]);
    globfree(&g);
    return e;
}

enum err scoring_files_find(struct op *op, const struct str *paths, size_t path_count, struct scoring_file **ret, size_t *ret_len)
{
    struct finding k = {.op = op};
    enum err e = path_count ? OK : op_fail(op, E_INVALID, "no input file is named");
    for (size_t i = 0; !e && i < path_count; i++) {
        struct stat st;
        if (!paths[i].len || memchr(paths[i].p, 0, paths[i].len))
            return op_fail(op, E_INVALID, "an input's path is empty or holds a NUL byte");
        bool there = stat(str_cstr(op->arena, paths[i]), &st) == 0; /* a file may be called "a[1].csv" */
        if (there && S_ISDIR(st.st_mode))
            e = folder_add(&k, paths[i]);
        else
            e = there ? file_add(&k, paths[i]) : pattern_add(&k, paths[i]);
    }
    if (e)
        return e;
    *ret = k.files.p;
    *ret_len = k.files.len;
    return OK;
}
