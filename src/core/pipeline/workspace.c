/* workspace.c - finds or makes the DVC repository of a workspace.
 *
 * `.dvc/config` and `.dvc/config.local` are git-style ini files: `[section]` or `['remote "x"']` lines, then
 * `key = value`. What concerns a run: cache.dir (relative to the file's own folder), cache.type (a list in order
 * of preference, default reflink,copy), core.no_scm, parsing.bool, parsing.list. The rest is stock dvc's. */
#include "core/pipeline/workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/pipeline/fspath.h"

static const char *const link_names[] = {
    [WORKSPACE_REFLINK] = "reflink",
    [WORKSPACE_COPY] = "copy",
    [WORKSPACE_HARDLINK] = "hardlink",
    [WORKSPACE_SYMLINK] = "symlink",
};

static enum err links_parse(struct op *op, struct workspace *ws, struct str value)
{
    struct str rest = value, part;
    size_t n = 0;
    while (str_split(&rest, ',', &part)) {
        part = str_trim(part);
        size_t k = 0;
        while (k < ARRAY_LEN(link_names) && !str_eqc(part, link_names[k]))
            k++;
        if (k == ARRAY_LEN(link_names) || n == ARRAY_LEN(ws->links))
            return op_fail(op, E_INVALID, ".dvc/config: cache.type: '%.*s' is none of reflink, copy, hardlink, symlink",
                           STR_FMT(value));
        ws->links[n++] = (enum workspace_link)k;
    }
    ws->links_len = n;
    return OK;
}

static bool ini_true(struct str v)
{
    return str_ieq(v, STR("true")) || str_ieq(v, STR("yes")) || str_ieq(v, STR("on")) || str_eqc(v, "1");
}

static enum err config_set(struct op *op, struct workspace *ws, struct str section, struct str key, struct str value)
{
    if (str_eqc(section, "cache") && str_eqc(key, "dir"))
        ws->cache_dir = fspath_join(op, fspath_join(op, ws->root, STR(".dvc")), value);
    else if (str_eqc(section, "cache") && str_eqc(key, "type"))
        return links_parse(op, ws, value);
    else if (str_eqc(section, "core") && str_eqc(key, "no_scm"))
        ws->scm = !ini_true(value);
    else if (str_eqc(section, "parsing") && str_eqc(key, "list"))
        ws->list_append = str_eqc(value, "append");
    else if (str_eqc(section, "parsing") && str_eqc(key, "bool"))
        ws->bool_optional = str_eqc(value, "boolean_optional");
    return OK;
}

static struct str unquote(struct str s)
{
    s = str_trim(s);
    if (s.len >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.len - 1] == s.p[0])
        return str_sub(s, 1, s.len - 2);
    return s;
}

static enum err config_read(struct op *op, struct workspace *ws, const char *name)
{
    struct str path = fspath_join(op, ws->root, str_from(name));
    if (!fspath_exists(op, path))
        return OK;
    struct str rest, line, section = STR("");
    enum err e = fspath_read(op, path, LIMIT_PIPELINE_FILE_BYTES, &rest);
    if (e)
        return e;
    while (str_split(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.len == 0 || line.p[0] == '#' || line.p[0] == ';')
            continue;
        if (line.p[0] == '[' && line.p[line.len - 1] == ']') {
            section = unquote(str_sub(line, 1, line.len - 2));
            continue;
        }
        size_t eq = str_find_char(line, '=');
        if (eq == SIZE_MAX)
            return op_fail(op, E_INVALID, "%s: '%.*s' is no 'key = value' line", name, STR_FMT(line));
        struct str value = unquote(str_sub(line, eq + 1, line.len));
        if ((e = config_set(op, ws, section, str_trim(str_sub(line, 0, eq)), value)))
            return e;
    }
    return OK;
}

/* The root with `.dvc`, or "" when there is none above. */
static struct str root_find(struct op *op, struct str dir, const char *name)
{
    for (;;) {
        if (fspath_exists(op, fspath_join(op, dir, str_from(name))))
            return dir;
        if (dir.len <= 1)
            return STR("");
        dir = fspath_parent(dir);
    }
}

/* What `dvc init` writes; outside a git root that is `dvc init --no-scm`. The configuration comes last: where it is missing, an
 * earlier start was cut short. */
static enum err workspace_init(struct op *op, struct str dir)
{
    struct str dvc = fspath_join(op, dir, STR(".dvc")), ignore = fspath_join(op, dir, STR(".dvcignore"));
    bool git = fspath_exists(op, fspath_join(op, dir, STR(".git")));
    enum err e = fspath_make_dirs(op, fspath_join(op, dvc, STR("tmp")));
    if (!e)
        e = fspath_write(op, fspath_join(op, dvc, STR(".gitignore")), STR("/config.local\n/tmp\n/cache\n"), true);
    if (!e && !fspath_exists(op, ignore))
        e = fspath_write(op, ignore, STR("# Patterns of files that are not part of the data, one per line.\n"), true);
    return e ? e : fspath_write(op, fspath_join(op, dvc, STR("config")), git ? STR("") : STR("[core]\n    no_scm = True\n"), true);
}

