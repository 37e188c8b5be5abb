/* dvc_digest.c - what changed, by content.
 *
 * The cache. A file whose mtime, size and inode are as recorded is not read again. That is sound only if a write
 * after our reading gives another mtime; the kernel's clock for mtimes ticks every few milliseconds, so a file
 * touched within RACY_NS before we read it is "racy" (git's term). Big racy files are waited for, since
 * reading them again costs more; small ones are simply not cached.
 *
 * The `.dir` object is CPython's json.dumps(list, sort_keys=True) of {"md5", "relpath"} sorted by relpath
 * (code points, which is UTF-8 byte order). No modes, no empty folders, links followed; .git, .hg and .dvc are
 * left out (DVC 3, checked against its client). */
#include "core/pipeline/dvc_digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/vec.h"
#include "core/pipeline/fspath.h"

#define RACY_NS 20000000LL
#define RACY_WAIT_BYTES LIMIT_MIB(1)
#define READ_BYTES LIMIT_KIB(256)
#define STATE_HEAD "ingot-state 1"

struct known {
    int64_t mtime_ns;
    uint64_t size, inode;
    char md5[2 * HASH_MD5_LEN + 1];
};

/* --- the state file --- */

/* "mtime_ns size inode md5 path" */
static bool state_line(struct dvc_state *st, struct str line)
{
    struct str f[4];
    for (int i = 0; i < 4; i++) {
        if (!str_split(&line, ' ', &f[i]))
            return false;
    }
    struct known *k = arena_new(st->arena, struct known);
    if (!str_parse_i64(f[0], &k->mtime_ns) || !str_parse_u64(f[1], &k->size) || !str_parse_u64(f[2], &k->inode))
        return false;
    if (f[3].len != sizeof(k->md5) - 1 || line.len == 0)
        return false;
    memcpy(k->md5, f[3].p, f[3].len);
    return map_put(&st->known, line, k);
}

void dvc_state_load(struct op *op, struct str tmp_dir, struct dvc_state *ret)
{
    *ret = (struct dvc_state){.arena = op->arena, .path = fspath_join(op, tmp_dir, STR("ingot-state"))};
    map_init(&ret->known, op->arena);
    struct str text, line;
    if (!fspath_exists(op, ret->path))
        return;
    if (fspath_read(op, ret->path, LIMIT_MIB(1024), &text)) {
        op_clear(op);
        return;
    }
    if (!str_split(&text, '\n', &line) || !str_eqc(line, STATE_HEAD))
        return;
    while (str_split(&text, '\n', &line) && state_line(ret, line)) {
    }
}

void dvc_state_save(struct op *op, struct dvc_state *st)
{
    if (!st->dirty)
        return;
    struct buf b;
    buf_init(&b, LIMIT_MIB(1024));
    buf_add_cstr(&b, STATE_HEAD "\n");
    for (size_t i = 0; i < st->known.len; i++) {
        const struct map_entry *m = &st->known.entries[i];
        const struct known *k = m->value;
        buf_addf(&b, "%lld %llu %llu %s ", (long long)k->mtime_ns, (unsigned long long)k->size,
                 (unsigned long long)k->inode, k->md5);
        buf_add_str(&b, m->key);
        buf_add_char(&b, '\n');
    }
    if (!b.failed && fspath_write(op, st->path, buf_str(&b), false))
        op_clear(op);
    buf_clear(&b);
    st->dirty = false;
}

static int64_t mtime_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec;
}

static int64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
}

static bool known_matches(const struct known *k, const struct stat *st)
{
    return k->mtime_ns == mtime_ns(st) && k->size == (uint64_t)st->st_size && k->inode == (uint64_t)st->st_ino;
}

static void state_put(struct dvc_state *st, struct str path, const struct stat *s, struct str md5)
{
    if (memchr(path.p, '\n', path.len))
        return;
    struct known *k = map_find(&st->known, path);
    if (!k) {
        struct str key = str_dup(st->arena, path);
        k = arena_new(st->arena, struct known);
        if (!map_put(&st->known, key, k))
            return;
    }
    k->mtime_ns = mtime_ns(s);
    k->size = (uint64_t)s->st_size;
    k->inode = (uint64_t)s->st_ino;
    memcpy(k->md5, md5.p, sizeof(k->md5) - 1);
    st->dirty = true;
}

/* --- files --- */

static enum err hash_fd(struct op *op, int fd, const char *path, struct str *ret_md5, uint64_t *ret_size)
{
    struct hash_state *h = hash_create(HASH_MD5);
    char *chunk = malloc(READ_BYTES);
    if (!chunk)
        abort();
    enum err e = OK;
    uint64_t size = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            e = op_fail_errno(op, "read '%s'", path);
        if (n <= 0)
            break;
        hash_update(h, chunk, (size_t)n);
        size += (uint64_t)n;
    }
    free(chunk);
    if (e) {
        hash_destroy(h);
        return e;
    }
    uint8_t sum[HASH_MD5_LEN];
    char *hex = arena_alloc(op->arena, 2 * HASH_MD5_LEN + 1);
    hash_finish(h, sum);
    hash_hex(sum, HASH_MD5_LEN, hex);
    *ret_md5 = str_from(hex);
    *ret_size = size;
    return OK;
}

