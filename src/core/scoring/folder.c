#include "core/scoring/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"

#define MANIFEST "_ingot-predict.json"
#define SUCCESS "_SUCCESS"
#define WHOLE "_whole"

enum { COPY_BYTES = 32768 };

static const char *path_in(struct op *op, struct str folder, const char *name)
{
    return op_printf(op, "%.*s%s%s", STR_FMT(folder), str_ends(folder, STR("/")) ? "" : "/", name);
}

struct str scoring_part_path(struct op *op, struct str folder, bool csv, uint64_t number)
{
    char name[48];
    snprintf(name, sizeof(name), "part-%08llu.%s", (unsigned long long)number, csv ? "csv" : "parquet");
    return str_from(path_in(op, folder, name));
}

/* ---- names ---- */

/* "part-00000012.csv" and what was to become it. */
static bool part_parse(struct str name, uint64_t *ret_number, bool *ret_csv, bool *ret_temp)
{
    if (!str_starts(name, STR("part-")))
        return false;
    struct str rest = str_sub(name, 5, SIZE_MAX);
    size_t dot = str_find_char(rest, '.');
    if (dot == SIZE_MAX || dot < 8 || !str_parse_u64(str_sub(rest, 0, dot), ret_number))
        return false;
    rest = str_sub(rest, dot + 1, SIZE_MAX);
    size_t tmp = str_find(rest, STR(".tmp-"));
    *ret_temp = tmp != SIZE_MAX;
    struct str kind = str_sub(rest, 0, *ret_temp ? tmp : rest.len);
    *ret_csv = str_eqc(kind, "csv");
    return *ret_csv || str_eqc(kind, "parquet");
}

static bool is_ours(struct str name)
{
    uint64_t number;
    bool csv, temp;
    return str_starts(name, STR(MANIFEST)) || str_eqc(name, SUCCESS) || str_starts(name, STR(SUCCESS ".tmp-")) || str_starts(name, STR(WHOLE ".")) ||
           (str_starts(name, STR("_shard-")) && str_ends(name, STR(".lock"))) || part_parse(name, &number, &csv, &temp);
}

/* What a run may leave that died before there was a manifest. Parts without one are somebody else's. */
static bool is_passing(struct str name)
{
    return str_starts(name, STR(MANIFEST)) || (str_starts(name, STR("_shard-")) && str_ends(name, STR(".lock")));
}

static bool is_dot(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

/* NULL without an error: there is no folder. */
static enum err folder_open(struct op *op, struct str folder, DIR **ret)
{
    *ret = opendir(str_cstr(op->arena, folder));
    return *ret || errno == ENOENT ? OK : op_fail_errno(op, "open folder '%.*s'", STR_FMT(folder));
}

/* ---- manifest ---- */

enum err scoring_folder_read(struct op *op, struct str folder, struct str *ret)
{
    DIR *d = NULL;
    bool there = false, strangers = false;
    enum err e = folder_open(op, folder, &d);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        there = there || !strcmp(entry->d_name, MANIFEST);
        strangers = strangers || (!is_dot(entry->d_name) && !is_passing(str_from(entry->d_name)));
    }
    if (d)
        closedir(d);
    *ret = STR("");
    if (e || there)
        return e ? e : file_read(op, path_in(op, folder, MANIFEST), LIMIT_SCORING_MANIFEST_BYTES, ret);
    return strangers ? op_fail(op, E_EXISTS, "folder '%.*s' is not empty, and no earlier run of ingot predict left it", STR_FMT(folder)) : OK;
}

/* rename() would take the place of a manifest that a quicker process put there; link() does not. */
enum err scoring_folder_create(struct op *op, struct str folder, struct str manifest)
{
    const char *path = path_in(op, folder, MANIFEST), *temp = op_printf(op, "%s.tmp-%s", path, hash_random_hex(op->arena, 8));
    enum err e = file_make_dirs(op, str_cstr(op->arena, folder), 0777);
    if (!e)
        e = file_write(op, temp, manifest);
    if (e)
        return e;
    if (link(temp, path))
        e = errno == EEXIST ? op_fail(op, E_EXISTS, "'%s' is there already", path) : op_fail_errno(op, "write '%s'", path);
    unlink(temp);
    return e;
}

