/* dvc_rwlock.c - the file is JSON, edited under flock of `rwlock.lock`:
 *     {"write": {PATH: {"pid": N, "cmd": TEXT}}, "read": {PATH: [{"pid": N, "cmd": TEXT}, ...]}}
 * with absolute paths. Readers share; a writer excludes all whose path is the same or lies above or below. All our stages
 * appear as one process: which of them may run together is the graph's business. */
#include "core/pipeline/dvc_rwlock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/map.h"
#include "core/pipeline/fspath.h"

#define OUR_CMD "ingot run"

struct lock_file {
    const struct json *read, *write; /* of others, as read; NULL: none */
};

static bool alive(const struct json *info)
{
    int64_t pid = 0;
    const struct json *j = json_get(info, "pid");
    return j && json_as_i64(j, &pid) && pid > 0 && pid <= INT32_MAX && pid != getpid() && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static bool info_ok(const struct json *info)
{
    const struct json *cmd = json_get(info, "cmd"), *pid = json_get(info, "pid");
    return cmd && cmd->type == JSON_STRING && pid && pid->type == JSON_INT;
}

static bool parts_ok(const struct lock_file *f)
{
    if ((f->read && f->read->type != JSON_OBJECT) || (f->write && f->write->type != JSON_OBJECT))
        return false;
    for (uint32_t i = 0; f->write && i < f->write->len; i++) {
        if (!info_ok(&f->write->members[i].value))
            return false;
    }
    for (uint32_t i = 0; f->read && i < f->read->len; i++) {
        const struct json *list = &f->read->members[i].value;
        if (list->type != JSON_ARRAY)
            return false;
        for (uint32_t k = 0; k < list->len; k++) {
            if (!info_ok(&list->items[k]))
                return false;
        }
    }
    return true;
}

static enum err file_read(struct op *op, struct str path, struct lock_file *ret)
{
    struct lock_file f = {0};
    struct str text;
    struct json *doc;
    *ret = f;
    if (!fspath_exists(op, path))
        return OK;
    enum err e = fspath_read(op, path, LIMIT_PIPELINE_FILE_BYTES, &text);
    if (e || str_trim(text).len == 0)
        return e;
    if (json_parse(op, text, JSON_STRICT, &doc) == OK) {
        f = (struct lock_file){.read = json_get(doc, "read"), .write = json_get(doc, "write")};
        if (parts_ok(&f)) {
            *ret = f;
            return OK;
        }
    }
    op_clear(op);
    return op_fail(op, E_CORRUPT, "'%.*s' is no rwlock file of dvc; remove it if no dvc runs", STR_FMT(path));
}

static enum err blocked(struct op *op, struct str ours, struct str theirs, const struct json *info)
{
    if (!fspath_overlaps(ours, theirs) || !alive(info))
        return OK;
    return op_fail(op, E_BUSY, "'%.*s' is busy: '%.*s' (pid %lld) works on it", STR_FMT(ours), STR_FMT(json_get(info, "cmd")->s),
                   (long long)json_get(info, "pid")->i);
}

/* Against what others write, and for our own outputs also against what they read. */
static enum err path_check(struct op *op, const struct lock_file *f, struct str path, bool writes)
{
    enum err e = OK;
    for (uint32_t i = 0; !e && f->write && i < f->write->len; i++)
        e = blocked(op, path, f->write->members[i].key, &f->write->members[i].value);
    for (uint32_t i = 0; !e && writes && f->read && i < f->read->len; i++) {
        const struct json *list = &f->read->members[i].value;
        for (uint32_t k = 0; !e && k < list->len; k++)
            e = blocked(op, path, f->read->members[i].key, &list->items[k]);
    }
    return e;
}

static enum err stage_check(struct op *op, const struct lock_file *f, const struct dvc_stage *s)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < s->deps_len; i++)
        e = path_check(op, f, s->deps[i].abs, false);
    for (size_t i = 0; !e && i < s->params_len; i++)
        e = path_check(op, f, s->params[i].path.abs, false);
    for (size_t i = 0; !e && i < s->outs_len; i++)
        e = path_check(op, f, s->outs[i].path.abs, true);
    return e;
}

/* --- writing --- */

static void info_write(struct json_out *w)
{
    json_begin_object(w);
    json_kv_i64(w, "pid", getpid());
    json_kv_cstr(w, "cmd", OUR_CMD);
    json_end_object(w);
}