enum err dvc_hash_file(struct op *op, struct str path, struct str *ret_md5, uint64_t *ret_size)
{
    const char *p = str_cstr(op->arena, path);
    int fd = open(p, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return op_fail_errno(op, "open '%s'", p);
    enum err e = hash_fd(op, fd, p, ret_md5, ret_size);
    close(fd);
    return e;
}

static enum err file_md5(struct op *op, struct dvc_state *st, struct str path, const struct stat *s, struct str *ret)
{
    const struct known *k = map_find(&st->known, path);
    if (k && known_matches(k, s)) {
        *ret = str_from(k->md5);
        return OK;
    }
    int64_t age_ns = clock_ns() - mtime_ns(s);
    bool racy = age_ns < RACY_NS;
    if (racy && age_ns >= 0 && (uint64_t)s->st_size >= RACY_WAIT_BYTES) {
        time_sleep_ms((RACY_NS - age_ns) / 1000000 + 1);
        racy = false;
    }
    uint64_t size;
    enum err e = dvc_hash_file(op, path, ret, &size);
    if (e)
        return e;
    struct stat after;
    bool found;
    if ((e = fspath_stat(op, path, &after, &found)))
        return e;
    struct known seen = {.mtime_ns = mtime_ns(s), .size = size, .inode = (uint64_t)s->st_ino};
    if (!racy && found && known_matches(&seen, &after))
        state_put(st, path, s, *ret);
    return OK;
}

/* --- folders --- */

struct walk {
    VEC(struct dvc_entry) files;
    VEC(struct str) todo; /* folders below the root, by relative path; "" is the root itself */
};

static size_t depth_of(struct str rel)
{
    size_t n = 0;
    for (size_t i = 0; i < rel.len; i++)
        n += rel.p[i] == '/';
    return n;
}

static enum err walk_entry(struct op *op, struct dvc_state *st, struct walk *w, struct str root, struct str rel)
{
    struct str path = fspath_join(op, root, rel);
    struct stat s;
    bool found;
    enum err e = fspath_stat(op, path, &s, &found);
    if (e)
        return e;
    if (!found)
        return op_fail(op, E_NOT_FOUND, "'%.*s' is a link that leads nowhere", STR_FMT(path));
    if (S_ISDIR(s.st_mode)) {
        if (depth_of(rel) >= LIMIT_PIPELINE_DIR_DEPTH)
            return op_fail(op, E_TOO_LARGE, "'%.*s' nests more than %d folders deep", STR_FMT(root), LIMIT_PIPELINE_DIR_DEPTH);
        struct str *slot = vec_push(&w->todo, op->arena);
        if (!slot)
            return op_fail(op, E_TOO_LARGE, "'%.*s' has too many folders", STR_FMT(root));
        *slot = rel;
        return OK;
    }
    if (!S_ISREG(s.st_mode))
        return op_fail(op, E_INVALID, "'%.*s' is neither file nor folder", STR_FMT(path));
    struct dvc_entry *f = w->files.len < LIMIT_PIPELINE_DIR_FILES ? vec_push(&w->files, op->arena) : NULL;
    if (!f)
        return op_fail(op, E_TOO_LARGE, "'%.*s' has more than %d files", STR_FMT(root), LIMIT_PIPELINE_DIR_FILES);
    *f = (struct dvc_entry){.rel = rel, .size = (uint64_t)s.st_size, .exec = (s.st_mode & S_IXUSR) != 0};
    return file_md5(op, st, path, &s, &f->md5);
}

static bool always_ignored(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, ".git") || !strcmp(name, ".hg") || !strcmp(name, ".dvc");
}

static enum err walk_folder(struct op *op, struct dvc_state *st, struct walk *w, struct str root, struct str rel)
{
    const char *p = str_cstr(op->arena, fspath_join(op, root, rel));
    DIR *d = opendir(p);
    if (!d)
        return op_fail_errno(op, "open folder '%s'", p);
    enum err e = OK;
    struct dirent *it;
    while (!e && (it = readdir(d))) {
        if (always_ignored(it->d_name))
            continue;
        if (!strcmp(it->d_name, ".dvcignore"))
            e = op_fail(op, E_INVALID, "'%s' holds a .dvcignore, which is not allowed inside data", p);
        else if (!str_is_utf8(str_from(it->d_name)))
            e = op_fail(op, E_INVALID, "'%s' holds a name that is no UTF-8", p);
        else
            e = walk_entry(op, st, w, root, str_from(op_printf(op, "%.*s%s%s", STR_FMT(rel), rel.len ? "/" : "", it->d_name)));
    }
    closedir(d);
    return e;
}