enum err scoring_folder_succeed(struct op *op, struct str folder)
{
    return file_write(op, path_in(op, folder, SUCCESS), STR(""));
}

bool scoring_folder_succeeded(struct op *op, struct str folder)
{
    return access(path_in(op, folder, SUCCESS), F_OK) == 0;
}

static enum err file_remove(struct op *op, struct str folder, const char *name)
{
    const char *path = path_in(op, folder, name);
    return unlink(path) == 0 || errno == ENOENT ? OK : op_fail_errno(op, "remove '%s'", path);
}

enum err scoring_folder_clear(struct op *op, struct str folder, bool whole)
{
    DIR *d = NULL;
    if (access(path_in(op, folder, MANIFEST), F_OK))
        return OK; /* nothing is ours */
    enum err e = folder_open(op, folder, &d);
    if (e || !d)
        return e;
    /* As long as the manifest stands, what is left is known to be ours; as long as _SUCCESS does, missing parts are not wanted. */
    for (struct dirent *entry; !e && (entry = readdir(d));)
        if (is_ours(str_from(entry->d_name)) && strcmp(entry->d_name, MANIFEST) != 0 && strcmp(entry->d_name, SUCCESS) != 0)
            e = file_remove(op, folder, entry->d_name);
    closedir(d);
    if (!e)
        e = file_remove(op, folder, SUCCESS);
    if (!e)
        e = file_remove(op, folder, MANIFEST);
    if (!e && whole)
        (void)rmdir(str_cstr(op->arena, folder)); /* stays when somebody else put something there */
    return e;
}

/* ---- who works ---- */

static const char *lock_path(struct op *op, struct str folder, struct scoring_shard shard)
{
    return path_in(op, folder, op_printf(op, "_shard-%u-of-%u.lock", shard.index + 1, shard.count));
}

enum err scoring_folder_lock(struct op *op, struct str folder, struct scoring_shard shard, int *ret_fd)
{
    const char *path = lock_path(op, folder, shard);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return op_fail_errno(op, "open '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
        close(fd);
        return op_fail(op, E_CONFLICT, "another ingot predict works on '%.*s' (%s)", STR_FMT(folder), path);
    }
    *ret_fd = fd; /* a file system without locks: parts are equal whoever makes them */
    return OK;
}

void scoring_folder_unlock(struct op *op, struct str folder, struct scoring_shard shard, int fd)
{
    if (fd < 0)
        return;
    unlink(lock_path(op, folder, shard));
    close(fd);
}

/* ---- parts ---- */

enum err scoring_folder_parts(struct op *op, struct str folder, bool csv, uint64_t from, uint64_t to, bool tidy, uint64_t **ret_done,
                               uint64_t *ret_count)
{
    DIR *d = NULL;
    uint64_t count = 0, *done = arena_array(op->arena, (size_t)((to - from) / 64 + 1), uint64_t);
    enum err e = done ? folder_open(op, folder, &d) : op_fail(op, E_TOO_LARGE, "no memory for %llu parts", (unsigned long long)(to - from));
    for (struct dirent *entry; d && (entry = readdir(d));) {
        uint64_t number = 0;
        bool of_csv = false, temp = false;
        if (!part_parse(str_from(entry->d_name), &number, &of_csv, &temp) || of_csv != csv || number < from || number >= to)
            continue;
        if (temp) {
            if (tidy)
                unlink(path_in(op, folder, entry->d_name));
            continue;
        }
        count += !scoring_is_done(done, number - from);
        done[(number - from) / 64] |= (uint64_t)1 << ((number - from) % 64);
    }
    if (d)
        closedir(d);
    if (e)
        return e;
    *ret_done = done;
    *ret_count = count;
    return OK;
}

/* ---- one file of all ---- */

static enum err parquet_part_copy(struct op *op, struct table_engine *t, struct str part, struct str out, struct table_writer **w)
{
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    const struct table_chunk *chunk = NULL;
    const struct str path = table_quote(op, part);
    const char *sql = op_printf(op, "SELECT * FROM read_parquet(%.*s)", STR_FMT(path));
    enum err e = table_scan_open(op, t, str_from(sql), &scan, &schema);
    if (!e && !*w)
        e = table_writer_open(op, t, out, schema, w);
    while (!e && !(e = table_next(op, t, scan, &chunk)) && chunk)
        e = table_append(op, t, *w, chunk);
    table_scan_close(t, scan);
    return e;
}