enum err workspace_open(struct op *op, struct str dir, bool probe, struct workspace **ret)
{
    struct workspace *ws = op_new(op, struct workspace);
    char *real = realpath(str_cstr(op->arena, dir), NULL);
    if (!real)
        return op_fail_errno(op, "open workspace '%.*s'", STR_FMT(dir));
    ws->dir = str_dup(op->arena, str_from(real));
    free(real);
    ws->lock_fd = ws->claim_fd = -1;
    ws->scm = true;
    ws->links[0] = WORKSPACE_REFLINK;
    ws->links[1] = WORKSPACE_COPY;
    ws->links_len = 2;
    enum err e = OK;
    ws->root = root_find(op, ws->dir, ".dvc");
    if (ws->root.len == 0)
        ws->root = ws->dir;
    if (!probe && !fspath_exists(op, fspath_join(op, ws->root, STR(".dvc/config"))))
        e = workspace_init(op, ws->root);
    ws->tmp_dir = fspath_join(op, ws->root, STR(".dvc/tmp"));
    ws->cache_dir = fspath_join(op, ws->root, STR(".dvc/cache"));
    if (!e)
        e = config_read(op, ws, ".dvc/config");
    if (!e)
        e = config_read(op, ws, ".dvc/config.local");
    if (!e && !probe)
        e = fspath_make_dirs(op, ws->tmp_dir);
    if (e)
        return e;
    ws->scm = ws->scm && root_find(op, ws->root, ".git").len > 0;
    *ret = ws;
    return OK;
}

/* flock on `path`; E_BUSY when it is not free within wait_ms. `inherit`: children share the lock. */
static enum err lock_take(struct op *op, const char *path, int64_t wait_ms, bool inherit, int *ret_fd)
{
    int fd = open(path, inherit ? O_RDWR | O_CREAT : O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return op_fail_errno(op, "open '%s'", path);
    int64_t end_ms = time_mono_ms() + wait_ms;
    enum err e = OK;
    while (!e && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            e = op_fail_errno(op, "lock '%s'", path);
        else if (time_mono_ms() >= end_ms)
            e = op_fail(op, E_BUSY, "'%s' is locked", path);
        else
            time_sleep_ms(20);
    }
    if (e) {
        close(fd);
        return e;
    }
    *ret_fd = fd;
    return OK;
}

static void lock_drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

enum err workspace_lock(struct op *op, struct workspace *ws, int64_t wait_ms)
{
    enum err e = lock_take(op, str_cstr(op->arena, fspath_join(op, ws->tmp_dir, STR("lock"))), wait_ms, false, &ws->lock_fd);
    return e == E_BUSY ? op_context(op, "another dvc or ingot process works in '%.*s'", STR_FMT(ws->root)) : e;
}

void workspace_unlock(struct workspace *ws)
{
    lock_drop(&ws->lock_fd);
}

enum err workspace_claim(struct op *op, struct workspace *ws, int64_t wait_ms)
{
    uint64_t id = hash64(ws->dir.p, ws->dir.len, 0);
    const char *path = op_printf(op, "%.*s/ingot-run-%016llx.lock", STR_FMT(ws->tmp_dir), (unsigned long long)id);
    enum err e = lock_take(op, path, wait_ms, true, &ws->claim_fd);
    return e == E_BUSY ? op_context(op, "another run, or a process that one left behind, works in '%.*s'", STR_FMT(ws->dir)) : e;
}

void workspace_release(struct workspace *ws)
{
    lock_drop(&ws->claim_fd);
}

bool workspace_contains(const struct workspace *ws, struct str path)
{
    return fspath_inside(ws->root, path) && path.len > ws->root.len;
}

enum err workspace_ignore(struct op *op, struct workspace *ws, struct str path)
{
    if (!ws->scm)
        return OK;
    struct str file = fspath_join(op, fspath_parent(path), STR(".gitignore"));
    struct str old = STR(""), line;
    enum err e = OK;
    if (fspath_exists(op, file) && (e = fspath_read(op, file, LIMIT_PIPELINE_FILE_BYTES, &old)))
        return e;
    struct str want = str_from(op_printf(op, "/%.*s", STR_FMT(fspath_name(path))));
    struct str rest = old;
    while (str_split(&rest, '\n', &line)) {
        if (str_eq(str_trim(line), want))
            return OK;
    }
    const char *gap = old.len && old.p[old.len - 1] != '\n' ? "\n" : "";
    struct str text = str_from(op_printf(op, "%.*s%s%.*s\n", STR_FMT(old), gap, STR_FMT(want)));
    return fspath_write(op, file, text, false);
}