/* Writers: others that live, then ours. A path that they hold too is theirs until they end. */
static void writes_write(struct json_out *w, const struct lock_file *f, const struct dvc_stage *const *stages, size_t n)
{
    json_key(w, "write");
    json_begin_object(w);
    for (uint32_t i = 0; f->write && i < f->write->len; i++) {
        if (alive(&f->write->members[i].value)) {
            json_key_str(w, f->write->members[i].key);
            json_value(w, &f->write->members[i].value);
        }
    }
    for (size_t s = 0; s < n; s++) {
        for (size_t i = 0; i < stages[s]->outs_len; i++) {
            struct str path = stages[s]->outs[i].path.abs;
            const struct json *theirs = f->write ? json_get_str(f->write, path) : NULL;
            if (theirs && alive(theirs))
                continue;
            json_key_str(w, path);
            info_write(w);
        }
    }
    json_end_object(w);
}

static void read_entry(struct json_out *w, struct str path, const struct json *theirs, bool ours)
{
    json_key_str(w, path);
    json_begin_array(w);
    for (uint32_t k = 0; theirs && k < theirs->len; k++) {
        if (alive(&theirs->items[k]))
            json_value(w, &theirs->items[k]);
    }
    if (ours)
        info_write(w);
    json_end_array(w);
}

static enum err reads_write(struct op *op, struct json_out *w, const struct lock_file *f, const struct dvc_stage *const *stages, size_t n)
{
    struct map ours;
    bool ok = true;
    map_init(&ours, op->arena);
    for (size_t s = 0; s < n; s++) {
        for (size_t i = 0; i < stages[s]->deps_len; i++)
            ok = ok && map_put(&ours, stages[s]->deps[i].abs, &ours);
        for (size_t i = 0; i < stages[s]->params_len; i++)
            ok = ok && map_put(&ours, stages[s]->params[i].path.abs, &ours);
    }
    if (!ok)
        return op_fail(op, E_TOO_LARGE, "too many dependencies");
    json_key(w, "read");
    json_begin_object(w);
    for (uint32_t i = 0; f->read && i < f->read->len; i++) {
        const struct json *list = &f->read->members[i].value;
        bool any = false;
        for (uint32_t k = 0; k < list->len; k++)
            any = any || alive(&list->items[k]);
        if (any && !map_has(&ours, f->read->members[i].key))
            read_entry(w, f->read->members[i].key, list, false);
    }
    for (size_t i = 0; i < ours.len; i++)
        read_entry(w, ours.entries[i].key, f->read ? json_get_str(f->read, ours.entries[i].key) : NULL, true);
    json_end_object(w);
    return OK;
}

static enum err file_write(struct op *op, struct str path, const struct lock_file *f, const struct dvc_stage *const *stages, size_t n)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_PIPELINE_FILE_BYTES);
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    writes_write(&w, f, stages, n);
    enum err e = reads_write(op, &w, f, stages, n);
    if (!e)
        json_end_object(&w);
    if (!e)
        e = b.failed ? op_fail(op, E_TOO_LARGE, "the rwlock file grows too large") : fspath_write(op, path, buf_str(&b), false);
    buf_clear(&b);
    return e;
}

static enum err guarded(struct op *op, const struct workspace *ws, const struct dvc_stage *const *running, size_t n, const struct dvc_stage *next)
{
    struct str path = fspath_join(op, ws->tmp_dir, STR("rwlock"));
    struct lock_file f;
    enum err e = file_read(op, path, &f);
    if (!e && next)
        e = stage_check(op, &f, next);
    if (e)
        return e;
    const struct dvc_stage **all = arena_alloc(op->arena, (n + 1) * sizeof(struct dvc_stage *));
    for (size_t i = 0; i < n; i++)
        all[i] = running[i];
    if (next)
        all[n++] = next;
    return file_write(op, path, &f, all, n);
}

enum err dvc_rwlock_publish(struct op *op, const struct workspace *ws, const struct dvc_stage *const *running, size_t n, const struct dvc_stage *next)
{
    const char *guard = str_cstr(op->arena, fspath_join(op, ws->tmp_dir, STR("rwlock.lock")));
    int fd = open(guard, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return op_fail_errno(op, "open '%s'", guard);
    while (flock(fd, LOCK_EX) < 0) { /* held for the length of one edit only */
        if (errno != EINTR) {
            enum err e = op_fail_errno(op, "lock '%s'", guard);
            close(fd);
            return e;
        }
    }
    enum err e = guarded(op, ws, running, n, next);
    close(fd);
    return e;
}