static enum err parquet_merge(struct op *op, struct table_engine *t, struct str folder, uint64_t parts, struct str out)
{
    struct table_writer *w = NULL;
    enum err e = OK;
    for (uint64_t i = 0; !e && i < parts; i++) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(16));
        struct op one = *op;
        one.arena = arena;
        e = op_is_gone(op) ? op_fail(op, E_CANCELLED, "stopped while the parts were joined") : parquet_part_copy(&one, t, scoring_part_path(&one, folder, false, i), out, &w);
        if (e && e != E_CANCELLED)
            op_fail(op, e, "%s", one.msg ? one.msg : "the parts cannot be joined");
    }
    if (e) {
        table_discard(t, w);
        return e;
    }
    return table_finish(op, t, w, NULL);
}

static enum err fd_write(struct op *op, int fd, const char *p, size_t n)
{
    while (n) {
        int fault = FAULT("scoring.write");
        ssize_t k = fault ? -1 : write(fd, p, n);
        if (fault)
            errno = fault;
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return op_fail_errno(op, "write the output");
        p += k;
        n -= (size_t)k;
    }
    return OK;
}

/* Every part begins with the names; only the first one's are kept. */
static enum err text_part_copy(struct op *op, struct str part, bool names, int out)
{
    char piece[COPY_BYTES];
    int fd = open(str_cstr(op->arena, part), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return op_fail_errno(op, "open '%.*s'", STR_FMT(part));
    enum err e = OK;
    bool quoted = false, skipping = !names;
    for (ssize_t n; !e && (n = read(fd, piece, sizeof(piece))) != 0;) {
        size_t from = 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            e = op_fail_errno(op, "read '%.*s'", STR_FMT(part));
            break;
        }
        for (; skipping && from < (size_t)n; from++) {
            quoted ^= piece[from] == '"';
            skipping = quoted || piece[from] != '\n';
        }
        e = fd_write(op, out, piece + from, (size_t)n - from);
    }
    close(fd);
    return e;
}

static enum err whole_publish(struct op *op, const char *whole, struct str out)
{
    const char *path = str_cstr(op->arena, out);
    struct str name = scoring_base_name(out), folder = str_sub(out, 0, out.len - name.len);
    if (rename(whole, path))
        return op_fail_errno(op, "rename to '%s'", path);
    int dir = open(folder.len ? str_cstr(op->arena, folder) : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err e = dir < 0 || fsync(dir) ? op_fail_errno(op, "sync the folder of '%s'", path) : OK;
    if (dir >= 0)
        close(dir);
    return e;
}

static enum err text_merge(struct op *op, struct str folder, uint64_t parts, const char *whole)
{
    int fd = open(whole, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return op_fail_errno(op, "open '%s'", whole);
    enum err e = OK;
    for (uint64_t i = 0; !e && i < parts; i++)
        e = op_is_gone(op) ? op_fail(op, E_CANCELLED, "stopped while the parts were joined")
                           : text_part_copy(op, scoring_part_path(op, folder, true, i), i == 0, fd);
    if (!e && fsync(fd))
        e = op_fail_errno(op, "sync '%s'", whole);
    close(fd);
    return e;
}

/* Written inside the folder, where nothing of it outlives the folder, whenever the process dies. */
enum err scoring_folder_merge(struct op *op, struct table_engine *t, struct str folder, bool csv, uint64_t parts, struct str out)
{
    const char *whole = path_in(op, folder, csv ? WHOLE ".csv" : WHOLE ".parquet");
    enum err e = file_remove(op, folder, csv ? WHOLE ".csv" : WHOLE ".parquet"); /* what a run left that died, or a link that somebody laid */
    if (!e)
        e = csv ? text_merge(op, folder, parts, whole) : parquet_merge(op, t, folder, parts, str_from(whole));
    if (!e)
        e = whole_publish(op, whole, out);
    if (e)
        unlink(whole);
    return e;
}