static int by_rel(const void *a, const void *b)
{
    return str_cmp(((const struct dvc_entry *)a)->rel, ((const struct dvc_entry *)b)->rel);
}

static void tree_text(struct buf *b, const struct dvc_entry *entries, size_t n)
{
    buf_add_char(b, '[');
    for (size_t i = 0; i < n; i++) {
        struct json rel = {.type = JSON_STRING, .s = entries[i].rel};
        buf_addf(b, "%s{\"md5\": \"%.*s\", \"relpath\": ", i ? ", " : "", STR_FMT(entries[i].md5));
        json_dumps_python(b, &rel, true);
        buf_add_char(b, '}');
    }
    buf_add_char(b, ']');
}

static enum err digest_folder(struct op *op, struct dvc_state *st, struct str path, struct dvc_digest *ret)
{
    struct walk w = {0};
    *vec_push(&w.todo, op->arena) = STR("");
    enum err e = OK;
    while (!e && w.todo.len) {
        struct str rel = w.todo.p[--w.todo.len];
        e = walk_folder(op, st, &w, path, rel);
    }
    if (e)
        return e;
    if (w.files.len)
        qsort(w.files.p, w.files.len, sizeof(*w.files.p), by_rel);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1024));
    tree_text(&b, w.files.p, w.files.len);
    if (b.failed || arena_left(op->arena) < b.len + 1) {
        buf_clear(&b);
        return op_fail(op, E_TOO_LARGE, "'%.*s' has too many files", STR_FMT(path));
    }
    uint8_t sum[HASH_MD5_LEN];
    char hex[2 * HASH_MD5_LEN + 1];
    hash_md5(b.p, b.len, sum);
    hash_hex(sum, HASH_MD5_LEN, hex);
    struct dvc_digest d = {.dir = true, .nfiles = w.files.len, .entries = w.files.p};
    d.tree = str_dup(op->arena, buf_str(&b));
    d.md5 = str_from(op_printf(op, "%s.dir", hex));
    for (size_t i = 0; i < w.files.len; i++)
        d.size += w.files.p[i].size;
    buf_clear(&b);
    *ret = d;
    return OK;
}

enum err dvc_digest(struct op *op, struct dvc_state *st, struct str path, struct dvc_digest *ret)
{
    struct stat s;
    bool found;
    enum err e = fspath_stat(op, path, &s, &found);
    if (e)
        return e;
    if (!found)
        return op_fail(op, E_NOT_FOUND, "'%.*s' does not exist", STR_FMT(path));
    if (S_ISDIR(s.st_mode))
        return digest_folder(op, st, path, ret);
    if (!S_ISREG(s.st_mode))
        return op_fail(op, E_INVALID, "'%.*s' is neither file nor folder", STR_FMT(path));
    struct dvc_digest d = {.size = (uint64_t)s.st_size, .exec = (s.st_mode & S_IXUSR) != 0};
    if ((e = file_md5(op, st, path, &s, &d.md5)))
        return e;
    *ret = d;
    return OK;
}

/* --- reading a .dir object --- */

static bool md5_ok(struct str s)
{
    uint8_t raw[HASH_MD5_LEN];
    return s.len == 2 * HASH_MD5_LEN && hash_unhex(s, raw, sizeof(raw));
}

static bool rel_ok(struct str rel)
{
    struct str rest = rel, part;
    if (rel.len == 0 || memchr(rel.p, '\0', rel.len))
        return false;
    while (str_split(&rest, '/', &part)) {
        if (part.len == 0 || str_eqc(part, ".") || str_eqc(part, ".."))
            return false;
    }
    return true;
}

enum err dvc_tree_parse(struct op *op, struct str text, struct dvc_entry **ret, size_t *ret_len)
{
    struct json *doc;
    if (json_parse(op, text, JSON_STRICT, &doc) || doc->type != JSON_ARRAY) {
        op_clear(op);
        return op_fail(op, E_CORRUPT, "a .dir object is no JSON list");
    }
    struct dvc_entry *list = arena_array(op->arena, (size_t)doc->len + 1, struct dvc_entry);
    if (!list)
        return op_fail(op, E_TOO_LARGE, "a .dir object has too many files");
    for (uint32_t i = 0; i < doc->len; i++) {
        const struct json *md5 = json_get(&doc->items[i], "md5"), *rel = json_get(&doc->items[i], "relpath");
        if (!md5 || !rel || md5->type != JSON_STRING || rel->type != JSON_STRING || !md5_ok(md5->s) || !rel_ok(rel->s))
            return op_fail(op, E_CORRUPT, "entry %u of a .dir object is not {md5, relpath}", i);
        list[i] = (struct dvc_entry){.md5 = md5->s, .rel = rel->s};
    }
    *ret = list;
    *ret_len = doc->len;
    return OK;
}
